"""Words the refusals of the journal: what stands in the way, and what stays."""

from __future__ import annotations

from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.journal.records import Record
from qbdoctor.repair.journal.undo import Undo
from qbdoctor.storage import private


def conflict_name(record: Record, suffix: str) -> str:
    """Return a name that no earlier forced rollback of this record has used."""
    number = 1
    try:
        while (record.folder / (name := f"conflict{'' if number == 1 else f'-{number}'}{suffix or '.bin'}")).exists():
            number += 1
    except OSError as error:
        raise not_done(record, error) from None
    return name


def stays(record: Record, error: BaseException) -> Refused:
    """Return the refusal for a change that may be in force and could not be taken back."""
    why = error.message if isinstance(error, UserError) else f"It was broken off ({type(error).__name__})."
    return Refused(
        f"{why} {record.fix} may be in force and could not be taken back: stop qBittorrent and run qbdoctor rollback "
        f"{record.id} --via file (the values before are in {record.backup_file}).",
        "not-taken-back",
    )


def not_done(record: Record, error: OSError) -> Refused:
    """Return the refusal for a record that could not be written."""
    return Refused(f"The record {record.folder} could not be written: {private.why(error)}.", "record-not-written")


def refuse_unless_allowed(undo: Undo, record: Record) -> None:
    """Raise Refused where the record cannot be taken back as the state of things is."""
    if not undo.allowed:
        raise Refused(f"{record.id} was not taken back: {'; '.join(undo.refusals)}.", "rollback-refused")
