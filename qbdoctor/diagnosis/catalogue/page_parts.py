"""Defines what a page of the catalogue is made of, and the words that stand for its conditions and groups."""

from __future__ import annotations

from collections.abc import Mapping

from qbdoctor.model.basics import Confidence, RemedyKind, Severity
from qbdoctor.patterns import regex
from qbdoctor.values import frozen

CONDITIONS: Mapping[str, str] = {
    "container": "where qBittorrent runs in a container or behind a port mapping",
    "proxy": "where a reverse proxy stands in front",
    "unmounted": "where its configuration is not known to lie in a volume",
    "numbers": "where the folder's owner and the container's user are not both known",
    "unread": "where its configuration cannot be read",
    "another_port": "where qBittorrent listens on another number than the clients use",
    "own_address": "where the address that the server sees is the client's own, not a proxy's",
    "bypass": "where a setting of qBittorrent's lets callers in without a password",
    "local": "where LocalHostAuth is false",
    "subnet": "where the subnet whitelist is on",
    "wrong_name": "where the certificate is made for another name",
    "unknown_issuer": "where the client does not know who issued the certificate",
    "another_type": "where a script or style comes with a type that browsers refuse",
    "rival": "where another qBittorrent of this machine could not open the port",
    "untrusted_proxy": "where qBittorrent does not trust the proxy that stands in front",
    "one_address": "where qBittorrent listens on one address alone",
    "host_replaced": "where another Host may arrive than the one that was asked",
    "no_route": "where the answer is 404",
    "none_alive": "where the proxy says that no server behind it is alive",
    "aiohttp": "where the client is written with aiohttp",
    "linux": "where the server runs on Linux",
    "windows": "where it runs on Windows",
    "macos": "where it runs on macOS",
    "from_macos": "where the client runs on macOS",
}
"""Conditions a remedy may have besides a release: left out where ``values`` says ``no`` for it."""
BOUND = regex(r"(>=|<)(\d+(?:\.\d+)*)")
"""A condition that is a release: from it on, or before it."""

GROUPS: Mapping[str, str] = {
    "reaching": "Reaching it",
    "refused": "Refused before any login (401)",
    "credentials": "Credentials",
    "identity": "Who the server thinks you are",
    "session": "The session",
    "config": "The configuration file",
    "other": "Other",
    "client": "Seen in a client's traffic or code",
}

BREAKS: Mapping[str, str] = {
    "client": "at the client",
    "entrance": "before anything answers",
    "front": "at what stands in front of qBittorrent",
    "address": "in the address, or at what stands in front of qBittorrent and should change it",
    "passage": "between what stands in front and qBittorrent",
    "server": "at qBittorrent",
}
"""Where on the way calls fail, for the picture of the way; ``breaks`` of a page, by default its group's."""


class CatalogueError(Exception):
    """A page of the catalogue is not what it must be: a fault of this program, never of the target."""


@frozen
class CatalogueStep:
    """One step of confirming a cause by hand; ``commands`` can be pasted."""

    text: str
    commands: tuple[str, ...] = ()


@frozen
class RemedyTemplate:
    """A remedy with places. ``when`` holds conditions, all of which must not be known to fail."""

    kind: RemedyKind
    text: str
    commands: tuple[str, ...] = ()
    fix: str = ""
    loosens: bool = False
    when: str = ""


@frozen
class CausePage:
    """What is known about one cause.

    ``severity`` is the usual one, a finding may override it. ``rank`` orders the report: what stops everything first.
    ``reach`` is the most a finding can claim. ``explains`` names the symptoms folded under this cause when it stands
    and is at least as severe as they are. ``diagnosed`` is False where no check of this version names the cause yet.
    """

    id: str
    group: str
    title: str
    severity: Severity
    rank: int
    reach: Confidence
    reach_note: str
    explains: tuple[str, ...]
    since: str
    until: str
    see: str
    why: str
    confirm: tuple[CatalogueStep, ...]
    remedies: tuple[RemedyTemplate, ...]
    seen_also: tuple[str, ...]
    diagnosed: bool
    breaks: str = "server"
