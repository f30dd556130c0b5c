"""Reads subnets as qBittorrent takes them from AuthSubnetWhitelist and TrustedReverseProxiesList.

The rules are those of ``QHostAddress::parseSubnet`` (Qt's src/network/kernel/qhostaddress.cpp), which qBittorrent calls
in src/base/utils/net.cpp. The tests compare them with the real QHostAddress and with real servers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from qbdoctor.patterns import regex

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMBER = regex(r"\s*\+?([0-9]+)\s*\Z", re.ASCII)
_GROUP = regex(r"\s*\+?(?:0[xX])?([0-9A-Fa-f]+)\Z", re.ASCII)
_DECIMAL = regex(r"(?=.{1,4}\Z)\s*(?!\+?0[0-9])\+?([0-9]+)\Z", re.ASCII)  # within an IPv6 address
_LONGEST_GROUP = 4
_LONGEST = 128  # of an entry that is worth reading
_MAPPED = 0xFFFF << 32  # ::ffff:0:0
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")
"""Carrier-grade NAT and overlay networks (RFC 6598): not global, though Python does not call it private either."""


def _number(text: str, highest: int) -> int | None:
    match = _NUMBER.match(text)
    if match is None:
        return None
    number = int(match[1])
    return number if number <= highest else None


def _mask_bits(text: str) -> int | None:
    """Return the length of a mask written as an address: 255.255.0.0 is 16. None if its bits have a gap."""
    parts = [_number(part, 255) for part in text.strip().split(".")]
    if len(parts) != 4 or any(part is None for part in parts):
        return None
    bits = "".join(f"{part:08b}" for part in parts)
    return None if "01" in bits else bits.count("1")


def _six(text: str) -> int | None:
    """Return the number of an IPv6 address. Qt reads its parts as C does: "+", "0x" and blanks may stand before the digits."""
    *groups, last = text.split(":")
    read = [_group(each) for each in groups]
    if "." in last:
        parts = [_DECIMAL.match(part) for part in last.split(".")]
        read.append(".".join("" if part is None else str(int(part[1])) for part in parts))
    else:
        read.append(_group(last))
    try:
        return None if "%" in text else int(ipaddress.IPv6Address(":".join(read)))
    except ValueError:
        return None


def _group(text: str) -> str:
    match = _GROUP.match(text) if len(text) <= _LONGEST_GROUP else None
    return text if match is None else match[1]


def parse_subnet(text: str) -> Network | None:
    """Return the subnet that qBittorrent makes of an entry, or None: it drops the entry without a word.

    Bits to the right of the mask are cleared, missing parts of an IPv4 address are zero and shorten the mask ("127" is
    127.0.0.0/8), "/255.0.0.0" is "/8". A zone ("fe80::1%eth0") is left out, as it does not take part in comparisons.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    address, slash, mask = text.partition("/")
    if ":" in address:
        bits = _number(mask, 128) if slash else 128
        bare, percent, zone = address.strip().rpartition("%")
        six = _six(bare if percent else zone)
        return None if bits is None or six is None else ipaddress.IPv6Network((six, bits), strict=False)
    parts = address.split(".")
    if len(parts) > 4:
        return None
    if not parts[-1]:
        parts.pop()
    numbers = [_number(part, 255) for part in parts]
    if not slash:
        bits = 8 * len(parts)
    elif "." in mask:
        bits = _mask_bits(mask)
    else:
        bits = _number(mask, 32)
    if bits is None:
        return None
    value = 0
    for number in [*numbers, 0, 0, 0, 0][:4]:
        if number is None:
            return None
        value = value << 8 | number
    return ipaddress.IPv4Network((value, bits), strict=False)


def parse_subnets(entries: Iterable[str]) -> tuple[tuple[Network, ...], tuple[str, ...]]:
    """Return the subnets that count, and the entries that are dropped, each in order."""
    networks: list[Network] = []
    dropped: list[str] = []
    for entry in entries:
        network = parse_subnet(entry)
        if network is None:
            dropped.append(entry)
        else:
            networks.append(network)
    return tuple(networks), tuple(dropped)


def covers(networks: Iterable[Network], address: str) -> bool:
    """Whether one of the subnets holds the address, as qBittorrent compares them (utils/net.cpp, isIPInSubnets).

    An IPv4 address is also compared as ::ffff:a.b.c.d, and the other way round, so that ``::/0`` holds every address
    while ``0.0.0.0/0`` holds those of IPv4 only. False for text that is no address.
    """
    try:
        ip: Address = ipaddress.ip_address(address.strip().strip("[]").partition("%")[0])
    except ValueError:
        return False
    forms: list[Address] = [ip]
    if isinstance(ip, ipaddress.IPv4Address):
        forms.append(ipaddress.IPv6Address(_MAPPED | int(ip)))
    elif ip.ipv4_mapped is not None:
        forms.append(ip.ipv4_mapped)
    return any(form in network for network in networks for form in forms)


def is_public(net: Network) -> bool:
    """Return True if the network holds addresses of the Internet."""
    if isinstance(net, ipaddress.IPv4Network):
        if net.subnet_of(_SHARED):
            return False
    else:
        mapped = net.network_address.ipv4_mapped
        if mapped is not None and net.prefixlen >= 96:
            return is_public(ipaddress.IPv4Network((mapped, net.prefixlen - 96), strict=False))
    return not (net.is_private or net.is_loopback or net.is_link_local)
