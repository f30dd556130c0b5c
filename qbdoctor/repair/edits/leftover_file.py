"""Reads the file that qBittorrent leaves beside its config where a save broke off, and takes instead at its next start.

A save writes ``qBittorrent_new.conf`` whole, removes the old file and renames the new one (settingsstorage.cpp 4.1.0:264,
5.2.3:139-210). At a start one that holds any key wins; an empty one, or one of comments alone, is passed over and stays
(measured on 4.2.5 to 5.3.0). Where a fix takes it away, a rollback brings it back to the byte.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from qbdoctor.config.qtini.document import MAX_BYTES, QtIni, Unreadable
from qbdoctor.config.saving import unfinished_save
from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits.changes import LOCK, Beside, Side
from qbdoctor.storage import foreign
from qbdoctor.storage.private import sha256


def read(config: Path) -> tuple[Beside, bytes] | None:
    """Return it with its content; None where there is none that qBittorrent would take. Raises Refused."""
    path = unfinished_save(config.absolute())
    held = _held(path, f"before.new{path.suffix or '.bin'}")
    try:
        return held if held is not None and QtIni.parse(held[1]).pairs else None
    except Unreadable as error:
        raise _refused(path, f"it is no config that can be read with certainty: {error}") from None


def read_lock(config: Path) -> tuple[Beside, bytes] | None:
    """Return the lock in the config's folder with its content; None where there is none. Raises Refused."""
    return _held(config.absolute().with_name(LOCK), "before.lockfile")


def _held(path: Path, backup: str) -> tuple[Beside, bytes] | None:
    try:
        with foreign.opened(path, follow=False) as handle:
            found = os.fstat(handle)
            data = foreign.content(handle, path, MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(path, f"it cannot be read ({error.strerror})") from None
    if found.st_nlink > 1:
        raise _refused(path, f"it has {found.st_nlink} names (hard links)")
    owners = hasattr(os, "fchown")
    side = Side(
        sha256(data), len(data), f"{stat.S_IMODE(found.st_mode):04o}",
        found.st_uid if owners else None, found.st_gid if owners else None,
    )  # fmt: skip
    return Beside(str(path), backup, side), data


def is_there(beside: Beside) -> bool:
    """Return whether it lies there as it was. Raises OSError where that cannot be told."""
    try:
        return sha256(foreign.read(Path(beside.path), MAX_BYTES, follow=False)) == beside.side.sha256
    except (FileNotFoundError, NotADirectoryError, foreign.NotRegular, foreign.TooLarge):
        return False


def check_free(beside: Beside) -> None:
    """See that it can be brought back to where it lay. Raises Refused."""
    path = Path(beside.path)
    try:
        free = not os.path.lexists(path) or is_there(beside)
    except OSError as error:
        raise _refused(path, f"it cannot be looked at ({error.strerror})") from None
    if not free:
        raise _refused(path, "another one lies there now, which qBittorrent left since; see to that one first")


def _refused(path: Path, why: str) -> Refused:
    code = "stale-lockfile" if path.name == LOCK else "leftover-new-file"
    return Refused(f"{path} is left as it is: {why}. Move it out of the folder while qBittorrent is stopped.", code)
