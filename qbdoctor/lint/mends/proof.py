"""Holds mended code against the table of releases, as findings are: what cannot be shown to be right is not printed."""

from __future__ import annotations

import re

from qbdoctor.lint.facts.outcome import answers, value
from qbdoctor.lint.facts.program import Facts, MendedLines
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.source import SCRIPT, Source
from qbdoctor.patterns import regex

LANGUAGES = frozenset(("python", "bash", "go")) | SCRIPT
"""What the menders write in. A condition on the login's answer is completed in others too, by the source's own words."""


_ON_STATUS = regex(r"\b(?:el)?if\b.*(?:status|\bcode\b)", re.IGNORECASE)
_AROUND = 60  # lines
_WORDS_ALONE = frozenset(("dart", "swift", "ruby", "lua", "yaml", "json", "powershell"))
"""What is read, and not written: a condition that is completed there was proven on no program yet."""


def may_mend(language: str, name: str) -> bool:
    """Whether a finding of that name can be mended in a language at all."""
    return language in LANGUAGES or (name == "client-wants-ok-body" and language not in _WORDS_ALONE)


def proven(language: str, facts: Facts, hit: Hit, edits: tuple[MendedLines, ...]) -> bool:
    """Whether a file as mended is right there on every release, as far as ``facts``, read from it again, tell."""
    if hit.id == "client-wants-ok-body":
        return language == "bash" or _tells_good_from_bad(facts, edits)
    first, last = _lines(edits)
    here = [each for each in facts.requests if first <= each.place.line <= last]
    if hit.id == "client-http-method":
        return bool(here) and all(each.method != "GET" and "?" not in each.url for each in here)
    if hit.id == "client-json-login":
        return all(each.body in {"form", "text", "unknown"} for each in here if each.is_login)
    return True


def within_unknown_status(source: Source, facts: Facts, hit: Hit) -> bool:
    """Whether a condition stands in a branch on a status that cannot be evaluated: ``if r.status == self.HTTP_OK:`` around it."""
    known = {each.place.line for each in facts.checks if each.place.last_column}
    indent = len(source.indent(hit.place.line))
    for number in range(hit.place.line - 1, max(0, hit.place.line - _AROUND), -1):
        line = source.line(number)
        if not line.strip() or len(source.indent(number)) >= indent:
            continue
        indent = len(source.indent(number))
        if number not in known and _ON_STATUS.search(line) is not None:
            return True
        if indent == 0:
            break
    return False


def _lines(edits: tuple[MendedLines, ...]) -> tuple[int, int]:
    """Return the first and the last line that the mended lines take, in the file as mended."""
    grown = sum(edit.text.count("\n") + 1 - (max(edit.line, edit.last_line) - edit.line + 1) for edit in edits)
    return min(edit.line for edit in edits), max(max(edit.line, edit.last_line) for edit in edits) + max(0, grown)


def _tells_good_from_bad(facts: Facts, edits: tuple[MendedLines, ...]) -> bool:
    """Whether the conditions on the login's answer come to the same for good logins of all releases, and else for bad ones."""
    first, last = _lines(edits)
    at = [each for each in facts.checks if first <= each.place.line <= last and each.place.last_column]
    if not at:
        return False
    scope = at[0].scope
    together = [
        each for each in facts.checks if each.scope == scope and each.about != "other" and each.place.last_column
    ]
    good_old, good_new, bad_old, bad_new = (
        tuple(value(each.expr, answer) for each in together) for answer in answers()
    )
    mended = [index for index, each in enumerate(together) if first <= each.place.line <= last]
    if any(None in {known[index] for known in (good_old, good_new, bad_old, bad_new)} for index in mended):
        return False
    return good_old == good_new and good_old not in {bad_old, bad_new}
