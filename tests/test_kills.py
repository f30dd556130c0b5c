"""The journal under SIGKILL and under failing system calls: the file is the old one or the new one, whole, always.

strace ends the driver at the first, second, third … call of each system call that touches a disk, until the run
completes unharmed. After each the file is looked at, the journal heals, and a rollback ends with the old file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from qbdoctor import atomic
from qbdoctor.journal import Journal, SettingEdit
from qbdoctor.records import Record
from qbdoctor.store import IN_PLACE_NEW, IN_PLACE_OLD
from tests import kill_driver

CALLS = re.findall(
    r"\w+",
    "write writev pwrite64 pwritev fsync fdatasync sync_file_range fallocate rename renameat renameat2 mkdir mkdirat "
    "unlink unlinkat rmdir chmod fchmod fchmodat chown fchown lchown fchownat link linkat symlink symlinkat truncate "
    "ftruncate openat open creat setxattr lsetxattr fsetxattr utimensat flock copy_file_range sendfile",
)
ENTRIES = "".join(f"WebUI\\Entry{n}={n}\r\n" for n in range(12))
OLD = f"[Meta]\r\nMigrationVersion=8\r\n\r\n[Preferences]\r\nWebUI\\LocalHostAuth=false\r\n{ENTRIES}".encode()
NEW = OLD.replace(b"LocalHostAuth=false", b"LocalHostAuth=true")
# Someone else's edit after the fix, so that only the setting goes back
OLD_EDITED, NEW_EDITED = (each.replace(b"Entry3=3", b"Entry3=thirty") for each in (OLD, NEW))
EDIT = SettingEdit(*kill_driver.SETTING)


@cache
def strace() -> str:
    """The path of strace; without one that may trace, the test is skipped, or fails where the run insists."""
    path = shutil.which("strace")
    reason = "no strace on this machine"
    if path is not None:
        tried = subprocess.run([path, "-f", "-o", "/dev/null", "true"], capture_output=True, text=True)
        if tried.returncode == 0:
            return path
        reason = f"strace may not trace here: {tried.stderr.strip()[:200]}"
    if os.environ.get("QBDOCTOR_REQUIRE_LIVE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@dataclass(frozen=True)
class Scene:
    """A state folder and a config, and what is done to them."""

    what: str
    how: str
    state: Path
    config: Path
    old: bytes
    new: bytes

    def run(self, *options: str) -> int:
        """Run the driver under strace; its exit code, negative for a signal."""
        script = str(Path(kill_driver.__file__))
        driver = [sys.executable, "-S", "-E", "-B", script, self.what, str(self.state), str(self.config), self.how]
        command = [strace(), "-f", "-qq", *options, *driver]
        environment = {"QBDOCTOR_KILL_PACKAGES": sysconfig.get_path("purelib"), "PATH": os.defpath}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    @property
    def journal(self) -> Journal:
        return Journal(self.state)


def applied(scene: Scene) -> None:
    record = scene.journal.apply_file(scene.config, [EDIT], fix="require-localhost-auth", reason="requested", run="r")
    assert record is not None
    if scene.old != OLD:
        scene.config.write_bytes(scene.new)  # someone else's edit, with ours in it


def torn(scene: Scene) -> None:
    """A write in place that was cut short, and the record that says so."""
    applied(scene)
    (record,) = scene.journal.records()
    assert isinstance(record, Record)
    store = scene.journal.store
    store.keep(record, IN_PLACE_OLD, OLD)
    store.keep(record, IN_PLACE_NEW, NEW)
    held = record.to_json() | {"in_place": True, "state": "preparing", "states": record.to_json()["states"][:1]}
    (record.folder / "record.json").write_text(json.dumps(held))
    scene.config.write_bytes(NEW[:200] + OLD[200:])


@dataclass(frozen=True)
class Case:
    what: str
    how: str
    prepare: Callable[[Scene], None] | None = None
    old: bytes = OLD
    new: bytes = NEW
    torn_before: bool = False


CASES = {
    "apply": Case("apply", "rename"),
    "apply in place": Case("apply", "in-place"),
    "rollback": Case("rollback", "rename", applied),
    "rollback in place": Case("rollback", "in-place", applied),
    "rollback by setting": Case("rollback", "rename", applied, OLD_EDITED, NEW_EDITED),
    "rollback by setting, in place": Case("rollback", "in-place", applied, OLD_EDITED, NEW_EDITED),
    "recovery of a torn file": Case("recover", "rename", torn, torn_before=True),
}


def set_up(case: Case, folder: Path) -> Scene:
    scene = Scene(case.what, case.how, folder / "state", folder / "config" / "qBittorrent.conf", case.old, case.new)
    scene.config.parent.mkdir(parents=True)
    scene.config.write_bytes(OLD)
    scene.config.chmod(0o640)
    if case.prepare is not None:
        case.prepare(scene)
    return scene


def counts(case: Case, folder: Path) -> dict[str, tuple[int, list[int]]]:
    """Of an unharmed run, for each system call that touches a disk: how many of it come before the journal begins, and
    which of the later ones count (of opening files, those that may make one)."""
    scene = set_up(case, folder)
    trace = folder / "trace"
    assert scene.run("-o", str(trace), "-e", f"trace=?{',?'.join([*CALLS, 'stat', 'newfstatat'])}") == 0
    before, _, after = trace.read_text().partition(kill_driver.MARK)
    assert after, "the driver made no mark"
    found = {}
    for call in CALLS:
        lines = [re.findall(rf"^\d+\s+({call}\(.*)", part, re.MULTILINE) for part in (before, after)]
        wanted = [n for n, line in enumerate(lines[1], 1) if not call.startswith("open") or "O_CREAT" in line]
        if wanted:
            found[call] = len(lines[0]), wanted
    assert len(found["fsync"][1]) > 2
    return found


def judge(scene: Scene, *, may_be_torn: bool) -> list[str]:
    """What is wrong after a run that was ended: nothing, one hopes. Heals and rolls back on the way."""
    wrong = []
    data = scene.config.read_bytes()
    if data not in (scene.old, scene.new) and not (may_be_torn and atomic.is_torn(data, scene.old, scene.new)):
        wrong.append("torn")
    journal = scene.journal
    journal.recover()
    if scene.config.read_bytes() not in (scene.old, scene.new):
        wrong.append("torn after the recovery")
    for record in journal.records():
        assert isinstance(record, Record), record
        if record.standing:
            journal.rollback(record)
    ends = {getattr(record, "state", "damaged") for record in journal.records()}
    if scene.config.read_bytes() != scene.old or not ends <= {"rolled-back", "abandoned"}:
        wrong.append(f"stuck ({ends})")
    left = [path.name for path in (*scene.config.parent.iterdir(), *scene.state.rglob("*")) if ".tmp" in path.name]
    new = [path.name for path in scene.state.rglob(".new-*")]
    if len(list(scene.config.parent.iterdir())) != 1 or left or new:
        wrong.append(f"left behind: {left} {new}")
    if scene.config.stat().st_mode & 0o7777 != 0o640:
        wrong.append("another mode")
    return wrong


def kill(case: Case, folder: Path, call: str, when: int) -> tuple[bool, list[str]]:
    """End the run at this one of its system calls; whether that hit, and what went wrong."""
    scene = set_up(case, folder / f"{call}-{when}")
    code = scene.run("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}")
    assert code in (0, -signal.SIGKILL, 128 + signal.SIGKILL), (call, when, code)
    may_be_torn = case.how == "in-place" or case.torn_before
    return code != 0, [f"{call} {when}: {text}" for text in judge(scene, may_be_torn=may_be_torn)]


@pytest.mark.parametrize("name", CASES)
def test_killed_at_every_system_call(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    strace()
    case = CASES[name]
    calls = counts(case, tmp_path / "whole")
    jobs = [(call, base + number) for call, (base, numbers) in calls.items() for number in numbers]
    # and one beyond the last of each, which must not hit: the run has no more of them
    beyond = [(call, base + numbers[-1] + 1) for call, (base, numbers) in calls.items() if not call.startswith("open")]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda job: kill(case, tmp_path, *job), jobs + beyond))
    hits = sum(hit for hit, _ in done)
    assert [hit for hit, _ in done] == [True] * len(jobs) + [False] * len(beyond)
    wrong = [text for _, texts in done for text in texts]
    torn_count = sum("torn" in text for text in wrong)
    stuck = sum("stuck" in text for text in wrong)
    numbers = f"{name}: {hits} kills hit, {torn_count} torn, {stuck} stuck"
    record_property("kills", numbers)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{numbers} ({', '.join(f'{call} {len(numbers)}' for call, (_, numbers) in calls.items())})\n"
        )
    assert (wrong, torn_count, stuck) == ([], 0, 0)
    assert hits >= 9


ERRORS = [
    ("apply", "write", "ENOSPC"),
    ("apply", "fsync", "EIO"),
    ("apply", "rename", "EACCES"),
    ("apply", "rename", "EIO"),
    ("apply", "fchmod", "EPERM"),
    ("apply", "mkdir", "ENOSPC"),
    ("apply", "openat", "EMFILE"),
    ("apply in place", "write", "ENOSPC"),
    ("apply in place", "fsync", "EIO"),
    ("apply in place", "ftruncate", "EIO"),
    ("rollback", "write", "ENOSPC"),
    ("rollback", "fsync", "EIO"),
    ("rollback", "rename", "EACCES"),
    ("rollback in place", "write", "ENOSPC"),
]


@pytest.mark.parametrize(("name", "call", "error"), ERRORS, ids=lambda value: str(value).replace(" ", "-"))
def test_a_system_call_fails(name: str, call: str, error: str, tmp_path: Path) -> None:
    """The error comes once, or from then on: a disk that is full stays full."""
    strace()
    case = CASES[name]
    base, numbers = counts(case, tmp_path / "whole")[call]

    def fail(number: int, tail: str) -> tuple[int, list[str]]:
        scene = set_up(case, tmp_path / f"{number}{tail}")
        inject = f"inject={call}:error={error}:when={base + number}{tail}"
        code = scene.run("-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
        wrong = judge(scene, may_be_torn=case.how == "in-place" and tail == "+")
        return code, [f"{call} {number}{tail}: {text}" for text in wrong]

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda job: fail(*job), [(number, tail) for tail in ("", "+") for number in numbers]))
    assert [text for _, texts in done for text in texts] == []
    codes = [code for code, _ in done]
    assert set(codes) <= {0, 4}
    assert 4 in codes, "no failure was seen"
