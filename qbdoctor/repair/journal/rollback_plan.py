"""Plans which bytes or settings a rollback writes, pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qbdoctor.model.basics import Json
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.edits import leftover_file
from qbdoctor.repair.edits.changes import Change, Via
from qbdoctor.repair.edits.file_plan import held_file, placed_bytes
from qbdoctor.repair.journal import undo as journal_undo
from qbdoctor.repair.journal.records import Record, WriteMethod
from qbdoctor.repair.journal.store import Store
from qbdoctor.repair.journal.undo import Undo
from qbdoctor.storage.private import sha256
from qbdoctor.values import frozen, replace


@frozen
class RollbackStep:
    """What taking one record back would do. ``refusals``, unless ``overruled`` by force, keep it from being done."""

    record: Record
    via: Via
    how: WriteMethod | None
    changes: tuple[Change, ...]
    refusals: tuple[str, ...]
    overruled: bool = False

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return self.overruled or not self.refusals


@frozen
class RollbackPlan:
    """What taking records back would do, in this order."""

    steps: tuple[RollbackStep, ...]

    @property
    def refusals(self) -> tuple[str, ...]:
        """The reasons, each with its record, for which steps would not be done."""
        return tuple(
            f"{step.record.id}: {reason}" for step in self.steps if not step.allowed for reason in step.refusals
        )

    def diff(self) -> tuple[str, ...]:
        """Return the changes as lines that start with "-" and "+", secrets masked."""
        return tuple(line for step in self.steps if step.allowed for change in step.changes for line in change.diff())


def plan_rollback(
    store: Store,
    records: Sequence[Record],
    *,
    via: Via | None = None,
    force: bool = False,
    read: Callable[[], Mapping[str, Json]] | None = None,
    path: Path | None = None,
) -> RollbackPlan:
    """Return what taking these records back, the newest first, would change; each on what the one before leaves."""
    files: dict[str, bytes] = {}
    present: dict[str, Json] | None = None
    steps: list[RollbackStep] = []
    gone = {record.id for record in records}
    brought_back: set[str] = set()
    for record in sorted(records, key=lambda each: each.id, reverse=True):
        how = via or record.via
        try:
            if not record.standing:
                raise Refused(f"it is {record.state}, so there is nothing to take back", "not-applied")
            if how == "api":
                if present is None:
                    if read is None:
                        raise Refused("it needs a running qBittorrent with its Web API", "needs-api")
                    present = dict(read())
                undo = undo_in_api(store, record, present, force=force, gone=gone)
                if undo.allowed:
                    present.update(undo.write)
            else:
                name = config_of(record, path)
                with held_file(name, source=record.is_source) as place:
                    real = str(place.path)
                    data = files[real] if real in files else placed_bytes(place)
                undo = undo_in_file(store, record, data, force=force, gone=gone)
                if record.beside is not None:
                    if undo.allowed and record.beside.path in brought_back:
                        raise Refused(
                            f"{record.beside.path} comes back from a newer record already", "leftover-new-file"
                        )
                    brought_back.add(record.beside.path)
                if undo.allowed:
                    files[real] = undo.data
        except UserError as error:
            steps.append(RollbackStep(record, how, None, (), (error.message,)))
            gone.discard(record.id)
            continue
        steps.append(RollbackStep(record, how, undo.how, undo.changes, undo.refusals, undo.overruled))
        if not undo.allowed:
            gone.discard(record.id)
    return RollbackPlan(tuple(steps))


def config_of(record: Record, path: Path | None) -> Path:
    """Return the config file that a record is about. Raises Refused."""
    name = record.file.path if record.file is not None else record.target.config_file
    if path is None and name is None:
        raise Refused(f"{record.id} was made through the Web API of a server whose config file is not known: give it "
                      "with --config.", "config-unknown")  # fmt: skip
    return path or Path(str(name))


def undo_in_file(
    store: Store, record: Record, data: bytes, *, force: bool, gone: set[str] | frozenset[str] = frozenset()
) -> Undo:
    """Return how the record is taken back in the file; ``gone`` are records that are taken back before it."""
    backup = _backup(record)
    try:
        raws = store.raws(record)
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(f"{record.id} is damaged: its values cannot be read; the backup is {record.backup_file}.",
                      "record-damaged") from None  # fmt: skip
    undo = journal_undo.in_file(record, data, backup, raws, force=force)
    if record.beside is not None:
        leftover_file.check_free(record.beside)
    return _unless_newer(store, record, undo, gone, force)


def undo_in_api(
    store: Store,
    record: Record,
    present: Mapping[str, Json],
    *,
    force: bool,
    gone: set[str] | frozenset[str] = frozenset(),
    values_before: Mapping[str, Json] | None = None,
) -> Undo:
    """Return how the record is taken back through the Web API; ``gone`` are records that are taken back before it."""
    return _unless_newer(
        store, record, journal_undo.in_api(record, present, force=force, values_before=values_before), gone, force
    )


def _unless_newer(store: Store, record: Record, undo: Undo, gone: set[str] | frozenset[str], force: bool) -> Undo:
    if record.is_source:
        return _unless_newer_source(store, record, undo, gone, force)
    newer = store.newer(record)
    held = {name: others for name, others in newer.items() if any(one.id not in gone for one in others)}
    texts = tuple(_held(record, one.setting, held[one.setting], gone) for one in record.changes if one.setting in held)
    if not texts:
        return undo
    # Our own newer record made the value another one: nobody else is to blame for that.
    ours = tuple(journal_undo.changed_since(name) for name in held)
    refusals = texts + tuple(text for text in undo.refusals if not text.startswith(ours))
    return Undo(undo.how, undo.changes, refusals, undo.allowed and force, undo.data, undo.write)


def _unless_newer_source(
    store: Store, record: Record, undo: Undo, gone: set[str] | frozenset[str], force: bool
) -> Undo:
    """Refuse where it cannot go back as a whole: any newer record of it is in the way."""
    newer = [one for one in store.newer(record).get("", ()) if one.id not in gone]
    if not newer or not undo.refusals:
        return undo
    command = " ".join(["qbdoctor rollback", *(one.id for one in newer), record.id])
    text = f"the newer record {newer[0].id} changed the file after it: take both back ({command})"
    return replace(undo, refusals=(text,), overruled=force)


def _held(record: Record, name: str, newer: Sequence[Record], gone: set[str] | frozenset[str]) -> str:
    holder = next(one for one in newer if one.id not in gone)
    command = " ".join(["qbdoctor rollback", *(one.id for one in newer), record.id])
    first, all_of = ("that one", "both") if len(newer) == 1 else ("the newer ones", "all of them")
    return (
        f"{name} now has the value of the newer record {holder.id}: take {first} back first, or {all_of} ({command}), or "
        "everything (--all)"
    )


def _backup(record: Record) -> bytes:
    if record.file is None:
        return b""
    try:
        data = record.backup_file.read_bytes()
    except OSError as error:
        raise Refused(f"{record.id} is damaged: its backup {record.backup_file} cannot be read ({error.strerror}).",
                      "record-damaged") from None  # fmt: skip
    if sha256(data) != record.file.before.sha256:
        raise Refused(f"{record.id} is damaged: its backup {record.backup_file} is not the file that was saved.",
                      "record-damaged")  # fmt: skip
    return data
