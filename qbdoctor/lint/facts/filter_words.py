"""Finds the words by which torrents/info is asked for some torrents, in any language: ``filter=paused`` and the like."""

from __future__ import annotations

import re
from bisect import bisect_right

from qbdoctor.lint.facts.program import FilterWord, Place
from qbdoctor.patterns import regex

_CALL = "torrents/info"
_WORD = regex(
    r"(?:[?&]filter=|\bfilter[\"'`]?\]?[ \t]{0,4}(?:=>|[:=,])[ \t]{0,4}(?:@?[\"'`]))(?P<word>[a-z][a-z_]{2,24})(?![\w.({])"
)
_NEAR = 400
"""Characters between the call and the word: farther off it is some other filter."""
_DOCSTRING = regex(r"^[ \t]*[rRbBuU]{0,2}(\"\"\"|''')[\s\S]*?\1", re.MULTILINE)


def find(code: str, *, python: bool = False) -> list[FilterWord]:
    """Return the words. ``code`` is a file's text with comments blanked, at the same places; ``python``: docstrings as well."""
    if _CALL not in code or "filter" not in code:
        return []
    if python:
        code = _DOCSTRING.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), code)
    calls = [found.start() for found in re.finditer(_CALL, code)]
    made = []
    for found in _WORD.finditer(code):
        at = bisect_right(calls, found.start())
        if not any(abs(found.start() - one) <= _NEAR for one in calls[max(0, at - 1) : at + 1]):
            continue
        line = code.count("\n", 0, found.start()) + 1
        column = found.start() - code.rfind("\n", 0, found.start())
        made.append(FilterWord(Place(line, column, line), found["word"]))
    return made
