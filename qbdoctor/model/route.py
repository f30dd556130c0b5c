"""Describes the way of a request: the client, what stands between, the server, and where it breaks."""

from __future__ import annotations

from typing import Literal

from qbdoctor.model.basics import Json
from qbdoctor.values import frozen

HopKind = Literal["client", "proxy", "mapping", "unknown", "server"]
BreakKind = Literal["hop", "leg"]


@frozen
class Hop:
    """One place on the way. ``facts`` are short texts: addresses, a port map, whom the server takes the client for."""

    kind: HopKind
    name: str
    facts: tuple[str, ...] = ()

    def to_json(self) -> Json:
        """Return the report's hop object."""
        return {"kind": self.kind, "name": self.name, "facts": list(self.facts)}


@frozen
class Break:
    """Where calls fail: at the hop of this index, or on the leg that leads to the hop behind it; ``cause`` says why."""

    at: BreakKind
    index: int
    cause: str

    def to_json(self) -> Json:
        """Return the report's break object."""
        return {"at": self.at, "index": self.index, "cause": self.cause}


@frozen
class Route:
    """The hops from the client to the server. ``hosts`` has the Host header on each leg between, None where not known."""

    hops: tuple[Hop, ...]
    hosts: tuple[str | None, ...]
    broken: Break | None = None

    def breaks_at(self, kind: BreakKind, index: int) -> bool:
        """Return True if calls fail at this hop or on this leg."""
        return self.broken is not None and (self.broken.at, self.broken.index) == (kind, index)

    def to_json(self) -> Json:
        """Return the report's route object."""
        return {
            "hops": [hop.to_json() for hop in self.hops],
            "hosts": list(self.hosts),
            "breaks": self.broken.to_json() if self.broken else None,
        }
