"""Keeps the rollback records in a folder; see :mod:`qbdoctor.repair.journal.records` for what is in one."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from qbdoctor import __version__
from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits.changes import Change, Raws
from qbdoctor.repair.journal.records import (
    STANDING,
    UNFINISHED,
    ChangeRequest,
    Damaged,
    Newer,
    Record,
    State,
    StateChange,
    TargetRecord,
    parse,
)
from qbdoctor.storage import foreign, private, trust
from qbdoctor.values import replace

JSON_FILE = "record.json"
VALUES_FILE = "values.json"
_FIRST_VALUES_FILE = "secrets.json"  # as the first version called it
IN_PLACE_OLD = "in-place.old"
IN_PLACE_NEW = "in-place.new"
_NEW_PREFIX = ".new-"
_TRASH_PREFIX = ".trash-"
_FIX = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_STAMP = re.compile(r"(\d{8}T\d{6}\.\d{3})Z-")
_MAX_BYTES = 4 * 1024 * 1024

"""The texts in the file before and after, by setting, secrets included."""


class Store:
    """The records below one folder. Only who holds the journal's lock may call what writes.

    ``trusted=False`` is for a look into another user's, of which nothing is believed.
    """

    def __init__(self, root: Path, *, trusted: bool = True) -> None:
        self.root = root
        self._trusted = trusted

    def all(self) -> tuple[Record | Damaged, ...]:
        """Return every record, the newest first."""
        return tuple(self._load(folder) for folder in reversed(self._folders()))

    def find(self, name: str) -> Record | Damaged:
        """Return the record with this id or this unique end or beginning of one. Raises Refused."""
        known = self.all()
        found = [each for each in known if each.id == name] or [
            each for each in known if name and (each.id.startswith(name) or each.id.endswith(f"-{name}"))
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise Refused(f"{name} stands for {len(found)} records: give more of the id.", "record-ambiguous")
        raise Refused(f"There is no record {name}: qbdoctor history shows those there are.", "no-such-record")

    def load(self, record_id: str) -> Record:
        """Return one record as it is on disk now. Raises :class:`~qbdoctor.model.errors.Refused`."""
        folder = self.root / record_id
        try:
            there = _is_name(record_id) and folder.is_dir()
        except OSError as error:
            raise _unusable(self.root, error) from None
        if not there:
            raise Refused(f"There is no record {record_id}.", "no-such-record")
        found = self._load(folder)
        if isinstance(found, Damaged):
            raise Refused(found.text(), "record-damaged")
        return found

    def _names(self) -> list[str]:
        if self._trusted:
            trust.check_ours(self.root)
        try:
            return sorted(path.name for path in self.root.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unusable(self.root, error) from None

    def _folders(self) -> list[Path]:
        return [self.root / name for name in self._names() if not name.startswith(".")]

    def _load(self, folder: Path) -> Record | Damaged:
        try:
            if folder.is_symlink() or not folder.is_dir():
                raise ValueError("it is no folder")  # noqa: TRY301
            data = foreign.read(folder / JSON_FILE, _MAX_BYTES + 1, follow=False)
            if len(data) > _MAX_BYTES:
                raise ValueError("record.json is too large")  # noqa: TRY301
            return parse(json.loads(data), folder)
        except PermissionError as error:
            reason = f"record.json cannot be read: {error.strerror}{private.owned_by(folder)}"
        except OSError as error:
            reason = f"record.json cannot be read: {error.strerror}"
        except json.JSONDecodeError as error:
            reason = f"record.json is no JSON: line {error.lineno}"
        except UnicodeDecodeError:
            reason = "record.json is no text"
        except RecursionError:
            reason = "record.json is no record"
        except Newer as newer:
            return Damaged(folder.name, folder, str(newer), _backup_in(folder), newer.schema)
        except ValueError as error:
            reason = str(error)
        return Damaged(folder.name, folder, reason, _backup_in(folder))

    # --- writing ----------------------------------------------------------------------------------------------------

    def create(self, record: Record, files: Mapping[str, bytes]) -> Record:
        """Put a new record on disk, complete and durable, and return it. Raises OSError with nothing left."""
        folder = self.root / record.id
        new = self.root / f"{_NEW_PREFIX}{record.id}"
        try:
            private.make_private(new)
            for name, data in {**files, JSON_FILE: _dump(record)}.items():
                private.write_private(new / name, data)
            private.sync_folder(new)
            new.rename(folder)
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
        trash = self.root / f"{_TRASH_PREFIX}{record.id}"
        record.folder.rename(trash)
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
            raise _unusable(self.root, error) from None

    def new_id(self, fix: str, now: float) -> str:
        """Return an id that sorts after every existing one, whatever the clock says."""
        if not _FIX.fullmatch(fix):
            raise ValueError(f"no id of a fix: {fix!r}")
        moment = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
        for name in self._names():
            if (stamp := _STAMP.match(name.removeprefix(_NEW_PREFIX))) is None:
                continue
            with suppress(ValueError, OverflowError):
                moment = max(moment, datetime.fromisoformat(stamp[1]) + timedelta(milliseconds=1))
        text = moment.strftime("%Y%m%dT%H%M%S.") + f"{moment.microsecond // 1000:03d}Z"
        return f"{text}-{fix}-{os.urandom(4).hex()}"

    # --- what a killed run left -------------------------------------------------------------------------------------

    def unsettled(self) -> bool:
        """Return whether a run was ended in the middle, or is in the middle."""
        if any(name.startswith((_NEW_PREFIX, _TRASH_PREFIX)) for name in self._names()):
            return True
        return any(
            private.leftovers(folder) or getattr(self._load(folder), "state", None) in UNFINISHED
            for folder in self._folders()
        )

    def sweep(self) -> None:
        """Remove what never became a record or is none any more, and files that never got their name."""
        for name in self._names():
            if name.startswith((_NEW_PREFIX, _TRASH_PREFIX)):
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

    def newer(self, record: Record) -> dict[str, list[Record]]:
        """Return, by setting, the standing records that changed the same one after this, the newest first.

        Of a source all are under "": it goes back as a whole.
        """
        found: dict[str, list[Record]] = {}
        for other in self.all():
            if isinstance(other, Damaged) or other.id <= record.id or not record.same_target(other):
                continue
            if other.state in STANDING:
                if record.is_source:  # it goes back as a whole
                    found.setdefault("", []).append(other)
                for change in other.changes:
                    found.setdefault(change.setting, []).append(other)
        return found


def _dump(record: Record) -> bytes:
    return (json.dumps(record.to_json(), indent=2, ensure_ascii=True) + "\n").encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and Path(name).name == name


def _backup_in(folder: Path) -> Path | None:
    with suppress(OSError):
        return next(iter(sorted(folder.glob("before.*"))), None)
    return None


def _unusable(root: Path, error: OSError) -> Refused:
    whose = private.owned_by(root) if isinstance(error, PermissionError) else ""
    return Refused(
        f"The folder for records {root} cannot be used ({error.strerror}{whose}): give --state-dir a folder that "
        "can be written.",
        "state-unusable",
    )


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
