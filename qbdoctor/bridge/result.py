"""Sums up what a bridge did, as data."""

from __future__ import annotations

from dataclasses import dataclass

from qbdoctor import __version__
from qbdoctor.bridge.dialect import Speech
from qbdoctor.bridge.tally import KINDS, Client
from qbdoctor.forwarding.rewriting import Names
from qbdoctor.model.basics import Json
from qbdoctor.releases import Version
from qbdoctor.trace.known_clients import known_client, told

SCHEMA = "qbdoctor.bridge/1"


@dataclass(frozen=True)
class BridgeResult:
    """What one run did. ``real`` is the server's release, None where no session has shown it."""

    names: Names
    speech: Speech
    real: Version | None
    clients: tuple[Client, ...]

    @property
    def spoken(self) -> Version:
        """The release that clients were spoken to as."""
        return self.speech.to(self.real)

    @property
    def can_go(self) -> bool | None:
        """Whether nobody needs the bridge; None where nobody came, or where it cannot be told by the requests."""
        needs = {client.needs for client in self.clients}
        return False if "yes" in needs else True if needs == {"no"} else None

    def to_json(self) -> Json:
        """Return the result as it is printed."""
        return {
            "schema": SCHEMA,
            "tool": {"name": "qbdoctor", "version": __version__},
            "target": {"url": self.names.target.url, "version": None if self.real is None else str(self.real)},
            "listen": self.names.proxy.url,
            "speak": str(self.spoken),
            "clients": [_client(each) for each in self.clients],
            "can_go": self.can_go,
            "exit_code": 0,
        }


def known_of(client: Client) -> str | None:
    """Return what is known of the program by its user agent; None for one that is not in the table."""
    found = known_client(client.agent)
    return None if found is None else f"{found.name}: {told(found)}"


def _client(client: Client) -> Json:
    return {
        "address": client.address,
        "agent": client.agent,
        "requests": client.requests,
        "needs_bridge": client.needs,
        "known": known_of(client),
        "translations": [
            {"kind": kind, "text": f"{KINDS[kind].text}: {what}", "count": count, "needed": KINDS[kind].need}
            for kind, what, count in client.rows()
        ],
    }
