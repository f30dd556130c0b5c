"""`qbdoctor fix` and `rollback` on real servers, live and in the file, and from the one to the other."""

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
from tests.support.doctor import assert_silent, causes, diagnose, qbdoctor
from tests.support.fixer import AUTH, INCIDENT, LIST, LISTED, OPEN, anonymous, change, records, sha256, value

pytestmark = pytest.mark.in_turn

WRONG = "canary-wrong-password"


@pytest.mark.parametrize("layout", ["auto", "old"])
def test_live_there_and_back(server: ServerFactory, release: Release, layout: Any) -> None:
    running = server(settings=OPEN, layout=layout)
    assert anonymous(running) == 200
    made = change("fix", AUTH, "--url", running.url, password=running.password)
    assert anonymous(running) == 403
    assert value(running, "LocalHostAuth") == "true"
    (record,) = made["records"]
    assert (made["state"], record["via"], record["state"], record["reason"]) == (
        "verified",
        "api",
        "verified",
        "requested",
    )
    assert "refused with 403 now" in record["verified_by"]
    assert record["target"]["config_file"] == str(running.config_file)
    back = change("rollback", password=running.password)
    assert (back["state"], back["records"][0]["state"]) == ("rolled-back", "rolled-back")
    assert anonymous(running) == 200
    assert value(running, "LocalHostAuth") == "false"
    running.restart()
    assert anonymous(running) == 200
    assert running.failed_logins() == 0


def test_made_live_and_taken_back_in_the_file(server: ServerFactory, release: Release) -> None:
    running = server(settings={**OPEN, **LISTED})
    change("fix", AUTH, LIST, "--url", running.url, password=running.password)
    assert anonymous(running) == 403
    running.stop()
    back = change("rollback")
    assert [record["rollback"]["via"] for record in back["records"]] == ["file", "file"]
    assert (value(running, "LocalHostAuth"), value(running, "AuthSubnetWhitelistEnabled")) == ("false", "true")
    running.launch()
    assert anonymous(running) == 200


def test_made_in_the_file_and_taken_back_live(server: ServerFactory, release: Release) -> None:
    running = server(settings=OPEN)
    running.stop()
    made = change("fix", AUTH, "--config", str(running.config_file))
    assert made["records"][0]["via"] == "file"
    running.launch()
    assert anonymous(running) == 403
    refused = qbdoctor("rollback", "--yes")  # no session without the password
    assert refused.code == 3
    assert "--via file" in refused.err
    back = change("rollback", password=running.password)
    assert back["records"][0]["rollback"]["via"] == "api"
    assert anonymous(running) == 200
    assert value(running, "LocalHostAuth") == "false"


def styled(data: bytes, style: str) -> bytes:
    """A config as another editor leaves it."""
    ends = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n" if "CRLF" in style else b"\n")
    return (b"\xef\xbb\xbf" if "BOM" in style else b"") + ends


@pytest.mark.parametrize("style", ["LF", "CRLF", "BOM+CRLF"])
def test_stopped_two_lines_and_back_to_the_byte(server: ServerFactory, release: Release, style: str) -> None:
    running = server(settings=INCIDENT)
    running.stop()
    config = running.config_file
    config.write_bytes(styled(config.read_bytes(), style))
    config.chmod(0o640)
    before, state = config.read_bytes(), config.stat()
    change("fix", AUTH, LIST, "--profile", str(running.profile))
    pairs = list(zip(before.split(b"\n"), config.read_bytes().split(b"\n"), strict=True))
    assert [(old.partition(b"=")[2], new.partition(b"=")[2]) for old, new in pairs if old != new] in (
        [(b"false\r", b"true\r"), (b"true\r", b"false\r")] if "CRLF" in style else [(b"false", b"true"), (b"true", b"false")],
        [(b"true\r", b"false\r"), (b"false\r", b"true\r")] if "CRLF" in style else [(b"true", b"false"), (b"false", b"true")],
    )  # fmt: skip
    kept = config.read_bytes()
    running.launch()
    assert anonymous(running) == 403
    running.kill()
    config.write_bytes(kept)  # as it was edited, not as that start may have rewritten it
    config.chmod(0o640)
    change("rollback")
    now = config.stat()
    assert config.read_bytes() == before
    assert (now.st_mode, now.st_uid, now.st_gid) == (state.st_mode, state.st_uid, state.st_gid)
    running.launch()
    assert anonymous(running) == 200


def test_a_run_of_qbittorrent_and_a_persons_edit_survive_the_rollback(server: ServerFactory, release: Release) -> None:
    running = server(settings={**INCIDENT, "SessionTimeout": "7200"})
    running.stop()
    made = change("fix", AUTH, LIST, "--config", str(running.config_file))
    first = next(record["id"] for record in made["records"] if record["fix"] == AUTH)
    running.launch()
    running.set_preferences({"web_ui_max_auth_fail_count": 9})  # it rewrites the file
    running.stop()
    text = running.config_file.read_text("utf-8")
    running.config_file.write_text(text.replace("SessionTimeout=7200", "SessionTimeout=1800"), "utf-8")
    before = running.config_file.read_text("utf-8").splitlines()
    change("rollback", first)
    after = running.config_file.read_text("utf-8").splitlines()
    differ = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert len(differ) == 1
    assert differ[0][0].endswith("LocalHostAuth=true")
    assert differ[0][1].endswith("LocalHostAuth=false")
    assert {record["fix"]: record["state"] for record in records()} == {AUTH: "rolled-back", LIST: "verified"}
    assert value(running, "SessionTimeout") == "1800"


@pytest.mark.parametrize("how", ["none", "wrong", "no login"])
def test_live_without_a_session_changes_nothing(server: ServerFactory, release: Release, how: str) -> None:
    running = server()
    before = running.preferences()
    given = {"none": None, "wrong": WRONG, "no login": running.password}[how]
    extra = ["--no-login"] if how == "no login" else []
    run = qbdoctor("fix", LIST, "--yes", "--url", running.url, *extra, password=given)
    assert run.code == 3
    assert len(run.err.strip().splitlines()) == 1
    assert "session" in run.err
    assert_silent(run.err + run.out, [WRONG])
    assert (running.preferences(), records(), running.failed_logins()) == (before, [], 0)


def test_a_fix_that_would_lock_its_caller_out_is_undone(server: ServerFactory, release: Release) -> None:
    """With a wrong password only the bypass lets us in: after the fix it would be refused."""
    running = server(settings=OPEN)
    made = change("fix", AUTH, "--url", running.url, password=WRONG, code=4)
    assert made["state"] == "undone"
    assert "wrong-credentials" in made["text"]
    assert anonymous(running) == 200
    assert value(running, "LocalHostAuth") == "false"
    assert [record["state"] for record in records()] == ["rolled-back"]
    assert [record["state"] for record in made["records"]] == ["rolled-back"]
    assert running.failed_logins() == 0


def test_without_names_yes_answers_errors_alone(server: ServerFactory, release: Release) -> None:
    running = server(settings=INCIDENT)
    assert causes(diagnose("--url", running.url), "error") == ["exposed-bypass"]
    made = change("fix", "--url", running.url)
    (record,) = made["records"]
    assert (record["fix"], record["reason"]) == (LIST, "exposed-bypass")
    # LocalHostAuth=false still lets this machine in, so the server's acts show nothing
    assert "app/preferences shows it, and so does" in record["verified_by"]
    assert (value(running, "AuthSubnetWhitelistEnabled"), value(running, "LocalHostAuth")) == ("false", "false")
    report = diagnose("--url", running.url)
    assert (causes(report, "error"), "bypass-active" in causes(report)) == ([], True)
    again = change("fix", "--url", running.url)
    assert (again["state"], again["records"]) == ("nothing-to-do", [])
    assert AUTH in again["text"], "an info's fix is named, for whoever wants it"
    change("rollback", "--url", running.url)
    assert causes(diagnose("--url", running.url), "error") == ["exposed-bypass"]


def test_dry_run_and_no_terminal_change_nothing(server: ServerFactory, release: Release) -> None:
    running = server(settings=INCIDENT)
    before = sha256(running.config_file), running.preferences()
    dry = qbdoctor("fix", "--dry-run", "--url", running.url)
    plain = qbdoctor("fix", "--url", running.url)
    assert (dry.code, plain.code) == (0, 2)
    for run in (dry, plain):
        assert "+AuthSubnetWhitelistEnabled=false" in run.out
        assert "hardens" in run.out
        assert "exposed-bypass" in run.out
    assert "--yes" in plain.out
    assert (sha256(running.config_file), running.preferences(), records()) == (*before, [])


def test_the_file_of_a_running_one_is_not_touched(server: ServerFactory, release: Release) -> None:
    running = server(settings=OPEN)
    before = sha256(running.config_file)
    run = qbdoctor("fix", AUTH, "--via", "file", "--yes", "--config", str(running.config_file))
    assert run.code == 4
    assert f"process {running.pid}" in run.err
    assert "--via api" in run.err
    assert (sha256(running.config_file), anonymous(running), records()) == (before, 200, [])
    change("fix", AUTH, "--url", running.url, password=running.password)
    run = qbdoctor("rollback", "--via", "file", "--yes")
    assert run.code == 4
    assert anonymous(running) == 403


def test_one_running_on_the_port_of_a_stopped_one_is_left_alone(server: ServerFactory, release: Release) -> None:
    """Two profiles with the same port, one of them running: the other's fix is a matter of its file."""
    stopped = server(settings=OPEN)
    stopped.stop()
    other = server(settings=OPEN, port=stopped.port)
    run = qbdoctor("fix", AUTH, "--via", "api", "--yes", "--config", str(stopped.config_file))
    assert run.code == 4
    assert str(other.pid) in run.err
    made = change("fix", AUTH, "--config", str(stopped.config_file))
    assert made["records"][0]["via"] == "file"
    assert value(stopped, "LocalHostAuth") == "true"
    assert anonymous(other) == 200
    back = change("rollback")
    assert back["records"][0]["rollback"]["via"] == "file"
    assert (value(stopped, "LocalHostAuth"), anonymous(other)) == ("false", 200)


def test_through_a_proxy(server: ServerFactory, release: Release) -> None:
    """Nothing but the Web API is at hand; every session that was opened is logged out."""
    running = server(settings=OPEN)
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        made = change("fix", "--url", proxy.url, password=running.password)
        (record,) = made["records"]
        assert (record["fix"], record["reason"], record["target"]["config_file"]) == (AUTH, "exposed-bypass", None)
        assert anonymous(running) == 403
        back = change("rollback", password=running.password)
        assert back["records"][0]["rollback"]["via"] == "api"
        assert anonymous(running) == 200
        cookies = {one.headers.get("cookie") for one in proxy.requests} - {None}
        sent = [(one.method, one.path) for one in proxy.requests]
        assert sent.count(("POST", "/api/v2/auth/login")) == 2  # one in each of the two runs
    change("fix", AUTH, "--url", running.url, password=running.password)
    opened = [running.get("/api/v2/app/version", headers={"Cookie": str(each)}).status_code for each in cookies]
    assert cookies
    assert set(opened) == {403}


def test_made_through_a_proxy_and_taken_back_in_the_file(server: ServerFactory, release: Release) -> None:
    """The record knows no file, so the person names it."""
    running = server(settings=OPEN)
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        (record,) = change("fix", AUTH, "--url", proxy.url, password=running.password)["records"]
    running.stop()
    nowhere = qbdoctor("rollback", "--yes")
    assert (nowhere.code, "--config" in nowhere.err) == (3, True)
    assert qbdoctor("rollback", "--yes", "--config", str(running.config_file)).code == 2
    back = change("rollback", record["id"], "--config", str(running.config_file))
    assert back["records"][0]["rollback"]["via"] == "file"
    assert value(running, "LocalHostAuth") == "false"


def test_with_an_api_key(server: ServerFactory, releases: Any) -> None:
    key = "qbt_" + "CanaryKey23456789abcdefghjkm"
    running = server(releases("5.3.0"), settings={"APIKey": key, **LISTED})
    env = {"QBDOCTOR_API_KEY": key}
    run = qbdoctor("fix", LIST, "--yes", "--json", "--url", running.url, env=env)
    assert run.code == 0, run.out + run.err
    assert value(running, "AuthSubnetWhitelistEnabled") == "false"
    back = qbdoctor("rollback", "--yes", "--json", env=env)
    assert back.code == 0, back.out + back.err
    assert value(running, "AuthSubnetWhitelistEnabled") == "true"
    assert_silent(run.out + run.err + back.out + back.err, [key])


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
