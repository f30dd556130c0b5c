"""Reads what the server's log dates by itself: starts with their release, and where the Web UI listened.

A log can be forged in parts: a user name with a line end makes lines of its own. What comes from here says "by its log".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from qbdoctor.target import log as server_log
from qbdoctor.target.log import LogLine
from qbdoctor.target.log_failures import zone_shift
from qbdoctor.values import frozen


@frozen
class Start:
    """One start by the log: when (aware), the release, the port where it then listened, and whether a port could not be had."""

    when: datetime | None
    release: str
    port: int | None
    failed_port: int | None = None


def starts(lines: Sequence[LogLine], running_since: datetime | None = None) -> tuple[Start, ...]:
    """Return the starts in a log, oldest first. ``running_since`` (aware) tells which zone's hours the log has.

    A server in a container may write another zone's than this machine's.
    """
    marks = [index for index, line in enumerate(lines) if server_log.is_start(line)]
    apart = shift(lines, running_since)
    found = []
    for number, index in enumerate(marks):
        run = lines[index : marks[number + 1] if number + 1 < len(marks) else len(lines)]
        where, failed = server_log.listening(run), server_log.bind_failure(run)
        when = lines[index].when
        found.append(
            Start(
                None if when is None else (when - apart).astimezone(UTC),
                (server_log.version(run[:1]) or "").removeprefix("v"),
                where[1] if where else None,
                failed[1] if failed else None,
            )
        )
    return tuple(found)


def shift(lines: Sequence[LogLine], running_since: datetime | None) -> timedelta:
    """Return by how much the hours of a log are ahead of this machine's, by its last start."""
    return zone_shift(next((line for line in reversed(lines) if server_log.is_start(line)), None), running_since)


def first_with(found: Sequence[Start], release: str, after: datetime | None) -> datetime | None:
    """Return when the release that runs now was started first, by the log, in the row of starts that leads up to now."""
    moment: datetime | None = None
    for start in reversed(found):
        if start.release != release or before(start, after):
            break
        moment = start.when or moment
    return moment


def before(start: Start, moment: datetime | None) -> bool:
    """Return whether a start was surely before a moment: the log has whole seconds."""
    return moment is not None and start.when is not None and start.when < moment - timedelta(seconds=1)
