"""Renders a bridge for a person: what it says at its start, as it goes, and at its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbdoctor.bridge.dialect import Speech
from qbdoctor.bridge.result import BridgeResult, known_of
from qbdoctor.bridge.tally import KINDS
from qbdoctor.forwarding.rewriting import Names
from qbdoctor.model import shell

if TYPE_CHECKING:
    from qbdoctor.bridge.gate import Network
    from qbdoctor.bridge.upstream import Known

_VERDICTS = {
    "yes": "needs the bridge, or an update",
    "maybe": "may need the bridge",
    "no": "needs no bridge",
}


def begun(names: Names, speech: Speech, known: Known, allowed: tuple[Network, ...]) -> str:
    """Return what is said when the bridge is open."""
    server = names.target.url
    spoken = speech.to(known.version)
    lines = [
        f"The bridge is open at {names.proxy.url}",
        f"  and leads to the qBittorrent at {server}",
        f"Clients are answered as by qBittorrent {spoken}.",
        f"The server is {known.version}."
        if known.version
        else "The server's own release is read with the first login.",
        "Give the old program that address in the place of the server's; user name and",
        "password stay the same.",
    ]
    if known.status == 401:
        lines += [
            f"The server refuses the name {names.target.authority}, so every request will be 401:",
            f"  {shell.join(('qbdoctor', 'check', '--url', server))}   says why",
        ]
    if allowed:
        lines += [
            f"Who may use it: this machine, and {', '.join(map(str, allowed))}, over plain http.",
            "To the server each of them is this machine, for bans too, unless its list of",
            "trusted reverse proxies names this machine: clients' addresses are sent along.",
        ]
    return "\n".join([*lines, "Ctrl-C ends it, and says what each client needed."])


def translated(kind: str, what: str) -> str:
    """Return the line for a translation that a client has needed for the first time."""
    return f"  {KINDS[kind].text}: {what}"


def human(made: BridgeResult) -> str:
    """Return what the bridge did."""
    return "".join(f"{line}\n" for line in _lines(made))


def _lines(made: BridgeResult) -> Iterator[str]:
    if not made.clients:
        yield "No request came to the bridge: give the program the address that is printed at the start."
        return
    server = f"the server is {made.real}" if made.real is not None else "no login showed the server's release"
    yield f"Clients were answered as by qBittorrent {made.spoken}; {server}."
    for client in made.clients:
        many = "1 request" if client.requests == 1 else f"{client.requests} requests"
        yield ""
        yield f"{client.who}, {many}: {_VERDICTS[client.needs]}"
        for kind, what, count in client.rows():
            yield f"  {KINDS[kind].text}: {what}{f'   {count} times' if count > 1 else ''}"
        if (known := known_of(client)) is not None:
            yield f"  {known}"
    yield ""
    yield from _verdict(made)


def _verdict(made: BridgeResult) -> Iterator[str]:
    needs = {client.needs for client in made.clients}
    if made.can_go:
        yield "No client needed a translation: the bridge can go."
        return
    if "maybe" in needs:
        yield "Whether a program that may need it works without shows here; point it there:"
        yield f"  {shell.join(('qbdoctor', 'trace', '--url', made.names.target.url))}"
    yield "Keep it until no client needs it. Which programs have updates:"
    yield "  qbdoctor clients --known"
