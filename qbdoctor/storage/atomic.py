"""Writes whole files so that whatever ends the run, the file is the old or the new one.

The new content is written to a file beside the target, made durable, given the owner, mode and extended attributes of
the old one, and renamed over it. A name that cannot be renamed over (a file that is itself a mount point: EBUSY) is
written in place, which is not atomic: the caller is told before the first byte, so that it can put on disk what it
takes to mend a write that was cut short (:func:`is_torn`). What cannot be done is :class:`Refused`, and the target is
as it was.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qbdoctor.model.errors import Refused
from qbdoctor.storage.private import create_file, discard_file, rename_file, sync_folder, temp_name, why, write_all

_STORES = (Path("/nix/store"), Path("/gnu/store"))  # of Nix and Guix
_NO_ATTRIBUTES = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


@dataclass(frozen=True, slots=True)
class FileState:
    """Who may do what with a file; ``uid`` and ``gid`` are None where the system has none."""

    mode: int
    uid: int | None
    gid: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """How a file was written; ``notes`` say what of the old one could not be kept."""

    in_place: bool
    notes: tuple[str, ...] = ()


def real_path(path: Path) -> Path:
    """Return the file that the name leads to, symbolic links followed. Raises :class:`Refused`."""
    try:
        return Path(os.path.realpath(path, strict=True))
    except OSError as error:
        raise _refused(path, error) from None


def file_state(path: Path) -> FileState:
    """Return mode and owner. Raises OSError."""
    return _state(path.stat())


def _state(found: os.stat_result) -> FileState:
    owners = hasattr(os, "fchown")
    return FileState(stat.S_IMODE(found.st_mode), found.st_uid if owners else None, found.st_gid if owners else None)


def check_replaceable(real: Path) -> None:
    """See, before anything is written, that the file can be replaced and stay what it is. Raises :class:`Refused`."""
    try:
        found = real.lstat()
    except OSError as error:
        raise _refused(real, error) from None
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"{real} is no regular file, so it is not written.", "config-not-regular")
    if found.st_nlink > 1:
        raise Refused(
            f"{real} has {found.st_nlink} names (hard links), and a new file would part them: make it a file of its "
            "own first.",
            "config-hard-linked",
        )
    folder = real.parent
    if any(real.is_relative_to(store) for store in _STORES):
        raise Refused(
            f"{real} is made by a system configuration, which would undo a change of it: change it there (services.qbittorrent "
            "of NixOS or Home Manager, for one), or make the config an ordinary file.",
            "config-read-only",
        )
    try:
        read_only = [
            place for place in (real, folder) if hasattr(os, "statvfs") and os.statvfs(place).f_flag & os.ST_RDONLY
        ]
    except OSError as error:
        raise _refused(real, error) from None
    if read_only:
        raise Refused(
            f"{read_only[0]} is on a read-only file system: change it where it is made, or mount it writable (a "
            "container's volume: without :ro).",
            "config-read-only",
        )
    if not found.st_mode & 0o222 or not os.access(real, os.W_OK):
        raise Refused(
            f"{real} is read-only for this user: run qbdoctor as the user that runs qBittorrent, or make it writable.",
            "config-read-only",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(
            f"The folder {folder} may not be written by this user, so the file in it cannot be replaced: run qbdoctor "
            "as the user that runs qBittorrent.",
            "config-folder-read-only",
        )


def replace(real: Path, data: bytes, *, expect: bytes, in_place: Callable[[], None]) -> Written:
    """Give the file other content, all of it or none, durable when this returns.

    ``expect`` is what the file must hold until the last moment. ``in_place`` is called before the first byte if the
    file can only be written in place. Raises :class:`Refused` with the file unchanged, and OSError where that is not
    known (the folder could not be made durable; a write in place failed).
    """
    try:
        temp, notes = _stage(real, data)
    except OSError as error:
        raise _refused(real, error) from None
    try:
        _check_unchanged(real, expect)
        rename_file(temp, real)
    except BaseException as error:
        gone = discard_file(temp)
        if not isinstance(error, OSError):
            raise
        if error.errno != errno.EBUSY or not gone:
            raise _refused(real, error) from None
    else:
        sync_folder(real.parent)
        return Written(False, notes)
    in_place()
    overwrite(real, data)
    return Written(True)


def overwrite(real: Path, data: bytes) -> None:
    """Write over the content of a file, in place. Raises OSError, with the file as far as it was written."""
    handle = os.open(real, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    try:
        write_all(handle, data)
        os.ftruncate(handle, len(data))
        os.fsync(handle)
    finally:
        os.close(handle)


def is_torn(data: bytes, old: bytes, new: bytes) -> bool:
    """Return whether this can be what a write in place left that was cut short: old and new, byte for byte.

    A zero byte counts as either, for what a loss of power leaves; no settings file has one.
    """
    if len(data) > max(len(old), len(new)):
        return False
    return all(byte == 0 or byte in (old[at : at + 1] + new[at : at + 1]) for at, byte in enumerate(data))


def _check_unchanged(real: Path, expect: bytes) -> None:
    if real.read_bytes() != expect:
        raise Refused(
            f"{real} was changed by another program just now, so it was left alone: try again.", "config-changed"
        )


def _stage(real: Path, data: bytes) -> tuple[Path, tuple[str, ...]]:
    """Write the new file beside the old one, complete but for its name.

    By its descriptor alone: in a folder that someone else may write, the name could come to mean another file.
    """
    temp = temp_name(real)
    handle = create_file(temp)
    try:
        try:
            write_all(handle, data)
            notes = _dress(handle, temp, real)
            os.fsync(handle)
        finally:
            os.close(handle)
    except BaseException:
        discard_file(temp)
        raise
    return temp, notes


def _dress(handle: int, temp: Path, real: Path) -> tuple[str, ...]:
    """Give the new file the owner, mode and extended attributes of the old one."""
    old = real.stat()
    if not hasattr(os, "fchown"):
        temp.chmod(stat.S_IMODE(old.st_mode))
        return ()
    new = os.fstat(handle)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.fchown(handle, old.st_uid, old.st_gid)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EINVAL):
                raise
            raise Refused(
                f"{real} belongs to user {old.st_uid} and group {old.st_gid}, which this user cannot give to a new "
                "file: run qbdoctor as the user that runs qBittorrent.",
                "config-owner",
            ) from None
    os.fchmod(handle, stat.S_IMODE(old.st_mode))
    return tuple(_copy_attributes(handle, real))


def _copy_attributes(handle: int, real: Path) -> list[str]:
    """Copy extended attributes, which is where access control lists are. Last, as chmod changes a list's mask.

    Raises Refused for a list or a person's own attribute that cannot be kept. What the system writes itself for every
    file (``security.*``: labels, checksums) is noted instead.
    """
    if sys.platform != "linux":
        return []
    notes = []
    try:
        names = os.listxattr(real)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return []
        raise
    for name in names:
        try:
            value = os.getxattr(real, name)
            with suppress(OSError):
                if os.getxattr(handle, name) == value:
                    continue
            os.setxattr(handle, name, value)
        except OSError as error:
            lost = f"the extended attribute {name} of {real} could not be kept"
            if name.startswith(("user.", "system.")):
                raise Refused(
                    f"{lost[0].upper()}{lost[1:]}: {why(error)}. Nothing was changed.", "config-attributes"
                ) from None
            notes.append(f"{lost} ({error.strerror})")
    return notes


def _refused(path: Path, error: OSError) -> Refused:
    return Refused(f"{path} cannot be written: {why(error)}. Nothing was changed.", "config-not-written")
