"""Finds what the logs of this machine say of this run's own first request.

A 401 does not say why; the server's log does, at once. Where the target is reached through a proxy the process behind it
is not known, but the log that gained a line just when we were refused is that process's own. Files are read, nothing is
sent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qbdoctor.observe.base.observed_values import FirstRequestLog
from qbdoctor.target import log as server_log
from qbdoctor.target import log_rejections
from qbdoctor.target.log_cursor import LogEnd

if TYPE_CHECKING:
    from qbdoctor.target.description import Target
    from qbdoctor.target.processes import Instance

Marks = tuple[tuple["Instance", LogEnd], ...]
"""Each process and where its log ended before the first request."""

WAIT_SECONDS = 0.4
"""The line is written before the answer goes out; a loaded machine gets a moment more."""


def remember_log_ends(target: Target) -> Marks:
    """Note the end of the target's log; where it is not known which process is behind it, of every log at hand."""
    own = target.instance
    known = ((own, target.log_file),) if own is not None else tuple((one, one.log_file) for one in target.others)
    return tuple((one, LogEnd.now(file)) for one, file in known if file is not None)


def read_first_request_log(marks: Marks) -> FirstRequestLog | None:
    """Return what one log says since the marks; None where none, or more than one, says something."""
    end = time.monotonic() + WAIT_SECONDS
    while marks:
        found = [one for one in map(_since, marks) if one is not None]
        if found:
            return found[0] if len(found) == 1 else None
        if time.monotonic() >= end:
            break
        time.sleep(0.05)
    return None


def _since(mark: tuple[Instance, LogEnd]) -> FirstRequestLog | None:
    instance, end = mark
    lines = end.lines_since()
    rejections = log_rejections.host_rejections(lines)
    failures = sum(1 for line in lines if server_log.is_failed_login(line))
    return FirstRequestLog(end.path, instance, rejections, failures) if rejections or failures else None
