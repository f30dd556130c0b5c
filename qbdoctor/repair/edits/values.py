"""Converts setting values between the file's text, the Web API's JSON and what people read."""

from __future__ import annotations

from collections.abc import Sequence

from qbdoctor.config import conversions, list_values, password_hash
from qbdoctor.config.qtini import values as qtini_values
from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Json
from qbdoctor.model.edits import Added, AnyEdit, Edit, NewPassword
from qbdoctor.releases import Version
from qbdoctor.repair.edits.file_plan import FileEdit, SettingEdit


def raw_text(edit: Edit, now: str | None = None) -> str | None:
    """Return a value as Qt itself would write it into the file; ``now`` is the text there, which a list keeps."""
    value = edit.value
    match value:
        case None:
            return None
        case bool():
            return qtini_values.from_bool(value)
        case int():
            return str(value)
        case str():
            return qtini_values.from_text(value, utf8=False)
        case Added():
            return list_values.with_entry(edit.setting, now, value.entry)
        case NewPassword():
            return qtini_values.from_bytes(qtini_values.to_bytes(value.hashed.reveal()))
        case _:
            return qtini_values.from_list(value, utf8=False)


def json_value(edit: Edit, now: Json, version: Version | None) -> Json:
    """Return a value as app/preferences has it; ``now`` is the one there, which a list keeps."""
    if isinstance(edit.value, Added):
        return list_values.with_entry_json(edit.setting, now, edit.value.entry)
    return conversions.json_value(edit.setting, raw_text(edit), version)


def in_file(edit: Edit, raw: str | None) -> bool:
    """Return whether the text in the file says what the edit wants; None: the key is absent."""
    if isinstance(edit.value, Added):
        return list_values.contains(edit.setting, raw, edit.value.entry)
    if isinstance(edit.value, NewPassword):
        return password_hash.fits(raw, edit.value.plain)
    return conversions.meaning(edit.setting, raw) == conversions.meaning(edit.setting, raw_text(edit))


def in_json(edit: Edit, value: Json, version: Version | None) -> bool:
    """Return whether the value of app/preferences says what the edit wants."""
    if isinstance(edit.value, Added):
        return list_values.holds_json(edit.setting, value, edit.value.entry)
    return conversions.same_json(edit.setting, value, json_value(edit, value, version))


def written(settings: Settings, edits: Sequence[AnyEdit]) -> list[FileEdit]:
    """Return the edits as the file takes them: each setting in the place where ``settings`` are read."""
    made: list[FileEdit] = []
    for edit in edits:
        if not isinstance(edit, Edit):
            made.append(edit)
            continue
        place = settings.place(edit.setting)
        now = settings.ini.get(*place)
        made.append(SettingEdit(edit.setting, *place, raw_text(edit, now.raw if now else None)))
    return made
