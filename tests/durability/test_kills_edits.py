"""A key out or moved, a file replaced by the one beside it, a lock away, lines of a source: under SIGKILL and failing calls.

The config is the old one or the new one, whole. Of the two files of an adoption the one beside goes last and comes back
first, so that a qBittorrent that started in between would take the same settings either way.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Record
from qbdoctor.storage import atomic
from tests.support import edit_driver
from tests.support.kill_driver import MARK
from tests.support.scenes import CALLS, strace

OLD = (
    b"[BitTorrent]\r\nSession\\Port=1\r\nWebUI\\LocalHostAuth=false\r\n\r\n[Preferences]\r\n"
    b"WebUI\\BypassLocalAuth=true\r\nWebUI\\Port=8080\r\nWebUI\\BypassLocalAuth=false\r\n"
    + b"".join(b"WebUI\\Entry%d=%d\r\n" % (n, n) for n in range(12))
    + b"WebUI\\Username=me"
)
BESIDE = b"[Preferences]\nWebUI\\Port=9090\n" + b"".join(b"Downloads\\X%d=%d\n" % (n, n) for n in range(20))
REMOVED = b"".join(line for line in OLD.splitlines(keepends=True) if b"Bypass" not in line)
MOVED = OLD.replace(b"WebUI\\LocalHostAuth=false\r\n", b"") + b"\r\nWebUI\\LocalHostAuth=false"
LINES = OLD.split(b"\r\n", 3)
MENDED = b"\r\n".join([LINES[0], b"if answer.text != 'Ok.' and answer.status_code != 204:", LINES[3]])
NEW = {"remove": REMOVED, "move": MOVED, "adopt": BESIDE, "lock": OLD, "source": MENDED}
SECOND = {"adopt": ("qBittorrent_new.conf", BESIDE), "lock": ("lockfile", b"1\nqbittorrent-nox\nbox\n\nboot\n")}
"""The file beside the config, by its name, which goes."""


def edited(data: bytes) -> bytes:
    """What someone else made of it since."""
    return data.replace(b"Entry3=3", b"Entry3=three") if b"Entry3" in data else data + b"Mine=1\n"


@dataclass(frozen=True)
class Case:
    edit: str
    what: str
    how: str = "rename"
    since: bool = False

    @property
    def pairs(self) -> tuple[tuple[bytes, bytes | None], tuple[bytes, bytes | None]]:
        """Config and file beside: how it began or ends when taken back, and with the edit."""
        beside = SECOND[self.edit][1] if self.edit in SECOND else None
        change = edited if self.since else bytes
        old = back_by_setting() if self.since and self.edit == "adopt" else change(OLD)
        return (old, beside), (change(NEW[self.edit]), None)


def back_by_setting() -> bytes:
    """What a rollback makes of the adopted file that someone changed: found out once, without a kill."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        scene = Scene(Case("adopt", "rollback"), Path(name))
        scene.begin()
        scene.applied()
        scene.config.write_bytes(edited(BESIDE))
        edit_driver.work("adopt", "rollback", scene.state, scene.config)
        made = scene.config.read_bytes()
    assert b"WebUI\\BypassLocalAuth=true" in made
    assert b"Mine=1" in made
    return made


@dataclass(frozen=True)
class Scene:
    case: Case
    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        return self.folder / "config" / "qBittorrent.conf"

    @property
    def beside(self) -> Path:
        return self.config.with_name(SECOND.get(self.case.edit, SECOND["adopt"])[0])

    def begin(self) -> None:
        self.config.parent.mkdir(parents=True)
        self.config.write_bytes(OLD)
        self.config.chmod(0o640)
        if self.case.edit in SECOND:
            self.beside.write_bytes(SECOND[self.case.edit][1])
            self.beside.chmod(0o604)

    def applied(self) -> None:
        assert edit_driver.work(self.case.edit, "apply", self.state, self.config) == 0
        assert self.pair() == (NEW[self.case.edit], None)

    def set_up(self) -> None:
        self.begin()
        if self.case.what == "rollback":
            self.applied()
            if self.case.since:
                self.config.write_bytes(edited(NEW[self.case.edit]))

    def pair(self) -> tuple[bytes, bytes | None]:
        return self.config.read_bytes(), self.beside.read_bytes() if self.beside.exists() else None

    def run(self, *options: str) -> int:
        script = str(Path(edit_driver.__file__))
        words = [self.case.edit, self.case.what, str(self.state), str(self.config), self.case.how]
        command = [strace(), "-f", "-qq", *options, sys.executable, "-S", "-E", "-B", script, *words]
        environment = {"QBDOCTOR_KILL_PACKAGES": sysconfig.get_path("purelib"), "PATH": os.defpath}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    def judge(self, *, torn: bool) -> list[str]:
        """What is wrong after a run that was ended; heals and rolls back on the way."""
        wrong = []
        old, new = self.case.pairs
        whole = {old, new, (new[0], old[1])}
        pair = self.pair()
        may = torn and pair[1] == old[1] and atomic.is_torn(pair[0], old[0], new[0])
        if pair not in whole and not may:
            wrong.append("torn")
        journal = Journal(self.state)
        journal.recover()
        if self.pair() not in (old, new):
            wrong.append("neither after the recovery")
        for record in journal.records():
            assert isinstance(record, Record), record
            if record.standing:
                journal.rollback(record)
        ends = {getattr(record, "state", "damaged") for record in journal.records()}
        if self.pair() != old or not ends <= {"rolled-back", "abandoned"}:
            wrong.append(f"stuck ({ends})")
        names = {path.name for path in self.config.parent.iterdir()}
        if names != {self.config.name} | ({self.beside.name} if old[1] else set()) or any(self.state.rglob(".new-*")):
            wrong.append(f"left behind: {names}")
        modes = [path.stat().st_mode & 0o777 for path in (self.config, self.beside) if path.exists()]
        if modes != [0o640, 0o604][: len(modes)]:
            wrong.append(f"other modes: {modes}")
        return wrong


CASES = {
    f"{edit} {what}{', in place' if how == 'in-place' else ''}{', changed since' if since else ''}": Case(
        edit, what, how, since
    )
    for edit in edit_driver.EDITS
    for what, how, since in (
        ("apply", "rename", False),
        ("apply", "in-place", False),
        ("rollback", "rename", False),
        ("rollback", "in-place", False),
        ("rollback", "rename", True),
    )
    if not (edit == "source" and since)  # which is refused: test_lint_fix
}


def counts(case: Case, folder: Path) -> dict[str, tuple[int, list[int]]]:
    """Of an unharmed run, for each system call: how many come before the journal begins, and which of the later count."""
    scene = Scene(case, folder)
    scene.set_up()
    trace = folder / "trace"
    assert scene.run("-o", str(trace), "-e", f"trace=?{',?'.join([*CALLS, 'stat', 'newfstatat'])}") == 0
    before, _, after = trace.read_text().partition(MARK)
    found = {}
    for call in CALLS:
        lines = [re.findall(rf"^\d+\s+({call}\(.*)", part, re.MULTILINE) for part in (before, after)]
        wanted = [n for n, line in enumerate(lines[1], 1) if not call.startswith("open") or "O_CREAT" in line]
        if wanted:
            found[call] = len(lines[0]), wanted
    return found


def inject(case: Case, folder: Path, call: str, when: str, what: str) -> tuple[int, list[str]]:
    scene = Scene(case, folder / f"{call}-{when}".replace("+", "-on"))
    scene.set_up()
    code = scene.run("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={when}")
    return code, [f"{call} {when}: {text}" for text in scene.judge(torn=case.how == "in-place")]


def killed(name: str, folder: Path, record: Callable[[str, object], None], only: str = "") -> None:
    strace()
    case = CASES[name]
    calls = {call: found for call, found in counts(case, folder / "whole").items() if only in {"", call}}
    jobs = [(call, str(base + number)) for call, (base, numbers) in calls.items() for number in numbers]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda job: inject(case, folder, job[0], job[1], "signal=KILL"), jobs))
    assert {code for code, _ in done} <= {-signal.SIGKILL, 128 + signal.SIGKILL}
    assert [text for _, texts in done for text in texts] == []
    record("kills", f"{name}: {len(jobs)} kills")
    assert jobs


@pytest.mark.parametrize("name", ["adopt apply", "adopt rollback", "lock apply", "lock rollback"])
def test_killed_at_a_name_that_goes_or_comes(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The everyday part: the calls that decide which of the two files stands."""
    killed(name, tmp_path, record_property, only="unlinkat" if "apply" in name else "renameat")


@pytest.mark.parametrize("name", ["source apply", "source rollback"])
def test_killed_where_a_source_gets_its_name(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    killed(name, tmp_path, record_property, only="renameat")


@pytest.mark.extended
@pytest.mark.parametrize("name", CASES)
def test_killed_at_every_system_call(name: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    killed(name, tmp_path, record_property)


ERRORS = [
    ("write", "ENOSPC"),
    ("fsync", "EIO"),
    ("renameat", "EACCES"),
    ("renameat", "EIO"),
    ("unlinkat", "EACCES"),
    ("unlinkat", "EIO"),
    ("fchmod", "EPERM"),
    ("chmod", "EIO"),
    ("openat", "EMFILE"),
    ("mkdir", "ENOSPC"),
]


@pytest.mark.extended
@pytest.mark.parametrize(("call", "error"), ERRORS)
@pytest.mark.parametrize("name", [name for name in CASES if "remove" not in name])
def test_a_system_call_fails(name: str, call: str, error: str, tmp_path: Path) -> None:
    """Once, or from then on."""
    strace()
    case = CASES[name]
    found = counts(case, tmp_path / "whole").get(call)
    if found is None:
        return  # this way does without the call
    base, numbers = found
    whens = [f"{base + number}{tail}" for tail in ("", "+") for number in numbers]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda when: inject(case, tmp_path, call, when, f"error={error}"), whens))
    assert [text for _, texts in done for text in texts] == []
    assert {code for code, _ in done} <= {0, 4}
