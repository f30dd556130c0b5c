"""Tells a release by answers that need no login: headers, statuses, and the program's own file.

Each function returns the releases that fit one sign; a sign that says nothing gives every release. The rows are those of
:mod:`qbdoctor.releases`; nothing is sent from here.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from qbdoctor import releases
from qbdoctor.patterns import regex
from qbdoctor.releases.rule_table import MIGRATION
from qbdoctor.releases.versions import ANY, FUTURE, KNOWN, NEWEST, Version, VersionRange, known

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
BINARY_CAP = 256 << 20
"""Bytes: the largest build seen, a static one with its symbols, has 60 MB."""
_IN_BINARY = regex(rb"(?<![\w.])v(\d{1,2}\.\d{1,2}\.\d{1,2}(?:\.\d)?)(?![\w.])")
_IN_NAME = regex(r"qbittorrent(?:-nox)?[-_]v?(\d+\.\d+\.\d+(?:\.\d+)?)(?!\d)", re.IGNORECASE)


def where(name: str, value: object) -> VersionRange:
    """Return the releases in which a rule has this value; every release where it never has."""
    rows = [row for row in releases.rules(name) if row.value == value]
    return VersionRange(rows[0].since, rows[-1].until or FUTURE) if rows else ANY


def meet(known: VersionRange, *signs: VersionRange) -> VersionRange:
    """Return what fits all signs; one that contradicts what is known already is left out."""
    for sign in signs:
        known = known.meet(sign) or known
    return known


def from_headers(header: Callable[[str], str | None], *, whole: bool) -> VersionRange:
    """Return the releases that send these headers, with any answer of theirs.

    ``whole`` is True where nothing on the way can have taken a header out: then one that is absent says something as
    well. With an alternative UI the policy does not start with default-src, and nothing can be told from what is absent.
    """
    policy = header("content-security-policy") or ""
    built_in = policy.startswith("default-src")
    known = ANY
    for name, there in (
        ("header.csp_frame_src", "frame-src" in policy),
        ("header.opener_policy", header("cross-origin-opener-policy") is not None),
        ("header.referrer_policy", header("referrer-policy") is not None),
    ):
        if there or (whole and built_in):
            known = meet(known, where(name, there))
    return known


def from_bearer_root(status: int, *, whole: bool) -> VersionRange:
    """Return the releases that answer this status to ``GET /`` with an API key that cannot exist.

    Older ones ignore the header; so does a server that it does not reach, so only a whole way counts for them.
    """
    sign = where("status.root_with_bearer", status)
    return sign if whole or sign.highest >= FUTURE else ANY


def from_unknown_scope(status: int) -> VersionRange:
    """Return the releases that answer this status to ``/api/v2/nope/x`` without a session."""
    return where("status.unknown_scope", status)


def from_binary(path: Path) -> Version | None:
    """Return the release whose number stands in the program's file, or in an AppImage's name; None where that is not certain.

    A FIFO or a device is not waited for.

    The file is read and never run. Not certain: several numbers of qBittorrent's releases stand in it, or none.
    """
    named = _IN_NAME.search(path.name)
    if named is not None:
        return Version.parse(named[1])
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return None
        with (
            open(os.open(path, _READ), "rb") as file,  # noqa: PTH123 - a descriptor is no path
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            if len(data) > BINARY_CAP:
                return None
            texts = {match[1].decode("ascii") for match in _IN_BINARY.finditer(data)}
    except (OSError, ValueError):  # not permitted, gone, or empty
        return None
    found = {version for version in map(Version.parse, texts) if version in KNOWN}
    return found.pop() if len(found) == 1 else None


_PORT_COOKIE = regex(r"QBT_SID_[0-9]{1,5}\Z")


def _between(first: str, last: str, *, open_end: bool) -> VersionRange:
    return VersionRange(known(first), FUTURE if open_end else known(last))


def from_migration(number: int | None) -> VersionRange:
    """Return the releases that leave this MigrationVersion in the file they wrote last.

    None (absent) says nothing: releases before 4.4.0 write none, and a file written by hand has none either. A number
    that no release has is a pre-release's: it counts for the next release that has one.
    """
    if number is None or number < 1:
        return ANY
    for row_ in MIGRATION:
        if number <= row_[0]:
            return _between(row_[1], row_[2], open_end=row_ is MIGRATION[-1])
    return VersionRange(NEWEST, FUTURE)


def from_cookie_name(name: str) -> VersionRange:
    """Return the releases that call their session cookie so; a name that is neither of the usual two says nothing."""
    return where("cookie.name", "QBT_SID_{port}" if _PORT_COOKIE.match(name) else name)


def from_forbidden_body(body: str) -> VersionRange:
    """Return the releases that send this body with a 403 for want of a session; another body says nothing."""
    return where("body.forbidden", body.strip())


def from_options_root(status: int) -> VersionRange:
    """Return the releases that answer this status to ``OPTIONS /``; another status says nothing."""
    return where("status.other_method", status)
