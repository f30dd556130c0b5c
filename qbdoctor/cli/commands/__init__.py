"""Holds the subcommands, one module each, imported when its command is used."""
