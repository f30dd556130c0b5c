"""What a throw-away profile starts with: a config file without peer traffic, and a right password hash."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import itertools
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from typing import Literal

# Below those that the system gives to outgoing connections. Each of pytest-xdist's workers has a share of its own: one
# that is quicker than another would else catch up with it, and both take a port between the look at it and its use.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_PORTS = 12_000 // _WORKERS
_FIRST_PORT = 20_000 + _PORTS * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_START, _COUNTER = secrets.randbelow(_PORTS), itertools.count()


def password_hash(password: str) -> str:
    """The value of `Password_PBKDF2` as qBittorrent writes it; two by turns, since each takes a tenth of a second."""
    return next(_hashes(password))


@functools.cache
def _hashes(password: str) -> Iterator[str]:
    return itertools.cycle([_hashed(password), _hashed(password)])


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(16)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 100_000, 64)
    return f'"@ByteArray({base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()})"'


def free_port() -> int:
    """A port that nothing listens on, on any address, and not the same one twice: another test run then hardly ever takes it
    before it is used."""
    while True:
        port = _FIRST_PORT + (_START + next(_COUNTER)) % _PORTS
        with socket.socket() as probe, socket.socket(socket.AF_INET6) as probe6:
            probe6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            with contextlib.suppress(OSError):
                probe.bind(("0.0.0.0", port))
                probe6.bind(("::", port))
                return port


def config_text(
    settings: Mapping[str, str], *, layout: Literal["old", "new"], port: int, locale: str | None = None
) -> str:
    """A qBittorrent.conf with `settings` in that layout's place, and no peer traffic whichever release reads it."""
    peer_port = free_port()
    web = {"Address": "127.0.0.1", "Port": str(port), "UseUPnP": "false", **settings}
    preferences = {
        "Bittorrent\\DHT": "false",
        "Bittorrent\\LSD": "false",
        "Bittorrent\\PeX": "false",
        "Connection\\Interface": "lo",
        "Connection\\PortRangeMin": str(peer_port),
        "Connection\\ResolvePeerCountries": "false",
        "Connection\\UPnP": "false",
        # Without one it takes the environment's, C, and warns that it has no translation for that.
        "General\\Locale": locale or "en",
        "General\\UseRandomPort": "false",
    }
    sections: dict[str, dict[str, str]] = {
        "Application": {"FileLogger\\Enabled": "true", "FileLogger\\MaxSizeBytes": "10485760"},
        "LegalNotice": {"Accepted": "true"},
        "BitTorrent": {
            "Session\\DHTEnabled": "false",
            "Session\\Interface": "lo",
            "Session\\InterfaceName": "lo",
            "Session\\LSDEnabled": "false",
            "Session\\PeXEnabled": "false",
            "Session\\Port": str(peer_port),
        },
        "Network": {"PortForwardingEnabled": "false"},
        "Preferences": preferences,
    }
    if layout == "new":
        sections["Meta"] = {"MigrationVersion": "12"}
        sections["WebUI"] = web
    else:
        preferences.update({f"WebUI\\{key}": value for key, value in web.items()})
    return "\n".join(
        f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
        for section, keys in sections.items()
    )
