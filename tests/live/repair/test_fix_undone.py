"""Fixes that did not help, break something or are refused: nothing of them stays."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import pytest

from qbdoctor import registry
from qbdoctor.model.edits import Edit, Effectiveness, Fix
from qbdoctor.model.errors import Refused
from qbdoctor.repair import verify
from qbdoctor.repair.journal.journal import Journal
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import AUTH, INCIDENT, LIST, LISTED, OPEN, anonymous, change, records, value

pytestmark = pytest.mark.in_turn

WRONG = "canary-wrong-password"


def own_fix(name: str, edits: tuple[Edit, ...], works: bool | None) -> Fix:
    real = registry.fixes()[0]
    return dataclasses.replace(
        real,
        id=name,
        plan=lambda seen, cause: edits,
        judge=lambda before, after: Effectiveness(works, "seen by the test"),
        answers=(),
    )


@pytest.mark.parametrize("via", ["api", "file"])
def test_what_did_not_help_is_undone(
    server: ServerFactory, release: Release, other_fixes: list[Fix], via: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not judged to work by the server, or not to be read back from the file: the whole set goes back."""
    running = server(settings=OPEN)
    other_fixes.append(own_fix("helps-nobody", (Edit("SessionTimeout", 7200),), False))
    if via == "file":
        running.stop()
        monkeypatch.setattr(verify, "_says", lambda *_, **__: False)
    before = running.config_file.read_bytes()
    made = change("fix", AUTH, "helps-nobody", "--config", str(running.config_file), password=running.password, code=4)
    assert made["state"] == "undone"
    assert ("seen by the test" if via == "api" else "does not read back") in made["text"]
    assert [record["state"] for record in records()] == ["rolled-back"] * 2
    if via == "file":
        assert running.config_file.read_bytes() == before
    else:
        assert anonymous(running) == 200
        assert running.preferences()["web_ui_session_timeout"] == 3600


@pytest.mark.parametrize("via", ["api", "file"])
def test_what_breaks_something_is_undone(
    server: ServerFactory, release: Release, other_fixes: list[Fix], via: str
) -> None:
    """The fix does what it says, and another fault appears."""
    running = server(settings={**OPEN, "AuthSubnetWhitelist": "8.0.0.0/7"})
    other_fixes.append(own_fix("opens-all", (Edit("AuthSubnetWhitelistEnabled", True),), True))
    if via == "file":
        running.stop()
    before = running.config_file.read_bytes()
    made = change("fix", AUTH, "opens-all", "--config", str(running.config_file), password=running.password, code=4)
    assert "exposed-bypass" in made["text"]
    assert [record["state"] for record in records()] == ["rolled-back"] * 2
    assert value(running, "LocalHostAuth") == "false"
    assert value(running, "AuthSubnetWhitelistEnabled") in {None, "false"}
    if via == "file":
        assert running.config_file.read_bytes() == before
    else:
        assert anonymous(running) == 200
        assert not running.preferences()["bypass_auth_subnet_whitelist_enabled"]


def test_undone_also_when_the_time_is_over(server: ServerFactory, releases: Any, other_fixes: list[Fix]) -> None:
    def slow(before: Any, after: Any) -> Effectiveness:
        time.sleep(3)
        return Effectiveness(False, "seen late")

    running = server(releases("4.5.2"), settings=OPEN)
    other_fixes.append(dataclasses.replace(own_fix("slow", (Edit("SessionTimeout", 7200),), False), judge=slow))
    made = change("fix", "slow", "--url", running.url, "--deadline", "3", password=running.password, code=4)
    assert "seen late. Everything was put back" in made["text"]
    assert [record["state"] for record in records()] == ["rolled-back"]
    assert running.preferences()["web_ui_session_timeout"] == 3600


def test_a_record_that_cannot_be_marked_is_said_and_stands(
    server: ServerFactory, releases: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, record: Any, text: str) -> Any:
        raise Refused("the disk is full.")

    running = server(releases("5.1.0"), settings=OPEN)
    monkeypatch.setattr(Journal, "mark_verified", full)
    run = qbdoctor("fix", AUTH, "--yes", "--url", running.url, password=running.password)
    assert (run.code, "the disk is full" in run.err, anonymous(running)) == (0, True, 403)
    assert records()[0]["state"] == "applied"
    change("rollback", password=running.password)
    assert anonymous(running) == 200


def test_one_refused_none_applied(server: ServerFactory, release: Release, other_fixes: list[Fix]) -> None:
    other_fixes.append(own_fix("no-such", (Edit("FileLogger/MaxSizeBytes", 70_000),), None))
    running = server(settings=OPEN)
    run = qbdoctor("fix", AUTH, "no-such", "--yes", "--url", running.url, password=running.password)
    assert run.code == 4
    assert (anonymous(running), records()) == (200, [])


def test_what_cannot_be_undone_says_so(server: ServerFactory, release: Release, other_fixes: list[Fix]) -> None:
    """A change that shuts ourselves out: the record stays, and the way back is named."""
    running = server(settings=OPEN)
    other_fixes.append(own_fix("shuts-out", (Edit("ServerDomains", "nas.example"),), True))
    url = f"http://localhost:{running.port}"
    made = change("fix", "shuts-out", "--url", url, password=running.password, code=4)
    assert "answered 401" in made["text"]
    (record,) = records()
    assert record["state"] == "applied"
    assert f"qbdoctor rollback {record['id']} --via file" in made["text"]
    running.stop()
    change("rollback")
    assert value(running, "ServerDomains") == "*"


def test_a_server_that_does_not_save_into_this_file(
    server: ServerFactory, releases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its acts cannot show must stand in the file as well."""
    monkeypatch.setattr(verify, "SAVE_SECONDS", 0.3)
    running = server(releases("5.1.0"), settings={**OPEN, **LISTED})
    copy = tmp_path / "qBittorrent.conf"
    copy.write_bytes(running.config_file.read_bytes())
    made = change("fix", LIST, "--url", running.url, "--config", str(copy), code=4)
    assert "cannot save its settings" in made["text"]
    assert value(running, "AuthSubnetWhitelistEnabled") == "true"
    assert copy.read_text() == running.config_file.read_text() or b"true" in copy.read_bytes()


def test_someone_elses_value_is_left_alone_live(server: ServerFactory, release: Release) -> None:
    running = server(settings=LISTED)
    change("fix", LIST, "--url", running.url, password=running.password)
    running.set_preferences(
        {"bypass_auth_subnet_whitelist_enabled": True, "bypass_auth_subnet_whitelist": "10.0.0.0/8"}
    )
    running.set_preferences({"bypass_auth_subnet_whitelist_enabled": False})
    change("rollback", password=running.password)  # the value is the one that the fix set
    assert running.preferences()["bypass_auth_subnet_whitelist_enabled"] is True
    assert running.preferences()["bypass_auth_subnet_whitelist"] == "10.0.0.0/8"


def test_no_secret_anywhere(server: ServerFactory, release: Release) -> None:
    password = "canary-right-passw0rd"
    running = server(password=password, settings=INCIDENT)
    stored = next(line for line in running.config_file.read_text().splitlines() if "Password_PBKDF2" in line)
    secrets = {password, WRONG, *stored.partition("(")[2].rstrip('")').split(":")}
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        runs = [
            qbdoctor("fix", "-v", "--yes", "--url", proxy.url, password=password),
            qbdoctor("rollback", "-v", "--yes", "--json", password=password),
            qbdoctor("fix", AUTH, LIST, "--yes", "--json", "--url", proxy.url, password=WRONG),
            qbdoctor("fix", AUTH, LIST, "--yes", "--json", "--url", running.url, password=password),
            qbdoctor("history", "--json"),
        ]
        runs += [qbdoctor("history", *(record["id"] for record in records()))]
        secrets |= {one.headers["cookie"].partition("=")[2] for one in proxy.requests if "cookie" in one.headers}
    assert [run.code for run in runs] == [0, 0, 4, 0, 0, 0]
    for run in runs:
        assert_silent(run.out + run.err, secrets)
    for path in Path(os.environ["QBDOCTOR_STATE_DIR"]).rglob("record.json"):
        assert_silent(path.read_text(), secrets)


def test_no_password_is_asked_for_what_is_refused(server: ServerFactory) -> None:
    """The Web API does not give the old hash: without the file that is said before anybody types a new password."""
    running = server("5.3.0")
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        run = qbdoctor("fix", "set-password", "--url", proxy.url, password=running.password)
    assert (run.code, run.out, records()) == (4, "", [])
    assert "--restart" in run.err
