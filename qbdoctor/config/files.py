"""Reads the bytes of a config file, also in the middle of a save."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from qbdoctor.config.qtini.document import MAX_BYTES, QtIni, Unreadable
from qbdoctor.config.saving import unfinished_save
from qbdoctor.model import system
from qbdoctor.model.errors import UserError


def read_config(path: Path) -> tuple[bytes, datetime]:
    """Read a config file and the time of its last change (UTC). Only a regular file of at most 16 MiB is opened.

    Raises :class:`~qbdoctor.model.UserError`: ``config-missing``, ``config-is-folder``, ``config-unreadable``,
    ``config-too-large``.
    """
    try:
        _judge(path, path.stat())  # before it is opened: a FIFO would wait, a device might act
        # Not blocking, should it have become a FIFO meanwhile; O_BINARY is for Windows
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - a descriptor is no path
            state = os.fstat(file.fileno())
            _judge(path, state)
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the path
        raise UserError(
            "config-missing", f"There is no config file {path}: give the right one with --config or --profile."
        ) from None
    except PermissionError:
        kept = "may not be read by this user"
        if system.platform() == "win32":
            kept = "cannot be read: another program has it open, or it may not be read by this user"
        raise UserError(
            "config-unreadable", f"{path} {kept}: run qbdoctor as the user that runs qBittorrent."
        ) from None
    except OSError as error:
        raise UserError(
            "config-unreadable", f"{path} could not be read ({error.strerror}): check the path and the disk."
        ) from None
    if len(data) > MAX_BYTES:
        raise too_large(str(path))
    return data, datetime.fromtimestamp(state.st_mtime, UTC)


def read_in_use(path: Path) -> tuple[bytes, datetime, Path]:
    """Read a config file, or the one that a save is about to rename over it; return that one's path, too.

    Raises what :func:`read_config` raises of the file itself.
    """
    try:
        return *read_config(path), path
    except UserError as error:
        if error.code != "config-missing":
            raise
    new = unfinished_save(path)
    with suppress(UserError, Unreadable):
        data, modified = read_config(new)
        if QtIni.parse(data).pairs:  # qBittorrent passes over one without any
            return data, modified, new
    return *read_config(path), path  # it may have been renamed between the two


def _judge(path: Path, state: os.stat_result) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise UserError(
            "config-is-folder", f"{path} is a folder: give the file in it with --config, or the profile with --profile."
        )
    if not stat.S_ISREG(state.st_mode):
        raise UserError("config-unreadable", f"{path} is no regular file: give qBittorrent's own config file.")
    if state.st_size > MAX_BYTES:
        raise too_large(str(path))


def too_large(where: str) -> UserError:
    """Return the error that a config has too many bytes."""
    return UserError(
        "config-too-large",
        f"{where} is larger than {MAX_BYTES // 2**20} MiB, hardly a config of qBittorrent: give the right file.",
    )
