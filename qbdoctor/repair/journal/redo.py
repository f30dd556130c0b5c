"""Makes a change again that was taken back: where it is needed after all, or its end was not confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from qbdoctor.config import conversions
from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Json
from qbdoctor.model.edits import Remove, RemoveLock, ReplaceFile
from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits.file_plan import FileEdit, SettingEdit
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import ChangeRequest, Guard, Read, Record, Write


def redo(
    journal: Journal, records: Iterable[Record], path: Path, *, run: str, guard: Guard, why: str
) -> tuple[Record, ...]:
    """Make the changes of these records again in the file, the oldest first, as new records. Raises Refused, UserError."""
    made = []
    for record in sorted(records, key=lambda one: one.id):
        settings = Settings.load(path)
        raws = journal.store.raws(record)
        edits: list[FileEdit] = []
        if record.beside is not None:
            edits.append(RemoveLock() if record.beside.is_lock else ReplaceFile())
        odd = any(conversions.known(change.setting) is None for change in record.changes)
        for change in record.changes if record.beside is None else ():
            after = raws.get(change.setting, (None, None))[1]
            if after is None and change.secret and record.via == "api":
                raise Refused(f"{record.id}: what {change.setting} was after it is not known.", "value-unknown")
            if after is None and change.section is not None and change.key is not None:
                edits.append(Remove(change.section, change.key))
                continue
            if record.via == "api" and change.json is not None:
                after = conversions.raw_value(change.setting, change.json.after)
            place = (change.section, change.key) if odd else settings.place(change.setting)
            edits.append(SettingEdit(change.setting, str(place[0]), str(place[1]), after, change.secret))
        again = journal.apply_file(
            path,
            edits,
            ChangeRequest(record.fix, record.reason, run, record.target, record.diagnosis),
            guard=guard,
        )
        if again is not None:
            made.append(journal.note(again, f"made again ({record.id}): {why}"))
    return tuple(made)


def redo_live(
    journal: Journal, records: Iterable[Record], write: Write, read: Read, *, run: str, why: str
) -> tuple[Record, ...]:
    """Make them again through the Web API. Raises Refused, and what the two functions raise."""
    made = []
    for record in sorted(records, key=lambda one: one.id):
        present = read()
        after: Mapping[str, Json] = {one.json.name: one.json.after for one in record.changes if one.json is not None}
        before = {name: present.get(name) for name in after}
        again = journal.apply_api(
            before,
            after,
            write,
            read,
            ChangeRequest(record.fix, record.reason, run, record.target, record.diagnosis),
        )
        if again is not None:
            made.append(journal.note(again, f"made again ({record.id}): {why}"))
    return tuple(made)
