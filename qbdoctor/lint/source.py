"""Keeps a file's text by places and offsets, and words changes of it as lines to print."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from qbdoctor.lint.facts.program import MendedLines, Place

SCRIPT = frozenset(("javascript", "typescript", "tsx"))
NAME = r"[A-Za-z_$][\w$]*"


class TextEdit(NamedTuple):
    """Characters of the source, from ``start`` up to ``end``, and what stands there instead."""

    start: int
    end: int
    text: str


class Source:
    """A file's text. ``language`` is one of :mod:`qbdoctor.lint.languages`."""

    def __init__(self, language: str, text: str) -> None:
        self.language = language
        self.text = text
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def offset(self, line: int, column: int = 1) -> int:
        """Where a line's column is in the text."""
        return self.starts[min(line, len(self.starts)) - 1] + column - 1

    def span(self, place: Place) -> tuple[int, int]:
        """Where a place begins and ends in the text."""
        start = self.offset(place.line, place.column)
        return start, max(start, self.offset(place.last_line, place.last_column) if place.last_column else start)

    def of(self, place: Place) -> str:
        """Return the text of a place."""
        start, end = self.span(place)
        return self.text[start:end]

    def line_of(self, offset: int) -> int:
        """Return the number of the line that an offset is in."""
        return self.text.count("\n", 0, offset) + 1

    def line(self, number: int) -> str:
        """Return a line's text."""
        end = self.text.find("\n", self.offset(number))
        return self.text[self.offset(number) : end if end >= 0 else len(self.text)]

    def indent(self, number: int) -> str:
        """Return the blanks that a line begins with."""
        return re.match(r"[ \t]*", self.line(number))[0]  # type: ignore[index]

    def before(self, number: int, lines: str) -> TextEdit:
        """Lines put before a line."""
        at = self.offset(number)
        return TextEdit(at, at, f"{lines}\n")

    def after(self, number: int, lines: str) -> TextEdit:
        """Lines put after a line."""
        at = self.offset(number) + len(self.line(number))
        return TextEdit(at, at, f"\n{lines}")

    def applied(self, changes: Iterable[TextEdit]) -> str:
        """Return the text with changes made."""
        text = self.text
        for change in sorted(set(changes), reverse=True):
            text = text[: change.start] + change.text + text[change.end :]
        return text

    def edits(self, changes: Iterable[TextEdit]) -> tuple[MendedLines, ...]:
        """Return changes as lines; those that touch one line together."""
        groups: list[tuple[int, int, list[TextEdit]]] = []
        for change in sorted(set(changes)):
            first, last = self.line_of(change.start), self.line_of(change.end)
            if groups and first <= groups[-1][1]:
                begin, end, inside = groups.pop()
                groups.append((begin, max(end, last), [*inside, change]))
            else:
                groups.append((first, last, [change]))
        made = []
        for first, last, inside in groups:
            begin = self.offset(first)
            end = self.offset(last) + len(self.line(last))
            text = self.text[begin:end]
            for change in sorted(inside, reverse=True):
                text = text[: change.start - begin] + change.text + text[change.end - begin :]
            made.append(MendedLines(first, text, last))
        return tuple(made)

    def closing(self, opening: int) -> int:
        """Where the bracket that opens at an offset is closed; -1 where it is not. Quoted brackets do not count."""
        found = (at for at, char, depth in unquoted(self.text, opening) if depth == 0 and char in ")]}")
        return next(found, -1)

    def statement_end(self, offset: int) -> int:
        """Return the last line of the statement that an offset is in, brackets counted."""
        at, depth = offset, 0
        while at < len(self.text):
            char = self.text[at]
            depth += (char in "([{") - (char in ")]}")
            if depth < 0 or (depth == 0 and char == ";"):
                break
            if depth == 0 and char == "\n" and not re.match(r"\s*(?:[.?+|&]|\))", self.text[at:]):
                return self.line_of(at)
            at += 1
        return self.line_of(min(at, len(self.text)))

    def statement_start(self, offset: int) -> int:
        """Return the first line of the statement that an offset is in: the last before it that ends another or opens a block."""
        number = self.line_of(offset)
        while number > 1:
            above = self.line(number - 1).split("//")[0].rstrip()
            here = self.line(number).lstrip()
            if not above or (
                above.endswith((";", "{", "}", ")", ",", ":", "]")) and not here.startswith((".", "->", "?."))
            ):
                break
            if not above.endswith(("(", "=", "+", "\\", "&&", "||", "=>", "return")) and not here.startswith(
                (".", "->", "?.")
            ):
                break
            number -= 1
        return number


def unquoted(text: str, start: int = 0) -> Iterator[tuple[int, str, int]]:
    """Each character outside quotes from an offset on: where, which, and how many brackets are open behind it.

    Below 0: the bracket that stands around the start was closed.
    """
    at, depth, quote = start, 0, ""
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'`":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
            yield at, char, depth
        at += 1


def value_end(text: str, start: int, stops: str) -> int:
    """Where a value that starts there ends: at one of these characters, or at the bracket that is closed around it."""
    found = (at for at, char, depth in unquoted(text, start) if depth < 0 or (depth == 0 and char in stops))
    return next(found, len(text))


def arguments(text: str) -> list[tuple[int, int]]:
    """Where each argument of a list stands in its text (without the brackets around), blanks at its ends left out."""
    made, begin = [], 0
    for at, char, depth in unquoted(text):
        if char == "," and depth == 0:
            made.append((begin, at))
            begin = at + 1
    made.append((begin, len(text)))
    stripped = []
    for first, last in made:
        part = text[first:last]
        if part.strip():
            stripped.append((first + len(part) - len(part.lstrip()), last - len(part) + len(part.rstrip())))
    return stripped
