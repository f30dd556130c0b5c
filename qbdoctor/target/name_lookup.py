"""Looks up host names within a time limit, and this machine's own addresses."""

from __future__ import annotations

import ipaddress
import socket
import threading

from qbdoctor.target.address import parse_ip

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


LOOKUP_SECONDS = 2.0


def look_up(host: str) -> frozenset[IP]:
    """Return the addresses of a name; none if they are not known within two seconds.

    The thread is a daemon: a lookup cannot be cancelled, and must not hold up the end of the program.
    """
    found: list[IP] = []

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(ip for ip in (parse_ip(str(info[4][0])) for info in infos) if ip is not None)

    thread = threading.Thread(target=ask, daemon=True, name="qbdoctor-lookup")
    thread.start()
    thread.join(LOOKUP_SECONDS)
    return frozenset(list(found))


def find_own_addresses() -> frozenset[IP]:
    """Return the addresses of this machine's interfaces."""
    import psutil  # noqa: PLC0415 - --help and --version do without it

    texts = (entry.address for entries in psutil.net_if_addrs().values() for entry in entries)
    return frozenset(ip for ip in map(parse_ip, texts) if ip is not None)
