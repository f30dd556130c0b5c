"""Works out what the journal would do, without writing anything: the same code for a dry run and for the deed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from qbdoctor.config import conversions
from qbdoctor.config.conversions import SettingPlace
from qbdoctor.config.files import read_config
from qbdoctor.config.qtini import edit as qtini_edit
from qbdoctor.config.qtini.document import MAX_BYTES, QtIni, Unreadable
from qbdoctor.model.edits import Move, Remove, RemoveLock, ReplaceFile, SourceLines
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.releases import Version
from qbdoctor.repair.edits import line_edits, source_edits
from qbdoctor.repair.edits.changes import Beside, Change, JsonChange, Raws
from qbdoctor.storage import foreign, private
from qbdoctor.storage.foreign import Place
from qbdoctor.storage.private import sha256
from qbdoctor.values import field, frozen

_WINDOWS = sys.platform == "win32"


@frozen
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


FileEdit = SettingEdit | Remove | Move | ReplaceFile | RemoveLock | SourceLines


@frozen
class FilePlan:
    """What edits would make of a file. No changes: all is so already. ``sha256`` is of the file before.

    ``beside`` is a second file, which goes: the first one gets its content (``beside_data``), unless it is a lock.
    """

    path: Path
    sha256: str
    changes: tuple[Change, ...]
    data: bytes = field(repr=False)
    result: bytes = field(repr=False)
    raws: Raws = field(repr=False)
    beside: Beside | None = None
    beside_data: bytes = field(default=b"", repr=False)

    def diff(self) -> tuple[str, ...]:
        """Return the changes as lines that start with "-" and "+", secrets masked."""
        return tuple(line for change in self.changes for line in change.diff())


def config_bytes(path: Path) -> bytes:
    """Return the bytes of a config file. Raises :class:`~qbdoctor.model.UserError`."""
    return read_config(path)[0]


@contextmanager
def held_file(path: Path, *, source: bool = False) -> Iterator[Place]:
    """Give the config file behind the name, symbolic links followed, in its folder, which stays open meanwhile.

    ``source``: it is a program's, and no link. Raises UserError if it cannot be read, and Refused.
    """
    if not source:
        read_config(path)
    with foreign.hold(path, follow=not source) as place:
        yield place


def placed_bytes(place: Place) -> bytes:
    """Return the bytes of the file itself. Raises :class:`~qbdoctor.model.UserError`."""
    try:
        return place.read(MAX_BYTES)
    except OSError as error:
        raise UserError("config-unreadable", f"{place.path} could not be read ({private.why(error)}).") from None


def check_no_new_file(place: Place) -> None:
    """Refuse where qBittorrent would replace the file at its next start by the one it left beside it."""
    real = place.path
    new = real.with_name(f"{real.stem}_new{real.suffix}")
    try:
        there = place.beside(new.name).lstat().st_size > 0
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
    path: Path,
    edits: Sequence[FileEdit],
    *,
    on: FilePlan | None = None,
    version: Version | None = None,
    data: bytes | None = None,
) -> FilePlan:
    """Return what the edits would make of the file, of what ``on`` makes of it, or of ``data``, read from it before.

    Raises Refused, and :class:`~qbdoctor.model.UserError` for a file that cannot be read.
    """
    if data is None:
        data = config_bytes(path) if on is None else on.result
    result = data
    changes: list[Change] = []
    raws: dict[str, tuple[str | None, str | None]] = {}
    second: tuple[Beside, bytes] | None = None
    sources = [edit for edit in edits if isinstance(edit, SourceLines)]
    if sources:
        made = source_edits.carry_out(data, sources)
        return FilePlan(path, sha256(data), made.changes, data, made.data, made.raws)
    for edit in (one for one in edits if not isinstance(one, SourceLines)):
        if edit.setting in raws:
            raise ValueError(f"{edit.setting} is edited twice")
        try:
            if not isinstance(edit, SettingEdit):
                done = line_edits.carry_out(path, edit, result, version)
                result = done.data
                if done.beside is not None:
                    second = done.beside, done.beside_data
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
        except (qtini_edit.EditRefused, Unreadable) as error:
            raise Refused(f"{path} cannot be edited with certainty: {error}.", "edit-uncertain") from None
        result = edited.data
        raws[edit.setting] = (before, edit.raw_after)
        changes.append(_change(edit, before, edited.line, version))
    return FilePlan(path, sha256(data), tuple(changes), data, result, raws, *(second or (None, b"")))


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
    if SettingPlace(edit.section, edit.key) not in places:
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


# --- taking back ----------------------------------------------------------------------------------------------------


# --- a new record ---------------------------------------------------------------------------------------------------
