"""Decides where records and the login ledger are kept, by platform and user."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from qbdoctor.model import system
from qbdoctor.storage import files, private
from qbdoctor.storage.files import exists


def chosen(option: str | None, environment: Mapping[str, str]) -> Path:
    """Return where records and the ledger are kept: --state-dir, QBDOCTOR_STATE_DIR, the platform's state folder."""
    return files.expanded(option) if option else state_folder(environment)


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder for records and the attempt ledger: QBDOCTOR_STATE_DIR, else the platform's state folder."""
    given = environment.get("QBDOCTOR_STATE_DIR", "")
    if given:
        return files.expanded(given).absolute()
    usual = settled("XDG_STATE_HOME", "~/.local/state")
    if usual is None:
        usual = _by_platform("user_state_path", "/.local/state")
    return _own(usual) or usual


def config_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder for what a person writes: QBDOCTOR_CONFIG_DIR, else the platform's config folder."""
    given = environment.get("QBDOCTOR_CONFIG_DIR", "")
    if given:
        return files.expanded(given).absolute()
    return _by_platform("user_config_path", "/.config")


def _by_platform(which: str, homeless: str) -> Path:
    """Return one of platformdirs' folders; for a user without a home the one that Docker's HOME of / would lead to."""
    import platformdirs  # noqa: PLC0415 - 8 ms, which --help and --version do without

    try:
        return Path(getattr(platformdirs, which)("qbdoctor", appauthor=False))
    except RuntimeError:  # no HOME, and a user id that no account has: a container's
        return Path(homeless, "qbdoctor")


def settled(variable: str, default: str) -> Path | None:
    """Return our folder where Linux' environment settles it, without platformdirs, which says the same; else None."""
    given, home = os.environ.get(variable, ""), os.environ.get("HOME", "")
    deciding = given or home
    if not system.is_linux() or "ANDROID_ROOT" in os.environ:
        return None
    if not deciding.startswith("/") or deciding != deciding.strip():  # what is odd is platformdirs' to judge
        return None
    return Path(given or os.path.expanduser(default), "qbdoctor")  # noqa: PTH111


def _own(usual: Path) -> Path | None:
    """Return root's own state folder where HOME is another user's still (sudo, su -m); None where all is as usual.

    Root's files would lock its owner out there, who must not read the backups and could forge records.
    """
    if not private.is_root():
        return None
    there = next((each for each in (usual, *usual.parents) if exists(each)), usual)
    try:
        theirs = there.stat().st_uid not in (0, private.unmapped_owner())
    except OSError:
        return None
    return user_state_folder("root") if theirs else None


def callers_folder(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the state folder of the person who called sudo: the server counts their failures and root's as one."""
    caller = environment.get("SUDO_USER", "root")
    folder = user_state_folder(caller) if private.is_root() and caller != "root" else None
    return () if folder is None else (folder,)


def user_state_folder(user: str | int) -> Path | None:
    """Return the folder for the records of a user (name or number) by default, None where there is no such user."""
    try:
        import pwd  # noqa: PLC0415 - not on Windows

        found = pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except (ImportError, KeyError, OverflowError):
        return None
    inside = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
    return Path(found.pw_dir) / inside / "qbdoctor"
