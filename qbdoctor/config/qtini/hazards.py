"""Finds the lines of a settings file that make an edit uncertain."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from qbdoctor.config.qtini.grammar import EOL, KINDS, LINE, Blank, Option, Other, Section, content, is_open
from qbdoctor.patterns import regex

_CONTROL = regex(r"[\x00-\x1f\x7f]")
_ODD_PERCENT = regex(r"%(?!U[0-9A-Fa-f]{4}|[0-9A-Fa-f]{2})")

# Lines that are certain, some hundreds at a time. What they leave out is looked at line by line; they must not take in
# anything that is a hazard (tests/unit/config/test_qtini_large_files.py holds them against that slow look).
# CPython before 3.11.5 goes wrong where what a possessive quantifier repeats fails in its middle, so only single
# characters are repeated so.
_NAME = r"(?:[ !#$&-:<>-\[\]-~\udc80-\udcee\udcf0-\udcff]++|\\[ -$&-~]|\\(?=%)|%U[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}){0,999}"
_VALUE = r'(?:[^\r\n;"\\]++|\\[^\r\n]|"(?:[^"\\\r\n]++|\\[^\r\n]){0,9999}"){0,9999}'
_COMMENT = r"(?:;[^\r\n]*+(?=[\r\n]*+(?:[^\r\n \t]|\Z)))?"  # and no indented line after it
_EOL = r"(?:\r?\n|\Z)"
_CERTAIN = regex(
    rf"(?:[ \t]*+(?:(?!\[){_NAME}(?:={_VALUE})?|\[[ !#$&-:<-Z^-~]*+\][^\r\n;\"\\]*+){_COMMENT}{_EOL}){{0,500}}"
)
_EMPTY = regex(r"(?:\r?\n){0,500}")


class Hazard(NamedTuple):
    """A line that Qt 5 and Qt 6 take differently, or that reaches over its end: read, but not to be edited around."""

    line: int
    reason: str


def hazards(text: str, *, bom: bool) -> Iterator[Hazard]:
    """Yield what makes an edit uncertain, in the order of the file; ``bom``: a byte order mark stands before it."""
    after_comment = False
    only_new = bom  # a key before the first section then: Qt 5 takes the mark for a part of it
    number, at = 1, 0
    while at < len(text):
        if not only_new and (end := _end(_EMPTY if after_comment else _CERTAIN, text, at)) > at:
            number += text.count("\n", at, end)
            at = end
            continue
        line = text[at : (end := _end(LINE, text, at))]
        kind = next(kind for each in KINDS if (kind := each.parse(line)) is not None)
        reasons = _reasons(kind, line, after_comment=after_comment, only_new=only_new)
        yield from (Hazard(number, reason) for reason in reasons)
        if isinstance(kind, Section):
            only_new = False
        if ";" in line:
            after_comment = line.startswith(";", len(content(line)))
        elif line.strip("\r\n"):
            after_comment = False
        number += len(EOL.findall(line))
        at = end


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _reasons(kind: Any, line: str, *, after_comment: bool, only_new: bool) -> Iterator[str]:
    if "\r" in line and line.count("\r") != line.count("\r\n"):
        yield "a carriage return without a line feed stands in the line"
    if isinstance(kind, Blank):
        return
    yield from _within(kind, line)
    if after_comment and line[0] in " \t":
        yield "an indented line follows a comment, which Qt 5 and Qt 6 take differently"
    if only_new and not isinstance(kind, Section):
        yield "a byte order mark and a key before the first section: only Qt 6 reads it"


def _within(kind: Any, line: str) -> Iterator[str]:
    if '"' in line or "\\" in line:
        text = content(line)
        if EOL.search(text) or is_open(text):
            yield "a quote is left open, or a backslash stands at the end of the line"
    if isinstance(kind, Section):
        name = line.partition("]")[0]
        if not kind.closed:
            yield "the section's name has no closing bracket"
    elif isinstance(kind, Option):
        name = line[: kind.equals]
    else:
        name = content(line)
    name = name.strip(" \t")
    if _CONTROL.search(name):
        yield "a control character stands in a name"
    if _ODD_PERCENT.search(name) and not isinstance(kind, Other) and kind.spelled.lower() != "%general":
        yield "a percent sign in a name is followed by no two hexadecimal digits"
    if "\udcef\udcbb\udcbf" in name:
        yield "a byte order mark stands in a name"
