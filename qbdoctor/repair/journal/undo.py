"""Works out what taking a record back would change: the file's new bytes or the preferences to write. Writes nothing.

A file that still is, byte for byte, what the fix made of it becomes what it was before. Any other has been written by
qBittorrent or a person since, so only the record's own settings go back, and only where the value is still the one
that the fix set. Values are compared by what Qt makes of them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from qbdoctor import releases
from qbdoctor.config import conversions
from qbdoctor.config.conversions import SettingPlace
from qbdoctor.config.qtini import edit as qtini_edit
from qbdoctor.config.qtini import lines as qtini_lines
from qbdoctor.config.qtini import values as qtini_values
from qbdoctor.config.qtini.document import Entry, QtIni, Unreadable
from qbdoctor.model.basics import Json
from qbdoctor.repair.edits.changes import Change, Raws
from qbdoctor.repair.journal.records import Record, WriteMethod
from qbdoctor.storage.private import sha256
from qbdoctor.values import field, frozen, replace

_WINDOWS = sys.platform == "win32"
_CONNECTION = "HTTPS/"
"""What changes between http and https at once; a fix that may do so live has looked whether it does."""
CHANGED = "was changed by someone else since"


@frozen
class Undo:
    """What would happen. ``changes`` go from what is there now to what was before, secrets masked.

    ``data`` are the file's new bytes, ``write`` the preferences to write. ``refusals`` say why it must not be done;
    they stand with ``force`` too, where ``overruled`` is True if force is enough.
    """

    how: WriteMethod
    changes: tuple[Change, ...] = ()
    refusals: tuple[str, ...] = ()
    overruled: bool = False
    data: bytes = field(default=b"", repr=False)
    write: Mapping[str, Json] = field(default_factory=dict, repr=False)

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return not self.refusals or self.overruled


def in_file(record: Record, data: bytes, backup: bytes, raws: Raws, *, force: bool = False) -> Undo:
    """Return how the record is taken back in a file that now holds ``data``.

    ``backup`` is the file before (for ``via`` api: anything), ``raws`` the true texts of the changes.
    """
    if record.is_source:
        return _source(record, data, backup, force=force)
    if record.file is not None and sha256(data) == record.file.after.sha256:
        return Undo("whole-file", tuple(_turned(change) for change in record.changes), data=backup)
    changes, refusals, certain, present = [], [], True, data
    for change in record.changes:
        if record.beside is not None and change.section is None:
            changes.append(_turned(change))  # the second file itself
            continue
        before, after = _texts(record, change, raws)
        live = record.via == "api" and not change.secret
        if change.setting not in raws or (live and (before is None or after is None)):
            refusals.append(f"{change.setting} was changed through the Web API and has no known text in the file")
            certain = False
            continue
        try:
            place, entries = _present(data, change, record.changes)
            unseen = after is None and record.via == "api"
            refusal = _not_known(change, entries, before) if unseen else _not_ours(change, entries, before, after)
            if refusal == "":
                continue
            if refusal is not None:
                refusals.append(refusal)
                if not force:
                    continue
            stood = after is None and record.via == "file" and place == (change.section, change.key)
            data = _edited(
                data, place, before, backup if stood else None, odd=conversions.known(change.setting) is None
            )
        except (qtini_edit.EditRefused, Unreadable) as error:
            refusals.append(f"{change.setting}: {error}")
            certain = False
            continue
        now = entries[-1] if entries else None
        changes.append(
            replace(
                change,
                before=conversions.shown(now.raw if now else None, secret=change.secret),
                after=conversions.shown(before, secret=change.secret),
                section=place.section,
                key=place.key,
                line=now.line if now else None,
            )
        )
    if data.endswith(b"\n") and not (present.endswith(b"\n") or backup.endswith(b"\n")):
        data = data.removesuffix(b"\n").removesuffix(b"\r")  # what was missing stays missing
    return Undo("by-setting", tuple(changes), tuple(refusals), force and certain, data)


def _source(record: Record, data: bytes, backup: bytes, *, force: bool) -> Undo:
    """Take a program's source back as a whole or not at all: lines of it mean nothing alone."""
    assert record.file is not None  # noqa: S101 - for the type checker: a source has one
    changes = tuple(_turned(change) for change in record.changes)
    if data == backup:
        return Undo("whole-file", data=backup)
    if sha256(data) == record.file.after.sha256:
        return Undo("whole-file", changes, data=backup)
    refusal = f"{record.file.real} {CHANGED}: undo it there, or see the file as it was before, {record.backup_file}"
    return Undo("whole-file", changes, (refusal,), force, backup)


def _texts(record: Record, change: Change, raws: Raws) -> tuple[str | None, str | None]:
    if record.via == "api" and change.json is not None:
        before, after = change.json.before, change.json.after
        return conversions.raw_value(change.setting, before), conversions.raw_value(change.setting, after)
    return raws.get(change.setting, (None, None))


def _not_known(change: Change, entries: list[Entry], before: str | None) -> str | None:
    """Return "" if the value is as before, else that it may be anybody's: the run ended before it saw its own."""
    now = entries[-1].raw if entries else None
    if conversions.meaning(change.setting, now) == conversions.meaning(change.setting, before):
        return ""
    return (
        f"{change.setting} is another than before, and whether the fix made it so is not known: its run ended in the middle "
        "(with --force it is put back)"
    )


def text_now(record: Record, change: Change, data: bytes) -> str | None:
    """Return the text that the setting has in the file now, None for none. Raises Unreadable."""
    _, entries = _present(data, change, record.changes)
    return entries[-1].raw if entries else None


def _turned(change: Change) -> Change:
    return replace(change, before=change.after, after=change.before)


def _present(data: bytes, change: Change, changes: tuple[Change, ...]) -> tuple[SettingPlace, list[Entry]]:
    """Return where the setting is now, and its entries, the one that counts last. Raises Unreadable.

    It may have moved: 5.3 takes it from ``[Preferences]`` to ``[WebUI]``. One that is gone belongs where a release
    that reads this file looks. A place of another change is that one's.
    """
    keys = (change.key or "", "MigrationVersion", *(each.key for each in conversions.places(change.setting)))
    ini = QtIni.parse(data, ignore_case=_WINDOWS, keys=keys)
    taken = {(one.section, one.key) for one in changes if one is not change}
    own = [SettingPlace(change.section, change.key)] if change.section is not None and change.key is not None else []
    for place in (*own, *(one for one in conversions.places(change.setting) if one not in taken)):
        if (counts := ini.get(*place)) is not None:
            others = [entry for entry in ini.all(*place) if entry != counts]
            return place, [*others, counts]
    if (known := conversions.known(change.setting)) is None:
        return own[0], []
    found = ini.get("Meta", "MigrationVersion")
    migration = None if found is None else qtini_values.to_int(found.raw, 0)
    return SettingPlace(*releases.place(known.name, releases.layout(None, migration))), []


def _not_ours(change: Change, entries: list[Entry], before: str | None, after: str | None) -> str | None:
    """Return None if the value is the one that the fix set, "" if it is as before already, else why it is neither."""
    now = entries[-1].raw if entries else None
    name = change.setting
    if before is None and len(entries) > 1:
        lines = ", ".join(str(entry.line) for entry in entries)
        return f"{name} was absent before and now stands on several lines ({lines})"
    said = conversions.meaning(name, now)
    if said == conversions.meaning(name, after):
        return None
    if said == conversions.meaning(name, before):
        return ""
    where = f"line {entries[-1].line}" if entries else "the key is gone"
    return f"{changed_since(name)} ({where})"


def changed_since(name: str) -> str:
    """Return how a refusal begins of a setting whose value is neither what the fix set nor what was before."""
    return f"{name} {CHANGED}"


def _edited(data: bytes, place: SettingPlace, raw: str | None, backup: bytes | None, *, odd: bool) -> bytes:
    """Return the file with the value; what the fix took out goes back as it stood in the backup.

    ``odd``: the key is no setting, so it may be spelled in any way.
    """
    if raw is None and odd:
        return qtini_lines.take_out(data, *place, ignore_case=_WINDOWS).data
    if raw is None:
        return qtini_edit.remove_key(data, *place, ignore_case=_WINDOWS).data
    if backup is not None:
        return qtini_lines.put_back(data, backup, *place, ignore_case=_WINDOWS)
    return qtini_edit.set_value(data, *place, raw, ignore_case=_WINDOWS).data


def in_api(
    record: Record, present: Mapping[str, Json], *, force: bool = False, values_before: Mapping[str, Json] | None = None
) -> Undo:
    """Return how the record is taken back through the Web API, where the preferences are ``present`` now.

    ``values_before`` are values before that neither the record nor the Web API has, by their names there.
    """
    changes: list[Change] = []
    refusals: list[str] = []
    write: dict[str, Json] = {}
    certain = True
    for change in record.changes:
        said = change.json
        known = conversions.known(change.setting)
        if (
            said is None
            and values_before
            and known is not None
            and known.json is not None
            and known.json in values_before
        ):
            write[known.json] = values_before[known.json]
            changes.append(_turned(change))
            continue
        if record.via == "file" and change.setting.startswith(_CONNECTION):
            refusals.append(
                f"{change.setting} decides over the very connection that it would be taken back over: stop qBittorrent and "
                "use --via file"
            )
            certain = False
            continue
        if said is None or said.before is None or said.name not in present:
            refusals.append(
                f"{change.setting} cannot be taken back through the Web API: its value before is not known there; use "
                "--via file, while qBittorrent is stopped or with --restart"
            )
            certain = False
            continue
        now = present[said.name]
        ours = said.after is not None and conversions.same_json(change.setting, now, said.after)
        if not ours:
            if conversions.same_json(change.setting, now, said.before):
                continue
            refusals.append(changed_since(change.setting))
            if not force:
                continue
        write[said.name] = said.before
        now_raw = conversions.raw_value(change.setting, now)
        changes.append(replace(change, before=now_raw, after=conversions.raw_value(change.setting, said.before)))
    return Undo("api", tuple(changes), tuple(refusals), force and certain, write=write)


def only_in_file(record: Record) -> bool:
    """Return whether the Web API cannot take the record back, whatever the preferences are: it needs the file."""
    return any(
        change.json is None
        or change.json.before is None
        or (record.via == "file" and change.setting.startswith(_CONNECTION))
        for change in record.changes
    )
