"""The script of the Windows lane, with programs of ours in the place of Wine, apt-get and pytest: what it ends with, and says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAIN = ("bash", "cat", "dirname", "grep", "id", "mktemp", "rm", "tail", "tee", "timeout")


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def run(
    folder: Path, *, python: str, pytest_does: str = "exit 3", wine: bool = True, **programs: str
) -> tuple[int, str]:
    script = folder / ".ci/windows"
    script.parent.mkdir()
    shutil.copy(ROOT / ".ci/windows", script)
    for name in PLAIN:
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / name).symlink_to(str(shutil.which(name)))
    for name in ("wine", "x86_64-w64-mingw32-gcc") if wine else ():
        program(folder / "bin" / name, "exit 3")
    for name, text in programs.items():
        program(folder / "bin" / name.replace("_", "-"), text)
    program(folder / ".venv/bin/python", python)
    program(folder / ".venv/bin/pytest", pytest_does)
    done = subprocess.run(
        [script], env={"PATH": str(folder / "bin"), "TMPDIR": os.environ.get("TMPDIR", "/tmp")},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("python", "programs", "words"),
    [
        ("echo 'pip: no index' >&2; exit 75", {"wine": True}, "pip: no index"),
        ("echo there", {"wine": False}, "no apt-get"),
        ("echo there", {"wine": False, "apt_get": "echo 'E: no index' >&2; exit 100"}, "E: no index"),
        ("echo there", {"wine": False, "apt_get": ""}, "not in PATH"),
    ],
)
def test_what_cannot_be_prepared_is_said(tmp_path: Path, python: str, programs: dict[str, str], words: str) -> None:
    if os.geteuid() != 0 and "apt_get" in programs:
        words = "only root"
    code, said = run(tmp_path, python=python, **programs)  # type: ignore[arg-type]
    assert code == 75
    assert said.startswith("the Windows lane did not run: "), said
    assert words in said


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("echo '9 passed in 30.00s'", "", 0),
        ("echo '1 failed, 8 passed in 30.00s'; exit 1", "echo '1 passed, 8 deselected in 3.00s'", 0),
        ("echo '1 failed, 8 passed in 30.00s'; exit 1", "echo '1 failed, 8 deselected in 3.00s'; exit 1", 1),
        ("echo '1 failed, 8 passed in 30.00s'; exit 1", "echo '9 deselected in 3.00s'; exit 5", 1),
        ("echo '9 skipped in 0.10s'", "", 1),
        ("echo 'no tests ran in 0.10s'; exit 5", "", 1),
        ("exit 75", "", 1),
    ],
)
def test_prepared_it_passes_only_when_tests_ran(tmp_path: Path, first: str, second: str, code: int) -> None:
    does = f'if [[ "$*" = *--last-failed* ]]; then {second or "exit 3"}; else {first}; fi'
    assert run(tmp_path, python="echo there", pytest_does=does)[0] == code


def test_a_fault_of_the_kit_is_no_lack_of_the_machine(tmp_path: Path) -> None:
    code, said = run(tmp_path, python="echo 'NameError: x' >&2; exit 1")
    assert code == 1
    assert "NameError: x" in said
