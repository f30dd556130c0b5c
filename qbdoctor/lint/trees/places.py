"""Tells where the nodes of a syntax tree stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any

from qbdoctor.lint.facts.program import Place


def span(node: Any) -> tuple[int, int]:
    """Return the characters of the text at which a node begins and ends.

    By an edit, which knows no more than that: ``range()`` counts its columns from the line's beginning, which made the
    time for one long line a square of its length.
    """
    edit = node.replace("")
    return int(edit.start_pos), int(edit.end_pos)


def start_of(node: Any) -> int:
    """Return the character at which a node begins."""
    return span(node)[0]


def end_of(node: Any) -> int:
    """Return the character behind a node."""
    return span(node)[1]


def length(node: Any) -> int:
    """How many characters a node has, without taking its text."""
    start, end = span(node)
    return end - start


class Lines:
    """A text's lines, by where they begin."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def place(self, node: Any) -> Place:
        """Return where a node stands."""
        (line, column), (last_line, last_column) = map(self._at, span(node))
        return Place(line, column, last_line, last_column)

    def line(self, node: Any) -> int:
        """Return the line that a node begins on."""
        return self._at(start_of(node))[0]

    def _at(self, offset: int) -> tuple[int, int]:
        number = bisect_right(self._starts, offset)
        return number, offset - self._starts[number - 1] + 1
