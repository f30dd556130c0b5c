"""Finds who listens at a port of this machine, on each of its addresses: two programs may share a port's number."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from qbdoctor.target.address import parse_ip
from qbdoctor.target.engines.process_scan import TROUBLE
from qbdoctor.target.proc_sockets import listening_sockets
from qbdoctor.target.socket_diag import ListeningSocket
from qbdoctor.values import frozen


@frozen
class Listener:
    """One listening TCP socket; ``pid`` and ``name`` are None where they may not be seen.

    ``name`` is the program's alone: a command line may hold secrets.
    """

    address: str
    port: int
    pid: int | None = None
    name: str | None = None

    @property
    def shown(self) -> str:
        """The socket and its process in a few words."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        who = f"{self.name} (process {self.pid})" if self.pid is not None else "a process that may not be seen"
        return f"{who} at {host}:{self.port}"


def is_alone(sockets: tuple[ListeningSocket, ...] | None, port: int, known: int) -> bool | None:
    """Return whether no more than ``known`` of this machine's sockets listen at the port; None where they cannot be read."""
    return None if sockets is None else sum(1 for one in sockets if one.port == port) <= known


def listeners(port: int) -> tuple[Listener, ...]:
    """Return the listening sockets of this machine at a port, as far as this user may see; () where none may be."""
    import psutil  # noqa: PLC0415 - a target elsewhere does without it

    found = {
        (one.laddr.ip, pid)
        for one, pid in _connections(psutil)
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
    }
    made = []
    for address, pid in sorted(found, key=lambda one: (one[0], one[1] or 0)):
        name = None
        if pid is not None:
            with contextlib.suppress(psutil.Error, *TROUBLE):
                name = psutil.Process(pid).name()
        made.append(Listener(address, port, pid, name))
    return tuple(made)


def _connections(psutil: Any) -> Iterator[tuple[Any, int | None]]:
    """Yield the TCP sockets and whose they are: all at once, or process by process where one refusal ends that (macOS)."""
    try:
        at_once = psutil.net_connections(kind="tcp")
    except (psutil.Error, *TROUBLE):
        at_once = None
    if at_once is not None:
        yield from ((one, one.pid) for one in at_once)
        return
    with contextlib.suppress(psutil.Error, *TROUBLE):
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, *TROUBLE):
                ask = getattr(process, "net_connections", None) or process.connections
                yield from ((one, process.pid) for one in ask(kind="tcp"))


def socket_for(found: tuple[Listener, ...], peer: str) -> Listener | None:
    """Return the socket that takes connections to the IP address ``peer``: the one bound to it, else one bound to all.

    A socket bound to ``::`` takes IPv4 connections as well where none is bound to ``0.0.0.0``.
    """
    goal = parse_ip(peer.partition("%")[0])
    if goal is None:
        return None
    exact = [one for one in found if parse_ip(one.address.partition("%")[0]) == goal]
    same_family = [one for one in found if one.address == ("0.0.0.0" if goal.version == 4 else "::")]  # noqa: S104
    other = [one for one in found if one.address == "::"] if goal.version == 4 else []
    return next(iter((*exact, *same_family, *other)), None)


def listening_owners(peer: str, port: int) -> frozenset[int] | None:
    """Return the users of the sockets that take connections to the IP address ``peer``; None where that is not to be seen."""
    return owners_of(listening_sockets(), peer, port)


def owners_of(sockets: tuple[ListeningSocket, ...] | None, peer: str, port: int) -> frozenset[int] | None:
    """Return the users of those of the sockets that take connections to ``peer``; None for none, or where none can be read.

    A socket bound to the address itself goes before one bound to all of them, as in the kernel.
    """
    wanted = parse_ip(peer.partition("%")[0].removeprefix("::ffff:"))
    if wanted is None:
        return None
    exact: set[int] = set()
    everywhere: set[int] = set()
    for one in sockets or ():
        bound = parse_ip(one.address.removeprefix("::ffff:"))
        if one.port != port or bound is None:
            continue
        if bound == wanted:
            exact.add(one.user)
        elif bound.is_unspecified and (bound.version in {wanted.version, 6}):
            everywhere.add(one.user)
    return frozenset(exact or everywhere) or None
