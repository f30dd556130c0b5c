"""Suggests the nearest known names for one that does not exist."""

from __future__ import annotations

from collections.abc import Sequence


def suggest(word: str, known: Sequence[str], count: int = 3) -> tuple[str, ...]:
    """Return the ids nearest to a word that is none: those that hold it first, then those spelled like it."""
    low = word.strip().lower().replace("_", "-").replace(" ", "-")
    holding = [one for one in known if low and low in one]
    import difflib  # noqa: PLC0415 - for a typing error alone

    alike = difflib.get_close_matches(low, known, n=count, cutoff=0.6)
    return tuple(dict.fromkeys([*holding, *alike]))[:count]
