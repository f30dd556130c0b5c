"""Making a change again that was taken back: where it is needed after all, or its end was not confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from qbdoctor import meanings
from qbdoctor.journal import Guard, Journal, Read, Write
from qbdoctor.model import Json
from qbdoctor.planning import SettingEdit
from qbdoctor.records import Record
from qbdoctor.settings import Settings


def redo(
    journal: Journal, records: Iterable[Record], path: Path, *, run: str, guard: Guard, why: str
) -> tuple[Record, ...]:
    """Make the changes of these records again in the file, the oldest first, as new records. Raises Refused, UserError."""
    made = []
    for record in sorted(records, key=lambda one: one.id):
        settings = Settings.load(path)
        raws = journal.store.raws(record)
        edits = []
        for change in record.changes:
            after = raws[change.setting][1]
            if record.via == "api" and change.json is not None:
                after = meanings.raw_value(change.setting, change.json.after)
            place = settings.place(change.setting) if meanings.known(change.setting) else (change.section, change.key)
            edits.append(SettingEdit(change.setting, str(place[0]), str(place[1]), after, change.secret))
        again = journal.apply_file(
            path, edits, fix=record.fix, reason=record.reason, run=run, target=record.target, guard=guard
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
            before, after, write, read, fix=record.fix, reason=record.reason, run=run, target=record.target
        )
        if again is not None:
            made.append(journal.note(again, f"made again ({record.id}): {why}"))
    return tuple(made)
