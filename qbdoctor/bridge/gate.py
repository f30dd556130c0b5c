"""Decides who may use the bridge, before anything of a request is passed on."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from qbdoctor.forwarding.rewriting import Names, split_authority
from qbdoctor.model.errors import UserError
from qbdoctor.target.address import parse_ip

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(given: Iterable[str]) -> tuple[Network, ...]:
    """Read --allow. Raises :class:`UserError` (``bad-allow``)."""
    found = []
    for text in given:
        try:
            found.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise UserError(
                "bad-allow", f"--allow: {text} is no address or network: write 192.168.1.0/24 or 192.168.1.7."
            ) from None
    return tuple(found)


@dataclass(frozen=True)
class Gate:
    """Lets in this machine's own programs and the networks of --allow, by names that cannot be a stranger's."""

    names: Names
    allowed: tuple[Network, ...]

    def refusal(self, address: str, host: str) -> tuple[int, str] | None:
        """Return status and sentence for a client that is not let in; None for one that is."""
        ip = parse_ip(address)
        if ip is None or not (ip.is_loopback or any(ip in each for each in self.allowed)):
            return 403, f"qbdoctor bridge: {address} may not use this bridge; its --allow does not name that address.\n"
        if host and not self.names.names_proxy(host):
            name = split_authority(host)[0]
            return 401, (
                f"qbdoctor bridge: {name[:80] or 'this Host header'} is no name of the bridge, so a page of a stranger might "
                f"have sent this. Call it {self.names.proxy.url} or by an IP address, or start it with --listen "
                "NAME:PORT.\n"
            )
        return None
