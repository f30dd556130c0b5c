"""A log can make the ledger more careful, never less; all loopback addresses are one client."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from qbdoctor.storage import private, state_folder
from qbdoctor.target import log as server_log
from qbdoctor.target.address import account
from qbdoctor.webui.login_ledger import Ledger
from qbdoctor.webui.login_permit import DEFAULT_LIMIT, Question
from tests.conftest import ServerFactory
from tests.kit.profile import password_hash
from tests.support.doctor import qbdoctor

LOOPBACK = ("127.0.0.1", "127.0.0.2", "127.0.1.1", "::1", "::ffff:127.0.0.1")


def fail(ledger: Ledger, server: str, source: str) -> bool:
    permit = ledger.allow(Question(server, source))
    if not permit.allowed:
        return False
    ledger.finish(ledger.begin(permit), "refused")
    return True


def test_loopback_is_one_account(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "attempts.json")
    sent = [
        fail(ledger, f"[{host}]:8080" if ":" in host else f"{host}:8080", source)
        for host in LOOPBACK
        for source in LOOPBACK
    ]
    assert sum(sent) == 2
    assert fail(ledger, "127.0.0.1:8081", "127.0.0.1")  # another server
    assert fail(ledger, "192.0.2.1:8080", "192.0.2.9")


def test_two_users_of_one_machine_do_not_ban_each_other(tmp_path: Path) -> None:
    """Neither sees the other's ledger, and no log is at hand; a server elsewhere counts them apart from everybody."""
    sent = 0
    for user in ("anna", "eve"):
        ledger = Ledger(tmp_path / user / "attempts.json")
        sent += sum(fail(ledger, "127.0.0.1:8080", "127.0.0.1") for _ in range(9))
        known = Question("127.0.0.1:8080", "127.0.0.1", log_failures=0)
        assert ledger.allow(known).left == 1  # the log counts for both, so that none need be left for the other
    assert sent == 4 < DEFAULT_LIMIT


@pytest.mark.parametrize(("text", "one"), [(host, "127.0.0.1") for host in LOOPBACK] + [("192.0.2.1", "192.0.2.1")])
def test_accounts(text: str, one: str) -> None:
    assert account(text) == one
    said = f"WebAPI login failure. Reason: invalid credentials, attempt count: 4, IP: {text}, username: x"
    failure = f"(W) 2026-11-22T18:41:03 - {said}"
    lines = tuple(server_log.parse(failure))
    assert server_log.login_failures(lines, one) == 4


def test_entries_of_an_older_ledger_count_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qbdoctor.webui import login_ledger

    ledger = Ledger(tmp_path / "attempts.json")
    with monkeypatch.context() as older:
        older.setattr(login_ledger, "account", lambda text: text)
        for source in LOOPBACK[:3]:
            assert fail(ledger, f"{source}:8080", source)
    assert not fail(ledger, "127.0.0.1:8080", "127.0.0.1")


def test_with_sudo_the_callers_failures_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callers = tmp_path / "anna"
    callers.mkdir()
    assert fail(Ledger(callers / "attempts.json"), "127.0.0.1:8080", "127.0.0.1")
    monkeypatch.setattr(private, "is_root", lambda: True)
    monkeypatch.setattr(state_folder, "user_state_folder", lambda name: {"anna": callers}.get(str(name)))
    assert state_folder.callers_folder({"SUDO_USER": "anna"}) == (callers,)
    assert state_folder.callers_folder({}) == ()
    own = Ledger(tmp_path / "attempts.json", others=[callers / "attempts.json"])
    assert [fail(own, "127.0.0.1:8080", "127.0.0.1") for _ in range(3)] == [True, False, False]
    (callers / "attempts.json").write_text('{"schema": "qbdoctor.ledger/1", "entries": "broken"}')
    assert fail(own, "127.0.0.1:8080", "127.0.0.1")  # nothing is believed of it but failures


@pytest.mark.in_turn
def test_forged_lines_lift_no_limit(server: ServerFactory, release: str, tmp_path: Path) -> None:
    """A user name with line ends puts lines of the client's making into the log.

    The file holds the hash of another password than the server has, so that the offline check says yes to a wrong one.
    """
    running = server()
    old = next(line for line in running.config_file.read_text().splitlines() if "Password_PBKDF2" in line)
    wrong = f"{old.partition('=')[0]}={password_hash('wrong')}"
    running.config_file.write_text(running.config_file.read_text().replace(old, wrong))
    sent = 0
    for _ in range(5):
        run = qbdoctor(
            "check", "--json", "--url", running.url, "--state-dir", str(tmp_path / "state"), password="wrong"
        )
        sent += run.report["login_attempts"]
        if sent == 2 and "username: x" not in running.log_text():
            now = time.strftime("%Y-%m-%dT%H:%M:%S")
            forged = f"x\n(N) {now} - WebAPI login success. IP: 127.0.0.1"
            form = {"username": forged, "password": "wrong"}
            requests.post(f"{running.url}/api/v2/auth/login", data=form, timeout=10)
            assert "\n(N)" in running.log_text().partition("username: x")[2]
    assert sent == 2  # the third that failed was the forger's own
    running.login()  # not banned
