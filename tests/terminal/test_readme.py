"""README's main line, and a checkout without what it needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.terminal.screen import PROGRAM, ROOT, Screen

SCRIPT = Path(sys.executable).with_name("qbdoctor")


def main_line() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- main -->\n```sh\n(.*)\n```", text)
    assert found
    return found[1]


def test_enter_at_the_password_keeps_the_answer_on_the_screen(server: ServerFactory) -> None:
    """What follows the installation in README's line, with a server that runs here."""
    running = server("5.3.0")
    behind = (
        main_line().partition("pip install -q .")[2].removeprefix(" && ").replace(".venv/bin/qbdoctor", str(SCRIPT))
    )
    named = behind.replace(f"{SCRIPT};", f"{SCRIPT} --url {running.url};")  # other tests' servers run here too
    screen = Screen(named, program=("sh", "-c"))
    screen.wait_for("assword")
    screen.type("\n")
    screen.end()
    assert "throw-away" not in screen.text, "the demo would push the answer off the screen"
    assert running.url in screen.text


ALONE = ("unshare", "-pf", "--mount-proc")
"""Sees no process but its own: other tests' servers are none that runs here."""


def test_without_a_server_it_is_the_demo() -> None:
    if subprocess.run([*ALONE, "true"], capture_output=True).returncode:
        pytest.skip("a namespace of processes cannot be made here")
    behind = (
        main_line().partition("pip install -q .")[2].removeprefix(" && ").replace(".venv/bin/qbdoctor", str(SCRIPT))
    )
    screen = Screen(behind, program=(*ALONE, "sh", "-c"))
    assert screen.end(120) == 0, screen.text
    assert "That is the incident" in screen.text


def test_a_checkout_without_dependencies_gets_a_sentence(tmp_path: Path) -> None:
    for name in ("qbdoctor", "checks", "fixes"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for arguments in ((), ("check", "--no-login"), ("fix",), ("history",), ("explain",), ("trace",)):
        run = subprocess.run(
            [sys.executable, "-S", "-m", "qbdoctor", *arguments], cwd=tmp_path, text=True, capture_output=True,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )  # fmt: skip
        assert "Traceback" not in run.stderr, run.stderr
        assert run.returncode in {0, 2, 3}, (arguments, run)
        if run.returncode:
            assert run.stderr.startswith("qbdoctor: "), run.stderr
            assert "pip install" in run.stderr
    assert PROGRAM
