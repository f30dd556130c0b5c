"""Makes the one write of a target: the config file first, its record after it, and an end that fits where either fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qbdoctor.config.qtini.document import MAX_BYTES
from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits import file_plan
from qbdoctor.repair.edits.changes import Beside, Side
from qbdoctor.repair.journal import leftover_undo, recovery
from qbdoctor.repair.journal.records import Record, State
from qbdoctor.repair.journal.store import IN_PLACE_NEW, IN_PLACE_OLD, Store
from qbdoctor.storage import atomic, private
from qbdoctor.storage.foreign import Place
from qbdoctor.storage.private import sha256
from qbdoctor.values import replace


def digest(data: bytes) -> dict[str, Any]:
    """Return what a record says of the bytes themselves."""
    return {"sha256": sha256(data), "size": len(data)}


def side(data: bytes, place: Place) -> Side:
    """Return what a record says of the file that holds these bytes. Raises Refused."""
    try:
        state = atomic.file_state(place)
    except OSError as error:
        raise Refused(f"{place.path} cannot be looked at: {private.why(error)}. Nothing was changed.") from None
    return Side(sha256(data), len(data), f"{state.mode:04o}", state.uid, state.gid)


def may_write(
    place: Place, guard: Callable[[], str | None] | None, second: Beside | None = None, *, source: bool = False
) -> None:
    """Look once more, right before the write, whether it may be; ``second`` is known of. Raises Refused.

    ``source``: it is a program's, which no qBittorrent replaces.
    """
    place.sweep()
    if source:
        atomic.check_replaceable(place)
    elif second is None or not second.is_lock:
        _may_replace(place, second)
    reason = guard() if guard is not None else None
    if reason:
        raise Refused(reason)


def _may_replace(place: Place, second: Beside | None) -> None:
    atomic.check_replaceable(place)
    if second is None:
        file_plan.check_no_new_file(place)
    elif private.is_root() and second.side.uid not in (0, None, _owner(place)):
        raise Refused(
            f"{second.path} belongs to {private.user_name(second.side.uid)}, and the config to another: it is not made the "
            "config.",
            "leftover-new-file",
        )


def _owner(place: Place) -> int:
    try:
        return place.lstat().st_uid
    except OSError as error:
        raise Refused(f"{place.path} cannot be looked at: {private.why(error)}. Nothing was changed.") from None


def write(store: Store, record: Record, place: Place, old: bytes, new: bytes, state: State) -> Record:
    """Write the target and say so in the record; if that fails, bring both to an end that fits."""

    def in_place() -> None:
        nonlocal record
        store.keep(record, IN_PLACE_OLD, old)
        store.keep(record, IN_PLACE_NEW, new)
        record = store.save(replace(record, in_place=True))

    try:
        if record.beside is not None and state == "rolled-back":
            # First: until the config is back too, both files say the same
            leftover_undo.restore(record.beside, record.folder / record.beside.backup)
        if record.beside is not None and record.beside.is_lock:
            if state == "applied":
                _remove_lock(record.beside)
            return _end(store, record, state, ())
        written = _replaced(place, old, new, in_place)
        _check_written(place, new)
        if record.beside is not None and state == "applied":
            leftover_undo.remove(record.beside)
        return _end(store, record, state, written.notes)
    except _NotWrittenError as error:
        was = record.rollback.was if record.state == "rolling-back" and record.rollback else "abandoned"
        with suppress(OSError):  # else the next run sees that the file is the old one
            if record.beside is not None and state == "rolled-back":
                leftover_undo.remove_ours(record.beside)
            if not place.leftovers():  # which it then removes as well
                store.step(record, was, "nothing was written")
        raise error.refused from None
    except BaseException as error:
        outcome = _give_up(store, record, place, old, new)
        if isinstance(error, OSError):
            raise Refused(
                f"{place.path} could not be written ({private.why(error)}): {outcome}", "config-not-written"
            ) from None
        raise


def _end(store: Store, record: Record, state: State, notes: tuple[str, ...]) -> Record:
    """Put the last state on disk. Raises OSError, and then the state before stands there.

    Where it stands there and can be neither made durable nor taken back, that is the end: after a loss of power the
    next start sees by the file how far the run came.
    """
    try:
        return store.step(replace(record, in_place=False, notes=(*record.notes, *notes)), state)
    except OSError as error:
        try:
            store.save(record)
        except OSError:
            with suppress(Refused):
                if (found := store.load(record.id)).state == state:
                    return found
        raise error from None


def _give_up(store: Store, record: Record, place: Place, old: bytes, new: bytes) -> str:
    """Put the old content back where the new one stands or half of it; then the record tells how it is."""

    def never() -> None:
        raise Refused(f"{place.path} was renamed over before and cannot be now.")

    with suppress(OSError, Refused):
        if record.beside is not None and record.state == "preparing":
            # Where that fails the new content stays: without the one beside it, the old one is no way back
            leftover_undo.restore(record.beside, record.folder / record.beside.backup)
        data = place.read(MAX_BYTES)
        if record.in_place and data != old and atomic.is_torn(data, old, new):
            atomic.overwrite(place, old)
        elif data == new and old != new:
            atomic.replace(place, old, expect=new, in_place=never)
    try:
        healed, said = recovery.heal(store, record, place)
    except (OSError, ValueError, Refused) as error:
        why = private.why(error) if isinstance(error, OSError) else str(error).rstrip(".")
        return f"the record {record.id} could not be brought to an end ({why}); the next run will try."
    return said if healed.state != record.state else f"the record {record.id} was left as it is."


class _NotWrittenError(Exception):
    """The target was refused before it was touched."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


def _remove_lock(beside: Beside) -> None:
    try:
        leftover_undo.remove(beside)
    except Refused as refused:
        raise _NotWrittenError(refused) from None


def _replaced(place: Place, old: bytes, new: bytes, in_place: Callable[[], None]) -> atomic.Written:
    try:
        return atomic.replace(place, new, expect=old, in_place=in_place)
    except Refused as refused:
        raise _NotWrittenError(refused) from None


def _check_written(place: Place, new: bytes) -> None:
    if place.read(MAX_BYTES) != new:
        raise Refused(f"{place.path} is not what was written: another program writes it.", "config-changed")
