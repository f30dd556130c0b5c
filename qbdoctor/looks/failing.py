"""Says who else is refused by the server, by its log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from qbdoctor.looks import words
from qbdoctor.model.changes import FailingClient
from qbdoctor.target import log_failures

if TYPE_CHECKING:
    from qbdoctor.looks.taking import Place
    from qbdoctor.observe.observer import Observer
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.log_failures import Failing

_WORDS = {
    "banned": "logins refused for a ban",
    "cross-site": "requests of another site's page (Sec-Fetch-Site: {sent})",
    "host": "requests with a Host that is not allowed ({sent})",
    "login": "failed logins",
    "origin": "requests with a foreign Origin ({sent})",
    "port": "requests whose Host names another port ({sent})",
    "referer": "requests with a foreign Referer ({sent})",
}
_OF_QBDOCTOR = frozenset({"origin", "referer", "host", "port", "cross-site"})


def failing_clients(observer: Observer, place: Place, moment: datetime | None = None) -> tuple[FailingClient, ...]:
    """Return who is refused by the server that runs now, by its log as it was before this run's own requests.

    Refused headers of our own address are left out: qbdoctor's comparisons of earlier runs make such lines.
    """
    if place.instance is None:
        return ()
    now = moment or datetime.now(UTC)
    return of_log(place.log, place.instance.started, own_addresses(observer), observer.wire.masks.hide, now)


def own_addresses(observer: Observer) -> frozenset[str]:
    """Return the addresses that the server may take us for."""
    first = observer.seen.anonymous if observer.seen.has("anonymous") else None
    found = (observer.seen.client.address, first.local) if first is not None else ()
    return frozenset(one for one in found if one)


def of_log(
    lines: Sequence[LogLine], running_since: datetime, ours: frozenset[str], hide: Callable[[str], str], now: datetime
) -> tuple[FailingClient, ...]:
    """Return who is refused by the lines of a run's log. ``running_since`` and ``now`` are aware; ``hide`` masks secrets."""
    return tuple(
        _made(one, own=one.address in ours, hide=hide, now=now)
        for one in log_failures.failing(lines, running_since)
        if one.address not in ours or one.kind not in _OF_QBDOCTOR
    )


def _made(one: Failing, *, own: bool, hide: Callable[[str], str], now: datetime) -> FailingClient:
    sent = hide(one.sent)
    count = f"{one.count} {_WORDS[one.kind].format(sent=sent or 'empty')}"
    if one.count == 1:
        count = count.replace("logins", "login").replace("requests", "request")
    times = ""
    if one.first is not None and one.last is not None:
        times = f", {words.at(one.last, now)}"
        if one.count > 1:
            times = f" since {words.at(one.first, now)}, the last {words.at(one.last, now)}"
    return FailingClient(
        one.address,
        one.kind,
        one.count,
        _stamp(one.first),
        _stamp(one.last),
        sent,
        own,
        f"{one.address}: {count}{times}{' (qbdoctor comes from there as well)' if own else ''}",
    )


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
