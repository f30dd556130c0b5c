"""Names of the proxy and of the target: what is translated between them, and what is foreign and stays.

The target must judge a request as it would have without the proxy. So a Host, Origin or Referer that names the proxy
names the target when it is passed on; one that names anything else may be the very fault, and is passed on untouched.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from qbdoctor.target.address import DEFAULT_PORTS, Address, parse_ip

HostKind = Literal["name", "ip", "none"]

_OWN_NAMES = ("localhost", "host.docker.internal", "host.containers.internal")
"""What this machine is called from here and from a container; ``.internal`` is nobody's to register."""


def split_authority(text: str) -> tuple[str, int | None]:
    """Host (lower case, no brackets) and port of a Host header's text; ("", None) for what is none."""
    try:
        parts = urlsplit(f"//{text.strip()}")
        found = parts.hostname or "", parts.port
    except ValueError:
        return "", None
    return found


def kind_of(host: str) -> HostKind:
    """Whether a host is a name or an address."""
    if not host:
        return "none"
    return "ip" if parse_ip(host.strip("[]")) is not None else "name"


@dataclass(frozen=True, slots=True)
class Names:
    """The two sides. ``proxy`` is the address handed to clients."""

    proxy: Address
    target: Address

    def names_proxy(self, authority: str) -> bool:
        """Whether a Host names the proxy: the port is its own, and the host an address or one of this machine's names.

        Any other name may be a stranger's that was made to lead here (DNS rebinding): a page from there must meet the
        server's protection as it would without the proxy. An address cannot be made to lead elsewhere.
        """
        host, port = split_authority(authority)
        ours = host in (self.proxy.host, *_OWN_NAMES, socket.gethostname().lower()) or parse_ip(host) is not None
        return ours and (port or DEFAULT_PORTS[self.proxy.scheme]) == self.proxy.port

    def names_target(self, authority: str) -> bool:
        """Whether a Host names the target as its own URL does."""
        host, port = split_authority(authority)
        return host == self.target.host and (port or DEFAULT_PORTS[self.target.scheme]) == self.target.port

    def host(self, text: str) -> str:
        """Return the Host to pass on."""
        return self.target.authority if self.names_proxy(text) else text

    def source(self, text: str, host: str) -> tuple[str, bool]:
        """Return an Origin or Referer to pass on, and whether it is the client's own site; ``host`` is the request's Host."""
        head, slashes, rest = text.partition("://")
        authority, slash, path = rest.partition("/")
        if not slashes:
            return text, False
        if self._is_proxy(authority, host):
            return f"{self.target.scheme}://{self.target.authority}{slash}{path}", True
        return text, head in DEFAULT_PORTS and self.names_target(authority)

    def _is_proxy(self, authority: str, host: str) -> bool:
        if "@" in authority or not self.names_proxy(authority):
            return False
        # A foreign site may have our port by chance: it must be a name of ours, or the one the client calls us by.
        name = split_authority(authority)[0]
        address = parse_ip(name)
        ours = name in (self.proxy.host, "localhost") or (address is not None and address.is_loopback)
        return ours or authority.lower() == host.lower()

    def location(self, text: str) -> str:
        """Return a redirect to pass back: one to the target itself leads to the proxy, any other stays."""
        head = f"{self.target.scheme}://"
        authority, slash, path = text[len(head) :].partition("/")
        if text.lower().startswith(head) and self.names_target(authority):
            return f"{self.proxy.scheme}://{self.proxy.authority}{slash}{path}"
        return text


def shown_source(text: str) -> str:
    """Return an Origin or Referer as it may be shown: scheme, host and port, no path, no credentials."""
    try:
        parts = urlsplit(text)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(no URL)"
    if not parts.scheme or not host:
        return "null" if text.strip() == "null" else "(no URL)"
    return f"{parts.scheme}://{host}{port}"[:100]


def proxy_host(target: Address, listen: str | None, reaches: Callable[[str, str], bool]) -> tuple[str, bool]:
    """Return the host for the address that is handed to clients, and whether it is of the target's kind.

    A name stays a name (``localhost``), an address an address of the same family, since clients treat them
    differently. ``listen`` is the host of ``--listen``; ``reaches(name, address)`` says whether a name leads there.
    """
    target_ip = parse_ip(target.host)
    wanted = "localhost" if target_ip is None else "::1" if ":" in target.host else "127.0.0.1"
    if listen is None:
        return wanted, True
    bound = parse_ip(listen)
    if bound is None:
        return listen, target_ip is None
    if bound.is_unspecified or bound.is_loopback:
        if target_ip is None:
            return "localhost", True
        if bound.is_unspecified:
            return ("::1" if ":" in listen else "127.0.0.1"), True
        return listen, True
    if target_ip is not None:
        return listen, True
    return ("localhost", True) if reaches("localhost", listen) else (listen, False)


def is_chunked(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a message's body comes in chunks."""
    return any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers)
