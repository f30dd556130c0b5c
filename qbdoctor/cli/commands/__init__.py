"""The subcommands, one module each, imported when its command is used."""
