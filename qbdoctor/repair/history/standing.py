"""Finds verified changes that no longer hold: somebody, or something at a start, has set the setting back since."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from qbdoctor.config import conversions, list_values
from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Json
from qbdoctor.model.changes import UndoneChange
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.edits.changes import Change
from qbdoctor.repair.journal.reader import StoredRecords
from qbdoctor.repair.journal.records import Record
from qbdoctor.storage import files

_NOT_SET = "(not set)"


def undone(
    state: Path,
    config: Path | None,
    url: str,
    settings: Settings | None,
    preferences: Mapping[str, Json] | None,
) -> tuple[UndoneChange, ...]:
    """Return the verified changes of this target that no longer hold, by what the server says, else by its config.

    Of several changes of one setting only the newest counts. Nothing where the records cannot be read.
    """
    try:
        records = [one for one in StoredRecords(state / "records").all() if isinstance(one, Record)]
    except (Refused, OSError):
        return ()
    real = os.path.realpath(config) if config is not None else None
    mine = [one for one in records if one.standing and _is_of(one, real, url)]
    return tuple(undone_of(mine, settings, preferences))


def undone_of(
    records: Iterable[Record], settings: Settings | None, preferences: Mapping[str, Json] | None = None
) -> list[UndoneChange]:
    """Return what no longer holds of these standing records (of one target, the newest first)."""
    found: list[UndoneChange] = []
    told: set[str] = set()
    for record in records:
        for change in record.changes:
            if change.setting in told:
                continue
            told.add(change.setting)
            if change.secret or record.state != "verified" or conversions.known(change.setting) is None:
                continue
            now = _now(change, settings, preferences)
            if now is not None:
                wanted = change.after if change.after is not None else _NOT_SET
                found.append(
                    UndoneChange(record.id, record.fix, change.setting, wanted, now[0], record.states[-1].at, now[1])
                )
    return found


def in_file(record: Record, newer: Iterable[Record]) -> list[UndoneChange]:
    """Return what no longer holds of a record by its config file; nothing where that cannot be read.

    ``newer`` are the standing records of the same target that came after it.
    """
    name = record.file_name()
    if name is None or record.state != "verified" or record.is_source:
        return []
    try:
        settings = Settings.load(Path(name))
    except (UserError, OSError):
        return []
    return [one for one in undone_of([*newer, record], settings) if one.record == record.id]


def _is_of(record: Record, real: str | None, url: str) -> bool:
    name = record.file_name()
    return files.same_name(name, real) if name is not None and real is not None else record.target.url == url


def _now(change: Change, settings: Settings | None, preferences: Mapping[str, Json] | None) -> tuple[str, str] | None:
    """Return the value that holds now and where it stands, None where the change still holds or that is not known."""
    name = conversions.json_name(change.setting)
    if preferences is not None and name is not None and name in preferences:
        raw = conversions.raw_value(change.setting, preferences[name])
        where = "app/preferences"
    elif settings is not None:
        found = settings.found(change.setting)
        raw = found.raw if found is not None else None
        where = f"{settings.file}, line {found.line}" if found is not None else str(settings.file)
    else:
        return None
    if _holds(change, raw):
        return None
    return conversions.shown(raw, secret=False) or _NOT_SET, where


def _holds(change: Change, raw: str | None) -> bool:
    """Return whether a text in the file still says what the change made it say; a list may have gained entries."""
    if conversions.meaning(change.setting, raw) == conversions.meaning(change.setting, change.after):
        return True
    if change.after is None:
        return raw is None or conversions.json_value(change.setting, raw) == conversions.json_value(
            change.setting, None
        )
    if raw is None:  # absent: the default holds, which may be the very value
        default = conversions.json_value(change.setting, None)
        return default is not None and default == conversions.json_value(change.setting, change.after)
    if change.setting in (list_values.SUBNETS, list_values.NAMES):
        before = set(list_values.entries(change.setting, change.before))
        added = [one for one in list_values.entries(change.setting, change.after) if one not in before]
        return bool(added) and all(list_values.contains(change.setting, raw, one) for one in added)
    return False
