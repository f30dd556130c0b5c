"""The journal where system calls fail: each call that touches its files or the target, with each error, once or for good.

After each the file is the old or the new one, whole; the run ended with one sentence and no traceback; and once the
fault is gone the journal heals and the old file comes back to the byte, with all that it had beside its content.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest, Record
from qbdoctor.storage import atomic
from tests.durability import test_kills_edits as edits
from tests.support import fault_driver, kill_driver
from tests.support.scenes import CASES, Case, Scene, applied, dress, dressing, judge, killed, set_up, strace

ERRORS = ("ENOSPC", "EIO", "EACCES", "EROFS", "EDQUOT")
ALL = {
    **CASES,
    "recovery of a killed run": Case("recover", "rename", killed),
    "fix command": Case("fix", "rename"),
    "rollback command": Case("rollback command", "rename", applied),
}
# A file replaced by the one beside it: two files, which are looked at together
ADOPTIONS = {name: case for name, case in edits.CASES.items() if case.edit == "adopt" and not case.since}
# What maps memory is no call on a file, and what marks begin and end is ours.
NOT_OURS = {"mmap", "exit_group"}

Call = tuple[str, int]
"""A system call by its name, and the how-maniest of that name, from 1."""


def place() -> Path:
    """Where the scenes are made: in memory where there is such a folder, since thousands are."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def prepared(name: str, folder: Path) -> Scene:
    """Make the scene of this case."""
    if name not in ADOPTIONS:
        return set_up(ALL[name], folder, dress)
    case = ADOPTIONS[name]
    scene = edits.Scene(case, folder)
    scene.set_up()
    old, new = (config for config, _ in case.pairs)
    return Scene("adopt" if case.what == "apply" else "rollback", case.how, scene.state, scene.config, old, new)


class Driver:
    """The fault driver, traced: each job is a run of the journal of its own."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line

    def run(self, scene: Scene, call: Call | None) -> tuple[int, str, int]:
        """Do the scene's work while this call fails; the exit code, the sentence and the process."""
        name, number = call or (None, 0)
        job = {"what": scene.what, "how": scene.how, "state": str(scene.state), "config": str(scene.config)}
        self.line.send(json.dumps({**job, "call": name, "number": number}).encode())
        found = json.loads(self.line.recv(1 << 20))
        return found["code"], found["said"], json.loads(self.line.recv(1 << 10))


@contextmanager
def driver(log: Path, *options: str) -> Iterator[Driver]:
    """Start a driver and trace its jobs."""
    tracing = [
        strace(),
        "-qq",
        "-f",
        "-y",
        "-s",
        "0",
        "-o",
        str(log),
        *options,
    ]  # a skip comes before anything is started
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(60)
    script = str(Path(fault_driver.__file__))
    environment = {"PATH": os.defpath, "HOME": str(log.parent)}
    command = [sys.executable, "-B", script, str(its.fileno())]
    # In this order: whatever is raised closes our end first, which ends the driver that is then waited for.
    with subprocess.Popen(command, env=environment, pass_fds=[its.fileno()]), ours:
        its.close()
        pid = ours.recv(100).decode()
        with subprocess.Popen([*tracing, "-p", pid], stderr=subprocess.DEVNULL) as tracer:
            try:
                while f"TracerPid:\t{tracer.pid}\n" not in Path(f"/proc/{pid}/status").read_text():
                    if tracer.poll() is not None:
                        pytest.skip(f"strace may not attach here (it ended with {tracer.returncode})")
                    time.sleep(0.01)
                yield Driver(ours)
            finally:
                ours.close()  # ends the driver, and that the tracer


@cache
def calls() -> dict[str, tuple[Call, ...]]:
    """By case, the calls of an unharmed run that touch what belongs to the journal or the target."""
    found: dict[str, tuple[Call, ...]] = {}
    with tempfile.TemporaryDirectory(prefix="qbdoctor-faults-", dir=place()) as name:
        base = Path(name)
        log = base / "log"
        runs = {}
        with driver(log, "-e", "trace=%file,%desc") as running:
            for number, case in enumerate((*ALL, *ADOPTIONS)):
                code, said, runs[case] = running.run(prepared(case, base / str(number)), None)
                assert (code, said.count("\n")) == (0, 0), said
        lines = log.read_text().splitlines()
        for number, case in enumerate(runs):
            mine = [line.partition(" ")[2].strip() for line in lines if line.startswith(f"{runs[case]} ")]
            begin = next(n for n, line in enumerate(mine) if kill_driver.MARK in line)
            end = next(n for n, line in enumerate(mine) if fault_driver.END in line)
            counted: Counter[str] = Counter()
            wanted = []
            for at, line in enumerate(mine[:end]):
                made = re.match(r"(\w+)\(", line)
                if made is None or made[1] in NOT_OURS or at == begin:
                    continue
                counted[made[1]] += 1
                if at > begin and f"{base / str(number)}/" in line:
                    wanted.append((made[1], counted[made[1]]))
            assert max(n for _, n in wanted) < fault_driver.WHEN, Counter(counted)
            found[case] = tuple(wanted)
    return found


@dataclass(frozen=True)
class Tally:
    """What came of many cases."""

    hits: int
    missed: int
    refused: int
    later: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        torn, stuck = (sum(word in text for text in self.wrong) for word in ("torn", "stuck"))
        return (
            f"{self.hits} errors hit ({self.refused} refused, {self.later} left to the next run), "
            f"{torn} torn, {stuck} stuck, {len(self.wrong)} wrong"
        )


def fail_each(jobs: list[tuple[str, Call]], error: str, *, for_good: bool) -> Tally:
    """Let each of these calls fail, and judge."""
    tail = "+" if for_good else ""
    names = ",".join(sorted({call[0] for _, call in jobs}))
    codes: list[int] = []
    wrong: list[str] = []
    later = 0
    pids: list[int] = []
    with tempfile.TemporaryDirectory(prefix="qbdoctor-faults-", dir=place()) as name:
        log = Path(name, "log")
        inject = f"inject={names}:error={error}:when={fault_driver.WHEN}{tail}"
        with driver(log, "-e", f"trace={names}", "-e", inject) as running:
            for number, (case, call) in enumerate(jobs):
                folder = Path(name, str(number))
                scene = prepared(case, folder)
                torn = scene.what == "recover" or (for_good and scene.how == "in-place")
                had, before = dressing(scene.config), scene.config.read_bytes()
                code, said, pid = running.run(scene, call)
                texts = [*ended(code, said), *now(scene, before, code, said, for_good=for_good, may_be_torn=torn)]
                later += scene.config.read_bytes() != before and code == 4
                if case in ADOPTIONS:
                    two = edits.Scene(ADOPTIONS[case], folder)
                    if code != 0 and not for_good and two.beside.exists() != (scene.what == "adopt"):
                        texts.append("refused, and yet done beside")
                    texts += two.judge(torn=torn)
                else:
                    texts += judge(scene, may_be_torn=torn)
                if scene.journal.recover() != ():
                    texts.append("there is something to recover for ever")
                if dressing(scene.config) != had:
                    texts.append(f"{dressing(scene.config)} was {had}")
                wrong += [f"{case}: {call[0]} {call[1]} {error}{tail}: {text} ({code} {said})" for text in texts]
                codes.append(code)
                pids.append(pid)
        hit = {int(line.split()[0]) for line in log.read_text().splitlines() if "(INJECTED)" in line}
    hits = sum(pid in hit for pid in pids)
    return Tally(hits, len(jobs) - hits, codes.count(4), later, tuple(wrong))


def ended(code: int, said: str) -> list[str]:
    """What is wrong with how the run ended."""
    if code == -1 or "Traceback" in said:
        return [f"traceback {said}"]
    if code not in (0, 2, 4) or (code == 2 and "read" not in said and "no config file" not in said):
        return [f"exit code {code}"]
    lines = said.splitlines()
    if code == 0:  # what a recovery did, or what is noted
        return [] if all(line.endswith(".") for line in lines) else ["no sentences"]
    return [] if len(lines) == 1 and said.endswith(".") else ["not one sentence"]


def now(scene: Scene, before: bytes, code: int, said: str, *, for_good: bool, may_be_torn: bool) -> list[str]:
    """What is wrong with the file right after the run, before anything heals."""
    data = scene.config.read_bytes()
    if may_be_torn and atomic.is_torn(data, scene.old, scene.new):
        return []
    after = scene.old if before == scene.new else scene.new
    if data not in (before, after):
        return ["torn"]
    if code == 0 and data != after:
        return ["said to be done, and is not"]
    # A password that was set live cannot be unset by who does not know the one before: then that must be said.
    stays = scene.what == "live" and "may be in force and could not be taken back" in said
    if code != 0 and data != before and not for_good and not stays:
        return ["refused, and yet done"]
    return []


def few() -> list[tuple[str, Call]]:
    """One call of each kind in each way of changing a setting in a file, each time another one."""
    found = []
    for at, case in enumerate(CASES):
        kinds: dict[str, list[Call]] = {}
        for call in calls()[case]:
            kinds.setdefault(call[0], []).append(call)
        found += [(case, made[(at * 5 + nth) % len(made)]) for nth, made in enumerate(kinds.values())]
    return found


def show(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


@pytest.mark.parametrize(("error", "for_good"), [("EIO", False), ("ENOSPC", True)])
def test_calls_of_every_kind_fail(error: str, for_good: bool, capsys: pytest.CaptureFixture[str]) -> None:
    tally = fail_each(few(), error, for_good=for_good)
    show(capsys, f"{error} {'for good' if for_good else 'once'}: {tally}")
    assert tally.wrong == ()
    assert tally.missed == 0
    assert tally.refused > tally.hits / 3


@pytest.mark.extended
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for-good"])
@pytest.mark.parametrize("error", ERRORS)
def test_every_call_fails(
    error: str, for_good: bool, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    jobs = [(case, call) for case, made in calls().items() for call in made]
    tally = fail_each(jobs, error, for_good=for_good)
    text = f"{error} {'for good' if for_good else 'once'}: {tally}"
    record_property("faults", text)
    show(capsys, text)
    assert tally.wrong == ()
    assert tally.missed == 0


@pytest.mark.extended
@pytest.mark.parametrize("shared", [True, False], ids=["one-state-folder", "a-state-folder-each"])
def test_fifty_at_once(shared: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each applies and takes back a setting of its own, twice, and leaves it applied: no update is lost."""
    config = tmp_path / "config" / "qBittorrent.conf"
    config.parent.mkdir()
    lines = b"".join(b"Own%d=before\n" % number for number in range(50))
    config.write_bytes(b"[Preferences]\n" + lines)
    folders = [tmp_path / ("state" if shared else f"state{number}") for number in range(50)]
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=rounds, args=(n, folders[n], config)) for n in range(50)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    ended = Counter(worker.exitcode for worker in workers)
    lost = config.read_bytes().count(b"=before")
    left = [path.name for path in config.parent.iterdir()]
    journals = [Journal(folder, lock_seconds=0.1) for folder in sorted(set(folders))]
    stuck = [said for journal in journals for said in journal.recover()]
    for journal in journals:
        for record in journal.records():
            if isinstance(record, Record) and record.standing:
                journal.rollback(record)
    show(capsys, f"50 at once: {ended[0]} ended well, {lost} updates lost, {len(stuck)} stuck")
    assert (ended, lost, left, stuck) == ({0: 50}, 0, [config.name], [])
    assert config.read_bytes() == b"[Preferences]\n" + lines


def rounds(number: int, state: Path, config: Path) -> None:
    """What one of them does."""
    journal = Journal(state, lock_seconds=300)
    edit = SettingEdit(f"Own{number}", "Preferences", f"Own{number}", "after")
    for last in (False, False, True):
        record = journal.apply_file(config, [edit], ChangeRequest("own", "requested", str(number)))
        assert record is not None
        assert b"Own%d=after\n" % number in config.read_bytes()
        if not last:
            journal.rollback(record)


@pytest.mark.extended
@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP", "EBADF"])
def test_no_locks_there(error: str) -> None:
    """Where one folder has none a lock file stands in; where that has none either, nothing is done."""
    jobs = [(case, call) for case, made in calls().items() for call in made if call[0] == "flock"]
    once, for_good = (fail_each(jobs, error, for_good=each) for each in (False, True))
    assert (once.wrong, once.refused, once.missed) == ((), 0, 0)
    assert (for_good.wrong, for_good.later, for_good.missed) == ((), 0, 0)
    assert for_good.refused > for_good.hits / 2
