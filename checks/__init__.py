"""Holds the checks, one a file. The core finds them through this package; nothing imports one by name."""
