"""Keeps the rollback records in a folder; see :mod:`qbdoctor.repair.journal.records` for what is in one."""

from __future__ import annotations

import getpass
import json
import os
import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from qbdoctor import __version__
from qbdoctor.patterns import regex
from qbdoctor.repair.edits.changes import Change, Raws
from qbdoctor.repair.journal.reader import JSON_FILE, NEW_PREFIX, TRASH_PREFIX, StoredRecords, unusable
from qbdoctor.repair.journal.records import (
    ChangeRequest,
    Record,
    State,
    StateChange,
    TargetRecord,
)
from qbdoctor.storage import private, trust
from qbdoctor.values import replace

VALUES_FILE = "values.json"
_FIRST_VALUES_FILE = "secrets.json"  # as the first version called it
IN_PLACE_OLD = "in-place.old"
IN_PLACE_NEW = "in-place.new"
_FIX = regex(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_STAMP = regex(r"(\d{8}T\d{6}\.\d{3})Z-")
"""The texts in the file before and after, by setting, secrets included."""


class Store(StoredRecords):
    """The records below one folder, to be written too: only who holds the journal's lock may call that."""

    def create(self, record: Record, files: Mapping[str, bytes]) -> Record:
        """Put a new record on disk, complete and durable, and return it. Raises OSError with nothing left."""
        folder = self.root / record.id
        new = self.root / f"{NEW_PREFIX}{record.id}"
        try:
            private.make_private(new)
            for name, data in {**files, JSON_FILE: _dump(record)}.items():
                private.write_private(new / name, data)
            private.sync_folder(new)
            private.rename_file(new, folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        private.sync_folder(self.root)
        return replace(record, folder=folder)

    def save(self, record: Record) -> Record:
        """Replace the record's JSON, durably. Raises OSError."""
        private.replace_private(record.folder / JSON_FILE, _dump(record))
        return record

    def step(self, record: Record, state: State, note: str | None = None) -> Record:
        """Put a new state on disk. Raises OSError."""
        return self.save(replace(record, states=(*record.states, StateChange(state, _now(), note))))

    def keep(self, record: Record, name: str, data: bytes) -> Path:
        """Keep a file of the target's bytes with the record, durably. Raises OSError."""
        path = record.folder / name
        private.replace_private(path, data)
        return path

    def remove(self, record: Record) -> None:
        """Remove a record with its backup: first its name, then what is in it. Raises OSError with it still there.

        What a run leaves that is killed in between is no record any more, and the next run removes it.
        """
        trash = self.root / f"{TRASH_PREFIX}{record.id}"
        private.rename_file(record.folder, trash)
        private.sync_folder(self.root)
        shutil.rmtree(trash, ignore_errors=True)

    def make_root(self) -> None:
        """Make the folder, for this user alone. Raises :class:`~qbdoctor.model.errors.Refused`."""
        trust.check_ours(self.root)
        try:
            missing = [each for each in (self.root, *self.root.parents) if not each.exists()]
            for folder in reversed(missing):
                private.make_private(folder)
                private.sync_folder(folder.parent)
        except OSError as error:
            raise unusable(self.root, error) from None

    def new_id(self, fix: str, now: float) -> str:
        """Return an id that sorts after every existing one, whatever the clock says."""
        if not _FIX.fullmatch(fix):
            raise ValueError(f"no id of a fix: {fix!r}")
        moment = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
        for name in self._names():
            if (stamp := _STAMP.match(name.removeprefix(NEW_PREFIX))) is None:
                continue
            with suppress(ValueError, OverflowError):
                moment = max(moment, datetime.fromisoformat(stamp[1]) + timedelta(milliseconds=1))
        text = moment.strftime("%Y%m%dT%H%M%S.") + f"{moment.microsecond // 1000:03d}Z"
        return f"{text}-{fix}-{os.urandom(4).hex()}"

    # --- what a killed run left -------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Remove what never became a record or is none any more, and files that never got their name."""
        for name in self._names():
            if name.startswith((NEW_PREFIX, TRASH_PREFIX)):
                shutil.rmtree(self.root / name, ignore_errors=True)
        for folder in self._folders():
            if not folder.is_symlink() and folder.is_dir():
                private.sweep(folder)

    # --- values -----------------------------------------------------------------------------------------------------

    def raws(self, record: Record) -> Raws:
        """Return the texts in the file before and after of each change. Raises OSError, ValueError.

        Of a change through the Web API a secret's text after is None until it was seen, and one is not in here at all
        where the file was not looked at.
        """
        held: Mapping[str, list[str | None]] = {}
        live = record.via == "api"
        if any(_kept_apart(change) for change in record.changes if not live or (change.secret and change.key)):
            held = json.loads(self._values(record))
        return {
            change.setting: (held[change.setting][0], held[change.setting][1])
            if change.setting in held
            else (change.before, change.after)
            for change in record.changes
            if change.setting in held or not (live and change.secret)
        }

    def _values(self, record: Record) -> bytes:
        try:
            return (record.folder / VALUES_FILE).read_bytes()
        except FileNotFoundError:
            return (record.folder / _FIRST_VALUES_FILE).read_bytes()


def _dump(record: Record) -> bytes:
    return (json.dumps(record.to_json(), indent=2, ensure_ascii=True) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def values_file(changes: tuple[Change, ...], raws: Raws) -> dict[str, bytes]:
    """Return the file for those of these texts that the record's JSON cannot hold; none if it holds them all."""
    held = {one.setting: raws[one.setting] for one in changes if _kept_apart(one) and one.setting in raws}
    return {VALUES_FILE: json.dumps(held).encode()} if held else {}


def _kept_apart(change: Change) -> bool:
    return change.secret or not f"{change.before}{change.after}".isascii()


def new_record(store: Store, now: float, request: ChangeRequest, **members: Any) -> Record:
    """Return a record in the state "preparing", with who and where filled in."""
    uid = os.getuid() if hasattr(os, "getuid") else None
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(uid)
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Record(
        id=store.new_id(request.fix, now),
        tool_version=__version__,
        created=at,
        user=user,
        uid=uid,
        host=platform.node(),
        states=(StateChange("preparing", at),),
        fix=request.fix,
        reason=request.reason,
        run=request.run,
        target=request.target or TargetRecord(),
        diagnosis=request.diagnosis,
        **members,
    )
