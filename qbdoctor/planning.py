"""What the journal would do, worked out without writing anything: the same code for a dry run and for the deed."""

from __future__ import annotations

import getpass
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qbdoctor import __version__, beside, lineedits, undoing
from qbdoctor.config import conversions
from qbdoctor.config.conversions import Place
from qbdoctor.config.qtini import edit as qtini_edit
from qbdoctor.config.qtini.document import QtIni, Unreadable
from qbdoctor.config.settings import read_config
from qbdoctor.filetexts import FileText
from qbdoctor.model.basics import Json
from qbdoctor.model.edits import Move, Remove, ReplaceFile
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.records import Beside, Change, How, JsonChange, Record, Step, Via
from qbdoctor.releases import Version
from qbdoctor.storage import atomic, private
from qbdoctor.store import Raws, Store
from qbdoctor.undoing import Undo, sha256

_WINDOWS = sys.platform == "win32"


@dataclass(frozen=True, slots=True)
class SettingEdit:
    r"""One setting and the text that it is to have in the file; None takes the key out.

    ``setting`` is its name ("LocalHostAuth"), ``section`` and ``key`` are its place ("Preferences",
    ``WebUI\LocalHostAuth``). ``secret``: never shown; what the table of releases calls a secret is one in any case.
    """

    setting: str
    section: str
    key: str
    raw_after: str | None = field(repr=False)
    secret: bool = False


FileEdit = SettingEdit | Remove | Move | ReplaceFile


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What edits would make of a file. No changes: all is so already. ``sha256`` is of the file before.

    ``beside`` is a second file, whose content the first one gets, and which goes.
    """

    path: Path
    sha256: str
    changes: tuple[Change, ...]
    data: bytes = field(repr=False)
    result: bytes = field(repr=False)
    raws: Raws = field(repr=False)
    beside: Beside | None = None

    def diff(self) -> tuple[str, ...]:
        """Return the changes as lines that start with "-" and "+", secrets masked."""
        return tuple(line for change in self.changes for line in change.diff())


@dataclass(frozen=True, slots=True)
class PlanStep:
    """What taking one record back would do. ``refusals``, unless ``overruled`` by force, keep it from being done."""

    record: Record
    via: Via
    how: How | None
    changes: tuple[Change, ...]
    refusals: tuple[str, ...]
    overruled: bool = False

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return self.overruled or not self.refusals


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What taking records back would do, in this order."""

    steps: tuple[PlanStep, ...]

    @property
    def refusals(self) -> tuple[str, ...]:
        """The reasons, each with its record, for which steps would not be done."""
        return tuple(
            f"{step.record.id}: {reason}" for step in self.steps if not step.allowed for reason in step.refusals
        )

    def diff(self) -> tuple[str, ...]:
        """Return the changes as lines that start with "-" and "+", secrets masked."""
        return tuple(line for step in self.steps if step.allowed for change in step.changes for line in change.diff())


def config_bytes(path: Path) -> bytes:
    """Return the bytes of a config file. Raises :class:`~qbdoctor.model.UserError`."""
    return read_config(path)[0]


def real_file(path: Path) -> Path:
    """Return the config file behind the name, symbolic links followed. Raises UserError if it cannot be read."""
    read_config(path)
    return atomic.real_path(path)


def check_no_new_file(real: Path) -> None:
    """Refuse where qBittorrent would replace the file at its next start by the one it left beside it."""
    new = real.with_name(f"{real.stem}_new{real.suffix}")
    try:
        there = new.stat().st_size > 0
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"{new} cannot be looked at: {private.why(error)}. Nothing was changed.") from None
    if there:
        raise Refused(
            f"{new} is left from an unclean exit and will replace {real.name} at the next start: start and stop "
            "qBittorrent once, or make it the config with qbdoctor fix adopt-new-file, or remove it.",
            "leftover-new-file",
        )


# --- a file's settings ----------------------------------------------------------------------------------------------


def plan_file(
    path: Path, edits: Sequence[FileEdit], *, on: FilePlan | None = None, version: Version | None = None
) -> FilePlan:
    """Return what the edits would make of the file, or of what ``on`` makes of it.

    Raises Refused, and :class:`~qbdoctor.model.UserError` for a file that cannot be read.
    """
    data = config_bytes(path) if on is None else on.result
    result = data
    changes: list[Change] = []
    raws: dict[str, tuple[str | None, str | None]] = {}
    second: Beside | None = None
    for edit in edits:
        if edit.setting in raws:
            raise ValueError(f"{edit.setting} is edited twice")
        try:
            if not isinstance(edit, SettingEdit):
                done = lineedits.carry_out(path, edit, result, version)
                result, second = done.data, done.beside or second
                raws.update(done.raws)
                changes.extend(done.changes)
                continue
            _check_one_place(path, edit, result)
            now = QtIni.parse(result, ignore_case=_WINDOWS, keys=(edit.key,)).get(edit.section, edit.key)
            before = None if now is None else now.raw
            if conversions.meaning(edit.setting, before) == conversions.meaning(edit.setting, edit.raw_after):
                continue
            if edit.raw_after is None:
                edited = qtini_edit.remove_key(result, edit.section, edit.key, ignore_case=_WINDOWS)
            else:
                edited = qtini_edit.set_value(result, edit.section, edit.key, edit.raw_after, ignore_case=_WINDOWS)
        except (qtini_edit.Refused, Unreadable) as error:
            raise Refused(f"{path} cannot be edited with certainty: {error}.", "edit-uncertain") from None
        result = edited.data
        raws[edit.setting] = (before, edit.raw_after)
        changes.append(_change(edit, before, edited.line, version))
    return FilePlan(path, sha256(data), tuple(changes), data, result, raws, second)


def _change(edit: SettingEdit, before: str | None, line: int | None, version: Version | None) -> Change:
    after = edit.raw_after
    secret = edit.secret or conversions.is_secret(edit.setting)
    name = None if secret else conversions.json_name(edit.setting)
    said = None
    if name is not None:
        values = (conversions.json_value(edit.setting, raw, version) for raw in (before, after))
        said = JsonChange(name, *values)
    before, after = (conversions.shown(raw, secret=secret) for raw in (before, after))
    return Change(edit.setting, before, after, secret, edit.section, edit.key, line, said)


def _check_one_place(path: Path, edit: SettingEdit, data: bytes) -> None:
    places = conversions.places(edit.setting)
    if Place(edit.section, edit.key) not in places:
        return
    ini = QtIni.parse(data, ignore_case=_WINDOWS, keys=[place.key for place in places])
    lines = [entry.line for place in places if (entry := ini.get(*place)) is not None]
    if len(lines) > 1:
        raise Refused(
            f"{path} sets {edit.setting} in [Preferences] and in [WebUI] (lines {lines[0]} and {lines[1]}): which one "
            "counts depends on the release; remove one while qBittorrent is stopped.",
            "ambiguous-setting",
        )


# --- preferences of a running server --------------------------------------------------------------------------------


def api_changes(
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    version: Version | None,
    texts: Mapping[str, FileText] | None = None,
) -> tuple[Change, ...]:
    """Return the changes between two sets of preferences, as records have them.

    ``texts`` are those in the file of settings that the Web API does not give, by setting.
    """
    changes = []
    for name, value in after.items():
        setting = conversions.setting_of(name, version)
        if texts and (there := texts.get(setting)) is not None:
            was = None if there.raw is None else conversions.MASK
            changes.append(Change(setting, was, conversions.MASK, True, *there.place))
            continue
        old = before.get(name)
        if name in before and conversions.same_json(setting, old, value):
            continue
        secret = conversions.is_secret(setting)
        was, will = (conversions.MASK if secret else conversions.raw_value(setting, each) for each in (old, value))
        said = None if secret else JsonChange(name, old, value)
        changes.append(Change(setting, was, will, secret, json=said))
    return tuple(changes)


def check_taken(wanted: Mapping[str, Json], present: Mapping[str, Json], changes: Sequence[Change]) -> None:
    """See that the server has what was written, where it shows it. Raises Refused, without any value."""
    settings = {change.json.name: change.setting for change in changes if change.json is not None}
    for name, setting in settings.items():
        if name in wanted and not (name in present and conversions.same_json(setting, present[name], wanted[name])):
            raise Refused(
                f"qBittorrent answered, and did not take {name}: it has another value than the one that was sent. The way to "
                "it (a proxy?) may keep changes out; stop qBittorrent and use --via file.",
                "not-taken",
            )


# --- taking back ----------------------------------------------------------------------------------------------------


def plan_rollback(
    store: Store,
    records: Sequence[Record],
    *,
    via: Via | None = None,
    force: bool = False,
    read: Callable[[], Mapping[str, Json]] | None = None,
    path: Path | None = None,
) -> RollbackPlan:
    """Return what taking these records back, the newest first, would change; each on what the one before leaves."""
    files: dict[str, bytes] = {}
    present: dict[str, Json] | None = None
    steps: list[PlanStep] = []
    gone = {record.id for record in records}
    brought_back: set[str] = set()
    for record in sorted(records, key=lambda each: each.id, reverse=True):
        how = via or record.via
        try:
            if not record.standing:
                raise Refused(f"it is {record.state}, so there is nothing to take back", "not-applied")
            if how == "api":
                if present is None:
                    if read is None:
                        raise Refused("it needs a running qBittorrent with its Web API", "needs-api")
                    present = dict(read())
                undo = undo_in_api(store, record, present, force=force, gone=gone)
                if undo.allowed:
                    present.update(undo.write)
            else:
                name = config_of(record, path)
                real = str(real_file(name))
                data = files[real] if real in files else config_bytes(name)
                undo = undo_in_file(store, record, data, force=force, gone=gone)
                if record.beside is not None:
                    if undo.allowed and record.beside.path in brought_back:
                        raise Refused(
                            f"{record.beside.path} comes back from a newer record already", "leftover-new-file"
                        )
                    brought_back.add(record.beside.path)
                if undo.allowed:
                    files[real] = undo.data
        except UserError as error:
            steps.append(PlanStep(record, how, None, (), (error.message,)))
            gone.discard(record.id)
            continue
        steps.append(PlanStep(record, how, undo.how, undo.changes, undo.refusals, undo.overruled))
        if not undo.allowed:
            gone.discard(record.id)
    return RollbackPlan(tuple(steps))


def config_of(record: Record, path: Path | None) -> Path:
    """Return the config file that a record is about. Raises Refused."""
    name = record.file.path if record.file is not None else record.target.config_file
    if path is None and name is None:
        raise Refused(f"{record.id} was made through the Web API of a server whose config file is not known: give it "
                      "with --config.", "config-unknown")  # fmt: skip
    return path or Path(str(name))


def undo_in_file(
    store: Store, record: Record, data: bytes, *, force: bool, gone: set[str] | frozenset[str] = frozenset()
) -> Undo:
    """Return how the record is taken back in the file; ``gone`` are records that are taken back before it."""
    backup = _backup(record)
    try:
        raws = store.raws(record)
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(f"{record.id} is damaged: its values cannot be read; the backup is {record.backup_file}.",
                      "record-damaged") from None  # fmt: skip
    undo = undoing.in_file(record, data, backup, raws, force=force)
    if record.beside is not None:
        beside.check_free(record.beside)
    return _unless_newer(store, record, undo, gone, force)


def undo_in_api(
    store: Store,
    record: Record,
    present: Mapping[str, Json],
    *,
    force: bool,
    gone: set[str] | frozenset[str] = frozenset(),
    told: Mapping[str, Json] | None = None,
) -> Undo:
    """Return how the record is taken back through the Web API; ``gone`` are records that are taken back before it."""
    return _unless_newer(store, record, undoing.in_api(record, present, force=force, told=told), gone, force)


def _unless_newer(store: Store, record: Record, undo: Undo, gone: set[str] | frozenset[str], force: bool) -> Undo:
    newer = store.newer(record)
    held = {name: others for name, others in newer.items() if any(one.id not in gone for one in others)}
    texts = tuple(_held(record, one.setting, held[one.setting], gone) for one in record.changes if one.setting in held)
    if not texts:
        return undo
    # Our own newer record made the value another one: nobody else is to blame for that.
    ours = tuple(undoing.elses(name) for name in held)
    refusals = texts + tuple(text for text in undo.refusals if not text.startswith(ours))
    return Undo(undo.how, undo.changes, refusals, undo.allowed and force, undo.data, undo.write)


def _held(record: Record, name: str, newer: Sequence[Record], gone: set[str] | frozenset[str]) -> str:
    holder = next(one for one in newer if one.id not in gone)
    command = " ".join(["qbdoctor rollback", *(one.id for one in newer), record.id])
    first, all_of = ("that one", "both") if len(newer) == 1 else ("the newer ones", "all of them")
    return (
        f"{name} now has the value of the newer record {holder.id}: take {first} back first, or {all_of} ({command}), or "
        "everything (--all)"
    )


def _backup(record: Record) -> bytes:
    if record.file is None:
        return b""
    try:
        data = record.backup_file.read_bytes()
    except OSError as error:
        raise Refused(f"{record.id} is damaged: its backup {record.backup_file} cannot be read ({error.strerror}).",
                      "record-damaged") from None  # fmt: skip
    if sha256(data) != record.file.before.sha256:
        raise Refused(f"{record.id} is damaged: its backup {record.backup_file} is not the file that was saved.",
                      "record-damaged")  # fmt: skip
    return data


# --- a new record ---------------------------------------------------------------------------------------------------


def new_record(store: Store, now: float, **members: Any) -> Record:
    """Return a record in the state "preparing", with who and where filled in."""
    uid = os.getuid() if hasattr(os, "getuid") else None
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(uid)
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Record(
        id=store.new_id(members["fix"], now),
        tool_version=__version__,
        created=at,
        user=user,
        uid=uid,
        host=platform.node(),
        states=(Step("preparing", at),),
        **members,
    )
