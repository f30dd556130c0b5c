"""Finds records that are of no use any more and takes them away: their backups hold secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from qbdoctor.repair.journal import confirmations
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Damaged, Record
from qbdoctor.values import frozen

DAY_SECONDS = 86_400.0
UNSETTLED_SECONDS = 60.0
"""Between a rollback and its watchdog's word that it waits to be confirmed lie milliseconds."""


@frozen
class Kept:
    """A record that stays, and why."""

    record: Record | Damaged
    why: str


@frozen
class PrunePlan:
    """What would go and what would stay, the newest first."""

    gone: tuple[Record, ...]
    kept: tuple[Kept, ...]


def plan(journal: Journal, *, only: Sequence[str] = (), days: float = 0.0) -> PrunePlan:
    """Return which records are taken back or never came to be, and needed by no other.

    ``only``: none but these ids; ``days``: none whose last state is younger. Raises Refused.
    """
    everything = journal.records()
    now = datetime.now(UTC).timestamp()
    standing = [one for one in everything if isinstance(one, Record) and one.standing]
    waiting = {name for run in confirmations.all_waiting(journal).values() for name in run.records}
    gone: list[Record] = []
    kept: list[Kept] = []
    for one in everything:
        if only and one.id not in only:
            continue
        why = _needed(one, standing, waiting, now)
        if not why and isinstance(one, Record):
            if now - _last(one) >= days * DAY_SECONDS:
                gone.append(one)
                continue
            why = f"it is {one.state} for less than {days:g} days"
        kept.append(Kept(one, why))
    return PrunePlan(tuple(gone), tuple(kept))


def prune(journal: Journal, ids: Iterable[str]) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """Remove these records, those of them that may go still; returns them, and why others stayed. Raises Refused."""
    gone: list[Record] = []
    left: list[str] = []
    with journal.locked():
        wanted = tuple(ids)
        now = plan(journal, only=wanted)
        left += [f"{kept.record.id}: {kept.why}" for kept in now.kept]
        for record in now.gone:
            try:
                journal.store.remove(record)
            except OSError as error:
                left.append(f"{record.id} could not be removed ({error.strerror})")
            else:
                gone.append(record)
    return tuple(gone), tuple(left)


def _needed(one: Record | Damaged, standing: Sequence[Record], waiting: set[str], now: float) -> str:
    """Return why a record must stay, or "" where nothing needs it."""
    if isinstance(one, Damaged):
        return one.text()
    if one.standing:
        return f"it is {one.state}, and is what takes it back"
    if one.state not in {"rolled-back", "abandoned"}:
        return f"it is {one.state}: it was left in the middle"
    if one.id in waiting:
        return "it waits to be confirmed"
    unsettled = any(step.note == confirmations.UNSETTLED for step in one.states[-2:])
    if unsettled and 0 <= now - _last(one) < UNSETTLED_SECONDS:
        return "it was taken back just now, and may wait to be confirmed"
    above = next((other for other in standing if _on_top(other, one)), None)
    if above is not None:
        return f"{above.id}, which is applied, was made on top of it"
    return ""


def _on_top(other: Record, one: Record) -> bool:
    """Whether taking ``other`` back brings the value of ``one`` again, whose record alone knows what was before it."""
    if other.id <= one.id or not one.same_target(other) or one.state == "abandoned":
        return False
    if not {change.setting for change in one.changes} & {change.setting for change in other.changes}:
        return False
    forced = one.rollback is not None and one.rollback.forced
    return forced or one.states[-1].at > other.created


def _last(record: Record) -> float:
    """Return when it came to its state, in seconds since 1970; a time that is none is now."""
    try:
        return datetime.fromisoformat(record.states[-1].at).timestamp()
    except (ValueError, OverflowError):
        return datetime.now(UTC).timestamp()
