"""Reads the rollback records in a folder; see :mod:`qbdoctor.repair.journal.records` for what is in one.

Apart from what writes them, so that ``history`` loads quickly.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.records import STANDING, UNFINISHED, Damaged, Newer, Record, parse
from qbdoctor.storage import foreign, private, trust

JSON_FILE = "record.json"
NEW_PREFIX = ".new-"
TRASH_PREFIX = ".trash-"
_MAX_BYTES = 4 * 1024 * 1024


class StoredRecords:
    """The records below one folder, to be read. ``trusted=False``: another user's, of which nothing is believed."""

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
            raise unusable(self.root, error) from None
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
            raise unusable(self.root, error) from None

    def _folders(self) -> list[Path]:
        return [self.root / name for name in self._names() if not name.startswith(".")]

    def _load(self, folder: Path) -> Record | Damaged:
        import json  # noqa: PLC0415 - where there is no record it is not needed

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

    def unsettled(self) -> bool:
        """Return whether a run was ended in the middle, or is in the middle."""
        if any(name.startswith((NEW_PREFIX, TRASH_PREFIX)) for name in self._names()):
            return True
        return any(
            private.leftovers(folder) or getattr(self._load(folder), "state", None) in UNFINISHED
            for folder in self._folders()
        )

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


def _is_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and Path(name).name == name


def _backup_in(folder: Path) -> Path | None:
    with suppress(OSError):
        return next(iter(sorted(folder.glob("before.*"))), None)
    return None


def unusable(root: Path, error: OSError) -> Refused:
    """Return the refusal of a folder that cannot be used, and the way out."""
    whose = private.owned_by(root) if isinstance(error, PermissionError) else ""
    return Refused(
        f"The folder for records {root} cannot be used ({error.strerror}{whose}): give --state-dir a folder that "
        "can be written.",
        "state-unusable",
    )
