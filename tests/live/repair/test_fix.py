"""`qbdoctor fix` and `rollback` on real servers, live and in the file, and from the one to the other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.support.doctor import assert_silent, causes, diagnose, qbdoctor
from tests.support.fixer import AUTH, INCIDENT, LIST, LISTED, OPEN, anonymous, change, records, untouched, value

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
    before = running.config_file.read_bytes()
    preferences = running.preferences()
    dry = qbdoctor("fix", "--dry-run", "--url", running.url)
    plain = qbdoctor("fix", "--url", running.url)
    assert (dry.code, plain.code) == (0, 2)
    for run in (dry, plain):
        assert "+AuthSubnetWhitelistEnabled=false" in run.out
        assert "hardens" in run.out
        assert "exposed-bypass" in run.out
    assert "--yes" in plain.out
    assert untouched(running, before)
    assert (running.preferences(), records()) == (preferences, [])


def test_the_file_of_a_running_one_is_not_touched(server: ServerFactory, release: Release) -> None:
    running = server(settings=OPEN)
    before = running.config_file.read_bytes()
    run = qbdoctor("fix", AUTH, "--via", "file", "--yes", "--config", str(running.config_file))
    assert run.code == 4
    assert f"process {running.pid}" in run.err
    assert "--via api" in run.err
    assert untouched(running, before)
    assert (anonymous(running), records()) == (200, [])
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
