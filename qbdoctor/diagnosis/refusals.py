"""Names the causes of requests that qBittorrent refused for a header, by its log."""

from __future__ import annotations

from collections.abc import Sized

NAMES = {"origin": "Origin", "referer": "Referer", "cross-site": "Sec-Fetch-Site"}
"""Header by kind of rejection; Host is judged apart."""
_CAUSES = {"origin": "origin-mismatch", "referer": "referer-mismatch", "cross-site": "cross-site-blocked"}
CAUSES = (*_CAUSES.values(), "client-foreign-origin")
"""What :func:`cause` can return."""


def site(received: str) -> str:
    """Return scheme, host and port of an Origin or Referer alone: the rest of a Referer may hold somebody's token."""
    scheme, mark, rest = received.partition("://")
    if not mark:
        return received[:40]
    authority = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{authority}"


def cause(kind: str, received: str) -> str:
    """Return the cause's id: a scheme that no web site has (chrome-extension) is the client's own, and no proxy's doing."""
    scheme, mark, _ = received.partition("://")
    if mark and scheme.lower() not in {"http", "https"}:
        return "client-foreign-origin"
    return _CAUSES[kind]


def who(received: str) -> str:
    """Return a clause on who sends such a value, to stand behind a sentence; empty where any web page may."""
    scheme, mark, _ = received.partition("://")
    if not mark or scheme.lower() in {"http", "https"}:
        return ""
    if scheme.lower().endswith("-extension"):
        return "; that is a browser add-on, which sends its own name there, and it never matches"
    return "; no web page has such an address: an app sends its own there, and it never matches"


def times(lines: Sized) -> str:
    """Return how many requests, in words."""
    return "one request" if len(lines) == 1 else f"{len(lines)} requests"
