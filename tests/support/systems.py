"""Marks and answers for tests of what one kind of system alone has, each with its reason."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

WINDOWS = os.name == "nt"


def posix_only(reason: str) -> pytest.MarkDecorator:
    """Skip a test on Windows; the reason says what is not there."""
    return pytest.mark.skipif(WINDOWS, reason=f"POSIX alone: {reason}")


def linux_only(reason: str) -> pytest.MarkDecorator:
    """Skip a test elsewhere than on Linux; the reason says what is not there."""
    return pytest.mark.skipif(not sys.platform.startswith("linux"), reason=f"Linux alone: {reason}")


def under_wine() -> bool:
    """Return whether this Windows is Wine, which names no owner of a socket and is slow."""
    return WINDOWS and hasattr(vars(ctypes)["WinDLL"]("ntdll"), "wine_get_version")


@cache
def _links_work() -> bool:
    if not WINDOWS:
        return True
    with tempfile.TemporaryDirectory() as folder:
        target, link = Path(folder, "target"), Path(folder, "link")
        target.write_bytes(b"x")
        try:
            link.symlink_to(target)
            return link.read_bytes() == b"x"
        except OSError:
            return False


links = pytest.mark.skipif(not _links_work(), reason="this system makes no symbolic links for this user")


def has_mode(path: Path, mode: int) -> bool:
    """Return whether a file has these permission bits; Windows keeps but one of them, so there it is not asked."""
    return WINDOWS or stat.S_IMODE(path.stat().st_mode) == mode


def bare(**variables: str) -> dict[str, str]:
    """Return an environment with these variables and what a Windows program cannot start without."""
    kept = ("SYSTEMROOT", "COMSPEC", "PATHEXT", "TEMP", "TMP")
    return {name: os.environ[name] for name in kept if WINDOWS and name in os.environ} | variables
