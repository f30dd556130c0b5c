"""Decides whether a standard client keeps a cookie and sends it back, and which attribute keeps it from doing so.

The jar is Python's own, whose rules are those of the programs that call the API; browsers have two more (RFC 6265bis).
qbdoctor's own session does not go by them (:mod:`qbdoctor.webui.session`), so that it can see what such clients cannot.
"""

from __future__ import annotations

import email.message
import http.cookiejar
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from qbdoctor.model.exchanges import Attribute, Withheld
from qbdoctor.values import replace
from qbdoctor.webui.call import LOGIN_PATH, VERSION_PATH

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from qbdoctor.model.exchanges import SetCookie
    from qbdoctor.target.address import Address


_HEALED: Mapping[Attribute, dict[str, object]] = {
    "Expires": {"expires": None, "max_age": None},
    "Path": {"path": "/"},
    "Domain": {"domain": None},
    "Secure": {"secure": False},
}
"""What each attribute would have to be, for it to keep the cookie back no longer."""


def withheld(cookie: SetCookie, address: Address) -> tuple[Withheld, ...]:
    """Return for which attributes clients do not send the cookie to this very address, by this machine's clock, now."""
    found: list[Withheld] = []
    if not _sent_back(cookie, address):
        every = {name: value for healed in _HEALED.values() for name, value in healed.items()}
        for attribute, healed in _HEALED.items():
            others = {name: value for name, value in every.items() if name not in healed}
            # With all the others as they should be, is it this one's fault?
            if not _sent_back(replace(cookie, **others), address):
                found.append(Withheld(attribute, _value(cookie, attribute)))
    if not any(one.attribute == "Secure" for one in found):
        found += _by_browsers(cookie)
    return tuple(found)


def _by_browsers(cookie: SetCookie) -> list[Withheld]:
    """Return what browsers refuse beside that: a name's prefix that is not kept, SameSite=None without Secure."""
    prefix = cookie.name.lower().partition("-")[0]
    kept = cookie.secure and (prefix != "__host" or (cookie.path == "/" and not cookie.domain))
    if prefix in {"__secure", "__host"} and "-" in cookie.name and not kept:
        return [Withheld("Prefix", cookie.name, browsers=True)]
    if (cookie.same_site or "").lower() == "none" and not cookie.secure:
        return [Withheld("SameSite", "None", browsers=True)]
    return []


def _value(cookie: SetCookie, attribute: Attribute) -> str:
    known = {"Expires": cookie.max_age or cookie.expires, "Path": cookie.path, "Domain": cookie.domain}
    return known.get(attribute) or ""


class _Answer:
    """An answer as the jar reads one."""

    def __init__(self, set_cookie: str) -> None:
        self._headers = email.message.Message()
        self._headers["Set-Cookie"] = set_cookie

    def info(self) -> email.message.Message:
        return self._headers


def _sent_back(cookie: SetCookie, address: Address) -> bool:
    """Return whether Python's jar sends the cookie that the login set with the next call."""
    jar = http.cookiejar.CookieJar()
    login = urllib.request.Request(address.join(LOGIN_PATH), method="POST")  # noqa: S310 - nothing is opened
    call = urllib.request.Request(address.join(VERSION_PATH))  # noqa: S310
    jar.extract_cookies(cast("HTTPResponse", _Answer(cookie.shown())), login)
    jar.add_cookie_header(call)
    return call.has_header("Cookie")
