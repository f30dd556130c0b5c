"""Keeps the look of a healthy check, and has a check with a problem say what changed since the last good one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.looks import comparing, server_log, taking, words
from qbdoctor.looks.failing import failing_clients
from qbdoctor.looks.look import Look
from qbdoctor.looks.store import Store, carried_over, identities
from qbdoctor.model.changes import SeenChange, SeenChanges
from qbdoctor.target import log as target_log
from qbdoctor.values import replace

if TYPE_CHECKING:
    from qbdoctor.model.report import Report
    from qbdoctor.observe.observer import Observer


def remember(observer: Observer, report: Report, *, keep: bool = True) -> Report:
    """Return the report with what changed since the last good look; a healthy one is kept as the next, if ``keep``."""
    store = Store(observer.state)
    healthy = report.state == "healthy"
    key = store.key(make=healthy and keep)
    now = taking.take(observer, report, key)
    before = store.last(identities(now))
    known: Path | None = None
    if before is not None and "config_file" not in now.facts and "config_file" in before.facts and not healthy:
        known = Path(before.facts["config_file"])
        now = taking.take(observer, report, key, known)
    if before is not None or (healthy and keep):
        now = taking.with_given_password(now, observer.seen, key, before)
    made = _since(report, before, now, taking.find(observer.seen, known))
    if healthy and keep:
        store.keep(carried_over(now, before), identities(now))
    return replace(report, changes=made, failing=failing_clients(observer, taking.find(observer.seen, known)))


def hash_ahead(observer: Observer) -> None:
    """Do a part of :func:`remember` that takes 60 ms, while an answer is awaited: after the login it would be waited for."""
    taking.hash_ahead(observer.seen, Store(observer.state).key(make=False))


def _since(report: Report, before: Look | None, now: Look, place: taking.Place) -> SeenChanges | None:
    """Return the changes; for a healthy server only those that explain a remark about it."""
    healthy = report.state == "healthy"
    moment = datetime.now(UTC)
    if before is None:
        return None if healthy else _by_log(place, report, moment)
    starts = () if healthy and not report.causes else _starts(place)
    items = comparing.differences(before, now, report.causes, starts, moment=moment)
    if healthy and not any(one.explains for one in items):
        return None
    taken = words.parsed(before.taken)
    when = words.at(taken, moment) if taken is not None else before.taken
    lead = f"Since the last look ({when})" if healthy else f"Since it last worked ({when})"
    return SeenChanges(before.taken, "look", items, lead)


def _by_log(place: taking.Place, report: Report, moment: datetime) -> SeenChanges | None:
    starts = _starts(place)
    items: tuple[SeenChange, ...] = comparing.by_log(starts, report.causes, moment)
    first = next((start.when for start in starts if start.when is not None), None)
    if first is None or not any(one.explains for one in items):
        return None
    since = first.isoformat(timespec="seconds").replace("+00:00", "Z")
    return SeenChanges(since, "log", items, f"By the server's log, since {words.at(first, moment)}")


def _starts(place: taking.Place) -> tuple[server_log.Start, ...]:
    """Return the starts that the log of the server that is meant shows."""
    if place.log_file is None:
        return ()
    running = place.instance.started if place.instance is not None else None
    return server_log.starts(target_log.read_tail(place.log_file).lines, running)
