"""Every command that is printed runs as printed: the address that works, the options given, the name it was called by."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.kit.server import PASSWORD, Server
from tests.terminal.screen import PROGRAM, ROOT, Screen, seen

SCRIPT = Path(sys.executable).with_name("qbdoctor")


@pytest.fixture(params=["4.5.2", "5.3.0"])
def running(request: pytest.FixtureRequest, server: ServerFactory) -> Server:
    return server(request.param)


def next_command(screen: Screen) -> str:
    line = next(line for line in screen.lines if line.startswith("Next: "))
    return re.sub(r"   \(.*\)$", "", line.removeprefix("Next: "))


def as_shown(command: str) -> subprocess.CompletedProcess[str]:
    """Run it in a shell, as it was printed."""
    return subprocess.run(["sh", "-c", command], cwd=ROOT, text=True, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("wrong", ["scheme", "port", "path"])
def test_the_next_command_has_the_address_that_works(running: Server, wrong: str) -> None:
    from tests.kit.profile import free_port

    url = {
        "scheme": f"https://127.0.0.1:{running.port}",
        "port": f"http://127.0.0.1:{free_port()}",
        "path": f"{running.url}/qbittorrent",
    }[wrong]
    options = ["--config", str(running.config_file)] if wrong == "port" else []
    code, screen = seen("check", "--no-login", "--url", url, *options)
    assert code == 1, screen.text
    command = next_command(screen)
    assert running.url in shlex.split(command), command
    assert "--no-login" in command
    again = as_shown(command)
    assert again.returncode == 0, again.stdout + again.stderr


def test_it_has_the_name_by_which_it_was_called(running: Server) -> None:
    for program in ((str(SCRIPT),), PROGRAM):
        screen = Screen("check", "--no-login", "--url", f"{running.url}/x", program=program)
        assert screen.end() == 1
        command = next_command(screen)
        assert command.startswith(" ".join(program)), command
        assert as_shown(command).returncode == 0


def test_on_the_path_it_is_the_bare_name(running: Server) -> None:
    import os

    env = {"PATH": f"{SCRIPT.parent}:{os.environ['PATH']}"}
    screen = Screen("check", "--no-login", "--url", f"{running.url}/x", program=("qbdoctor",), env=env)
    assert screen.end() == 1
    assert next_command(screen).startswith("qbdoctor check ")


def test_explain_and_errors_have_it_too() -> None:
    for arguments in (("explain", "bypass-active"), ("history", "nothing"), ("chek",), ("--urll", "x")):
        screen = Screen(*arguments, program=(str(SCRIPT),))
        screen.end()
        bare = re.findall(r"(?<![\w/.-])qbdoctor (?:fix|rollback|check|history|explain|--help)", screen.text)
        assert not bare, screen.text


def test_the_state_folder_given_is_named_on_the_way_back(running: Server, tmp_path: Path) -> None:
    other = tmp_path / "other state"
    running.set_preferences({"bypass_local_auth": True}) if hasattr(running, "set_preferences") else None
    code, screen = seen(
        "fix", "set-session-timeout", "--set", "seconds=1800", "--yes", "--url", running.url, "--state-dir", str(other),
        env={"QBDOCTOR_PASSWORD": PASSWORD},
    )  # fmt: skip
    assert code == 0, screen.text
    back = re.search(r"Take it back with: (.*)", screen.text.replace("\n", " "))
    assert back and str(other) in back[1], screen.text
