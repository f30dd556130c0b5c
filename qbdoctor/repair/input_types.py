"""Checks the values that fixes are told: each function returns the text in its one form.

They raise ValueError with the rest of a sentence; a text is never repeated whole, since it may come from a log.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath

from qbdoctor.config.password_hash import FACTORY_PASSWORD
from qbdoctor.config.subnets import is_public, parse_subnet
from qbdoctor.model.errors import UserError
from qbdoctor.target.address import parse_ip, parse_url

SHORTEST_PASSWORD = 6
"""Characters; the Web UI's own options refuse less (src/webui/www/private/views/preferences.html)."""


def host_name(text: str) -> str:
    """Return a host name or IP address as it stands in a Host header, without port and brackets."""
    inner = text.strip().removeprefix("[").removesuffix("]")
    ip = parse_ip(inner)
    if ip is not None:
        return str(ip)
    if not inner or any(char in inner for char in ":/?#*@[]\\;,"):
        raise ValueError("that is no host name: give it without scheme, port and wildcards, such as nas.lan")
    try:
        return parse_url(f"http://{inner}").host
    except UserError:
        raise ValueError("that is no host name or IP address") from None


def ip_address(text: str) -> str:
    """Return one IP address."""
    ip = parse_ip(text.strip())
    if ip is None or "%" in text:
        raise ValueError("that is no IP address: neither a name nor a subnet will do")
    if ip.is_unspecified:
        raise ValueError("that address stands for none")
    return str(ip)


def private_subnet(text: str) -> str:
    """Return a subnet that holds no address of the Internet; an address alone is a subnet of one."""
    try:
        given = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError("that is no subnet: write it like 192.168.1.20/32") from None
    net = parse_subnet(str(given))
    if net is None or net.prefixlen == 0 or is_public(net):
        raise ValueError("that holds addresses of the Internet, which must not get in without a password")
    return str(net)


def number(lowest: int, highest: int) -> Callable[[str], str]:
    """Return what reads a whole number within these bounds."""

    def read(text: str) -> str:
        digits = text.strip()
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 10 and lowest <= int(digits) <= highest):
            raise ValueError(f"give a whole number from {lowest} to {highest}")
        return str(int(digits))

    return read


def file_path(text: str) -> str:
    """Return the absolute path of a file, as qBittorrent sees it: of its system, which may be another than ours."""
    path = PurePosixPath(text) if text.startswith("/") else PureWindowsPath(text)
    if not path.is_absolute() or not text.isprintable():
        raise ValueError("give the file's absolute path, as qBittorrent sees it")
    return str(path)


def new_password(text: str) -> str:
    """Return a password that a Web UI may have."""
    if len(text) < SHORTEST_PASSWORD:
        raise ValueError(f"must have {SHORTEST_PASSWORD} characters or more")
    if not text.isprintable():
        raise ValueError("holds a control character")
    if text == FACTORY_PASSWORD:
        raise ValueError("is the factory one, which everybody knows")
    return text


def key_name(text: str) -> str:
    """Return a key as the file spells it, with or without its section in brackets before it."""
    if not text.strip() or not text.isprintable():
        raise ValueError("give the key as the file spells it, such as WebUI\\LocalAuth")
    return text.strip()
