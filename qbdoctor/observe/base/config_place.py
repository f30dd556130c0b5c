"""Looks at the config file on the disk: whose it is, whether qBittorrent can save it, and what lies beside it.

qBittorrent writes a whole new file (``qBittorrent_new.conf``) into the folder and renames it over the old one
(settingsstorage.cpp 4.1.0:264-276, 5.2.3:139-210), so the folder decides, not the file; 5.3.0 asks for the file, too
(measured). Only names, numbers and modes are read here, nothing is changed; what cannot be known is None.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.config.saving import unfinished_save
from qbdoctor.model import system
from qbdoctor.patterns import regex
from qbdoctor.storage import files, foreign
from qbdoctor.target import log as server_log
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from qbdoctor.target.description import Target
    from qbdoctor.target.processes import Instance

FULL_BYTES = 64 * 1024
"""A config has 1 to 200 KB, and each save needs room for a second one."""
LEFT_SECONDS = 60.0
"""Nothing takes a save this long; a younger new file may be one that is going on, on a disk that just wakes up."""
SETTLED_SECONDS = 10.0
"""A start's own changes (--webui-port, migrations) are in the file 5 s later (measured on 4.2.5 to 5.3.0)."""
START_SLACK_SECONDS = 2.0
"""A process's start is known to about a second."""
_DAC_OVERRIDE = 1 << 1  # of CapEff
_OCTAL = regex(r"\\([0-7]{3})")


@frozen
class ConfigPlace:
    """Where a config file lies, seen once.

    ``size`` is None where there is no file. ``owner`` and ``folder_owner`` are user numbers, ``folder_group`` a group's,
    ``mode`` and ``folder_mode`` permission bits; ``user`` is the number that the process runs as. ``readable``, ``writable`` (the
    file) and ``replaceable`` (the folder) are that process's rights; ``owner_can_replace`` those of the file's owner.
    ``mounted_alone``: the file itself is a mount point, so that nothing can be renamed over it. ``free`` is in bytes.
    ``new_file`` holds settings: a save goes on, or it was left behind and the next start takes it instead.
    ``named_by_log`` is the folder that the log says is used, where it is not this file's. ``settled``: the start's own changes
    are in the file.
    ``written_since``: it was written after the process's start, by whomever.
    ``used_before``: the log reaches back to an earlier start; ``port_before`` is where that one listened.
    """

    file: Path
    size: int | None = None
    owner: int | None = None
    mode: int | None = None
    folder_owner: int | None = None
    folder_group: int | None = None
    folder_mode: int | None = None
    user: int | None = None
    readable: bool | None = None
    writable: bool | None = None
    replaceable: bool | None = None
    owner_can_replace: bool | None = None
    mounted_alone: bool = False
    read_only: bool = False
    free: int | None = None
    new_file: Path | None = None
    named_by_log: Path | None = None
    settled: bool = True
    written_since: bool = False
    used_before: bool = False
    port_before: int | None = None

    @property
    def full(self) -> bool:
        """Whether its disk has no room for the next save, which is a second file beside it."""
        return self.free is not None and self.free < max(FULL_BYTES, 2 * (self.size or 0))


@frozen
class _Who:
    """A user as the file system sees it; ``almighty`` passes permission bits by."""

    uid: int
    groups: frozenset[int]
    almighty: bool = False


def look(target: Target, *, now: Callable[[], float] = time.time) -> ConfigPlace | None:
    """Return the place of the target's config; None where the target has none here, or its folder may not be seen."""
    file = target.config_file
    if file is None:
        return None
    folder = _state(file.parent)
    if folder is None:
        return None
    found = _state(file)
    instance = target.instance
    who = None if instance is None else _process_user(instance.pid)
    owner = None if found is None or not _unix() else _Who(found.st_uid, _groups_of(found.st_uid), found.st_uid == 0)
    mounts = _mounted_by_engine(target, file)
    if mounts is None:  # a container's own mounts say nothing of those that a server has which is not seen
        mounts = (False, False) if instance is None and target.from_container else _mounted(file, instance)
    mounted_alone, read_only = mounts
    before, lines = _log(target)
    return ConfigPlace(
        file=file,
        size=None if found is None else found.st_size,
        owner=None if found is None else found.st_uid,
        mode=None if found is None else stat.S_IMODE(found.st_mode),
        folder_owner=folder.st_uid,
        folder_group=folder.st_gid,
        folder_mode=stat.S_IMODE(folder.st_mode),
        user=None if who is None else who.uid,
        readable=None if who is None or found is None else _reaches(who, file, instance) and _may(who, file, found, 4),
        writable=None if who is None or found is None else _may(who, file, found, 2),
        replaceable=None
        if who is None
        else _reaches(who, file, instance) and _may(who, file.parent, folder, 3) and not read_only,
        owner_can_replace=None if owner is None else _may(owner, file.parent, folder, 3),
        mounted_alone=mounted_alone,
        read_only=read_only,
        free=_free(file.parent, almighty=who is not None and who.uid == 0),
        new_file=_new_file(file),
        named_by_log=_named_by_log(target, lines),
        settled=instance is None or _settled(instance, found, now()),
        written_since=instance is not None and _written_since(instance, found),
        used_before=bool(before),
        port_before=None if (port := server_log.listening(before)) is None else port[1],
    )


def _unix() -> bool:
    return sys.platform != "win32"


def _state(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


# --- rights -----------------------------------------------------------------------------------------------------------


def _process_user(pid: int) -> _Who | None:
    """Return whose rights a process has (Linux: its file-system user, groups and capability); None if unknown."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return _user_without_proc(pid)
    words = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    try:
        uid, gid = int(words["Uid"][3]), int(words["Gid"][3])
        groups = frozenset({gid, *map(int, words.get("Groups", ()))})
        capable = bool(int(words["CapEff"][0], 16) & _DAC_OVERRIDE)
    except (KeyError, IndexError, ValueError):
        return None
    return _Who(uid, groups, capable and _same_users(pid))


def _user_without_proc(pid: int) -> _Who | None:
    """Return the same where there is no /proc (macOS), as far as psutil says it; None on Windows."""
    if not _unix() or system.is_linux():
        return None
    import psutil  # noqa: PLC0415 - only there

    try:
        uid = int(psutil.Process(pid).uids().effective)
        groups = _groups_of(uid) | {int(psutil.Process(pid).gids().effective)}
    except (psutil.Error, OSError, SystemError):
        return None
    return _Who(uid, groups, uid == 0)


def _same_users(pid: int) -> bool:
    """Whether the process's users are this machine's: a capability counts only within its own user namespace."""
    try:
        return Path(f"/proc/{pid}/ns/user").readlink() == Path("/proc/self/ns/user").readlink()
    except OSError:
        return False


def _groups_of(uid: int) -> frozenset[int]:
    import grp  # noqa: PLC0415 - there are none on Windows
    import pwd  # noqa: PLC0415

    try:
        user = pwd.getpwuid(uid)
    except KeyError:
        return frozenset()
    return frozenset({user.pw_gid, *(group.gr_gid for group in grp.getgrall() if user.pw_name in group.gr_mem)})


def _may(who: _Who, path: Path, state: os.stat_result, wanted: int) -> bool | None:
    """Whether the permission bits allow it (4 read, 2 write, 1 search); None where an access list may decide."""
    if who.almighty:
        return True
    if who.uid == state.st_uid:
        bits = state.st_mode >> 6
    else:
        if _has_access_list(path):
            return None
        bits = state.st_mode >> 3 if state.st_gid in who.groups else state.st_mode
    return bits & wanted == wanted


def _has_access_list(path: Path) -> bool:
    listed = getattr(os, "listxattr", None)
    if listed is None:
        return False
    try:
        return "system.posix_acl_access" in listed(path)
    except OSError:
        return False


def _reaches(who: _Who, file: Path, instance: Instance | None) -> bool | None:
    """Whether the user may pass every folder above the file, as far as the process's own root."""
    root = instance.root if instance is not None else None
    answer: bool | None = True
    for folder in file.parents:
        if root is not None and not folder.is_relative_to(root):
            break
        state = _state(folder)
        passes = None if state is None else _may(who, folder, state, 1)
        if passes is False:
            return False
        answer = answer if passes else None
    return answer


# --- mounts and space -------------------------------------------------------------------------------------------------


def _mounted_by_engine(target: Target, file: Path) -> tuple[bool, bool] | None:
    """Tell the same by what a container's engine says of its mounts: the process's own table is root's to read, mostly."""
    one = target.container
    inside = None if one is None else one.inside_path(file)
    mount = None if one is None or inside is None else one.mount_of(inside)
    return None if mount is None else (mount.destination == str(inside), not mount.writable)


def _mounted(file: Path, instance: Instance | None) -> tuple[bool, bool]:
    """Whether the file itself is a mount point for the process, and whether it lies on a read-only mount (Linux)."""
    pid = "self" if instance is None else str(instance.pid)
    try:
        table = Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape")
        seen = file.parent.resolve() / file.name
    except (OSError, RuntimeError):
        return False, False
    if instance is not None and instance.root is not None and file.is_relative_to(instance.root):
        seen = Path("/") / file.relative_to(instance.root)
    return read_mounts(table, seen)


def read_mounts(table: str, file: Path) -> tuple[bool, bool]:
    """Read ``/proc/PID/mountinfo``: whether this file is itself a mount point, and whether its mount is read-only."""
    alone, read_only, deepest = False, False, -1
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 10:
            continue
        point = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        if not file.is_relative_to(point) or len(point.parts) < deepest:
            continue
        deepest = len(point.parts)  # of two mounts on one point the later one is seen
        alone = point == file
        read_only = "ro" in fields[5].split(",") or "ro" in fields[-1].split(",")
    return alone, read_only


def _free(folder: Path, *, almighty: bool) -> int | None:
    """Return the free bytes of the folder's file system; what is kept back counts for root alone."""
    ask = getattr(os, "statvfs", None)
    if ask is None:
        return None
    try:
        found = ask(folder)
    except OSError:
        return None
    return int(found.f_frsize * (found.f_bfree if almighty else found.f_bavail)) if found.f_blocks else None


# --- what lies beside it, and what the log says -------------------------------------------------------------------------


def _new_file(file: Path) -> Path | None:
    """Return ``qBittorrent_new.conf`` if it holds any setting."""
    new = unfinished_save(file)
    return new if files.is_file(new) and _holds_settings(new) else None


def left_behind(
    place: ConfigPlace | None,
    instance: Instance | None,
    answers: Callable[[], bool],
    now: Callable[[], float] = time.time,
) -> Path | None:
    """Return the new file where no save is going on any more; None for none.

    A process saves and answers in one thread (measured, 4.2.5 to 5.3.0): what is still there after an answer was left
    behind. ``answers`` asks it, and returns whether it answered. If not, the file's age tells, or else nothing is said.
    """
    new = place.new_file if place is not None else None
    found = None if new is None else _state(new)
    if new is None or found is None:
        return None
    if instance is None or answers():
        left = _state(new)
        return new if left is not None and left.st_ino == found.st_ino else None
    return new if now() - found.st_mtime > LEFT_SECONDS else None


def _holds_settings(path: Path) -> bool:
    """Whether Qt finds a key in it; an empty one, or one of comments alone, is ignored (measured)."""
    from qbdoctor.config.qtini.document import MAX_BYTES, QtIni, Unreadable  # noqa: PLC0415

    try:
        return bool(QtIni.parse(foreign.read(path, MAX_BYTES)).pairs)
    except OSError:
        return True  # it is not ours to read: size is all that is known
    except Unreadable:
        return True


def _named_by_log(target: Target, lines: tuple[server_log.LogLine, ...]) -> Path | None:
    """Return the folder that the running process named in its log, if it is another one than the config's."""
    instance = target.instance
    named = server_log.config_folder(lines)
    if instance is None or target.config_file is None or named is None:
        return None
    folder = Path(named)
    if instance.root is not None:
        folder = instance.root.joinpath(*folder.parts[1:])
    if system.is_macos() and _told_on_macos(folder, target.config_file):
        return None
    try:
        return None if folder.samefile(target.config_file.parent) else folder
    except OSError:
        return None  # a name that is not here, as in a container that is closed to us, shows nothing


def _told_on_macos(folder: Path, config: Path) -> bool:
    """Whether the log names ``~/Library/Preferences/qBittorrent`` (Qt's AppConfigLocation) beside the ini in ~/.config.

    Without a profile that is what a healthy installation says on macOS: the settings are Qt's ini file elsewhere.
    """
    return folder.parts[-3:-1] == ("Library", "Preferences") and folder.name == config.parent.name


def _log(target: Target) -> tuple[tuple[server_log.LogLine, ...], tuple[server_log.LogLine, ...]]:
    """Return the log's lines of earlier starts and those of the process that runs; without one all are earlier."""
    if target.log_file is None:
        return (), ()
    lines = server_log.read_tail(target.log_file).lines
    if target.instance is None:
        return lines, ()
    now = server_log.since_start(lines, target.instance.started)
    return lines[: len(lines) - len(now)], now


def _settled(instance: Instance, found: os.stat_result | None, now: float) -> bool:
    """Whether the start's own changes are in the file: it was written since, or would have been long ago."""
    return now - instance.started.timestamp() > SETTLED_SECONDS or _written_since(instance, found)


def _written_since(instance: Instance, found: os.stat_result | None) -> bool:
    return found is not None and found.st_mtime - instance.started.timestamp() > START_SLACK_SECONDS
