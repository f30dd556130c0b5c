"""Answers small questions about paths: whether something is there, and whether two names mean the same file."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable
from pathlib import Path

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def expanded(name: str | Path) -> Path:
    """Return a path with its ``~`` made out; it stays where there is no such user, or no home (pathlib raises there)."""
    return Path(os.path.expanduser(name))  # noqa: PTH111


def is_folder(path: Path) -> bool:
    """Whether this is a folder; False where one may not look (Python before 3.14 raises there)."""
    return _mode(path, stat.S_ISDIR)


def is_file(path: Path) -> bool:
    """Whether this is a regular file; False where one may not look."""
    return _mode(path, stat.S_ISREG)


def exists(path: Path) -> bool:
    """Whether there is something under this name; False where one may not look."""
    return _mode(path, lambda _mode: True)


def encoding(data: bytes) -> str:
    """Return how a text that a person's program wrote is encoded: UTF-8, or UTF-16 by its mark, as PowerShell 5.1's ``>``."""
    return "utf-16" if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"


def open_text(path: Path) -> TextIO:
    """Return such a text of a regular file, opened, with what is none of its encoding replaced. Raises OSError."""
    from qbdoctor.storage import foreign  # noqa: PLC0415 - history does without it

    with foreign.opened(path) as handle:
        found = encoding(os.read(handle, 2))
        os.lseek(handle, 0, os.SEEK_SET)
        return open(os.dup(handle), encoding=found, errors="replace")  # noqa: PTH123 - a descriptor is no path


def _mode(path: Path, judge: Callable[[int], bool]) -> bool:
    try:
        return judge(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def may_read(path: Path) -> bool:
    """Whether this user may read a file; False where one may not look."""
    try:
        return os.access(path, os.R_OK)
    except (OSError, ValueError):
        return False


def owner(path: Path) -> int | None:
    """Return the number of the user that a file belongs to, links followed; None where one may not look."""
    try:
        return path.stat().st_uid
    except (OSError, ValueError):
        return None


def same_file(one: Path, other: Path) -> bool:
    """Whether two names mean the same file; of files that are not there, or may not be looked at: the same name in one folder.

    A config that is being saved is not there for a moment, or is another file at the second look.
    """
    if one.absolute() == other.absolute():
        return True
    try:
        # By what it is: /proc/PID/root leads elsewhere than its name says. Twice, for a save that came between the two looks.
        return one.samefile(other) or one.samefile(other)
    except OSError:
        pass
    try:
        return one.name == other.name and one.parent.samefile(other.parent)
    except OSError:
        return False


def same_name(one: str | None, other: str | None) -> bool:
    """Whether two names are known and mean the same file: case and accents may be spelled otherwise (macOS, Windows)."""
    return one is not None and other is not None and (one == other or same_file(Path(one), Path(other)))


def is_gone(name: str | Path | None) -> bool:
    """Whether there is no such file; one that may not be looked at is there."""
    if name is None:
        return False
    try:
        Path(name).stat()
    except OSError as error:
        return isinstance(error, FileNotFoundError | NotADirectoryError)
    return False
