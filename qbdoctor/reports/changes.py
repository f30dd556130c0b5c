"""Tells what changed since the target last worked: in one line for a terminal, as parts for a page."""

from __future__ import annotations

from qbdoctor.model.changes import SeenChange, SeenChanges
from qbdoctor.reports.text import plural, sentence

_VALUE = 90


def line(changes: SeenChanges, most: int) -> str:
    """Return the changes as one sentence with at most so many of them: what explains the fault, then the others."""
    telling, others = changes.telling[:most], changes.others[: max(0, most - len(changes.telling))]
    left = len(changes.items) - len(telling) - len(others)
    if not changes.items:
        return f"{changes.lead}: nothing changed that shows from here"
    said = "; ".join(text(one) for one in telling) or "nothing that explains this"
    if others:
        said += f". Changed as well: {'; '.join(text(one) for one in others)}"
    if left:
        said += f" (and {plural(left, 'other change')})"
    return f"{changes.lead}: {said}"


def text(change: SeenChange) -> str:
    """Return one change in words, harmless and not too long; its time is never cut."""
    dated = f" ({sentence(change.dated, _VALUE)})" if change.dated else ""
    return sentence(change.told, _VALUE - len(dated)) + dated
