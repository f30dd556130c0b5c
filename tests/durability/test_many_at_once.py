"""Many runs of ``fix`` and ``rollback`` on one file at the same moment: each as if it were alone, or refused."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.config.qtini.document import QtIni
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest, Record
from qbdoctor.storage import private
from qbdoctor.storage.private import sha256
from tests.support.fixer import ROOT, new_config

SETTINGS = {
    "SessionTimeout": "20",
    "MaxAuthenticationFailCount": "1",
    "ServerDomains": "a.example",
    "SecureCookie": "true",
}
EARLIER = {"BanDuration": "60", "UseUPnP": "true", "Username": "someone", "RootFolder": "/srv"}
"""Settings that were changed before, for rollbacks to take back."""
COMMANDS = [
    ["fix", "require-localhost-auth"],
    ["rollback", "{earlier}"],
    ["fix", "disable-subnet-whitelist"],
    ["fix", "allow-host", "--set", "host=h{number}.example"],
    ["rollback", "--last"],
    ["fix", "raise-ban-limit", "--set", "limit={limit}"],
    ["fix", "set-session-timeout", "--set", "seconds=4{number:03}"],
    ["rollback", "{earlier}"],
    ["fix", "bypass-localhost-auth"],
    ["rollback"],
]


@dataclass
class Ended:
    """How one process ended, and how many seconds after all were started."""

    command: list[str]
    code: int
    said: dict[str, Any]
    seconds: float


@contextmanager
def watched(path: Path) -> Iterator[dict[str, bytes]]:
    """Read the file again and again; every content that was seen, by its digest."""
    seen: dict[str, bytes] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            data = path.read_bytes()
            seen[sha256(data)] = data

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def at_the_lock(pids: list[int], folder: Path) -> int:
    """How many of these have the folder open, which is to lock it or to wait for that."""

    def has_it(pid: int) -> bool:
        with suppress(OSError):
            return any(one.readlink() == folder for one in Path(f"/proc/{pid}/fd").iterdir())
        return False

    return sum(map(has_it, pids))


def all_at_once(commands: list[list[str]], config: Path, state: Path) -> tuple[list[Ended], int]:
    """Start a process for each of these and wait for all of them; how they ended, and how many were in line at most."""
    in_line = 0
    began = time.monotonic()
    running: dict[int, tuple[list[str], subprocess.Popen[bytes]]] = {}
    for number, command in enumerate(commands):
        whole = [*command, "--yes", "--config", str(config), "--state-dir", str(state), "--json"]
        with (state.parent / f"{number}.out").open("wb") as out, (state.parent / f"{number}.err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "qbdoctor", *whole], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        running[number] = command, process
    ended: list[Ended] = []
    while running:
        for number in [number for number, (_, process) in running.items() if process.poll() is not None]:
            command, process = running.pop(number)
            out_text, err_text = ((state.parent / f"{number}.{end}").read_text() for end in ("out", "err"))
            assert "Traceback" not in err_text, err_text
            assert out_text, (command, process.returncode, err_text)
            ended.append(Ended(command, process.returncode, json.loads(out_text), time.monotonic() - began))
        assert time.monotonic() - began < 600, "a process does not end"
        in_line = max(in_line, at_the_lock([process.pid for _, process in running.values()], state / "records"))
        time.sleep(0.02)
    return ended, in_line


def values(data: bytes) -> dict[str, str]:
    return dict(QtIni.parse(data).pairs)


def wanted(start: bytes, standing: list[Record], journal: Journal) -> dict[str, str]:
    """What the file must say where every standing record counts and nothing else was done."""
    said = values(start)
    for record in standing:
        raws = journal.store.raws(record)
        for change in record.changes:
            path = f"{change.section}/{change.key}".replace("\\", "/")
            after = raws[change.setting][1]
            said.pop(path, None)
            if after is not None:
                said[path] = after
    return said


def hold_to_it(count: int, tmp_path: Path) -> str:
    """Run so many at once and see that nothing was lost; returns the numbers."""
    config, state = new_config(tmp_path / "profile", **SETTINGS), tmp_path / "state"
    start, mode = config.read_bytes(), config.stat().st_mode
    journal = Journal(state, lock_seconds=0.3)
    earlier = []
    for setting, raw in EARLIER.items():
        edit = SettingEdit(setting, "Preferences", f"WebUI\\{setting}", raw)
        record = journal.apply_file(config, [edit], ChangeRequest("earlier", "requested", f"run-{setting}"))
        assert record is not None
        earlier.append(journal.mark_verified(record, "read back").id)
    commands = [
        [
            part.format(number=number, limit=2 + number, earlier=earlier[number // 5 % len(earlier)])
            for part in COMMANDS[number % len(COMMANDS)]
        ]
        for number in range(count)
    ]
    with watched(config) as seen:
        ended, in_line = all_at_once(commands, config, state)

    records = [record for record in journal.records() if isinstance(record, Record)]
    assert len(records) == len(journal.records()), "a record is damaged"
    known = {sha256(start)}
    for record in records:
        assert record.file is not None
        known |= {record.file.before.sha256, record.file.after.sha256}
        if record.rollback is not None and record.rollback.to_sha256 is not None:
            known.add(record.rollback.to_sha256)
    torn = {digest: data for digest, data in seen.items() if digest not in known}
    assert not torn, torn  # half a file, or one that no record speaks of
    standing = [record for record in reversed(records) if record.standing]
    assert values(config.read_bytes()) == wanted(start, standing, journal), "an update was lost"

    # Whoever was told that it worked has its record, and only they and those that were taken back have one
    told = {one["id"] for each in ended for one in each.said["records"]}
    assert {record.id for record in records} == told | set(earlier)
    failed = [each for each in ended if each.code]
    assert {each.code for each in failed} <= {2, 4}, failed  # 2: there was nothing (left) to take back
    assert not [each for each in failed if "has been at work" in each.said["text"]], "a lock was waited for in vain"
    assert {each.command[0] for each in failed if each.code == 2} <= {"rollback"}, failed
    assert {record.state for record in records} <= {"verified", "rolled-back"}

    # Nothing is left lying about, and nobody holds a lock
    assert [path.name for path in config.parent.iterdir()] == [config.name]
    assert not private.leftovers(config.parent)
    assert not journal.store.unsettled()
    assert config.stat().st_mode == mode
    for record in reversed(standing):
        journal.rollback(record)
    assert config.read_bytes() == start

    outcomes = Counter(f"{each.command[0]}: {each.said['state']}" for each in ended)
    reasons = Counter(
        re.sub(r"\S*/\S*|\d{8}T\S+", "…", each.said["text"])[:110]
        for each in ended
        if each.code and each.said["state"] != "x"
    )
    took = sorted(each.seconds for each in ended)
    return "\n".join(
        [
            f"{count} processes: {dict(sorted(outcomes.items()))}; {len(seen)} contents seen, {len(records)} records, "
            f"{len(standing)} standing; up to {in_line} at the lock at a time",
            f"ended after {took[0]:.1f} to {took[-1]:.1f} s, half of them by {statistics.median(took):.1f} s "
            f"(load {os.getloadavg()[0]:.0f})",
            *(f"  {number} × {reason}" for reason, number in reasons.most_common()),
        ]
    )


@pytest.mark.parametrize("count", [6, pytest.param(50, marks=pytest.mark.extended)])
def test_no_update_is_lost(count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = hold_to_it(count, tmp_path)
    with capsys.disabled():
        sys.stdout.write(f"\n{numbers}\n")
