"""Writing over mounts and on full disks, and locks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.storage import locks
from tests.support import systems

# --- mounts, in a namespace of their own ------------------------------------------------------------------------------


def in_namespace(script: str) -> None:
    """Run Python code where mounting is allowed; skipped where no namespace is to be had."""
    unshare = shutil.which("unshare")
    tried = unshare and subprocess.run([unshare, "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    if not tried or tried.returncode:
        reason = f"no mount namespace here: {tried.stderr.decode()[:200] if tried else 'no unshare'}"
        if os.environ.get("QBDOCTOR_REQUIRE_LIVE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([str(unshare), "-rm", sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


PRELUDE = """
import os, subprocess, sys
from pathlib import Path
from qbdoctor.model import errors
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest
def mount(*words): subprocess.run(["mount", *map(str, words)], check=True)
base = Path({base!r})
EDIT = SettingEdit("LocalHostAuth", "Preferences", "WebUI\\\\LocalHostAuth", "true")
OLD = b"[Preferences]\\nWebUI\\\\LocalHostAuth=false\\n"
def apply(path, state=base / "state"):
    return Journal(state).apply_file(path, [EDIT], ChangeRequest("require-localhost-auth", "requested", "r"))
def refused(path, text, state=base / "state"):
    try: apply(path, state)
    except errors.Refused as error: assert text in error.reason, error.reason
    else: raise AssertionError("not refused")
"""


def test_a_bind_mounted_file(tmp_path: Path) -> None:
    in_namespace(
        PRELUDE.format(base=str(tmp_path))
        + """
source, folder = base / "source.conf", base / "config"
source.write_bytes(OLD); folder.mkdir()
path = folder / "qBittorrent.conf"; path.write_bytes(b"")
mount("--bind", source, path)
inode = source.stat().st_ino
record = apply(path)
assert source.read_bytes() == OLD.replace(b"false", b"true") and source.stat().st_ino == inode
assert record.state == "applied" and not record.in_place
assert Journal(base / "state").rollback(record).state == "rolled-back"
assert source.read_bytes() == OLD and source.stat().st_ino == inode
assert [each.name for each in folder.iterdir()] == ["qBittorrent.conf"]
"""
    )


def test_a_read_only_mount_and_a_full_disk(tmp_path: Path) -> None:
    in_namespace(
        PRELUDE.format(base=str(tmp_path))
        + """
store = base / "store"; store.mkdir(); mount("-t", "tmpfs", "none", store)
path = store / "qBittorrent.conf"; path.write_bytes(OLD)
link = base / "link.conf"; link.symlink_to(path)
mount("-o", "remount,ro", store)
refused(link, "read-only file system")
assert not list((base / "state" / "records").iterdir())

small = base / "small"; small.mkdir(); mount("-t", "tmpfs", "-o", "size=64k", "none", small)
path = small / "qBittorrent.conf"; path.write_bytes(OLD)
def fill(name):
    with (small / name).open("wb", buffering=0) as file:
        try:
            while True: file.write(b"x" * 4096)
        except OSError: pass
fill("filler")
refused(path, "disk is full")
assert path.read_bytes() == OLD and sorted(os.listdir(small)) == ["filler", "qBittorrent.conf"]
assert [each.state for each in Journal(base / "state").records()] == ["abandoned"]

refused(path, "could not be written", small / "state")
assert path.read_bytes() == OLD
(small / "filler").unlink()
record = apply(path); fill("filler")
try: Journal(base / "state").rollback(record)
except errors.Refused as error: assert "disk is full" in error.reason
else: raise AssertionError("not refused")
assert path.read_bytes() == OLD.replace(b"false", b"true")
(small / "filler").unlink()
assert Journal(base / "state").rollback(record).state == "rolled-back" and path.read_bytes() == OLD
"""
    )


# --- locks ------------------------------------------------------------------------------------------------------------


def test_a_lock_is_waited_for_and_no_longer(tmp_path: Path) -> None:
    began = time.monotonic()
    with locks.hold(tmp_path, 1), pytest.raises(Refused, match="Another run"), locks.hold(tmp_path, 0.2):
        raise AssertionError("two hold it")
    assert 0.2 <= time.monotonic() - began < 1
    with locks.hold(tmp_path / "home", 0):
        assert list((tmp_path / "home").iterdir()) == []  # nothing is left in the folder


def test_a_lock_that_comes_free(tmp_path: Path) -> None:
    held, got = threading.Event(), threading.Event()

    def other() -> None:
        with locks.hold(tmp_path, 1):
            held.set()
            time.sleep(0.2)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    with locks.hold(tmp_path, 5):
        got.set()
    thread.join()
    assert got.is_set()


def test_where_folders_cannot_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_flock", lambda _folder, _seconds, _descriptor: None)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    folder = tmp_path / "config"
    folder.mkdir()
    with locks.hold(folder, 1):
        assert list(folder.iterdir()) == []
        (place,) = (tmp_path / "tmp").iterdir()
        assert systems.has_mode(place, 0o700)
        with pytest.raises(Refused, match="Another run"), locks.hold(folder, 0.1):
            raise AssertionError("two hold it")
        with locks.hold(tmp_path, 0.1):
            pass  # another folder
    if systems.WINDOWS:
        return
    place.chmod(0o777)
    with pytest.raises(Refused, match="not this user's own"), locks.hold(folder, 0.1):
        pass
