"""What a command could not tell is not called healthy: trace and fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.kit.server import Server
from tests.terminal.screen import seen


@pytest.fixture(params=["4.5.2", "5.3.0"])
def running(request: pytest.FixtureRequest, server: ServerFactory) -> Server:
    return server(request.param)


@pytest.mark.parametrize("command", [("false",), ("true",), ("/nowhere/program",), ("/etc/passwd",)])
def test_a_program_that_did_not_start_or_asked_nothing(running: Server, command: tuple[str, ...]) -> None:
    code, screen = seen("trace", "--url", running.url, "--run", "--", *command)
    assert code == 3, screen.text
    if command[0].startswith("/"):
        assert "cannot be started" in screen.text
    else:
        assert "no request" in screen.text
    if command == ("false",):
        assert "1" in screen.text.partition("no request")[2]


def test_so_in_json(running: Server, tmp_path: Path) -> None:
    out = tmp_path / "trace.json"
    code, screen = seen("trace", "--json", "-o", str(out), "--url", running.url, "--run", "--", "false")
    assert (code, json.loads(out.read_text())["exit_code"]) == (3, 3), screen.text


def test_an_error_that_no_fix_answers(running: Server) -> None:
    code, screen = seen("fix", "--no-login", "--url", f"{running.url}/qbittorrent")
    assert code == 1, screen.text
    assert "404" in screen.text
    assert running.url in screen.text
    assert "What helps" in screen.text
    assert "othing to fix" not in screen.text


def test_nothing_to_fix_on_a_healthy_one(running: Server) -> None:
    code, screen = seen("fix", "--no-login", "--url", running.url)
    assert code == 0, screen.text
    assert "othing to fix" in screen.text


def test_hints_fit_the_client(running: Server) -> None:
    import sys

    program = (
        "import requests,sys; u=sys.argv[1]+'/api/v2/'; "
        "requests.post(u+'auth/login', data={'username':'admin','password':'a good one'}); "
        "print(requests.get(u+'app/version').status_code)"
    )
    code, screen = seen("trace", "--url", running.url, "--run", "--", sys.executable, "-c", program, "{url}")
    assert code == 1, screen.text
    assert "client-drops-cookie" in screen.text
    assert "requests.Session" in screen.text
    assert "aiohttp" not in screen.text
