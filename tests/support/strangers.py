"""Other users of this machine, for tests that run as root: their folders, their programs, decoys of root's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit import needs, others
from tests.support.doctor import Run

EVE, ANNA = 54_321, 54_322
"""Users without a name; neither has a process or a file before a test makes one."""

OPEN = b"[Preferences]\nWebUI\\LocalHostAuth=false\nWebUI\\Port=1\n"
FIX = ("fix", "require-localhost-auth", "--yes", "--via", "file")
ROOTS = b"root:decoy-hash:19000:0:99999:7:::\n"

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or needs.missing("setpriv") is not None,
    reason=needs.missing("setpriv") or "needs root, who can act for several users",
)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Give a folder of root's that others may enter; pytest's own may be entered by root alone."""
    folder = Path(tempfile.mkdtemp(prefix="qbdoctor-hardening-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give(uid: int, *paths: Path) -> None:
    """Give files, folders and links away."""
    for path in paths:
        os.lchown(path, uid, uid)


def owned_folder(path: Path, uid: int, mode: int = 0o755) -> Path:
    """Make a folder that belongs to a user."""
    path.mkdir()
    path.chmod(mode)
    give(uid, path)
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "qbdoctor", *arguments]


def run(
    *arguments: str,
    home: Path,
    uid: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    words: Sequence[str] | None = None,
    seconds: float = 60.0,
) -> Run:
    """Run the command line in a process of its own, as root or another user, with a home of its own."""
    given = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **(env or {})}
    line = list(words) if words is not None else command(*arguments)
    if uid is not None:
        line = [*others.as_user(uid), *line]
    done = subprocess.run(line, capture_output=True, text=True, env=given, cwd=cwd or home, timeout=seconds)
    return Run(done.returncode, done.stdout, done.stderr)


def profile(base: Path, uid: int, data: bytes = OPEN, name: str = "home") -> Path:
    """Make a user's profile; returns its config."""
    home = owned_folder(base / name, uid)
    outer = owned_folder(home / "qBittorrent", uid)
    config = owned_folder(outer / "config", uid) / "qBittorrent.conf"
    config.write_bytes(data)
    give(uid, config)
    return config


def as_root(base: Path, *arguments: str) -> Run:
    """Run the command line as root, whose home is in this folder."""
    return run(*arguments, home=base / "root")


def owners(path: Path) -> set[int]:
    """Return the users that own anything in this folder."""
    return {each.lstat().st_uid for each in [path, *path.rglob("*")]}


def adopted_left_over(base: Path) -> Path:
    """Have root adopt a user's left-over config that has setuid bits; returns where that file was."""
    config = profile(base, EVE)
    new = config.with_name("qBittorrent_new.conf")
    new.write_bytes(OPEN.replace(b"=1", b"=2"))
    give(EVE, new)
    new.chmod(0o6755)
    assert as_root(base, "fix", "adopt-new-file", "--yes", "--via", "file", "--config", str(config)).code == 0
    return new
