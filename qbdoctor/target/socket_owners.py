"""Reads which users' sockets take connections at an address of this machine (Linux: anybody may read that)."""

from __future__ import annotations

from qbdoctor.target.address import parse_ip
from qbdoctor.target.proc_sockets import ListeningSocket, listening_sockets


def listening_owners(peer: str, port: int) -> frozenset[int] | None:
    """Return the users of the sockets that take connections to the IP address ``peer``; None where that is not to be seen."""
    return owners(listening_sockets(), peer, port)


def owners(sockets: tuple[ListeningSocket, ...] | None, peer: str, port: int) -> frozenset[int] | None:
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
