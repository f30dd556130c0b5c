"""Defines rollback records, ``qbdoctor.record/1``: what was changed, how it was before, and how far it came.

A record is a folder ``<UTC time>-<fix>-<short id>`` that holds ``record.json``, ``before.*`` and, where they are needed,
``values.json`` (the texts that ``record.json`` cannot hold: secrets, and other bytes than ASCII), ``rollback.*`` (what a
rollback is about to write) and ``conflict.*`` (what a forced rollback overwrote). It appears under its name complete: it
is made under another name, made durable, and renamed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from qbdoctor.model.basics import Json
from qbdoctor.patterns import regex
from qbdoctor.repair.edits.changes import Beside, Change, JsonChange, Side, Via
from qbdoctor.storage import files
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import field, frozen, replace

if TYPE_CHECKING:
    from typing import Any, Literal

    State = Literal["preparing", "applied", "verified", "rolling-back", "rolled-back", "abandoned"]
    WriteMethod = Literal["whole-file", "by-setting", "api"]
else:
    State = WriteMethod = str

SCHEMA = "qbdoctor.record/1"
HISTORY_SCHEMA = "qbdoctor.history/1"

Write = Callable[[Mapping[str, Json]], None]
Read = Callable[[], Mapping[str, Json]]
Guard = Callable[[], "str | None"]
"""Called under the locks, right before the write; a sentence refuses."""

_SCHEMAS = regex(r"qbdoctor\.record/[1-9][0-9]{0,8}")
_MEMBERS = {
    *("schema", "id", "run", "fix", "reason", "tool", "created", "by", "host", "target", "via", "file", "backup"),
    *("changes", "state", "states", "verified_by", "in_place", "rollback", "notes", "diagnosis", "beside"),
}

TARGET_MEMBERS = ("url", "config_file", "profile", "container", "config_inside")
STATES: tuple[State, ...] = ("preparing", "applied", "verified", "rolling-back", "rolled-back", "abandoned")
WRITE_METHODS: tuple[WriteMethod, ...] = ("whole-file", "by-setting", "api")
UNFINISHED: frozenset[State] = frozenset({"preparing", "rolling-back"})
STANDING: frozenset[State] = frozenset({"applied", "verified"})


@frozen
class TargetRecord:
    """Which qBittorrent a change was made to; ``container`` reads ``docker NAME``, ``config_inside`` is its path there."""

    url: str | None = None
    config_file: str | None = None
    profile: str | None = None
    container: str | None = None
    config_inside: str | None = None


@frozen
class ChangeRequest:
    """What a record says of a change beside its settings: by which fix, why, in which run, to which qBittorrent.

    ``diagnosis`` is what was seen before; ``target`` may be left out where the config file says it.
    """

    fix: str
    reason: str
    run: str
    target: TargetRecord | None = None
    diagnosis: Mapping[str, Json] | None = None


@frozen
class RollbackRequest:
    """How one record is to be taken back; without ``via`` the way it was made.

    ``force`` overrules what someone else changed since, which is kept with the record first. In the file: ``path`` is the
    config file where the record does not know it, ``guard`` is called under the locks. Through the Web API: ``write`` and
    ``read`` send and get preferences, ``values_before`` are values before, by their names in app/preferences, that no
    record may hold.
    """

    via: Via | None = None
    force: bool = False
    guard: Guard | None = None
    write: Write | None = None
    read: Read | None = None
    path: Path | None = None
    note: str | None = None
    values_before: Mapping[str, Json] = field(default_factory=dict)


PLAIN = RollbackRequest()


@frozen
class FileChange:
    """The file that was changed: ``path`` as it was given, ``real`` where symbolic links led."""

    path: str
    real: str
    before: Side
    after: Side


@frozen
class StateChange:
    """A state and when it was reached (RFC 3339, UTC)."""

    state: State
    at: str
    note: str | None = None


@frozen
class Undoing:
    """A rollback that was begun: from which state, how, and for a file what it replaces with what."""

    via: Via
    how: WriteMethod
    was: State
    real: str | None = None
    from_sha256: str | None = None
    to_sha256: str | None = None
    forced: bool = False


@frozen
class Record:
    """One applied fix; see the module. ``folder`` is where it is kept, and no part of the JSON.

    ``diagnosis`` is what was seen before the fix (:mod:`qbdoctor.evidence`), None where nothing was looked at.
    ``beside`` is a second file that the change took away, and a rollback brings back.
    ``more`` are members that a later qbdoctor added to this schema: kept as they are.
    """

    id: str
    run: str
    fix: str
    reason: str
    tool_version: str
    created: str
    user: str
    uid: int | None
    host: str
    target: TargetRecord
    via: Via
    file: FileChange | None
    backup: str
    changes: tuple[Change, ...]
    states: tuple[StateChange, ...]
    verified_by: str | None = None
    in_place: bool = False
    rollback: Undoing | None = None
    notes: tuple[str, ...] = ()
    diagnosis: Mapping[str, Json] | None = field(default=None, hash=False)
    beside: Beside | None = None
    more: Mapping[str, Json] = field(default_factory=dict, hash=False)
    folder: Path = field(default=Path(), compare=False)

    @property
    def state(self) -> State:
        """How far it came."""
        return self.states[-1].state

    @property
    def backup_file(self) -> Path:
        """The file, or for ``api`` the settings, as they were before."""
        return self.folder / self.backup

    @property
    def standing(self) -> bool:
        """Whether the change was made and not taken back."""
        return self.state in STANDING

    @property
    def is_source(self) -> bool:
        """Whether lines of a program's source were changed, and no setting."""
        return self.file is not None and bool(self.changes) and all(change.is_source for change in self.changes)

    def file_name(self) -> str | None:
        """Return the config file that the change is in, symbolic links followed, where it is known."""
        if self.file is not None:
            return self.file.real
        return os.path.realpath(self.target.config_file) if self.target.config_file else None

    def same_target(self, other: Record) -> bool:
        """Return whether both changed the same qBittorrent, as far as can be told."""
        mine, theirs = self.file_name(), other.file_name()
        if mine is not None and theirs is not None:
            return files.same_name(mine, theirs)
        return self.target.url is not None and self.target.url == other.target.url

    def to_json(self) -> Json:
        """Return the contract's record object."""
        return {
            "schema": SCHEMA,
            "id": self.id,
            "run": self.run,
            "fix": self.fix,
            "reason": self.reason,
            "tool": {"name": "qbdoctor", "version": self.tool_version},
            "created": self.created,
            "by": {"user": self.user, "uid": self.uid},
            "host": self.host,
            "target": _plain(self.target),
            "via": self.via,
            "file": None if self.file is None else _plain(self.file),
            "backup": self.backup,
            "changes": [_plain(change) for change in self.changes],
            "state": self.state,
            "states": [_plain(step) for step in self.states],
            "verified_by": self.verified_by,
            "in_place": self.in_place,
            "rollback": None if self.rollback is None else _plain(self.rollback),
            "notes": list(self.notes),
            "diagnosis": self.diagnosis,
            "beside": None if self.beside is None else _plain(self.beside),
            **self.more,
        }


@frozen
class Damaged:
    """A record that cannot be read: its folder's name, why, and the backup if there is one.

    ``newer`` is its schema where a later qbdoctor wrote it: then nothing is wrong with it.
    """

    id: str
    folder: Path
    reason: str
    backup: Path | None
    newer: str | None = None

    def text(self) -> str:
        """Return one sentence for people."""
        kept = f"the file as it was before is {self.backup}" if self.backup else "it holds no backup"
        if self.newer is not None:
            return f"The record {self.id} cannot be read here: {self.reason}; only that one can take it back; {kept}."
        return f"The record {self.id} is damaged ({self.reason}): {kept}."

    def to_json(self) -> Json:
        """Return the member of a history that stands for it."""
        backup = None if self.backup is None else str(self.backup)
        return {"id": self.id, "damaged": self.reason, "folder": str(self.folder), "backup": backup}


def history_json(records: Iterable[Record | Damaged]) -> Json:
    """Return ``qbdoctor.history/1``."""
    return {"schema": HISTORY_SCHEMA, "records": [record.to_json() for record in records]}


def _plain(value: Any) -> Json:
    if hasattr(value, "__value_members__"):
        return {name: _plain(getattr(value, name)) for name in value.__value_members__}
    return value


class InvalidRecord(ValueError):
    """The record's JSON is not what it should be; the text says what."""


class Newer(InvalidRecord):
    """The record is of a later schema."""

    def __init__(self, schema: str) -> None:
        super().__init__(f"it was written by another qbdoctor, a newer one ({schema})")
        self.schema = schema


def parse(held: Json, folder: Path) -> Record:
    """Return the record that this JSON is; what a first version did not write yet may lack.

    Raises ValueError, whose text says what is wrong with it: :class:`Newer` for a later schema.
    """
    if not isinstance(held, dict):
        raise InvalidRecord("record.json holds no object")
    schema = held.get("schema")
    if schema != SCHEMA:
        if isinstance(schema, str) and _SCHEMAS.fullmatch(schema):
            raise Newer(schema)
        raise InvalidRecord("record.json is no record")
    try:
        record = Record(
            **{name: _text(held, name) for name in ("id", "run", "fix", "reason", "created", "host", "backup")},
            tool_version=_text(held["tool"], "version"),
            user=_text(held["by"], "user"),
            uid=_maybe(int, held["by"].get("uid")),
            target=TargetRecord(*(_maybe(str, held["target"].get(name)) for name in TARGET_MEMBERS)),
            via=_one_of(("file", "api"), held["via"]),
            file=None if held.get("file") is None else _file(held["file"]),
            changes=tuple(_change(each) for each in held["changes"]),
            states=tuple(
                StateChange(_one_of(STATES, each["state"]), _text(each, "at"), _maybe(str, each.get("note")))
                for each in held["states"]
            ),
            verified_by=_maybe(str, held.get("verified_by")),
            in_place=held.get("in_place") is True,
            rollback=None if held.get("rollback") is None else _undoing(held["rollback"]),
            notes=tuple(str(note) for note in held.get("notes", ())),
            diagnosis=_maybe(dict, held.get("diagnosis")),
            beside=None if held.get("beside") is None else _beside(held["beside"]),
            more={name: value for name, value in held.items() if name not in _MEMBERS},
            folder=folder,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidRecord(f"record.json lacks a member or has one of a wrong type ({error})") from None
    if not record.states or record.state != held.get("state"):
        raise InvalidRecord("its state is not the last of its states")
    if record.id != folder.name or Path(record.backup).name != record.backup:
        raise InvalidRecord("it does not belong to this folder")
    if record.via == "file" and record.file is None:
        raise InvalidRecord("it names no file")
    return record


def _text(held: Mapping[str, Json], name: str) -> str:
    value = held[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _maybe(kind: type[Any], value: Json) -> Any:
    if value is not None and not isinstance(value, kind):
        raise TypeError(kind.__name__)
    return value


def _one_of(values: tuple[str, ...], value: Json) -> Any:
    if value not in values:
        raise TypeError(str(value))
    return value


def _file(held: Json) -> FileChange:
    sides = []
    for name in ("before", "after"):
        side = held[name]
        numbers = {each: _maybe(int, side[each]) for each in ("uid", "gid")}
        sides.append(Side(_text(side, "sha256"), int(side["size"]), _text(side, "mode"), **numbers))
    return FileChange(_text(held, "path"), _text(held, "real"), *sides)


def _beside(held: Json) -> Beside:
    side = held["side"]
    numbers = {each: _maybe(int, side[each]) for each in ("uid", "gid")}
    found = Side(_text(side, "sha256"), int(side["size"]), _text(side, "mode"), **numbers)
    if Path(_text(held, "backup")).name != held["backup"]:
        raise InvalidRecord("it does not belong to this folder")
    return Beside(_text(held, "path"), held["backup"], found)


def _change(held: Json) -> Change:
    texts = {name: _maybe(str, held[name]) for name in ("before", "after")}
    places = {name: _maybe(str, held.get(name)) for name in ("section", "key")}
    said = held.get("json")
    line = _maybe(int, held.get("line"))
    change = Change(_text(held, "setting"), secret=held["secret"] is True, line=line, **texts, **places)
    return (
        change if said is None else replace(change, json=JsonChange(_text(said, "name"), said["before"], said["after"]))
    )


def _undoing(held: Json) -> Undoing:
    texts = {name: _maybe(str, held[name]) for name in ("real", "from_sha256", "to_sha256")}
    how, was = _one_of(WRITE_METHODS, held["how"]), _one_of(STATES, held["was"])
    return Undoing(_one_of(("file", "api"), held["via"]), how, was, forced=held["forced"] is True, **texts)
