"""Finds the lines of a program that make qBittorrent answer 401 or 403 (``qbdoctor lint``).

A language's reader turns source code into :class:`qbdoctor.lint.facts.program.Facts`; the rules judge facts and know no
language. Python is read by its syntax tree, the other languages by tree-sitter (the extra ``qbdoctor[lint]``).
"""
