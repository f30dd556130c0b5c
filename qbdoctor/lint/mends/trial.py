"""Tries mended lines on the file; they are printed only where the finding is gone after it and the rest is proven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from qbdoctor.lint.facts.program import Facts, MendedLines
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.mends import answer, cookie, field, form, login_time, method, proof, session
from qbdoctor.lint.source import Source, TextEdit
from qbdoctor.values import replace, slotted

MOST = 400_000
"""Characters of one file that are read again to try mends; the findings after that go without mended lines."""
MOST_HITS = 200
"""Findings of one file for which mends are sought at all, each with a look at all facts."""

Mender = Callable[[Source, Facts, Hit], Iterator[list[TextEdit]]]
Judge = Callable[[str], tuple[list[Hit], Facts]]

_MENDERS: dict[str, tuple[Mender, ...]] = {
    "client-wants-ok-body": (answer.wants_ok_body,),
    "client-wants-sid-name": (cookie.wants_sid_name,),
    "client-unencoded-form": (form.unencoded_form,),
    "client-json-login": (form.json_login,),
    "client-drops-cookie": (session.drops_cookie,),
    "client-sends-no-cookie": (session.sends_no_cookie,),
    "client-logs-in-each-call": (login_time.logs_in_each_call,),
    "client-never-logs-in-again": (login_time.never_logs_in_again,),
    "client-http-method": (method.by_post,),
    "client-old-add-parameter": (field.both_parameters,),
    "client-auth-header-unsupported": (field.auth_header,),
    "client-foreign-origin": (field.own_origin,),
}


def mend(language: str, text: str, facts: Facts, hits: list[Hit], judge: Judge) -> list[Hit]:
    """Return the hits with the lines that mend them. ``judge`` reads a text: its hits, and its facts."""
    trial = _trial(language, text, facts, hits, judge)
    return [replace(hit, mended=_first(trial, hit) if n < MOST_HITS else ()) for n, hit in enumerate(hits)]


def mend_one(
    language: str, text: str, facts: Facts, hits: list[Hit], hit: Hit, judge: Judge
) -> tuple[MendedLines, ...]:
    """Return the lines that mend one of the hits of a text, none where that is not proven."""
    return _first(_trial(language, text, facts, hits, judge), hit)


def _trial(language: str, text: str, facts: Facts, hits: list[Hit], judge: Judge) -> _Trial:
    odd = "\r" in text and "\r\n" not in text  # lines that end as on no system of today
    return _Trial(Source(language, text), facts, Counter(hit.id for hit in hits), judge, 0 if odd else MOST)


@slotted
class _Trial:
    source: Source
    facts: Facts
    before: Counter[str]
    judge: Judge
    left: int  # characters that may still be read


def _first(trial: _Trial, hit: Hit) -> tuple[MendedLines, ...]:
    """Return the first proposal after which the finding is gone, and no other there."""
    if trial.left <= 0 or not proof.may_mend(trial.source.language, hit.id):
        return ()
    source, before = trial.source, trial.before
    for edits in _candidates(source, trial.facts, hit):
        if not edits:
            continue
        trial.left -= len(source.text)
        try:
            left, facts = trial.judge(applied(source.text, edits))
        except (SyntaxError, ValueError, RecursionError):
            continue
        after = Counter(each.id for each in left)
        if facts.faults > trial.facts.faults or not proof.proven(source.language, facts, hit, edits):
            continue
        if hit.id == "client-wants-ok-body" and proof.within_unknown_status(source, trial.facts, hit):
            continue
        if after[hit.id] < before[hit.id] and all(after[name] <= before[name] for name in after):
            return edits
    return ()


def _candidates(source: Source, facts: Facts, hit: Hit) -> Iterator[tuple[MendedLines, ...]]:
    if hit.mended:
        yield tuple(dict.fromkeys(hit.mended))
    for mender in _MENDERS.get(hit.id, ()):
        for changes in mender(source, facts, hit):
            yield source.edits(changes)


def applied(text: str, edits: tuple[MendedLines, ...]) -> str:
    """Return a text with its lines edited."""
    lines = text.split("\n")
    for edit in sorted(edits, reverse=True):
        lines[edit.line - 1 : max(edit.line, edit.last_line)] = edit.text.split("\n")
    return "\n".join(lines)
