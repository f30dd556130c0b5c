"""Defines the entries of the login ledger: their members, which are still needed, which boot they are from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from qbdoctor.values import frozen

KEPT_PER_KEY = 500


CLEARING = frozenset({"accepted", "forgotten"})  # "forgotten": in ledgers of 0.1


@frozen
class Entry:
    """One line of the ledger. ``at`` is in seconds since 1970 and never goes back from entry to entry."""

    id: str
    run: str
    server: str
    source: str
    kind: str
    outcome: str
    at: float
    since: float | None = None
    boot: str | None = None
    uptime: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in the file."""
        return {name: getattr(self, name) for name in Entry.__match_args__}


def needed(entries: list[Entry]) -> list[Entry]:
    """Leave out what no judgement needs any more: what an accepted login has cleared, and what never counted."""
    kept: list[Entry] = []
    count: dict[tuple[str, str], int] = {}
    damaged = False
    for entry in reversed(entries):
        key = (entry.server, entry.source)
        if entry.outcome == "damaged":
            damaged = True
            kept.append(entry)
        elif entry.outcome != "not-counted" and count.get(key, 0) < KEPT_PER_KEY:
            count[key] = KEPT_PER_KEY if entry.outcome in CLEARING else count.get(key, 0) + 1
            kept.append(entry)
    if not damaged:
        kept = [entry for entry in kept if entry.outcome not in CLEARING]
    return kept[::-1]


def read_entry(row: object) -> Entry | None:
    """Return one entry, or None where a member is missing or of another type."""
    if not isinstance(row, dict):
        return None
    known: dict[str, Any] = {}
    for name in Entry.__match_args__:
        value = row.get(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in {"since", "uptime", "boot"} and value is None:
            pass
        elif name in {"at", "since", "uptime"}:
            if not number:
                return None
        elif not isinstance(value, str):
            return None
        known[name] = value
    return Entry(**known)


def this_boot() -> tuple[str | None, float | None]:
    """Return which boot this is and the seconds since it, sleep included; None where the system does not tell."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return name, time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, ValueError, AttributeError):
        return None, None
