"""Counts what was translated for whom, without any value of a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Need = Literal["yes", "maybe", "no"]


class Kind(NamedTuple):
    """A kind of translation. ``need``: whether a request would have failed without it."""

    need: Need
    text: str


KINDS: dict[str, Kind] = {
    "endpoint": Kind("yes", "call"),
    "method": Kind("yes", "method"),
    "field": Kind("yes", "field"),
    "body": Kind("yes", "body"),
    "filter": Kind("yes", "filter"),
    "login-answer": Kind("maybe", "answer to the login"),
    "cookie-name": Kind("maybe", "name of the session cookie"),
    "add-answer": Kind("maybe", "answer to an added torrent"),
    "status": Kind("maybe", "status of an answer"),
    "state": Kind("maybe", "states of torrents"),
    "preference": Kind("maybe", "settings that the server has no more"),
    "version": Kind("no", "release told to the client"),
}
"""In the order in which they are told. "maybe": it depends on what the client makes of the answer."""
MOST_CLIENTS = 500


@dataclass
class Client:
    """One client, by address and user agent."""

    address: str
    agent: str
    requests: int = 0
    translated: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def who(self) -> str:
        """The client as a sentence names it."""
        return f"{self.agent or 'no user agent'} at {self.address}"

    @property
    def needs(self) -> Need:
        """Whether it needs the bridge, as far as its requests show."""
        needs = {KINDS[kind].need for kind, _ in self.translated}
        return "yes" if "yes" in needs else "maybe" if "maybe" in needs else "no"

    def rows(self) -> list[tuple[str, str, int]]:
        """Return ``(kind, what, how often)`` in the order of :data:`KINDS`."""
        order = list(KINDS)
        return sorted(
            ((kind, what, count) for (kind, what), count in self.translated.items()),
            key=lambda row: (order.index(row[0]), row[1]),
        )


class Tally:
    """All clients; ``told`` is called with each translation that is new for a client."""

    def __init__(self, told: Callable[[Client, str, str], None] | None = None) -> None:
        self._clients: dict[tuple[str, str], Client] = {}
        self._told = told

    @property
    def clients(self) -> tuple[Client, ...]:
        """The clients in the order of their first request."""
        return tuple(self._clients.values())

    def client(self, address: str, agent: str) -> Client:
        """Return a client's record; above :data:`MOST_CLIENTS` all others share one."""
        key = (address, agent)
        if key not in self._clients and len(self._clients) >= MOST_CLIENTS:
            key = ("others", "")
        return self._clients.setdefault(key, Client(*key))

    def note(self, client: Client, kind: str, what: str) -> None:
        """Count a translation."""
        client.translated[kind, what] += 1
        if client.translated[kind, what] == 1 and self._told is not None:
            self._told(client, kind, what)
