"""Finds out how far a run came that was ended in the middle, and brings its record to a state that says so.

What decides is the file, by its digest: it is the old one or the new one, since it is renamed into place. Only a write
in place can have left something in between, which is mended from the copies that were made durable before it began.
Anything else has been written by someone since; then the file is left alone.
"""

from __future__ import annotations

from pathlib import Path

from qbdoctor.config.files import read_config
from qbdoctor.config.qtini.document import MAX_BYTES, Unreadable
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.edits import leftover_file
from qbdoctor.repair.journal import leftover_undo
from qbdoctor.repair.journal import undo as journal_undo
from qbdoctor.repair.journal.records import Record, State
from qbdoctor.repair.journal.store import IN_PLACE_NEW, IN_PLACE_OLD, Store, values_file
from qbdoctor.storage import atomic
from qbdoctor.storage.foreign import Place
from qbdoctor.storage.private import sha256
from qbdoctor.values import replace


def heal(store: Store, record: Record, place: Place | None = None) -> tuple[Record, str]:
    """Bring one unfinished record to an end; returns it and one sentence. The file's lock must be held.

    ``place`` is the file of :func:`file_of`, None for the Web API.

    Raises OSError, ValueError and Refused where the file or the record cannot be read or written.
    """
    if record.state == "preparing":
        return _heal_apply(store, record, place)
    return _heal_rollback(store, record, place)


def file_of(record: Record) -> Path | None:
    """Return the file that an unfinished record was being written to, or None for the Web API."""
    if record.state == "rolling-back":
        real = record.rollback.real if record.rollback else None
        return None if real is None else Path(real)
    return None if record.file is None else Path(record.file.real)


def _heal_apply(store: Store, record: Record, place: Place | None) -> tuple[Record, str]:
    if record.file is None or place is None:
        note = "the run ended before the answer: whether it was applied shows at the rollback, which looks first"
        note = _seen_since(store, record) or note
        return store.step(record, "applied", note), f"{record.id}: {note}."
    real = place.path
    _sweep(place)
    data, backup = place.read(MAX_BYTES), record.backup_file.read_bytes()
    second = record.beside
    done = sha256(data) == record.file.after.sha256
    if second is not None and record.file.after.sha256 == record.file.before.sha256:
        done = not leftover_file.is_there(second)
    if done:
        if second is not None:
            leftover_undo.remove_ours(second)
        return _ended(store, record, "applied", "the run had ended after the change")
    if sha256(data) == record.file.before.sha256:
        return _ended(store, record, "abandoned", "the run had ended before the change")
    if _torn(record, data):
        atomic.overwrite(place, backup)
        return _ended(store, record, "abandoned", f"the run had ended while {real} was written: it was put back")
    undo = journal_undo.in_file(record, data, backup, store.raws(record))
    there = bool(undo.refusals) or undo.data != data
    note = f"the run had ended in the middle and {real} was changed by someone else since: it was left as it is"
    return _ended(store, record, "applied" if there else "abandoned", note)


def _seen_since(store: Store, record: Record) -> str:
    """Keep what a secret became through the Web API, which the file alone tells; returns what to say of it, or ""."""
    try:
        data = b"" if record.target.config_file is None else read_config(Path(record.target.config_file))[0]
        held = store.raws(record)
        now = {one.setting: journal_undo.text_now(record, one, data) for one in record.changes if one.setting in held}
    except (UserError, Unreadable, KeyError, TypeError):  # then the rollback looks, as for all others
        return ""
    unseen = [one for one in record.changes if one.secret and held.get(one.setting, ("", ""))[1] is None]
    if not unseen or any(now[one.setting] in (None, held[one.setting][0]) for one in unseen):
        return ""
    found = {one.setting: (held[one.setting][0], now[one.setting]) for one in unseen}
    for name, values in values_file(record.changes, found).items():
        store.keep(record, name, values)
    return (
        f"the run ended before it saw the answer; {unseen[0].setting} in the file is another since, so it was applied"
    )


def _heal_rollback(store: Store, record: Record, place: Place | None) -> tuple[Record, str]:
    undoing_ = record.rollback
    if undoing_ is None:
        raise ValueError("the record does not say how it was being rolled back")
    if undoing_.real is None or place is None:
        note = "the run ended before the answer: roll it back again"
        return store.step(record, undoing_.was, note), f"{record.id}: {note}."
    real = place.path
    _sweep(place)
    data = place.read(MAX_BYTES)
    second = record.beside
    done = sha256(data) == undoing_.to_sha256
    if second is not None and undoing_.to_sha256 == undoing_.from_sha256:
        done = leftover_file.is_there(second)
    if done:
        return _ended(store, record, "rolled-back", "the run had ended after the file was put back")
    if sha256(data) == undoing_.from_sha256:
        if second is not None:
            leftover_undo.remove_ours(second)
        return _ended(store, record, undoing_.was, "the run had ended before the file was put back")
    if _torn(record, data):
        atomic.overwrite(place, (record.folder / IN_PLACE_NEW).read_bytes())
        return _ended(store, record, "rolled-back", f"the run had ended while {real} was written: that was completed")
    note = f"the rollback had ended in the middle and {real} was changed by someone else since: it was left as it is"
    return _ended(store, record, undoing_.was, note)


def _sweep(place: Place) -> None:
    """Remove what the run left beside the file. Raises Refused: who ends the record is the last to look for it."""
    place.sweep()
    for left in place.leftovers():
        raise Refused(f"{left.path} could not be removed.", "left-behind")


def _torn(record: Record, data: bytes) -> bool:
    if not record.in_place:
        return False
    old, new = ((record.folder / name).read_bytes() for name in (IN_PLACE_OLD, IN_PLACE_NEW))
    return atomic.is_torn(data, old, new)


def _ended(store: Store, record: Record, state: State, note: str) -> tuple[Record, str]:
    healed = store.step(replace(record, in_place=False), state, note)
    return healed, f"{record.id}: {note} ({state})."
