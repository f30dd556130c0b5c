"""The words that people type first find the command, and what they see leads to the causes."""

from __future__ import annotations

import re
import socket

import pytest

from qbdoctor.cli.defaults import COMMANDS
from qbdoctor.diagnosis.catalogue import pages, symptoms
from tests.conftest import ServerFactory
from tests.terminal.screen import Screen, seen


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (("help",), "exit codes:"),
        (("help", "fix"), "set-password"),
        (("version",), "qbdoctor 0."),
        (("status", "--no-login", "--url", "http://127.0.0.1:9"), "http://127.0.0.1:9"),
        (("diagnose", "--no-login", "--url", "http://127.0.0.1:9"), "http://127.0.0.1:9"),
        (("undo",), "no applied fix"),
        (("--write-probe", "check", "--no-login", "--url", "http://127.0.0.1:9"), "http://127.0.0.1:9"),
        (("explain", "403"), "client-drops-cookie"),
        (("explain", "401"), "host-port-mismatch"),
        (("explain", "Fails."), "wrong-credentials"),
        (("explain", "Unauthorized"), "host-port-mismatch"),
        (("explain", "Test failed"), "host-port-mismatch"),
        (("explain", "Test", "failed"), "host-port-mismatch"),
        (("explain", "ip-banned"), "What you see"),
    ],
)
def test_it_finds_what_is_meant(typed: tuple[str, ...], found: str) -> None:
    _, screen = seen(*typed)
    assert found in " ".join(screen.text.split()), screen.text


def test_every_symptom_leads_to_causes_that_have_a_page() -> None:
    known = set(pages.ids())
    for one in symptoms.symptoms():
        assert set(one.causes) <= known, one
        for word in one.words:
            assert word == word.lower()
            assert one in symptoms.search(word)
    assert symptoms.search("") == ()
    assert symptoms.search("host-port-mismatc") == ()
    words = [word for one in symptoms.symptoms() for word in one.words]
    assert len(words) == len(set(words))


def test_the_list_starts_with_symptoms() -> None:
    _, screen = seen("explain")
    assert "403 Forbidden" in "\n".join(screen.lines[:6])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command(command: str) -> None:
    code, screen = seen(command, "--help")
    assert code == 0
    examples = screen.text.partition("examples:")[2].partition("fixes (")[0]
    assert examples.count(f"qbdoctor {command}") == 2, screen.text
    assert all(len(line) <= 80 or "qbdoctor" in line for line in screen.lines), screen.text
    assert ("--url" in screen.text) == (
        command not in {"explain", "demo", "lint", "simulate", "targets", "completion", "fleet"}
    ), screen.text
    assert ("--dry-run" in screen.text) == (command in {"fix", "rollback", "history", "lint"})


def test_what_takes_over_a_second_is_said_at_a_terminal_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        _, screen = seen("check", "port-served", "--no-login", "--url", url, "--deadline", "3")
    assert f"Waiting for {url}" in screen.text


def test_several_are_listed_with_a_command_each(server: ServerFactory) -> None:
    one, two = server("5.3.0"), server("4.5.2")
    screen = Screen()
    if "assword" in screen.text:
        screen.type("\n")
    assert screen.end() == 2
    for running in (one, two):
        (line,) = [line for line in screen.lines if str(running.profile) in line]
        assert re.search(rf"qbdoctor check --profile {re.escape(str(running.profile))}", line), line
        assert str(running.port) in line
