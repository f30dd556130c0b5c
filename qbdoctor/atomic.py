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
import re
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qbdoctor.model.errors import UserError

TEMP_PREFIX = ".qbdoctor-"
_TEMP_SUFFIX = ".tmp"
_CHUNK = 1 << 20
_SHARING_SECONDS = 1.0  # how long another program's open handle is waited for on Windows
_SHARING_ERRORS = {5, 32, 33}  # access denied, sharing violation, lock violation
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF}
_STORES = (Path("/nix/store"), Path("/gnu/store"))  # of Nix and Guix
_NO_ATTRIBUTES = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


class Refused(UserError):
    """What was asked is not done, in one sentence, and the target is as it was. Exit code 4."""

    def __init__(self, reason: str, code: str = "refused") -> None:
        super().__init__(code, reason, 4)
        self.reason = reason


class NotTaken(Refused):
    """The server answered that it does not take what was sent."""


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
        _rename(temp, real)
    except BaseException as error:
        gone = _discard(temp)
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
        _write(handle, data)
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


def write_private(path: Path, data: bytes) -> None:
    """Make a new file with mode 0600, durable but for its name in the folder. Raises OSError."""
    handle = _create(path)
    try:
        give_to_owner_of(path.parent, handle)
        _write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)


def make_private(folder: Path) -> None:
    """Make a folder with mode 0700, if it is not there yet. Raises OSError."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if folder.is_dir():
            return
        raise
    if _is_root() and folder.parent.stat().st_uid != 0:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            give_to_owner_of(folder.parent, handle)
        finally:
            os.close(handle)


def make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600, if there is none yet. Raises OSError."""
    with suppress(FileExistsError):
        handle = _create(path)
        try:
            give_to_owner_of(path.parent, handle)
        finally:
            os.close(handle)


def give_to_owner_of(folder: Path, handle: int) -> None:
    """Give what root makes in another user's state folder to that user, who could not use it else. Raises OSError."""
    if not _is_root():
        return
    owner, made = folder.stat(), os.fstat(handle)
    if owner.st_uid != made.st_uid and not owner.st_mode & 0o002:
        os.fchown(handle, owner.st_uid, owner.st_gid)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def replace_private(path: Path, data: bytes) -> None:
    """Make or replace a file of our own with mode 0600, durable when this returns. Raises OSError."""
    temp = _temp(path)
    try:
        write_private(temp, data)
        _rename(temp, path)
    except BaseException:
        with suppress(OSError):
            temp.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return  # a folder that may be written and not read
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        with suppress(OSError):  # it is durable
            os.close(handle)


def leftovers(folder: Path, name: str | None = None) -> tuple[Path, ...]:
    """Return what killed runs left in this folder, for one file or for any; with the lock held, else it may be in use.

    Nothing where the folder may not be read. Raises OSError where it could be and is not.
    """
    wanted = r".+" if name is None else re.escape(name)
    pattern = re.compile(re.escape(TEMP_PREFIX) + wanted + r"-[0-9a-f]{16}" + re.escape(_TEMP_SUFFIX))
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return ()
    with entries:
        return tuple(
            Path(entry.path)
            for entry in entries
            if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        )


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed runs left in this folder, for one file or for any, as far as possible."""
    with suppress(OSError):
        for leftover in leftovers(folder, name):
            _discard(leftover)


def _discard(temp: Path) -> bool:
    """Remove a file that is not to get its name, on a second try if need be; returns whether it is gone."""
    for _ in range(2):
        try:
            temp.unlink()
        except FileNotFoundError:
            return True
        except OSError:
            continue
        return True
    return False


def _check_unchanged(real: Path, expect: bytes) -> None:
    if real.read_bytes() != expect:
        raise Refused(
            f"{real} was changed by another program just now, so it was left alone: try again.", "config-changed"
        )


def _temp(path: Path) -> Path:
    return path.with_name(f"{TEMP_PREFIX}{path.name}-{os.urandom(8).hex()}{_TEMP_SUFFIX}")


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, 0o600)


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view[:_CHUNK]) :]


def _stage(real: Path, data: bytes) -> tuple[Path, tuple[str, ...]]:
    """Write the new file beside the old one, complete but for its name.

    By its descriptor alone: in a folder that someone else may write, the name could come to mean another file.
    """
    temp = _temp(real)
    handle = _create(temp)
    try:
        try:
            _write(handle, data)
            notes = _dress(handle, temp, real)
            os.fsync(handle)
        finally:
            os.close(handle)
    except BaseException:
        _discard(temp)
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


def _rename(temp: Path, path: Path) -> None:
    give_up = time.monotonic() + _SHARING_SECONDS
    while True:
        try:
            temp.replace(path)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _SHARING_ERRORS or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


_REASONS = {
    errno.ENOENT: "it does not exist",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not",
    errno.EPERM: "this user may not",
}


def why(error: OSError) -> str:
    """Return what went wrong, in words."""
    return _REASONS.get(error.errno or 0, error.strerror or type(error).__name__)


def _refused(path: Path, error: OSError) -> Refused:
    return Refused(f"{path} cannot be written: {why(error)}. Nothing was changed.", "config-not-written")
