"""Lets one run at a time into a folder, also across state folders, users and containers that share it.

The lock is on the folder itself (flock), so that it stays when a file in it is replaced, ends with the process, and
leaves no file behind. Where a folder cannot be locked (Windows, some network file systems), a lock file in this user's
temporary folder, named after the folder's path, stands in: it keeps the same user's runs apart.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

from qbdoctor.model.errors import Refused
from qbdoctor.storage.foreign import Place
from qbdoctor.storage.private import close_unwritten, why

_PAUSE = 0.005
_LONGEST_PAUSE = 0.04  # many that wait must not take the time of the one that works
_BUSY = {errno.EAGAIN, errno.EINTR}
# Of a file system that has no locks; NFS wants a folder open for writing (EBADF), which none can be.
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EBADF}


@contextmanager
def hold(folder: Path, seconds: float, descriptor: int | None = None) -> Iterator[None]:
    """Hold the folder's lock, waited for no longer than ``seconds``. Raises :class:`~qbdoctor.model.errors.Refused`.

    ``descriptor`` is the folder where it is open already.
    """
    handle = _flock(folder, seconds, descriptor)
    release = _lock_stand_in(folder, seconds) if handle is None else partial(os.close, handle)
    try:
        yield
    finally:
        with suppress(OSError):  # a descriptor is closed all the same, and the lock is free
            release()


@contextmanager
def hold_file(file: Path, lock: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of a file of our own: ``lock``, a file beside it. Raises :class:`~qbdoctor.model.errors.Refused`, OSError."""
    release = _lock_file(lock, file, seconds)
    try:
        yield
    finally:
        with suppress(OSError):
            release()


def holding(place: Place, seconds: float) -> AbstractContextManager[None]:
    """Hold the lock of a file's folder. Raises Refused."""
    return hold(place.folder, seconds, place.descriptor)


def _flock(folder: Path, seconds: float, descriptor: int | None) -> int | None:
    """Return the descriptor that holds the lock, or None where a folder cannot be locked. Raises Refused."""
    if not hasattr(os, "O_DIRECTORY"):
        return None
    try:
        handle = os.open(folder if descriptor is None else ".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
    except PermissionError:  # it may be used, and not read
        return None
    except OSError as error:
        raise _unavailable(folder, error) from None
    try:
        _wait(handle, folder, seconds)
    except OSError as error:
        close_unwritten(handle)
        if error.errno in _NO_LOCKS:
            return None
        raise _unavailable(folder, error) from None
    except BaseException:
        close_unwritten(handle)
        raise
    return handle


def _lock_stand_in(folder: Path, seconds: float) -> Callable[[], None]:
    """Lock the file that stands in for the folder; returns what lets it go. Raises Refused."""
    try:
        return _lock_file(_stand_in(folder), folder, seconds)
    except OSError as error:
        raise _unavailable(folder, error) from None


def _lock_file(file: Path, locked: Path, seconds: float) -> Callable[[], None]:
    """Lock a file of our own, made where there is none; returns what lets it go. Raises Refused if it is held, OSError."""
    if not hasattr(os, "O_DIRECTORY"):
        return _lock_on_windows(file, locked, seconds)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _wait(handle, locked, seconds)
    except BaseException:
        close_unwritten(handle)
        raise
    return partial(os.close, handle)


def _wait(handle: int, folder: Path, seconds: float) -> None:
    """Lock what is open. Raises Refused if another holds it too long, and OSError."""
    import fcntl  # noqa: PLC0415 - not on Windows

    give_up = time.monotonic() + seconds
    pause = _PAUSE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _BUSY:
                raise
        else:
            return
        if time.monotonic() > give_up:
            raise _taken(folder, seconds)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _lock_on_windows(file: Path, locked: Path, seconds: float) -> Callable[[], None]:
    import filelock  # noqa: PLC0415 - seldom needed, and not small

    lock = filelock.FileLock(file, timeout=seconds, poll_interval=_PAUSE, mode=0o600)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise _taken(locked, seconds) from None
    return lock.release


def _stand_in(folder: Path) -> Path:
    import tempfile  # noqa: PLC0415 - seldom needed, and not small

    owner = os.getuid() if hasattr(os, "getuid") else "user"
    try:
        place = Path(tempfile.gettempdir()) / f"qbdoctor-locks-{owner}"
    except OSError:  # Python looks for one that can be written to
        raise Refused(f"{folder} cannot be locked, and no folder here can be written to.", "lock-unavailable") from None
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError as error:
        raise Refused(
            f"{folder} cannot be locked, and {place} cannot be made for a lock ({error.strerror}).", "lock-unavailable"
        ) from None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022 or place.is_symlink()):
        raise Refused(f"{place} is not this user's own folder, so no lock can be kept in it.", "lock-unavailable")
    import hashlib  # noqa: PLC0415 - with its library of ciphers 5 ms

    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
    return place / f"{name}.lock"


def _unavailable(folder: Path, error: OSError) -> Refused:
    return Refused(
        f"No lock could be taken on {folder}, without which two runs could spoil each other's work: {why(error)}.",
        "lock-unavailable",
    )


def _taken(folder: Path, seconds: float) -> Refused:
    return Refused(
        f"Another run of qbdoctor has been at work in {folder} for more than {seconds:g} s: try again when it is done.",
        "locked",
    )
