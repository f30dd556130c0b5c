"""Decides where records and the login ledger are kept, by platform and user."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from qbdoctor.storage.files import exists


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder for records and the attempt ledger: QBDOCTOR_STATE_DIR, else the platform's state folder."""
    given = environment.get("QBDOCTOR_STATE_DIR", "")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs  # noqa: PLC0415 - --help and --version do without it

    usual = platformdirs.user_state_path("qbdoctor", appauthor=False)
    return _own(usual, environment) or usual


def _own(usual: Path, environment: Mapping[str, str]) -> Path | None:
    """Return root's own state folder where sudo left HOME as it was: root's files would lock its owner out there.

    None where all is as usual. Backups may hold what the caller of sudo must not read, so they stay root's.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or environment.get("SUDO_UID", "0") == "0":
        return None
    there = next((each for each in (usual, *usual.parents) if exists(each)), usual)
    try:
        theirs = str(there.stat().st_uid) == environment["SUDO_UID"]
    except OSError:
        return None
    return user_state_folder("root") if theirs else None


def user_state_folder(user: str | int) -> Path | None:
    """Return the folder for the records of a user (name or number) by default, None where there is no such user."""
    try:
        import pwd  # noqa: PLC0415 - not on Windows

        found = pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except (ImportError, KeyError, OverflowError):
        return None
    inside = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
    return Path(found.pw_dir) / inside / "qbdoctor"
