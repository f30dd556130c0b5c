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
    assert screen.text.count("no credentials were given") == 1, screen.text
    assert "\nNext: " in screen.text
    assert "explain login" not in screen.text, "what is missing is the password, not knowledge of the check"


@pytest.mark.parametrize(("key", "code"), [("\x04", 3), ("\x03", 130)], ids=["Ctrl-D", "Ctrl-C"])
def test_the_answer_to_a_key_that_ends_the_question_stands_on_its_own_line(
    running: Server, key: str, code: int
) -> None:
    screen = Screen("--url", running.url)
    screen.wait_for("no login): ")
    screen.type(key)
    assert screen.end() == code
    assert screen.text.partition("no login): ")[2].startswith("\n"), screen.text


def test_a_healthy_server_sends_its_reader_to_the_client(running: Server) -> None:
    """What a browser may meet is no next step for somebody whose program gets 403."""
    code, screen = seen("--url", running.url, typed=f"{PASSWORD}\n")
    assert code == 0, screen.text
    step = screen.text.partition("\nNext: ")[2]
    assert ("explain cookie-renamed" in step) == (running.release.version_tuple >= (5, 2)), screen.text
    assert "samesite" not in step
