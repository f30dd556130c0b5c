"""A password typed at the prompt is the same to every check as one from a file, the environment or standard input."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit.server import PASSWORD, Server
from tests.terminal.screen import PROGRAM, ROOT, Screen, seen

RELEASES = ("4.5.2", "5.3.0")
WRONG = "not the right one"
OTHERS = "cookie-neighbours"
"""The check that looks at the other servers of this machine, which come and go with other tests."""


@pytest.fixture(params=RELEASES)
def running(request: pytest.FixtureRequest, server: ServerFactory) -> Server:
    return server(request.param)


def test_a_wrong_password_typed_is_a_problem(running: Server) -> None:
    code, screen = seen("--url", running.url, typed=f"{WRONG}\n")
    assert code == 1, screen.text
    assert "wrong-credentials" in screen.text
    assert "fine" not in screen.text
    assert "--no-login" not in screen.text
    assert WRONG not in screen.text
    assert running.failed_logins() == 0, "the config says no, so it is not sent"


def test_fix_after_a_wrong_password_typed_is_not_done(running: Server) -> None:
    code, screen = seen("fix", "--url", running.url, typed=f"{WRONG}\n")
    assert code == 1, screen.text
    assert "set-password" in screen.text
    assert "nothing to fix" not in screen.text.lower()


def _told(report: dict[str, Any]) -> object:
    """What a report says, but for what other tests' servers change and for lines of a config that the server rewrites."""
    return (
        [
            (one["id"], one["severity"], one["confidence"], re.sub(r"line \d+", "line", one["summary"]))
            for one in report["causes"]
            if one["id"] != "cookie-clobber"
        ],
        [(one["id"], one["status"]) for one in report["checks"] if one["id"] != OTHERS],
        report["verdict"]["state"],
        report["exit_code"],
    )


@pytest.mark.parametrize("password", [PASSWORD, WRONG], ids=["right", "wrong"])
def test_the_same_from_everywhere(running: Server, tmp_path: Path, password: str) -> None:
    kept = tmp_path / "password"
    kept.write_text(password)
    base = ("check", "--json", "--url", running.url)
    out = tmp_path / "report.json"
    found = {}
    screen = Screen(*base, "-o", str(out))
    screen.wait_for("assword")
    screen.type(f"{password}\n")
    screen.end()
    found["typed"] = json.loads(out.read_text())
    for name, options, stdin, env in (
        ("file", ["--password-file", str(kept)], "", {}),
        ("environment", [], "", {"QBDOCTOR_PASSWORD": password}),
        ("standard input", ["--password-file", "-"], password, {}),
    ):
        run = subprocess.run(
            [*PROGRAM, *base, *options],
            input=stdin,
            text=True,
            capture_output=True,
            env={**os.environ, **env},
            cwd=ROOT,
        )
        found[name] = json.loads(run.stdout)
    told = {name: _told(report) for name, report in found.items()}
    for name, each in told.items():
        assert each == told["typed"], name


@pytest.mark.parametrize("check", ["config-file", "config-running", "password", "login", "client-address"])
def test_whichever_check_is_asked_first(running: Server, check: str) -> None:
    """One check alone is the first to look: none may see a run without the password that the next one sees with it."""
    code, screen = seen("check", check, "password", "login", "--url", running.url, typed=f"{WRONG}\n")
    assert code == 1, screen.text
    assert "wrong-credentials" in screen.text


def test_the_prompt_names_the_server_and_what_enter_does(running: Server) -> None:
    screen = Screen("--url", running.url)
    shown = screen.wait_for("assword")
    screen.type("\n")
    code = screen.end()
    assert running.url in shown
    assert "admin" in shown
    assert code == 3
