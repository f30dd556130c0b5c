"""Plans edits that remove or move a key or replace the whole file.

Worked out in bytes; only :func:`carry_out` of a replacement reads a file, the one beside the config.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from qbdoctor import releases
from qbdoctor.config import conversions
from qbdoctor.config.conversions import SettingPlace
from qbdoctor.config.qtini import edit as qtini_edit
from qbdoctor.config.qtini import lines as qtini_lines
from qbdoctor.config.qtini.document import Entry, QtIni
from qbdoctor.config.settings import Settings
from qbdoctor.model.edits import Move, Remove, RemoveLock, ReplaceFile
from qbdoctor.model.errors import Refused
from qbdoctor.patterns import regex
from qbdoctor.releases import Layout, Version
from qbdoctor.repair.edits import leftover_file
from qbdoctor.repair.edits.changes import LOCK, Beside, Change, JsonChange, Raws
from qbdoctor.values import field, frozen

_LAYOUTS: tuple[Layout, ...] = ("Preferences", "WebUI")
_WINDOWS = sys.platform == "win32"
_TELLTALE = regex(
    r"pass|pwd|secret|token|key|hash|pbkdf|ha1|cookie|credential|login|auth(?!subnet)|user|url", re.IGNORECASE
)
_WORD = regex(r"true|false|yes|no|on|off|", re.IGNORECASE)
_NUMBER = regex(r"[0-9]{1,9}")


@frozen
class Done:
    """The file after an edit: its bytes, the changes as they may be shown, and the true texts by the changes' names."""

    data: bytes = field(repr=False)
    changes: tuple[Change, ...] = ()
    raws: dict[str, tuple[str | None, str | None]] = field(default_factory=dict, repr=False)
    beside: Beside | None = None
    beside_data: bytes = field(default=b"", repr=False)


FileOperation = Remove | Move | ReplaceFile | RemoveLock


def carry_out(path: Path, edit: FileOperation, data: bytes, version: Version | None) -> Done:
    """Return what the edit makes of the file's bytes. Raises Refused, and :class:`~qbdoctor.config.qtini.edit.Refused`."""
    match edit:
        case Remove():
            return _remove(edit, data)
        case Move():
            return _move(path, edit, data, version)
        case RemoveLock():
            return _remove_lock(path, data)
        case _:
            return _replace(path, data)


def may_be_shown(name: str, raw: str | None, meant: str = "") -> bool:
    """Return whether the value of a key that is no setting holds no secret, by its name, its look and what was meant."""
    known = conversions.known(meant) if meant else None
    if known is not None and known.secret:
        return False
    bare = (raw or "").strip().strip('"')
    if _WORD.fullmatch(bare):
        return True
    if raw is None or _NUMBER.fullmatch(bare):
        return _TELLTALE.search(name) is None or (known is not None and known.kind == "int")
    return known is not None and known.kind in {"bool", "int", "list"} and "://" not in raw and "@" not in raw


def several(edits: Sequence[object], data: bytes) -> tuple[str, ...]:
    """Return a sentence for each key whose lines go of which there are several: a change shows the one that counts."""
    going = [edit for edit in edits if isinstance(edit, (Remove, Move))]
    if not going:
        return ()
    file = QtIni.parse(data, ignore_case=_WINDOWS, keys=[edit.key for edit in going])
    found = {edit: file.all(edit.section, edit.key) for edit in going}
    return tuple(
        f"[{edit.section}] {edit.key} stands on {len(entries)} lines ({', '.join(str(one.line) for one in entries)}): all go"
        for edit, entries in found.items()
        if len(entries) > 1
    )


def named(entry: Entry) -> str:
    """Return what a record calls a key that is no setting."""
    return f"[{entry.section}] {entry.key}"


def done(settings: Settings, edit: FileOperation, raws: Raws, *, default: bool = False) -> bool:
    """Return whether a file that was read again says what the edit made of it.

    ``raws`` are the plan's; ``default``: an absent key will do where the release means the same.
    """
    match edit:
        case Remove():
            return not settings.ini.all(edit.section, edit.key)
        case Move():
            if settings.ini.all(edit.section, edit.key):
                return False
            wanted = raws.get(edit.setting, (None, None))[1]
            now = settings.ini.get(edit.to_section, edit.to_key)
            if now is None and default and wanted is not None and settings.version is not None:
                values = [conversions.json_value(edit.setting, raw, settings.version) for raw in (wanted, None)]
                return bool(values[0] == values[1])
            said = None if now is None else now.raw
            return wanted is None or bool(
                conversions.meaning(edit.setting, said) == conversions.meaning(edit.setting, wanted)
            )
        case RemoveLock():
            return settings.file is None or leftover_file.read_lock(settings.file) is None
        case _:
            return settings.file is None or leftover_file.read(settings.file) is None


def _remove(edit: Remove, data: bytes) -> Done:
    gone = qtini_lines.take_out(data, edit.section, edit.key, ignore_case=_WINDOWS)
    if gone.raw is None:
        return Done(data)
    secret = not may_be_shown(edit.key, gone.raw, edit.meant)
    change = _change(edit.setting, gone.raw, None, secret, SettingPlace(edit.section, edit.key), gone.line)
    return Done(gone.data, (change,), {edit.setting: (gone.raw, None)})


def _move(path: Path, edit: Move, data: bytes, version: Version | None) -> Done:
    ini = qtini_lines.readable(data, ignore_case=_WINDOWS)
    source, there = ini.get(edit.section, edit.key), ini.get(edit.to_section, edit.to_key)
    if source is None:
        return Done(data)
    if there is not None:
        raise Refused(
            f"{path} sets {edit.setting} where it is read already (line {there.line}), so that of line {source.line} is not "
            "moved there: remove the one that is not wanted while qBittorrent is stopped.",
            "ambiguous-setting",
        )
    gone = qtini_lines.take_out(data, edit.section, edit.key, ignore_case=_WINDOWS)
    made = qtini_edit.set_value(gone.data, edit.to_section, edit.to_key, source.raw, ignore_case=_WINDOWS)
    secret = conversions.is_secret(edit.setting)
    name = f"[{edit.section}] {edit.key}"
    old = _change(name, source.raw, None, secret, SettingPlace(edit.section, edit.key), source.line)
    said = None if secret else _json(edit.setting, None, source.raw, version)
    place = SettingPlace(edit.to_section, edit.to_key)
    new = _change(edit.setting, None, source.raw, secret, place, made.line, said)
    return Done(made.data, (old, new), {name: (source.raw, None), edit.setting: (None, source.raw)})


def _replace(path: Path, data: bytes) -> Done:
    found = leftover_file.read(path)
    if found is None:
        return Done(data)
    held, content = found
    name = Path(held.path).name
    changes = [Change(name, f"({held.side.size} bytes)", None)]
    raws: dict[str, tuple[str | None, str | None]] = {name: (changes[0].before, None)}
    for change, texts in _differences(data, content):
        changes.append(change)
        raws[change.setting] = texts
    return Done(content, tuple(changes), raws, held, content)


def _remove_lock(path: Path, data: bytes) -> Done:
    found = leftover_file.read_lock(path)
    if found is None:
        return Done(data)
    held, content = found
    words = ", ".join(filter(None, content.decode(errors="replace").split("\n")[:3])) or "empty"
    shown = f"({held.side.size} bytes: {words[:80]})"
    return Done(data, (Change(LOCK, shown, None),), {LOCK: (shown, None)}, held, content)


def _differences(old: bytes, new: bytes) -> Iterator[tuple[Change, tuple[str | None, str | None]]]:
    """Every key whose text differs, the Web UI's settings under their names, those of both layouts apart."""
    files = [QtIni.parse(each, ignore_case=_WINDOWS) for each in (old, new)]
    keys = {each.path: each for file in files for each in file.entries}
    known = {SettingPlace(*releases.place(key.name, layout)): key.name for key in releases.KEYS for layout in _LAYOUTS}
    used: set[str] = set()
    for entry in keys.values():
        place = SettingPlace(entry.section, entry.key)
        before, after = (None if (one := file.get(*place)) is None else one for file in files)
        texts = (before.raw if before else None, after.raw if after else None)
        if texts[0] == texts[1]:
            continue
        setting = known.get(place, "")
        secret = conversions.is_secret(setting) if setting else not all(may_be_shown(entry.key, raw) for raw in texts)
        name = setting if setting and setting not in used else named(entry)
        used.add(name)
        counts = after or before
        yield _change(name, *texts, secret, place, counts.line if counts else None), texts


def _json(setting: str, before: str | None, after: str | None, version: Version | None) -> JsonChange | None:
    name = conversions.json_name(setting)
    if name is None:
        return None
    return JsonChange(name, *(conversions.json_value(setting, raw, version) for raw in (before, after)))


def _change(
    name: str,
    before: str | None,
    after: str | None,
    secret: bool,
    place: SettingPlace,
    line: int | None,
    said: JsonChange | None = None,
) -> Change:
    texts = [conversions.shown(raw, secret=secret) for raw in (before, after)]
    return Change(name, texts[0], texts[1], secret, place.section, place.key, line, said)
