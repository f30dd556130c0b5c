"""Reads a Web UI address as a person types it: taken apart, checked, and written in one way.

Nothing is looked up or connected to here. What is refused is refused in one sentence, and never repeats a secret that
stands in the text: credentials, or a query, which may hold a token.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote

from qbdoctor.model.errors import UserError
from qbdoctor.patterns import regex
from qbdoctor.values import frozen

DEFAULT_PORTS = {"http": 80, "https": 443}
WEB_UI_PORT = 8080
"""``WebUI\\Port`` where the config does not set it, in all releases."""

_SCHEME = regex(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_BARE = regex(r"(?P<host>\[[^\]/]+\]|[^\[\]/:?#]+)(?P<port>:[0-9]+)?(?P<path>/.*)?", re.DOTALL)
_LABEL = regex(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_ZONE = regex(r"[A-Za-z0-9._~-]{1,64}")
_LONGEST_SHOWN = 80
_LONGEST_NAME = 253
_LAST_PORT = 65535


@frozen
class Address:
    """Where a Web UI is reached.

    ``scheme`` is "http" or "https". ``host`` is in lower case, without brackets; an IPv6 address may carry a zone
    (``fe80::1%eth0``), a Unicode name is in its ASCII form. ``port`` is 1 to 65535. ``path`` is "" or starts with a
    slash and does not end with one.
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        """The address as one text; the port is left out where it is the scheme's default (80, 443)."""
        host = f"[{self.host.replace('%', '%25', 1)}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{self._port_suffix}{self.path}"

    @property
    def authority(self) -> str:
        """What a client puts into its Host header: no default port, and no zone, which means nothing elsewhere."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return f"{host}{self._port_suffix}"

    @property
    def is_ip(self) -> bool:
        """True if the host is an IPv4 or IPv6 address, not a name."""
        return parse_ip(self.host) is not None

    @property
    def is_loopback(self) -> bool:
        """True if the host can only mean this machine: 127.0.0.0/8, ``::1``, ``localhost`` and names below it."""
        ip = parse_ip(self.host)
        if ip is not None:
            return ip.is_loopback
        name = self.host.removesuffix(".")
        return name == "localhost" or name.endswith(".localhost")

    def join(self, path: str) -> str:
        """Return the URL of ``path`` below this address; a leading slash makes no difference."""
        return f"{self.url}/{path.lstrip('/')}"

    @property
    def _port_suffix(self) -> str:
        return "" if DEFAULT_PORTS.get(self.scheme) == self.port else f":{self.port}"


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address, or None if the text is none; an IPv4 address mapped into IPv6 comes out as IPv4.

    A zone is dropped: two texts that name one address are then equal.
    """
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def parse_url(text: str, *, what: str = "--url") -> Address:
    """Return the address that ``text`` names; without a scheme it is http: ``8080``, ``localhost``, ``nas.lan:8080``.

    ``what`` is the option or setting that the text came from; it opens each sentence.

    Raises :class:`UserError`: ``credentials-in-url`` where the text holds an ``@`` (the text is then not repeated),
    ``bad-url`` for everything else that is no http or https URL of a Web UI.
    """
    # An unescaped slash in a password moves the rest of it into the path, so an @ is refused wherever it stands.
    authority = re.split(r"[/?#]", text.partition("://")[2] or text, maxsplit=1)[0]
    if "@" in text or "%40" in authority:
        raise UserError(
            "credentials-in-url",
            f"{what}: a user name or password does not belong in the URL (an @ stands in it): leave it out and use "
            "--username with --password-file or QBDOCTOR_PASSWORD.",
        )
    if not text:
        raise _bad(what, "the URL is empty: give the Web UI's address, such as http://localhost:8080.")
    if any(char.isspace() or not char.isprintable() for char in text):
        raise _bad(what, f"{_shown(text)} holds a blank or a control character: leave it out.")
    if "\\" in text:
        raise _bad(what, f"{_shown(text)} holds a backslash: a URL is written with slashes, http://host:8080.")
    match = _SCHEME.fullmatch(_with_scheme(text))
    if match is None:
        raise _bad(what, f"{_shown(text)} is no URL: write {_guess(text)}.")
    scheme = match["scheme"].lower()
    if scheme not in DEFAULT_PORTS:
        raise _bad(what, f"{_shown(text)} is neither http nor https: the Web UI speaks only these two.")
    for mark, name in (("?", "query"), ("#", "fragment")):
        if mark in match["rest"]:
            raise _bad(what, f"the URL has a {name}, which a Web UI's address has not: use {_shown(text)} without it.")
    authority, slash, path = match["rest"].partition("/")
    host, port = _host_and_port(authority, text, what)
    return Address(
        scheme=scheme,
        host=host,
        port=DEFAULT_PORTS[scheme] if port is None else port,
        path=quote(slash + path, safe="/%:!$&'()*+,;=~-._").rstrip("/"),
    )


def _with_scheme(text: str) -> str:
    """Return a text that lacks nothing but the scheme as a URL; a bare host is asked at the Web UI's own port."""
    if text.isascii() and text.isdecimal():
        return f"http://localhost:{text}"
    found = _BARE.fullmatch(text)
    if found is None or found["host"].lower() in DEFAULT_PORTS:
        return text
    port = "" if found["port"] or (found["path"] or "").strip("/") else f":{WEB_UI_PORT}"
    return f"http://{found['host']}{found['port'] or port}{found['path'] or ''}"


def parse_host_port(text: str, *, what: str = "--listen") -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` or ``[IPv6]:PORT``; port 0 is allowed, it asks for a free one.

    Raises :class:`UserError` (``bad-address``) where the text is anything else.
    """
    authority, _, port = text.rpartition(":")
    if authority and port == "0":
        return _host_and_port(authority, text, what, code="bad-address")[0], 0
    host, number = _host_and_port(text, text, what, code="bad-address")
    if number is None:
        raise UserError("bad-address", f"{what}: {_shown(text)} has no port: write HOST:PORT, such as 127.0.0.1:8081.")
    return host, number


def _host_and_port(authority: str, text: str, what: str, code: str = "bad-url") -> tuple[str, int | None]:
    """Return the canonical host and the port, None where there is none; raise UserError(code) otherwise."""
    shown = _shown(text)
    if authority.startswith("["):
        inside, closed, after = authority[1:].partition("]")
        if not closed or (after and not after.startswith(":")):
            raise _bad(what, f"{shown}: an IPv6 address stands between [ and ], then a port: [::1]:8080.", code)
        host, port_text = _ipv6(inside, shown, what, code), after[1:] if after else None
    elif authority.count(":") > 1:
        raise _bad(what, f"{shown} holds more than one colon: an IPv6 address needs brackets, [::1]:8080.", code)
    else:
        name, colon, after = authority.partition(":")
        if not name:
            raise _bad(what, f"{shown} has no host: write it like http://localhost:8080.", code)
        host, port_text = _name(name, shown, what, code), after if colon else None
    if port_text is None:
        return host, None
    if not (port_text.isascii() and port_text.isdecimal()) or not 1 <= int(port_text[:12]) <= _LAST_PORT:
        raise _bad(what, f"{shown}: the port must be a number from 1 to {_LAST_PORT}.", code)
    return host, int(port_text)


def _ipv6(inside: str, shown: str, what: str, code: str) -> str:
    """Return the canonical IPv6 address; the zone is given after % or, as RFC 6874 has it, after %25."""
    bare, percent, zone = inside.partition("%")
    zone = zone.removeprefix("25") if len(zone) > 2 else zone
    try:
        address = ipaddress.IPv6Address(bare).compressed
    except ValueError:
        address = ""
    if not address or (percent and not _ZONE.fullmatch(zone)):
        raise _bad(what, f"{shown}: what stands between [ and ] is no IPv6 address.", code)
    return f"{address}%{zone}" if percent else address


def _name(name: str, shown: str, what: str, code: str) -> str:
    """Return a host name in lower-case ASCII, or an IPv4 address."""
    try:
        host = name.encode("idna").decode("ascii").lower() if not name.isascii() else name.lower()
    except UnicodeError:
        host = ""
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad(what, f"{shown}: the host is no valid name or IP address.", code)
    # Clients read 127.1 or 010.0.0.1 each in its own way, so a host that ends in a number must be a whole IPv4 address.
    if labels[-1].isdecimal():
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _bad(what, f"{shown}: the host is no valid IPv4 address (four numbers, 0 to 255).", code) from None
    return host


def _guess(text: str) -> str:
    """Return what a text without a scheme was probably meant to be."""
    if re.fullmatch(r"[0-9A-Fa-f:]*::?[0-9A-Fa-f:.]*", text) and parse_ip(text) is not None:
        return f"http://[{text}]:8080"
    bare = re.sub(r"^(https?)?:?/*(?=[^/])", "", text, count=1, flags=re.IGNORECASE)
    bare = re.split(r"[?#]", bare, maxsplit=1)[0]
    scheme = "https" if text.lower().startswith("https") else "http"
    if bare.isdigit():
        bare = f"localhost:{bare}"  # `:8080`: the port of this machine
    return f"{scheme}://{_cut(bare)}" if bare.strip("/:") else "http://localhost:8080"


def _shown(text: str) -> str:
    """Return a text for a sentence: without its query, short, on one line."""
    bare = re.split(r"[?#]", text, maxsplit=1)[0]
    return _cut("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in bare))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _bad(what: str, sentence: str, code: str = "bad-url") -> UserError:
    return UserError(code, f"{what}: {sentence}")


def account(text: str) -> str:
    """Return the address that stands for a client where failures are counted: all of 127.0.0.0/8 and ::1 are one.

    A program of this machine reaches the server by any of them, and a ban of one is everybody's here.
    """
    plain = plain_address(text)
    address = parse_ip(plain)
    return "127.0.0.1" if address is not None and address.is_loopback else plain


def plain_address(text: str) -> str:
    """Return an address in its one spelling: brackets and zone dropped, ``::ffff:a.b.c.d`` as ``a.b.c.d``.

    What is no address comes back in small letters.
    """
    bare = text.strip().strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return text.strip().lower()
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
