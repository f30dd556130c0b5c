"""Wraps text for people at the terminal's width, words whole; what is there to be copied is never broken."""

from __future__ import annotations

import os
import re
import sys

from qbdoctor.cli import program
from qbdoctor.patterns import regex
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

NARROWEST = 40
_COPIED = " " * 7
"""What stands as far in is a command or a block to paste."""
_HANGS = regex(r"\s*(?:[-+] |\d+\. |[✓✗?!–→] |\S{1,34} {2,})?")


def columns(stream: TextIO) -> int | None:
    """Return the width of the terminal that a stream leads to; None where it leads to none."""
    if not stream.isatty():
        return None
    return max(terminal_columns() or 80, NARROWEST)


def terminal_columns() -> int:
    """Return how wide the terminal is, as shutil.get_terminal_size, which takes 4 ms to load; 0 for what is none."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 0
        except (AttributeError, ValueError, OSError):
            columns = 0
    return columns


def wrapped(text: str, width: int | None) -> str:
    """Return the text with its lines broken at blanks, hanging under their own beginning; None: as it is."""
    if width is None:
        return text
    return "\n".join(piece for line in text.split("\n") for piece in _pieces(line, width))


def _pieces(line: str, width: int) -> list[str]:
    if len(line) <= width or line.startswith(_COPIED) or line.lstrip().startswith(f"{program.name()} "):
        return [line]
    if re.match(r"\s*[-+]\S", line):  # a line of a diff
        return [line]
    lead = _HANGS.match(line)
    indent = " " * min(len(lead[0]) if lead else 0, width // 2)
    import textwrap  # noqa: PLC0415 - most output is not for a terminal

    pieces = textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return pieces or [line]
