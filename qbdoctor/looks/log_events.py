"""Reads what else the server's log dates: a ban, a port it could not have, HTTPS it could not set up, settings it took or lost.

Like :mod:`qbdoctor.looks.server_log`: what no translation changes decides, but for the one text that has nothing of that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from qbdoctor import releases
from qbdoctor.looks.server_log import shift
from qbdoctor.patterns import regex
from qbdoctor.target import log as server_log
from qbdoctor.target.address import account
from qbdoctor.target.log import LogLine
from qbdoctor.values import frozen

_LEFT_OVER = regex(r"[/\\]([^/\\]*_new\.(?:conf|ini))\Z")
_NOT_SAVED = frozenset(text.strip() for text in releases.possible("log.not_saved"))


@frozen
class Dated:
    """One thing that the log dates. ``what`` is its name in the tables of :mod:`explaining`; ``value`` says of what it is.

    ``when`` is aware: where it goes on, when it began.
    """

    what: str
    value: str | None
    when: datetime


def dated(
    lines: Sequence[LogLine],
    running_since: datetime | None = None,
    after: datetime | None = None,
    *,
    addresses: frozenset[str] = frozenset(),
    ban_reached: bool = False,
) -> tuple[Dated, ...]:
    """Return what the log dates and what still held at its end, each once.

    ``after`` (aware) leaves out what was so before, ``addresses`` are those of ours whose ban is meant; ``ban_reached``
    says that the failed logins reach the limit, also where no login was refused for the ban yet.
    """
    marks = [index for index, line in enumerate(lines) if server_log.is_start(line)]
    # a server reads its settings before its start mark
    runs = [lines[begin:end] for begin, end in zip(marks, [*marks[1:], len(lines)], strict=True)] or [lines]
    found = (
        ("ban", _ban(runs[-1], addresses, reached=ban_reached)),
        ("bind_failed", _lasting(runs, _unbound)),
        ("https_failed", _lasting(runs, _plain_http)),
        ("not_saved", next(((line, None) for line in runs[-1] if _is_not_saved(line)), None)),
        ("leftover_adopted", next(_left_over(lines), None)),
    )
    apart = shift(lines, running_since)
    made = []
    for what, told in found:
        if told is None or told[0].when is None:
            continue
        when = (told[0].when - apart).astimezone(UTC)
        if after is None or when >= after - timedelta(seconds=1):  # the log has whole seconds
            made.append(Dated(what, told[1], when))
    return tuple(made)


_Told = tuple[LogLine, str | None]


def _lasting(runs: Sequence[Sequence[LogLine]], tell: Callable[[Sequence[LogLine]], _Told | None]) -> _Told | None:
    """Return what the last run tells, at the time of the first in the row of runs that all tell the same."""
    found: _Told | None = None
    for run in reversed(runs):
        told = tell(run)
        if told is None or (found is not None and told[1] != found[1]):
            break
        found = told
    return found


def _unbound(run: Sequence[LogLine]) -> _Told | None:
    failed = server_log.bind_failure(run)
    return None if failed is None else (failed[2], str(failed[1]))


def _plain_http(run: Sequence[LogLine]) -> _Told | None:
    line = server_log.https_fallback(run)
    return None if line is None else (line, None)


def _is_not_saved(line: LogLine) -> bool:
    return line.level == "C" and line.text.strip() in _NOT_SAVED


def _left_over(lines: Sequence[LogLine]) -> Iterator[_Told]:
    """Yield where the server took its settings from a left-over file, the latest first."""
    for line in reversed(lines):
        match = _LEFT_OVER.search(line.text.rstrip()) if line.level == "W" else None
        if match is not None:
            yield line, match[1]


def _ban(run: Sequence[LogLine], addresses: frozenset[str], *, reached: bool) -> _Told | None:
    """Return the failed login by which the ban of one of these addresses began, if it is banned at the end of the run."""
    ours = {account(one) for one in addresses}
    failed: _Told | None = None
    begun: _Told | None = None
    for line in run:
        refused = server_log.refused_login(line)
        if refused is not None and account(refused[0]) in ours:
            told = (line, refused[0])
            begun, failed = (begun or failed or told, failed) if refused[1] else (None, told)
        elif refused is None and any(account(one) in ours for one in server_log.login_addresses([line])):
            begun = failed = None
    return begun or (failed if reached else None)
