"""Spells lengths of time for people."""

from __future__ import annotations


def spell(seconds: float) -> str:
    """Return a length of time: "4 s", "12 min", "3 h", "2 d"."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
