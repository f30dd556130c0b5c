"""Writes whole files so that whatever ends the run, the file is the old or the new one.

The new content is written to a file beside the target, made durable, given the owner, mode and extended attributes of
the old one, and renamed over it. A name that cannot be renamed over (a file that is itself a mount point: EBUSY) is
written in place, which is not atomic: the caller is told before the first byte, so that it can put on disk what it
takes to mend a write that was cut short (:func:`is_torn`). All of it goes through the descriptor of the folder
(:class:`~qbdoctor.storage.foreign.Place`). What cannot be done is :class:`Refused`, and the target is
as it was.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from qbdoctor.model import shell, system
from qbdoctor.model.errors import Refused
from qbdoctor.storage import access_list
from qbdoctor.storage.foreign import Place, TooLarge
from qbdoctor.storage.private import is_led_elsewhere, sync, why, write_all
from qbdoctor.values import frozen

_STORES = (Path("/nix/store"), Path("/gnu/store"))  # of Nix and Guix
_MODE = 0o777
"""What of a mode is ever given to a file: no setuid or setgid bit."""
_COPYFILE_ACL, _COPYFILE_XATTR = 1 << 0, 1 << 2
_NO_ATTRIBUTES = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


@frozen
class FileState:
    """Who may do what with a file; ``uid`` and ``gid`` are None where the system has none."""

    mode: int
    uid: int | None
    gid: int | None


@frozen
class Written:
    """How a file was written; ``notes`` say what of the old one could not be kept."""

    in_place: bool
    notes: tuple[str, ...] = ()


def file_state(place: Place) -> FileState:
    """Return mode and owner. Raises OSError."""
    return _state(place.lstat())


def _state(found: os.stat_result) -> FileState:
    owners = hasattr(os, "fchown")
    return FileState(stat.S_IMODE(found.st_mode), found.st_uid if owners else None, found.st_gid if owners else None)


def check_replaceable(place: Place) -> None:
    """See, before anything is written, that the file can be replaced and stay what it is. Raises :class:`Refused`."""
    real = place.path
    try:
        found = place.lstat()
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
    place.check_owner(found)
    folder = real.parent
    if any(real.is_relative_to(store) for store in _STORES):
        raise Refused(
            f"{real} is made by a system configuration, which would undo a change of it: change it there (services.qbittorrent "
            "of NixOS or Home Manager, for one), or make the config an ordinary file.",
            "config-read-only",
        )
    if is_led_elsewhere(real):
        raise Refused(
            f"{real} would not be changed: this Python is the Microsoft Store's, whose new files in AppData land in a copy that "
            "other programs do not see. Run qbdoctor with a Python from python.org.",
            "config-not-reached",
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
            f"{real} is read-only for this user: {_how_writable(real)}.",
            "config-read-only",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(
            f"The folder {folder} may not be written by this user, so the file in it cannot be replaced: run qbdoctor "
            "as the user that owns it.",
            "config-folder-read-only",
        )


def _how_writable(file: Path) -> str:
    if system.platform() == "win32":  # a mark of the file, which its owner meets too
        return f"take its mark away with attrib -R {shell.quote(str(file))}"
    return "run qbdoctor as the user that owns it, or make it writable"


def replace(place: Place, data: bytes, *, expect: bytes, in_place: Callable[[], None]) -> Written:
    """Give the file other content, all of it or none, durable when this returns.

    ``expect`` is what the file must hold until the last moment. ``in_place`` is called before the first byte if the
    file can only be written in place. Raises :class:`Refused` with the file unchanged, and OSError where that is not
    known (the folder could not be made durable; a write in place failed).
    """
    try:
        temp, notes = _stage(place, data)
    except OSError as error:
        raise _refused(place.path, error) from None
    try:
        _check_unchanged(place, expect)
        temp.rename(place)
    except BaseException as error:
        gone = temp.discard()
        if not isinstance(error, OSError):
            raise
        if error.errno != errno.EBUSY or not gone:
            raise _refused(place.path, error) from None
    else:
        place.sync_folder()
        return Written(False, notes)
    in_place()
    overwrite(place, data)
    return Written(True)


def overwrite(place: Place, data: bytes) -> None:
    """Write over the content of a file, in place. Raises OSError, with the file as far as it was written, and Refused."""
    with place.opened(os.O_WRONLY) as handle:
        write_all(handle, data)
        os.ftruncate(handle, len(data))
        sync(handle)


def is_torn(data: bytes, old: bytes, new: bytes) -> bool:
    """Return whether this can be what a write in place left that was cut short: old and new, byte for byte.

    A zero byte counts as either, for what a loss of power leaves; no settings file has one.
    """
    if len(data) > max(len(old), len(new)):
        return False
    return all(byte == 0 or byte in (old[at : at + 1] + new[at : at + 1]) for at, byte in enumerate(data))


def _check_unchanged(place: Place, expect: bytes) -> None:
    try:
        same = place.read(len(expect)) == expect
    except TooLarge:
        same = False
    if not same:
        raise Refused(
            f"{place.path} was changed by another program just now, so it was left alone: try again.", "config-changed"
        )


def _stage(place: Place, data: bytes) -> tuple[Place, tuple[str, ...]]:
    """Write the new file beside the old one, complete but for its name.

    By descriptors alone: in a folder that someone else may write, a name could come to mean another file.
    """
    temp = place.temporary()
    handle = temp.create()
    try:
        try:
            kept = access_list.keep(place.path, temp.path)
            write_all(handle, data)
            with place.opened() as old:
                notes = kept + _dress(handle, temp, old, place.path)
            sync(handle)
        finally:
            os.close(handle)
    except BaseException:
        temp.discard()
        raise
    return temp, notes


def _dress(handle: int, temp: Place, old_handle: int, real: Path) -> tuple[str, ...]:
    """Give the new file the owner, mode and extended attributes of the old one."""
    old = os.fstat(old_handle)
    if not hasattr(os, "fchown"):
        temp.path.chmod(stat.S_IMODE(old.st_mode) & _MODE)
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
                "file: run qbdoctor as the user that owns it.",
                "config-owner",
            ) from None
    os.fchmod(handle, stat.S_IMODE(old.st_mode) & _MODE)
    return tuple(_copy_attributes(handle, old_handle, real))


def _copy_attributes(handle: int, old: int, real: Path) -> list[str]:
    """Copy extended attributes, which is where access control lists are. Last, as chmod changes a list's mask.

    Raises Refused for a list or a person's own attribute that cannot be kept. What the system writes itself for every
    file (``security.*``: labels, checksums) is noted instead.
    """
    if system.is_macos():
        return _copy_on_macos(handle, old, real)
    if sys.platform != "linux":
        return []
    notes = []
    try:
        names = os.listxattr(old)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return []
        raise
    for name in names:
        try:
            value = os.getxattr(old, name)
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


def _copy_on_macos(handle: int, old: int, real: Path, library: Any = None) -> list[str]:
    """Copy access list and extended attributes as macOS itself does (copyfile.h); noted where they cannot be kept."""
    import ctypes  # noqa: PLC0415 - on macOS alone

    copy = getattr(ctypes.CDLL(None, use_errno=True) if library is None else library, "fcopyfile", None)
    if copy is None or copy(old, handle, None, ctypes.c_uint32(_COPYFILE_ACL | _COPYFILE_XATTR)) != 0:
        return [f"the access list and the extended attributes of {real} could not be kept"]
    return []


def _refused(path: Path, error: OSError) -> Refused:
    return Refused(f"{path} cannot be written: {why(error)}. Nothing was changed.", "config-not-written")
