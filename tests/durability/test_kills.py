"""The journal under SIGKILL and under failing system calls: the file is the old one or the new one, whole, always.

strace ends the driver at the first, second, third … call of each system call that touches a disk, until the run
completes unharmed. After each the file is looked at, the journal heals, and a rollback ends with the old file.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import kill_driver
from tests.support.scenes import CALLS, CASES, Case, judge, set_up, strace

SELDOM = {"rollback by force", "rollback by force, in place", "rollback of what was made live"}
"""Their ways of writing are those of the other rollbacks; what is decided before differs."""


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


def kill(case: Case, folder: Path, call: str, when: int) -> tuple[bool, list[str]]:
    """End the run at this one of its system calls; whether that hit, and what went wrong."""
    scene = set_up(case, folder / f"{call}-{when}")
    code = scene.run("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}")
    assert code in (0, -signal.SIGKILL, 128 + signal.SIGKILL), (call, when, code)
    may_be_torn = case.how == "in-place" or case.torn_before
    return code != 0, [f"{call} {when}: {text}" for text in judge(scene, may_be_torn=may_be_torn)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.extended] if name in SELDOM else []) for name in CASES]
)
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
    ("apply", "renameat", "EACCES"),
    ("apply", "renameat", "EIO"),
    ("apply", "fchmod", "EPERM"),
    ("apply", "mkdir", "ENOSPC"),
    ("apply", "openat", "EMFILE"),
    ("apply in place", "write", "ENOSPC"),
    ("apply in place", "fsync", "EIO"),
    ("apply in place", "ftruncate", "EIO"),
    ("rollback", "write", "ENOSPC"),
    ("rollback", "fsync", "EIO"),
    ("rollback", "renameat", "EACCES"),
    ("rollback in place", "write", "ENOSPC"),
]


@pytest.mark.extended  # test_faults.py has every day's
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
