"""Tells by the user agent what the libraries that clients are written with do with a cookie.

Source: measured with the releases of facts/measured.md section 16 against real servers; a user agent can be set to
anything, so that a hint is only ever a likely reason.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from qbdoctor.forwarding.rewriting import HostKind
from qbdoctor.model.findings import Remedy


class Hint(NamedTuple):
    """Why a client of that library sends no cookie, and the line that mends it."""

    why: str
    text: str
    commands: tuple[str, ...] = ()


_AIOHTTP_IP = Hint("its jar refuses cookies from IP addresses; use CookieJar(unsafe=True) or a host name", "")
_HINTS: tuple[tuple[str, Hint], ...] = (
    (
        r"aiohttp/",
        Hint(
            "aiohttp keeps it for a host name within one ClientSession, so login and call used two, or a DummyCookieJar",
            "Use one aiohttp.ClientSession, with its own jar, for the login and every call.",
        ),
    ),
    (
        r"python-requests/",
        Hint(
            "requests keeps cookies only within one requests.Session()",
            "Log in and call with the same session object:",
            ("session = requests.Session()",),
        ),
    ),
    (
        r"python-httpx/",
        Hint(
            "httpx keeps cookies only within one httpx.Client()",
            "Log in and call with the same client object:",
            ("client = httpx.Client()",),
        ),
    ),
    (
        r"curl/",
        Hint(
            "curl keeps cookies only with -c and sends them only with -b",
            "Keep the cookie in a file and send it: -c jar at the login, -b jar at every call.",
        ),
    ),
    (
        r"Wget/",
        Hint(
            "wget loses the session between two runs without --save-cookies, --keep-session-cookies and --load-cookies",
            "Keep the cookie in a file: --save-cookies jar --keep-session-cookies at the login, --load-cookies jar after it.",
        ),
    ),
    (
        r"Python-urllib/",
        Hint(
            "urllib keeps cookies only with an HTTPCookieProcessor",
            "Use one opener with a cookie processor:",
            ("opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())",),
        ),
    ),
    (
        r"node(-fetch)?\b|undici|axios/",
        Hint(
            "Node's fetch and axios have no cookie jar, credentials and withCredentials notwithstanding",
            "Give it a jar (axios-cookiejar-support, tough-cookie), or send the login's cookie yourself, by its own name.",
        ),
    ),
    (r"Go-http-client/", Hint("Go's http.Client keeps cookies only with a Jar", "Give the http.Client a cookiejar.")),
    (
        r"Java/|Java-http-client/",
        Hint("Java's HttpClient keeps cookies only with a handler", "Give it a CookieManager."),
    ),
)


def hint(agent: str, host_kind: HostKind) -> Hint | None:
    """Return what a library with this user agent does with the cookie of such a host; None for an unknown one."""
    if re.search(r"aiohttp/", agent) and host_kind == "ip":
        return _AIOHTTP_IP
    return next((found for pattern, found in _HINTS if re.search(pattern, agent)), None)


def conditions(agent: str) -> dict[str, str]:
    """Return the conditions of remedies that this user agent settles: a known library is no other one."""
    known = any(re.search(pattern, agent) for pattern, _ in _HINTS)
    return {"aiohttp": "no"} if known and not re.search(r"aiohttp/", agent) else {}


def remedy(found: Hint | None) -> tuple[Remedy, ...]:
    """Return the hint as a remedy; aiohttp's at an address stands on the catalogue's own page."""
    return () if found is None or not found.text else (Remedy("client", found.text, found.commands),)
