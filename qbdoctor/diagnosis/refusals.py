"""Names the causes of requests that qBittorrent refused for a header, by its log."""

from __future__ import annotations

from collections.abc import Iterable, Sized

from qbdoctor.model.basics import Confidence
from qbdoctor.model.findings import Remedy
from qbdoctor.target.address import parse_ip

NAMES = {"origin": "Origin", "referer": "Referer", "cross-site": "Sec-Fetch-Site"}
"""Header by kind of rejection; Host is judged apart."""
_CAUSES = {"origin": "origin-mismatch", "referer": "referer-mismatch", "cross-site": "cross-site-blocked"}
_NULL = "null"
"""The Origin of a browser that may not say where a request comes from; no Host can match it."""
CAUSES = (*_CAUSES.values(), "client-foreign-origin")
"""What :func:`cause` can return."""
LOCAL_DOMAINS = (".local", ".localhost", ".lan", ".internal", ".home.arpa", ".home", ".test")
"""Kept for local use (RFC 6761, 6762, 8375; ICANN for .internal), or used so and delegated to nobody."""


def site(received: str) -> str:
    """Return scheme, host and port of an Origin or Referer alone: the rest of a Referer may hold somebody's token."""
    scheme, mark, rest = received.partition("://")
    if not mark:
        return received[:40]
    authority = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{authority}"


def cause(kind: str, received: str) -> str:
    """Return the cause's id: a scheme that no web site has (chrome-extension) is the client's own, and no proxy's doing."""
    return "client-foreign-origin" if _own_scheme(received) else _CAUSES[kind]


def sure(received: str) -> Confidence:
    """Return how sure that cause is; an Origin of null has several of its own."""
    return "possible" if received == _NULL else "likely"


def facts(received: str, all_of: Iterable[str]) -> dict[str, str]:
    """Return what fills the page: the Origin, and that no proxy's Host is to blame where ``all_of`` them are null."""
    if "://" in received:
        return {"origin": received}
    return {"host_replaced": "no"} if {*all_of} == {_NULL} else {}


def ways(received: str) -> tuple[Remedy, ...]:
    """Return what helps where the page's own lines do not."""
    text = (
        "Open the Web UI in a window of its own, not in a frame of another page, and see that neither a proxy nor an add-on nor "
        "one of qBittorrent's own custom headers sets Referrer-Policy to no-referrer."
    )
    return (Remedy("client", text),) if received == _NULL else ()


def who(received: str) -> str:
    """Return a clause on who sends such a value, to stand behind a sentence; empty where any web page may."""
    if received == _NULL:
        return (
            "; browsers send that out of a page whose Referrer-Policy is no-referrer, out of a sandboxed frame, and after a "
            "redirect from another site"
        )
    scheme = _own_scheme(received)
    if not scheme:
        return ""
    if scheme.endswith("-extension"):
        return "; that is a browser add-on, which sends its own name there, and it never matches"
    return "; no web page has such an address: an app sends its own there, and it never matches"


def _own_scheme(received: str) -> str:
    """Return a scheme that no web site has, in small letters; "" for a site's, and where there is none."""
    scheme, mark, _ = received.lower().partition("://")
    return scheme if mark and scheme not in {"http", "https"} else ""


def is_local_name(host: str) -> bool:
    """Return whether nobody can have a name in the public DNS: an address, a single word, what is kept for local use.

    Any other that the Host header of somebody's request holds may be a stranger's, whose page leads it here (DNS rebinding).
    """
    name = host.rstrip(".").lower()
    bare = "." not in name and ":" not in name and name.replace("-", "").replace("_", "").isalnum()
    return bare or name.endswith(LOCAL_DOMAINS) or parse_ip(name.strip("[]")) is not None


def times(lines: Sized) -> str:
    """Return how many requests, in words."""
    return "one request" if len(lines) == 1 else f"{len(lines)} requests"
