"""One run at a time on a folder, also across state folders, users and containers that share it.

The lock is on the folder itself (flock), so that it stays when a file in it is replaced, ends with the process, and
leaves no file behind. Where a folder cannot be locked (Windows, some network file systems), a lock file in this user's
temporary folder, named after the folder's path, stands in: it keeps the same user's runs apart.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qbdoctor.atomic import Refused

_PAUSE = 0.005
_BUSY = {errno.EAGAIN, errno.EACCES, errno.EINTR}


@contextmanager
def hold(folder: Path, seconds: float) -> Iterator[None]:
    """Hold the folder's lock, waited for no longer than ``seconds``. Raises :class:`~qbdoctor.atomic.Refused`."""
    handle = _flock(folder, seconds)
    if handle is not None:
        try:
            yield
        finally:
            os.close(handle)
        return
    try:
        import filelock  # noqa: PLC0415 - seldom needed, and not small
    except OSError as error:
        raise Refused(f"No lock could be taken on {folder} ({error.strerror}).", "lock-unavailable") from None
    try:
        with filelock.FileLock(_stand_in(folder), timeout=seconds, poll_interval=_PAUSE, mode=0o600):
            yield
    except filelock.Timeout:
        raise _taken(folder, seconds) from None


def _flock(folder: Path, seconds: float) -> int | None:
    """Return the descriptor that holds the lock, or None where a folder cannot be locked."""
    try:
        import fcntl  # noqa: PLC0415 - not on Windows

        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (ImportError, OSError):
        return None
    give_up = time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _BUSY:
                    os.close(handle)
                    return None
                if time.monotonic() > give_up:
                    raise _taken(folder, seconds) from None
                time.sleep(_PAUSE)
            else:
                return handle
    except BaseException:
        os.close(handle)
        raise


def _stand_in(folder: Path) -> Path:
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    place = Path(tempfile.gettempdir()) / f"qbdoctor-locks-{owner}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError as error:
        raise Refused(f"{place} cannot be made for locks ({error.strerror}).", "lock-unavailable") from None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022 or place.is_symlink()):
        raise Refused(f"{place} is not this user's own folder, so no lock can be kept in it.", "lock-unavailable")
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]
    return place / f"{name}.lock"


def _taken(folder: Path, seconds: float) -> Refused:
    return Refused(
        f"Another run of qbdoctor has been at work in {folder} for more than {seconds:g} s: try again when it is done.",
        "locked",
    )
