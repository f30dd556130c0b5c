"""Writes to a target, as nothing else does: lock, backup, record, write, read again; and the way back.

A change is put on disk as a record, with the backup, before the first byte of the target changes, and each state of it
before the deed that it stands for. Whatever ends the run, :meth:`Journal.recover` finds the old file or the new one and
a record that says which; every start of a command that writes calls it. The journal knows no fix by name and speaks to
no server: for the Web API it is handed two functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from qbdoctor.config.saving import unfinished_save
from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.edits import SourceLines
from qbdoctor.model.errors import NotTaken, Refused
from qbdoctor.releases import Version
from qbdoctor.repair.edits import file_plan, leftover_file, preference_plan
from qbdoctor.repair.edits.changes import Beside, Via
from qbdoctor.repair.edits.file_plan import FileEdit, FilePlan, SettingEdit
from qbdoctor.repair.edits.preference_plan import Texts
from qbdoctor.repair.journal import recovery, rollback_plan
from qbdoctor.repair.journal import write as journal_write
from qbdoctor.repair.journal.conflicts import conflict_name, not_done, refuse_unless_allowed, stays
from qbdoctor.repair.journal.records import (
    PLAIN,
    UNFINISHED,
    ChangeRequest,
    Damaged,
    FileChange,
    Guard,
    Read,
    Record,
    RollbackRequest,
    State,
    TargetRecord,
    Undoing,
    Write,
)
from qbdoctor.repair.journal.rollback_plan import RollbackPlan
from qbdoctor.repair.journal.store import Store, new_record, values_file
from qbdoctor.storage import foreign, locks, private
from qbdoctor.storage.private import sha256
from qbdoctor.values import replace

__all__ = ["FilePlan", "Journal", "RollbackPlan", "SettingEdit"]

LOCK_SECONDS = 15.0
"""With 5 s, one of fifty runs at once waited in vain on two busy cores (tests/durability/test_many_at_once.py)."""


class Journal:
    """The records in a state folder, and all that may be done with them.

    Every method that writes holds the lock of the state folder and that of the target's folder; one that cannot get
    them within ``lock_seconds`` raises Refused, as does whatever cannot be done. Then the target is as it was.
    """

    def __init__(
        self, state: Path, *, lock_seconds: float = LOCK_SECONDS, clock: Callable[[], float] = time.time
    ) -> None:
        self.store = Store(state / "records")
        self.lock_seconds = lock_seconds
        self._clock = clock
        self._depth = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs with this state folder out, over several steps if need be. Raises Refused."""
        self._depth += 1
        try:
            if self._depth > 1:
                yield
                return
            self.store.make_root()
            with locks.hold(self.store.root, self.lock_seconds):
                yield
        finally:
            self._depth -= 1

    # --- looking ----------------------------------------------------------------------------------------------------

    def records(self) -> tuple[Record | Damaged, ...]:
        """Return all records, the newest first. Raises Refused if the folder cannot be read."""
        return self.store.all()

    def find(self, name: str) -> Record | Damaged:
        """Return the record with this id or this unique end or beginning of one. Raises Refused."""
        return self.store.find(name)

    def recover(self) -> tuple[str, ...]:
        """Heal what an earlier run left; returns a sentence for each thing it did or could not do."""
        said: list[str] = []
        try:
            if not self.store.unsettled():
                return ()
            with self.locked():
                self.store.sweep()
                said.extend(
                    self._heal(record)
                    for record in reversed(self.records())
                    if isinstance(record, Record) and record.state in UNFINISHED
                )
        except Refused as refused:
            said.append(refused.reason)
        except OSError as error:
            said.append(f"What an earlier run left could not be cleaned up ({error.strerror}).")
        return tuple(said)

    def _heal(self, record: Record) -> str:
        real = recovery.file_of(record)
        try:
            if real is None:
                return recovery.heal(self.store, record)[1]
            with foreign.hold(real, follow=False) as place, locks.holding(place, self.lock_seconds):
                return recovery.heal(self.store, record, place)[1]
        except Refused as refused:
            why = refused.reason
        except OSError as error:
            why = f"{error.filename or record.folder}: {error.strerror}."
        except ValueError as error:
            why = f"{error}."
        return f"{record.id} was left in the middle and could not be looked into: {why} Its backup is {record.backup_file}."

    # --- applying ---------------------------------------------------------------------------------------------------

    def plan_file(
        self, path: Path, edits: Sequence[FileEdit], *, on: FilePlan | None = None, version: Version | None = None
    ) -> FilePlan:
        """Return what the edits would change in the file, or in what ``on`` would make of it. Writes nothing.

        Raises Refused, and :class:`~qbdoctor.model.UserError` for a file that cannot be read.
        """
        return file_plan.plan_file(path, edits, on=on, version=version)

    def apply_file(
        self,
        path: Path,
        edits: Sequence[FileEdit],
        request: ChangeRequest,
        *,
        expect_sha256: str | None = None,
        expect_beside: Beside | None = None,
        version: Version | None = None,
        guard: Guard | None = None,
    ) -> Record | None:
        """Change settings in the file of a stopped qBittorrent, or lines of a program's source; None if they are so already.

        ``expect_sha256`` is the file as it was planned on, ``expect_beside`` the second one. Raises Refused,
        and UserError for a file that cannot be read.
        """
        source = any(isinstance(edit, SourceLines) for edit in edits)
        held = file_plan.held_file(path, source=source)
        with self.locked(), held as place, locks.holding(place, self.lock_seconds):
            real = place.path
            plan = file_plan.plan_file(path, edits, version=version, data=file_plan.placed_bytes(place))
            if expect_sha256 is not None and (plan.sha256, plan.beside) != (expect_sha256, expect_beside):
                raise Refused(f"{path} was changed since the plan was made: look again.", "config-changed")
            if not plan.changes:
                return None
            journal_write.may_write(place, guard, plan.beside, source=source)
            before = journal_write.side(plan.data, place)
            file = FileChange(
                str(path.absolute()), str(real), before, replace(before, **journal_write.digest(plan.result))
            )
            record = self._new(
                replace(
                    request, target=request.target or TargetRecord(config_file=None if source else str(path.absolute()))
                ),
                via="file",
                file=file,
                backup=f"before{path.suffix or '.bin'}",
                changes=plan.changes,
                beside=plan.beside,
            )
            second = {} if plan.beside is None else {plan.beside.backup: plan.beside_data}
            files = {record.backup: plan.data, **second, **values_file(plan.changes, plan.raws)}
            record = self._create(record, files)
            return journal_write.write(self.store, record, place, plan.data, plan.result, "applied")

    def apply_api(
        self,
        before: Mapping[str, Json],
        after: Mapping[str, Json],
        write: Write,
        read: Read,
        request: ChangeRequest,
        *,
        version: Version | None = None,
        texts: Texts | None = None,
    ) -> Record | None:
        """Change preferences of a running qBittorrent; None if they are so already.

        ``before`` and ``after`` hold the same names of app/preferences; ``before`` lacks those whose value before is not
        known: the Web API does not give it, so their ``texts`` in the file are kept. ``write`` sends them, ``read`` gives
        all preferences; their exceptions pass, after the values before were written again. Raises Refused, also where
        that failed: the record then stands as applied.
        """
        with self.locked():
            old = {} if texts is None else texts()
            changes = preference_plan.api_changes(before, after, version, old)
            if not changes:
                return None
            backup = preference_plan.backup(before, old)
            record = self._new(request, via="api", file=None, backup=next(iter(backup)), changes=changes)
            record = self._create(record, {**backup, **values_file(changes, preference_plan.raws(old, {}))})
            try:
                write(after)
                preference_plan.check_taken(after, read(), changes)
                if texts is not None:
                    for name, data in values_file(changes, preference_plan.raws(old, texts())).items():
                        self._keep(record, name, data)
                return self._step(record, "applied")
            except BaseException as error:
                try:
                    if not (isinstance(error, NotTaken) and texts is not None and texts() == old):
                        if not before.keys() >= after.keys():
                            raise  # what was before is not known
                        write(before)
                        preference_plan.check_taken(before, read(), changes)
                    self._step(record, "abandoned", "it failed, and the values are as before")
                except Exception:
                    if texts is None:  # else the next run looks into the file and says so
                        with suppress(Refused):
                            self._step(record, "applied", "it failed, and so did writing the values before again")
                    raise stays(record, error) from None
                raise

    def mark_verified(self, record: Record, text: str) -> Record:
        """Write down that the fix was seen to work, and by what. Raises Refused."""
        with self.locked():
            fresh = self.store.load(record.id)
            if not fresh.standing:
                raise Refused(f"{record.id} is {fresh.state}, so there is nothing to verify.", "not-applied")
            return self._step(replace(fresh, verified_by=text), "verified")

    def note(self, record: Record, text: str) -> Record:
        """Add a sentence to the history of a record; its state stays. Raises Refused."""
        with self.locked():
            fresh = self.store.load(record.id)
            return self._step(fresh, fresh.state, text)

    def undo(
        self,
        record: Record,
        *,
        why: str = "",
        guard: Guard | None = None,
        write: Write | None = None,
        read: Read | None = None,
        values_before: Mapping[str, Json] | None = None,
    ) -> Record:
        """Take back a change whose verification failed, the way it was made. Raises Refused."""
        note = why or "the verification failed"
        return self.rollback(
            record, RollbackRequest(guard=guard, write=write, read=read, note=note, values_before=values_before or {})
        )

    # --- taking back ------------------------------------------------------------------------------------------------

    def plan_rollback(
        self,
        records: Sequence[Record],
        *,
        via: Via | None = None,
        force: bool = False,
        read: Read | None = None,
        path: Path | None = None,
    ) -> RollbackPlan:
        """Return what taking these records back, the newest first, would change. Writes nothing."""
        return rollback_plan.plan_rollback(self.store, records, via=via, force=force, read=read, path=path)

    def rollback(self, record: Record, request: RollbackRequest = PLAIN) -> Record:
        """Take one record back, in the file or through the Web API. Raises Refused."""
        with self.locked():
            fresh = self.store.load(record.id)
            if not fresh.standing:
                raise Refused(f"{record.id} is {fresh.state}, so there is nothing to take back.", "not-applied")
            if (request.via or fresh.via) == "api":
                return self._rollback_api(fresh, request)
            return self._rollback_file(fresh, request)

    def _rollback_file(self, record: Record, request: RollbackRequest) -> Record:
        name = rollback_plan.config_of(record, request.path)
        if record.beside is not None:  # beside the config as it is called here
            there = name.absolute().with_name(Path(record.beside.path).name)
            record = replace(record, beside=replace(record.beside, path=str(there)))
        held = file_plan.held_file(name, source=record.is_source)
        with held as place, locks.holding(place, self.lock_seconds):
            real = place.path
            data = file_plan.placed_bytes(place)
            undo = rollback_plan.undo_in_file(self.store, record, data, force=request.force)
            refuse_unless_allowed(undo, record)
            if undo.data == data and record.beside is None:
                return self._step(record, "rolled-back", request.note or "the file was so already")
            beside = record.beside or (None if record.is_source else self._brought_back(real))
            journal_write.may_write(place, request.guard, beside, source=record.is_source)
            if undo.refusals:
                self._keep(record, conflict_name(record, name.suffix), data)
            if undo.how == "by-setting":
                self._keep(record, f"rollback{name.suffix or '.bin'}", undo.data)
            plan = Undoing(
                "file", undo.how, record.state, str(real), sha256(data), sha256(undo.data), bool(undo.refusals)
            )
            begun = replace(record, rollback=plan, in_place=False)
            return journal_write.write(
                self.store, self._step(begun, "rolling-back", request.note), place, data, undo.data, "rolled-back"
            )

    def _brought_back(self, real: Path) -> Beside | None:
        """Return the file beside the config where it lies there since a rollback: one of an older record goes on."""
        path = unfinished_save(real)
        try:
            if not path.exists():
                return None
            found = (one for one in self.records() if isinstance(one, Record) and one.state == "rolled-back")
            held = (one.beside for one in found if one.beside is not None and one.beside.path == str(path))
            return next((one for one in held if leftover_file.is_there(one)), None)
        except OSError as error:
            raise Refused(f"{path} cannot be looked at: {private.why(error)}. Nothing was changed.") from None

    def _rollback_api(self, record: Record, request: RollbackRequest) -> Record:
        write, read = request.write, request.read
        if write is None or read is None:
            raise Refused(f"{record.id} needs a running qBittorrent with its Web API.", "needs-api")
        present = read()
        undo = rollback_plan.undo_in_api(
            self.store, record, present, force=request.force, values_before=request.values_before
        )
        refuse_unless_allowed(undo, record)
        if not undo.write:
            return self._step(record, "rolled-back", request.note or "the preferences were so already")
        if undo.refusals:
            held = {name: present[name] for name in undo.write if name in present}
            self._keep(record, conflict_name(record, ".json"), preference_plan.dump(held))
        begun = replace(record, rollback=Undoing("api", "api", record.state, forced=bool(undo.refusals)))
        begun = self._step(begun, "rolling-back", request.note)
        try:
            write(undo.write)
            preference_plan.check_taken(undo.write, read(), undo.changes)
            anew = any(isinstance(value, Secret) for value in undo.write.values())
            return self._step(
                begun, "rolled-back", "the password before was set again, with a new salt" if anew else None
            )
        except BaseException:
            with suppress(Refused):
                self._step(begun, record.state, "the rollback failed")
            raise

    # --- the steps of both ------------------------------------------------------------------------------------------

    def _new(self, request: ChangeRequest, **members: Any) -> Record:
        return new_record(self.store, self._clock(), request, **members)

    def _create(self, record: Record, files: Mapping[str, bytes]) -> Record:
        try:
            return self.store.create(record, files)
        except OSError as error:
            raise Refused(
                f"The record could not be written to {self.store.root} ({error.strerror}), so nothing was changed.",
                "state-unusable",
            ) from None

    def _step(self, record: Record, state: State, note: str | None = None) -> Record:
        try:
            return self.store.step(record, state, note)
        except OSError as error:
            raise not_done(record, error) from None

    def _keep(self, record: Record, name: str, data: bytes) -> None:
        try:
            self.store.keep(record, name, data)
        except OSError as error:
            raise not_done(record, error) from None
