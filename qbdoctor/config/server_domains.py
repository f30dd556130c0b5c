"""Matches a host name with the entries of ServerDomains, as qBittorrent does."""

from __future__ import annotations

import re
from collections.abc import Iterable


def allow(domains: Iterable[str], name: str, *, anchored: bool) -> bool:
    """Return whether an entry matches ``name``, a Host header without its port; letters have no case.

    ``anchored``: an entry must match the whole name (:func:`qbdoctor.releases.server_domains_anchored`), else a part of it.
    The wildcards are ``*``, ``?`` and ``[…]``.
    """
    match = re.fullmatch if anchored else re.search
    return any(match(_pattern(domain), name, re.IGNORECASE) for domain in domains)


def _pattern(domain: str) -> str:
    known = {"*": ".*", "?": "."}
    parts = re.findall(r"\[[^]]*\]|.", domain, re.DOTALL)
    return "".join(part if len(part) > 1 else known.get(part, re.escape(part)) for part in parts)
