"""Decides what may be believed and written to by who owns it: the state folder, and the links that a person names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from qbdoctor.model.errors import Refused
from qbdoctor.storage import private
from qbdoctor.storage.foreign import BY_DESCRIPTOR, Crossed, find_place


def check_ours(folder: Path) -> None:
    """See that nobody but this user and root can have put anything into a folder, which need not be there yet.

    Owners and modes are looked at on the whole way, links included. Raises :class:`Refused`.
    """
    if not BY_DESCRIPTOR or not hasattr(os, "O_PATH"):
        return
    # Where not even / can be looked at, the folder itself is tried, and what the system says is told.
    there = next(
        (each for each in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(each)), folder.absolute()
    )
    if there != folder.absolute() and not there.is_dir():
        return  # what cannot be a folder holds nothing, and nothing can be made in it
    try:
        place = find_place(there / ".qbdoctor", follow=False)
    except OSError as error:
        whose = private.owned_by(folder) if isinstance(error, PermissionError) else ""
        raise Refused(
            f"The folder for records {folder} cannot be used ({private.why(error)}{whose}): give --state-dir a folder "
            "that can be written.",
            "state-unusable",
        ) from None
    assert place.descriptor is not None  # noqa: S101 - for the type checker: it has one on this system
    private.close_unwritten(place.descriptor)
    ours = (0, os.geteuid(), private.unmapped_owner())
    for one in place.crossed:
        itself = one is place.crossed[-1] and there == folder.absolute()
        if one.uid not in ours:
            why = f"belongs to {private.user_name(one.uid)}"
        elif not one.link and (itself or not one.open_to & stat.S_ISVTX) and _others_write(one):
            why = "can be written by others"
        else:
            continue
        raise Refused(
            f"The folder for records {folder} cannot be trusted: {one.path} {why}. Use a folder that is yours alone "
            "(--state-dir), or run qbdoctor as that user.",
            "state-not-ours",
        )


def _others_write(one: Crossed) -> bool:
    return bool(one.open_to & 0o002 or (one.open_to & 0o020 and private.is_root() and one.gid != 0))


def write_stream(path: Path, data: bytes) -> None:
    """Write to a FIFO or device that a person named. Raises OSError, and :class:`Refused` for the link of another user."""
    found = path.lstat()
    if private.is_root() and stat.S_ISLNK(found.st_mode) and found.st_uid != 0:
        raise Refused(f"{path} is a link of {private.user_name(found.st_uid)}: root writes nothing through it.", "link")
    # The name may come to mean another file before it is opened: none is made or cut short, and no regular one written.
    with os.fdopen(
        os.open(path, os.O_WRONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)), "wb"
    ) as stream:
        if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise Refused(f"{path} was exchanged just now, so it was left alone.", "link")
        stream.write(data)
