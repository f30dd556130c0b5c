"""Asks whether anything that speaks HTTP answers at an address; nothing is told it but GET /."""

from __future__ import annotations

from qbdoctor.target.address import parse_url
from qbdoctor.webui.call import Call
from qbdoctor.webui.masks import Deadline, Masks
from qbdoctor.webui.wire import Wire

ANSWER_SECONDS = 2.0


def reachable(host: str) -> str:
    """Return the address by which this machine reaches a socket bound to ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host.removeprefix("::ffff:"))  # noqa: S104


def answers(host: str, port: int) -> bool:
    """Whether anything that speaks HTTP answers there; by http, then by https without asking whose certificate it is."""
    shown = f"[{host}]" if ":" in host else host
    for scheme in ("http", "https"):
        # By the wire, whose deadline holds for the whole answer: a process may drip it byte by byte.
        wire = Wire(parse_url(f"{scheme}://{shown}:{port}"), Deadline(ANSWER_SECONDS), Masks(), verify=False)
        if wire.send(Call("GET", "/")).answered:
            return True
    return False
