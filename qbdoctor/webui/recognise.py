"""Recognises an answer of qBittorrent's own by headers that every release puts on every answer, errors included."""

from __future__ import annotations

from qbdoctor.model.exchanges import Exchange
from qbdoctor.releases.versions import Version

REFUSALS = frozenset({"", "Forbidden", "Unauthorized"})
"""The bodies of 401 and 403: empty up to 4.2.5 (webapplication.cpp 4.3.0:469)."""


def bears_marks(exchange: Exchange) -> bool:
    """Return whether the answer carries qBittorrent's headers; a proxy hands them on, and might add them itself."""
    return exchange.header("x-content-type-options") == "nosniff" and bool(exchange.header("x-xss-protection"))


def bears_all_marks(exchange: Exchange) -> bool:
    """Return whether the answer carries the headers that every answer of every release does, to the letter.

    The policies (Content-Security-Policy and the like) come with the built-in Web UI only (webapplication.cpp 4.1.0 to
    5.2.3; measured up to 5.3.0), so they prove nothing by their lack.
    """
    exact = exchange.header("x-xss-protection") == "1; mode=block"
    return bears_marks(exchange) and exact and exchange.header("www-authenticate") is None


def stands_in_front(exchange: Exchange) -> bool:
    """Return whether the answer is one of something on the way to qBittorrent: a login of its own, a redirect, a path."""
    elsewhere = exchange.status is not None and 300 <= exchange.status < 400
    return elsewhere or exchange.header("www-authenticate") is not None or bears_marks(exchange)


def answers_call(exchange: Exchange) -> bool:
    """Return whether this is qBittorrent's answer to ``GET app/version``: a version, or its own 401 or 403."""
    if not exchange.answered or exchange.header("www-authenticate"):
        return False
    if exchange.status == 200:
        return Version.parse(exchange.body) is not None
    return exchange.status in {401, 403} and exchange.body.strip() in REFUSALS and bears_marks(exchange)


def arrived_whole(exchange: Exchange) -> bool:
    """Return whether qBittorrent itself says that there is no such torrent (measured, 4.2.5 to 5.3.0)."""
    return exchange.status == 404 and bears_marks(exchange)


LOGIN_PAGE = ("qbittorrent", "loginform", "scripts/login.js")
"""What the built-in login page of every release holds (4.2.5 to 5.3.0)."""


def is_login_page(exchange: Exchange) -> bool:
    """Return whether this is qBittorrent's built-in login page."""
    return exchange.status == 200 and all(mark in exchange.body.lower() for mark in LOGIN_PAGE)


NONE_ALIVE = ("no server is available", "no available server")
"""What HAProxy and Traefik say with 503 where every health check fails."""


def finds_none_alive(exchange: Exchange) -> bool:
    """Return whether a balancer says that it takes no server behind it for alive."""
    return exchange.status == 503 and any(words in exchange.body.lower() for words in NONE_ALIVE)
