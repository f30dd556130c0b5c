"""Making a change again that was taken back: where qBittorrent does not come up without it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qbdoctor import meanings
from qbdoctor.journal import Guard, Journal
from qbdoctor.planning import SettingEdit
from qbdoctor.records import Record
from qbdoctor.settings import Settings


def redo(journal: Journal, records: Iterable[Record], path: Path, *, run: str, guard: Guard) -> tuple[Record, ...]:
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
            made.append(journal.note(again, f"made again: without it qBittorrent did not come up ({record.id})"))
    return tuple(made)
