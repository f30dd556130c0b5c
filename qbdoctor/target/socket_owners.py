"""Reads which users' sockets take connections at an address of this machine (Linux: anybody may read that)."""

from __future__ import annotations

import sys
from pathlib import Path

from qbdoctor.target.address import parse_ip
from qbdoctor.target.proc_sockets import LISTEN, endpoint


def listening_owners(peer: str, port: int, net: Path = Path("/proc/net")) -> frozenset[int] | None:
    """Return the users of the sockets that take connections to the IP address ``peer``; None where that is not to be seen.

    A socket bound to the address itself goes before one bound to all of them, as in the kernel.
    """
    wanted = parse_ip(peer.partition("%")[0].removeprefix("::ffff:"))
    if wanted is None or not sys.platform.startswith("linux"):
        return None
    exact: set[int] = set()
    everywhere: set[int] = set()
    for name in ("tcp", "tcp6"):
        try:
            rows = (net / name).read_text(encoding="ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue
        for row in rows:
            fields = row.split()
            if len(fields) < 10 or fields[3] != LISTEN:
                continue
            address, number = endpoint(fields[1])
            bound = parse_ip(address.removeprefix("::ffff:"))
            if number != port or bound is None:
                continue
            if bound == wanted:
                exact.add(int(fields[7]))
            elif bound.is_unspecified and (bound.version in {wanted.version, 6}):
                everywhere.add(int(fields[7]))
    return frozenset(exact or everywhere) or None
