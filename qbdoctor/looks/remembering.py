"""Keeps the look of a healthy check, and has a check with a problem say what changed since the last good one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.looks import comparing, log_events, server_log, taking, words
from qbdoctor.looks.failing import failing_clients, own_addresses
from qbdoctor.looks.log_events import Dated
from qbdoctor.looks.look import Look
from qbdoctor.looks.store import Store, carried_over, identities, new_key
from qbdoctor.model.changes import SeenChange, SeenChanges
from qbdoctor.target import log as target_log
from qbdoctor.values import replace

if TYPE_CHECKING:
    from qbdoctor.model.report import Report
    from qbdoctor.observe.observer import Observer
    from qbdoctor.target.log import LogLine


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
    place = taking.find(observer.seen, known)
    made = _since(observer, report, before, now, place)
    if healthy and keep:
        store.keep(carried_over(now, before), identities(now))
    return replace(report, changes=made, failing=failing_clients(observer, place))


def hash_ahead(observer: Observer) -> bool:
    """Begin with a part of :func:`remember` that takes 50 ms, also with the key that a first healthy check will keep.

    Returns False where it is too early.
    """
    store = Store(observer.state)
    key = store.key(make=False)
    if key is None and not store.usable:
        return True
    return taking.hash_ahead(observer.seen, key or new_key(), is_new=key is None)


def _since(
    observer: Observer, report: Report, before: Look | None, now: Look, place: taking.Place
) -> SeenChanges | None:
    """Return the changes; for a healthy server only those that explain a remark about it."""
    healthy = report.state == "healthy"
    moment = datetime.now(UTC)
    if before is None and healthy:
        return None
    lines = () if healthy and not report.causes else _lines(place)
    running = place.instance.started if place.instance is not None else None
    starts = server_log.starts(lines, running)
    taken = words.parsed(before.taken) if before is not None else None
    dated = _dated(observer, lines, running, taken)
    if before is None:
        return _by_log(report, starts, dated, moment)
    items = comparing.differences(before, now, report.causes, starts, dated, moment=moment)
    if healthy and not any(one.explains for one in items):
        return None
    when = words.at(taken, moment) if taken is not None else before.taken
    lead = f"Since the last look ({when})" if healthy else f"Since it last worked ({when})"
    return SeenChanges(before.taken, "look", items, lead)


def _by_log(
    report: Report, starts: Sequence[server_log.Start], dated: Sequence[Dated], moment: datetime
) -> SeenChanges | None:
    items: tuple[SeenChange, ...] = comparing.by_log(starts, dated, report.causes, moment)
    times = [*(one.when for one in starts if one.when is not None), *(one.when for one in dated)]
    if not times or not any(one.explains for one in items):
        return None
    first = min(times)
    since = first.isoformat(timespec="seconds").replace("+00:00", "Z")
    return SeenChanges(since, "log", items, f"By the server's log, since {words.at(first, moment)}")


def _dated(
    observer: Observer, lines: Sequence[LogLine], running: datetime | None, after: datetime | None
) -> tuple[Dated, ...]:
    """Return what else the log dates after that moment, and a ban of the address that the server takes us for."""
    if not lines:
        return ()
    seen, addresses = observer.seen, own_addresses(observer)
    reached = seen.has("ban") and seen.ban is not None
    return log_events.dated(lines, running, after, addresses=addresses, ban_reached=reached)


def _lines(place: taking.Place) -> tuple[LogLine, ...]:
    """Return the lines of the log of the server that is meant."""
    return () if place.log_file is None else target_log.read_tail(place.log_file).lines
