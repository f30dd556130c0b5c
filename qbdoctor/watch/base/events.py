"""Names what a watch notices, and defines one event with its JSON (``qbdoctor.watch/1``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from qbdoctor import __version__
from qbdoctor.model.basics import Json

SCHEMA = "qbdoctor.watch/1"

KINDS: dict[str, str] = {
    "watch-started": "the watch began",
    "watch-stopped": "the watch ended",
    "restarted": "qBittorrent was started again",
    "upgraded": "another, later release runs",
    "downgraded": "another, earlier release runs",
    "container-recreated": "the container was made anew",
    "banned": "the server refuses logins from this address",
    "ban-ended": "the ban is over",
    "session-expired": "the session ended for want of use",
    "session-evicted": "the session had to make room for others",
    "session-lost": "the session is gone, and nothing tells why",
    "password-changed": "another password holds than before",
    "address-changed": "the server, or this machine, is at another address",
    "config-edited": "settings have other values",
    "server-changed": "the server answers otherwise",
    "certificate-replaced": "another certificate is shown",
    "certificate-ending": "the certificate ends within two weeks",
    "certificate-ended": "the certificate has ended",
    "unreachable": "no answer comes",
    "reachable": "answers come again",
    "slow": "answers take long",
    "quick-again": "answers come in time again",
    "problem": "a full check finds a problem",
    "healthy": "a full check finds nothing wrong any more",
    "unsettled": "a full check cannot tell",
    "client-refused": "the server refuses another client, by its log",
    "clock-stepped": "the clock of this machine was set",
}
"""Every event by its id, and what it means."""

GOOD = frozenset({"ban-ended", "reachable", "quick-again", "healthy"})
BAD = frozenset({"banned", "unreachable", "problem", "certificate-ended", "slow"})


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was noticed. ``at`` is Unix time by this machine's clock; ``text`` is a sentence without a full stop.

    ``before`` and ``after`` are the values that differ, None where there are none or they are secret; ``explains`` are ids
    of causes that the change can explain.
    """

    id: str
    at: float
    text: str
    before: str | None = None
    after: str | None = None
    explains: tuple[str, ...] = ()

    def to_json(self, url: str, name: str | None, state: str) -> Json:
        """Return the event as one object; ``state`` is the verdict that holds after it."""
        return {
            "schema": SCHEMA,
            "tool": {"name": "qbdoctor", "version": __version__},
            "target": {"url": url, "name": name},
            "event": self.id,
            "at": stamp(self.at),
            "text": self.text,
            "before": self.before,
            "after": self.after,
            "explains": list(self.explains),
            "state": state,
        }


def stamp(at: float) -> str:
    """Return a Unix time as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
