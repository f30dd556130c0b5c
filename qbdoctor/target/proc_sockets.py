"""Lists the sockets of a process in a network of its own (Linux).

psutil looks into this machine's tables for every process, so it shows none for one in a container (measured with 7.0).
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import sys
from pathlib import Path

LISTEN = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")

Sockets = tuple[tuple[tuple[str, int], ...], tuple[int, ...]]


def sockets(pid: int) -> Sockets | None:
    """Return the TCP sockets it listens on (address, port) and its UDP ports; None where they may not be seen."""
    own: set[str] = set()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                if found := _SOCKET.fullmatch(str(entry.readlink())):
                    own.add(found[1])
    except OSError:
        return None
    listening: set[tuple[str, int]] = set()
    datagrams: set[int] = set()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        try:
            rows = Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii").splitlines()[1:]
        except (OSError, ValueError):
            continue
        for row in rows:
            fields = row.split()
            if len(fields) < 10 or fields[9] not in own:
                continue
            address, port = endpoint(fields[1])
            if name.startswith("udp"):
                datagrams.add(port)
            elif fields[3] == LISTEN:
                listening.add((address, port))
    return tuple(sorted(listening)), tuple(sorted(datagrams))


def listening_rows(net: Path) -> tuple[tuple[str, int, str], ...] | None:
    """Return address, port and inode of each listening TCP socket of a network (``/proc/net``); None if it cannot be read."""
    found: list[tuple[str, int, str]] = []
    for name in ("tcp", "tcp6"):
        try:
            rows = (net / name).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue  # a kernel without IPv6
        except (OSError, ValueError):
            return None
        for row in rows:
            fields = row.split()
            if len(fields) >= 10 and fields[3] == LISTEN:
                found.append((*endpoint(fields[1]), fields[9]))
    return tuple(found)


def addresses6(pid: int) -> tuple[str, ...]:
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
