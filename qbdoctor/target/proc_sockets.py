"""Lists the sockets of a process in its own network (Linux).

psutil looks into this machine's tables for every process, so it shows none for one in a container (measured with 7.0).
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from qbdoctor.patterns import regex
from qbdoctor.target import socket_diag
from qbdoctor.target.socket_diag import ListeningSocket

LISTEN = "0A"
_TCP = ("tcp", "tcp6")
_SOCKET = regex(r"socket:\[(\d+)\]")


class Network:
    """The sockets of one network, looked for once, when they are first asked for. ``ours``: it is this program's own.

    ``folders`` are the ``/proc/PID/net`` of processes in it. The kernel walks all of its hash table for a read of ``tcp``
    or ``tcp6``: 4 ms each, also on an idle machine.
    """

    def __init__(self, *, ours: bool = False) -> None:
        self.folders: list[Path] = []
        self._ours = ours
        self._rows: dict[str, tuple[list[str], ...]] = {}
        self._listening: tuple[ListeningSocket, ...] | None = None

    def listening(self, inodes: frozenset[str]) -> tuple[tuple[str, int], ...]:
        """Return address and port of those of these sockets that wait for TCP connections."""
        if self._listening is None:
            told = listening_sockets() if self._ours else None
            self._listening = _waiting(row for name in _TCP for row in self._table(name)) if told is None else told
        return tuple(sorted({(one.address, one.port) for one in self._listening if one.inode in inodes}))

    def datagram_ports(self, inodes: frozenset[str]) -> tuple[int, ...]:
        """Return the UDP ports of these sockets."""
        found = {endpoint(row[1])[1] for name in ("udp", "udp6") for row in self._table(name) if row[9] in inodes}
        return tuple(sorted(found))

    def held(self, pid: int, *, apart: bool) -> frozenset[str] | None:
        """Return the sockets that a process holds; None where they may not be seen.

        Where the network is ``apart`` from ours, a container's, those of the process's user there stand for them.
        """
        known = inodes(pid)
        return self._of_user(pid) if known is None and apart else known

    def _of_user(self, pid: int) -> frozenset[str] | None:
        try:
            owners = (line.split()[2] for line in _status(pid) if line.startswith("Uid:"))
            user = next(owners, None)
        except OSError:
            return None
        tables = (row for name in (*_TCP, "udp", "udp6") for row in self._table(name))
        return frozenset(row[9] for row in tables if row[7] == user) or None

    def _table(self, name: str) -> tuple[list[str], ...]:
        if name not in self._rows:
            self._rows[name] = self._read(name)
        return self._rows[name]

    def _read(self, name: str) -> tuple[list[str], ...]:
        for folder in self.folders:
            with contextlib.suppress(OSError, ValueError):  # that process is gone, or a kernel without IPv6
                return _rows(folder / name)
        return ()


class Networks:
    """The networks of some processes, one for all that share it; none elsewhere than on Linux."""

    def __init__(self) -> None:
        self._known: dict[str, Network] = {}
        self._own = ""
        with contextlib.suppress(OSError):
            self._own = str(Path("/proc/self/ns/net").readlink())

    def of(self, pid: int) -> Network | None:
        """Return the network of a process."""
        if not sys.platform.startswith("linux"):
            return None
        try:
            name = str(Path(f"/proc/{pid}/ns/net").readlink())
        except OSError:
            name = str(pid)  # another user's: its own tables are all that may be told
        network = self._known.setdefault(name, Network(ours=name == self._own))
        network.folders.append(Path(f"/proc/{pid}/net"))
        return network


def inodes(pid: int) -> frozenset[str] | None:
    """Return the sockets that a process holds, by their inodes; None where they may not be seen, or it is gone."""
    own: set[str] = set()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                if found := _SOCKET.fullmatch(str(entry.readlink())):
                    own.add(found[1])
    except OSError:
        return None
    return frozenset(own)


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()


def is_apart(pid: int) -> bool:
    """Whether a process is known to be in another network than ours by its addresses, which anybody may read (Linux).

    Its namespace itself is told to its own user and root alone. That the addresses are the same proves nothing.
    """
    its = addresses(pid)
    return bool(its) and not set(its) <= set(addresses(os.getpid()))


def listening_sockets() -> tuple[ListeningSocket, ...] | None:
    """Return the listening TCP sockets of this machine, as anybody may ask (Linux); None where nobody tells them."""
    if not sys.platform.startswith("linux"):
        return None
    with contextlib.suppress(OSError, struct.error):
        return socket_diag.ask()
    found: list[ListeningSocket] = []
    for name in _TCP:
        try:
            found += _waiting(_rows(Path("/proc/net", name)))
        except FileNotFoundError:
            continue  # a kernel without IPv6
        except (OSError, ValueError):
            return None
    return tuple(found)


def _rows(table: Path) -> tuple[list[str], ...]:
    """Return the rows of one of the kernel's tables, whole ones alone. Raises OSError, ValueError."""
    split = (line.split() for line in table.read_text(encoding="ascii").splitlines()[1:])
    return tuple(row for row in split if len(row) >= 10)


def _waiting(rows: Iterable[list[str]]) -> tuple[ListeningSocket, ...]:
    return tuple(ListeningSocket(*endpoint(row[1]), int(row[7]), row[9]) for row in rows if row[3] == LISTEN)


def addresses(pid: int) -> tuple[str, ...]:
    """Return the addresses of a process's network (Linux), IPv4 first; loopback and link-local IPv6 left out."""
    try:
        lines = Path(f"/proc/{pid}/net/fib_trie").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return ()
    pairs = itertools.pairwise(lines)
    found = [line.split()[-1] for line, following in pairs if "|--" in line and "host LOCAL" in following]
    four = dict.fromkeys(address for address in found if not address.startswith("127."))
    return (*four, *_addresses6(pid))


def _addresses6(pid: int) -> tuple[str, ...]:
    """Return the global IPv6 addresses of a process's network: address, index, prefix, scope (00), flags, name a line."""
    try:
        rows = Path(f"/proc/{pid}/net/if_inet6").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return ()
    fields = [row.split() for row in rows]
    return tuple(str(ipaddress.IPv6Address(int(one[0], 16))) for one in fields if len(one) > 3 and one[3] == "00")


def endpoint(text: str) -> tuple[str, int]:
    """Read ``0100007F:1F90``: words of four bytes in the machine's order, then the port."""
    host, _, port = text.partition(":")
    words = [bytes.fromhex(host[index : index + 8]) for index in range(0, len(host), 8)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return str(ipaddress.ip_address(packed)), int(port, 16)
