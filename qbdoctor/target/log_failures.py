"""Counts who else is refused, by the server's log: address, what is wrong, since when, how often.

No release writes a user agent into these lines (4.2.5 to 5.3.0). What stands in quotes there a stranger chose, and a user
name with a line end makes lines of its own: this is what the log says, no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Literal

from qbdoctor.target import log as server_log
from qbdoctor.target.log import LogLine
from qbdoctor.target.log_rejections import Rejection, RejectionKind, host_rejections, of_others
from qbdoctor.values import frozen

FailingKind = Literal["login", "banned"] | RejectionKind

MOST = 50
_LONGEST = 80
_CLOSING = frozenset("".join(server_log.QUOTES.values()))
_QUARTER = 900.0  # seconds; every time zone's offset is a multiple


@frozen
class Failing:
    """What one address does wrong in one way, by the log. ``first`` and ``last`` are aware, None where no time is given.

    ``sent`` is the header's value of the last such line, "" for a login.
    """

    address: str
    kind: FailingKind
    count: int
    first: datetime | None
    last: datetime | None
    sent: str = ""


def failing(lines: Sequence[LogLine], running_since: datetime | None = None) -> tuple[Failing, ...]:
    """Return who is refused by the lines of a log, the latest first; qbdoctor's own questions are left out.

    ``running_since`` (aware) tells which zone's hours the log has.
    """
    start = next((line for line in lines if server_log.is_start(line)), None)
    shift = zone_shift(start, running_since)
    found: dict[tuple[str, str], Failing] = {}
    rejected = [host_rejections([line]) for line in lines]
    others = deque(of_others(tuple(chain.from_iterable(rejected))))
    for line, here in zip(lines, rejected, strict=True):
        met = [others.popleft() for one in here if others and others[0] == one]
        for address, kind, sent in _told(line, met):
            when = None if line.when is None else (line.when - shift).astimezone(UTC)
            known = found.pop((address, kind), None)
            first, count = (known.first, known.count + 1) if known is not None else (when, 1)
            found[address, kind] = Failing(address, kind, count, first, when, sent)  # at the end: the latest
    return tuple(reversed(found.values()))[:MOST]


def zone_shift(mark: LogLine | None, running_since: datetime | None) -> timedelta:
    """Return by how much a log's hours are ahead of this machine's, by the start mark of the process that runs now.

    A server in a container may write another zone's. No shift where there is no mark, or one of another start.
    """
    if mark is None or mark.when is None or running_since is None:
        return timedelta()
    apart = (mark.when - server_log.local_time(running_since)).total_seconds()
    return timedelta(seconds=round(apart / _QUARTER) * _QUARTER) if abs(apart) < 26 * 3600 else timedelta()


def _told(line: LogLine, met: Sequence[Rejection]) -> list[tuple[str, FailingKind, str]]:
    """Return who is refused by one line; ``met`` are its rejections, without qbdoctor's own."""
    refused = server_log.refused_login(line)
    if refused is not None:
        return [(refused[0], "banned" if refused[1] else "login", "")]
    source = server_log.first_address(line.text)
    if source is None or line.text[source.end : source.end + 1] not in _CLOSING:
        return []  # a torrent's name that begins with an address
    return [(one.source, one.kind, one.received[:_LONGEST]) for one in met]
