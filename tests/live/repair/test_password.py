"""`set-password`: in the file, where the hash is ours, and through the Web API, where it is the server's.

The record keeps the hash before, and the file takes it back.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path

import pytest

from qbdoctor import registry
from qbdoctor.config import password_hash as config_password_hash
from qbdoctor.model.basics import Secret
from qbdoctor.model.edits import Effectiveness, Fix
from qbdoctor.repair import password_change
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.profile import password_hash
from tests.kit.proxies import Answer
from tests.kit.server import Server
from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import ROOT, change, records, value

pytestmark = pytest.mark.in_turn

NEW, OLD = 'canary new pässword; "quoted", 100%', "canary-old-password"
HASH = "Password_PBKDF2"
OPEN = {"LocalHostAuth": "false"}
STORED = {"right": password_hash(OLD), "absent": None, "malformed": '"@ByteArray(bm90:aGFzaA==)"'}


@pytest.fixture
def told(tmp_path: Path) -> tuple[str, str]:
    file = tmp_path / "new-password"
    file.write_text(NEW + "\n", "utf-8")
    return ("--new-password-file", str(file))


def login(server: Server, password: str) -> bool:
    answer = server.try_login(password)
    return answer.status_code == 204 or answer.text == "Ok."


def behind_login(server: Server, password: str) -> bool:
    """Whether the password is right where a bypass lets everybody in: the hash in the file says so."""
    stored = password_change.texts(server.config_file, [HASH], None)[HASH].raw
    return config_password_hash.fits(stored, Secret(password))


def state_files() -> Iterator[Path]:
    return (path for path in Path(os.environ["QBDOCTOR_STATE_DIR"]).rglob("*") if path.is_file())


@pytest.mark.extended
@pytest.mark.parametrize("stored", STORED)
def test_in_the_file_and_back(server: ServerFactory, release: Release, told: tuple[str, str], stored: str) -> None:
    old = STORED[stored]
    running = server(password=None, settings={} if old is None else {HASH: old})
    running.stop()
    before = running.config_file.read_bytes()
    made = change("fix", "set-password", *told, "--config", str(running.config_file))
    kept = running.config_file.read_bytes()
    running.launch()
    assert login(running, NEW)
    assert not login(running, OLD)
    running.kill()
    written = value(running, HASH)
    assert written is not None
    shown = [str(made), qbdoctor("history", "--json").out, qbdoctor("history", made["records"][0]["id"]).out]
    secrets = [NEW, written, *written.strip('"').removeprefix("@ByteArray(").rstrip(")").split(":")]
    for text in (*shown, *(path.read_text() for path in state_files() if path.name == "record.json")):
        assert_silent(text, secrets)
    for path in state_files():
        assert NEW.encode() not in path.read_bytes()
    running.config_file.write_bytes(kept)
    change("rollback")
    assert running.config_file.read_bytes() == before
    if stored == "right":
        running.launch()
        assert login(running, OLD)


@pytest.mark.extended
def test_in_the_file_it_survives_a_run_and_goes_back(
    server: ServerFactory, release: Release, told: tuple[str, str]
) -> None:
    running = server(password=OLD)
    running.stop()
    change("fix", "set-password", *told, "--config", str(running.config_file))
    running.launch()
    assert login(running, NEW)
    running.stop()  # it writes the file anew
    change("rollback")
    running.launch()
    assert login(running, OLD)
    assert not login(running, NEW)


@pytest.mark.extended
def test_in_the_file_with_a_restart(own: Callable[..., Server], release: Release, told: tuple[str, str]) -> None:
    running = own(password=OLD)
    made = change("fix", "set-password", *told, "--url", running.url, "--via", "file", "--restart", password=OLD)
    assert "the login with the new password is accepted" in made["records"][0]["verified_by"]
    assert login(running, NEW)
    assert not login(running, OLD)
    change("rollback", "--via", "file", "--restart", password=NEW)
    assert login(running, OLD)


# --- through the Web API ----------------------------------------------------------------------------------------------


def test_with_a_session_and_back_in_the_file(server: ServerFactory, release: Release, told: tuple[str, str]) -> None:
    running = server(password=OLD)
    old = value(running, HASH)
    run = qbdoctor("-v", "fix", "set-password", *told, "--yes", "--url", running.url, password=OLD)
    assert run.code == 0, run.out + run.err
    assert "only while qBittorrent is stopped, or with --restart" in run.out
    assert login(running, NEW)
    assert not login(running, OLD)
    new = value(running, HASH)
    assert new != old
    (record,) = records()
    assert (record["via"], record["state"], record["backup"]) == ("api", "verified", "before.conf")
    assert "which qBittorrent rewrote, has the new password's hash" in record["verified_by"]
    assert record["verified_by"].endswith("no login with the new password was made")
    (changed,) = record["changes"]
    assert (changed["setting"], changed["before"], changed["after"], changed["secret"]) == (HASH, "***", "***", True)
    backup = Path(os.environ["QBDOCTOR_STATE_DIR"], "records", record["id"], "before.conf")
    assert f"{HASH}={old}\n" in backup.read_text()
    assert backup.stat().st_mode & 0o777 == 0o600
    # Running, it cannot be put back.
    live = qbdoctor("rollback", "--yes", password=NEW)
    assert (live.code, "--restart" in live.out + live.err, value(running, HASH)) == (4, True, new)
    running.stop()
    document = qbdoctor("history", record["id"], "--format", "markdown")
    assert str(backup) in document.out
    back = change("rollback")
    assert (back["records"][0]["state"], value(running, HASH)) == ("rolled-back", old)
    running.launch()
    assert login(running, OLD)
    assert not login(running, NEW)
    shown = [run.out, run.err, live.out, live.err, document.out, str(back), qbdoctor("history", "--json").out]
    halves = [half for raw in (old, new) for half in str(raw).strip('"').removeprefix("@ByteArray(")[:-1].split(":")]
    shown += [path.read_text() for path in state_files() if path.name == "record.json"]
    for text in shown:
        assert_silent(text, [NEW, OLD, *halves])
    for path in state_files():
        assert NEW.encode() not in path.read_bytes()


@pytest.mark.parametrize("stored", STORED)
def test_where_nobody_knows_the_old_one(
    server: ServerFactory, release: Release, told: tuple[str, str], stored: str
) -> None:
    """Who is let in without a login and forgot the password: what was in the file comes back, or nothing."""
    old = STORED[stored]
    running = server(password=None, settings={**OPEN, **({} if old is None else {HASH: old})})
    (record,) = change("fix", "set-password", *told, "--url", running.url)["records"]
    assert behind_login(running, NEW)
    running.stop()
    assert behind_login(running, NEW)
    plan = qbdoctor("rollback", "--dry-run")
    assert f"{HASH}=***" in plan.out
    assert change("rollback")["records"][0]["id"] == record["id"]
    assert value(running, HASH) == old
    if stored == "absent":
        backup = Path(os.environ["QBDOCTOR_STATE_DIR"], "records", record["id"], "before.conf")
        assert "was not set" in backup.read_text()


def test_with_a_restart_it_goes_back_too(own: Callable[..., Server], release: Release, told: tuple[str, str]) -> None:
    running = own(password=OLD)
    old = value(running, HASH)
    change("fix", "set-password", *told, "--url", running.url, password=OLD)
    assert login(running, NEW)
    plan = qbdoctor("rollback", "--dry-run", "--restart", password=NEW)
    assert (plan.code, f"in {running.config_file}" in plan.out) == (0, True)
    change("rollback", "--restart", password=NEW)
    assert value(running, HASH) == old
    assert login(running, OLD)


def that_does_not_help(fixes: list[Fix]) -> None:
    real = next(fix for fix in registry.fixes() if fix.id == "set-password")
    fixes.append(dataclasses.replace(real, id="set-in-vain", judge=lambda *_: Effectiveness(False, "seen by the test")))


def test_what_does_not_help_is_undone(
    server: ServerFactory, release: Release, told: tuple[str, str], other_fixes: list[Fix]
) -> None:
    """With the password that worked before; the server salts it anew."""
    that_does_not_help(other_fixes)
    running = server(password=OLD)
    old = value(running, HASH)
    made = change("fix", "set-in-vain", *told, "--url", running.url, password=OLD, code=4)
    assert "Everything was put back" in made["text"]
    (record,) = records()
    assert record["state"] == "rolled-back"
    assert "with a new salt" in record["states"][-1]["note"]
    assert value(running, HASH) != old
    assert login(running, OLD)
    assert not login(running, NEW)


def test_what_cannot_be_undone_is_said(
    server: ServerFactory, release: Release, told: tuple[str, str], other_fixes: list[Fix]
) -> None:
    that_does_not_help(other_fixes)
    running = server(password=OLD, settings={**OPEN, "SessionTimeout": "20"})
    old = value(running, HASH)
    made = change("fix", "set-in-vain", *told, "--url", running.url, code=4)
    assert "stays, since it could not be taken back" in made["text"]
    (record,) = records()
    assert record["state"] == "applied"
    # And so it is not made together with others, whose failure it could not follow.
    both = qbdoctor("fix", "set-password", "set-session-timeout", *told, "--yes", "--url", running.url)
    assert (both.code, "name it alone" in both.err, len(records())) == (4, True, 1)
    running.stop()
    change("rollback")
    assert value(running, HASH) == old


def test_with_others_where_the_old_one_is_known(server: ServerFactory, release: Release, told: tuple[str, str]) -> None:
    running = server(password=OLD, settings={"SessionTimeout": "20"})
    names = ("set-password", "set-session-timeout")
    change("fix", *names, *told, "--url", running.url, password=OLD)
    assert [record["state"] for record in records()] == ["verified"] * 2
    assert (login(running, NEW), value(running, "SessionTimeout")) == (True, "3600")


def test_in_time_it_could_not_be_undone(own: Callable[..., Server], release: Release, told: tuple[str, str]) -> None:
    """With a time to confirm it in it takes a restart, which is then the way there as well."""
    running = own(password=OLD)
    base = ("fix", "set-password", *told, "--url", running.url, "--confirm-within", "60")
    run = qbdoctor(*base, "--yes", password=OLD)
    assert (run.code, "undo it in time" in run.err, records(), login(running, OLD)) == (4, True, [], True)
    made = change(*base, "--restart", password=OLD)
    assert made["records"][0]["via"] == "file"
    change("fix", "--confirm", made["records"][0]["run"])


class Thief(faults.ReverseProxy):
    """A proxy that keeps changes to itself: it answers for the server, with this status."""

    status = 200

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        if path.endswith("/setPreferences"):
            return Answer(self.status, "Kept", [("Content-Length", "0")], b"")
        return super().answer(method, path, headers, body)


@pytest.mark.parametrize("status", [200, 403])
def test_a_proxy_that_keeps_it(
    server: ServerFactory, release: Release, told: tuple[str, str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_change, "SAVE_SECONDS", 1.0)
    running = server(password=OLD)
    before = value(running, HASH)
    with Thief(running.url, rewrite_host=True) as proxy:
        proxy.status = status
        base = ("fix", "set-password", *told, "--yes", "--url", proxy.url)
        without = qbdoctor(*base, password=OLD)
        assert (without.code, "not at hand" in without.err, records()) == (4, True, [])
        run = qbdoctor(*base, "--config", str(running.config_file), password=OLD)
    assert run.code == 4, run.out + run.err
    assert ("no hash of that password" if status == 200 else "answered 403") in run.err
    assert [record["state"] for record in records()] == ["abandoned"]
    assert (value(running, HASH), login(running, OLD)) == (before, True)


def test_through_a_proxy_the_file_must_be_shown_to_be_its_own(
    server: ServerFactory, release: Release, told: tuple[str, str], tmp_path: Path
) -> None:
    running = server(password=OLD, settings=OPEN)
    copy = tmp_path / "qBittorrent.conf"
    copy.write_bytes(running.config_file.read_bytes())
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        run = qbdoctor("fix", "set-password", *told, "--yes", "--url", proxy.url, "--config", str(copy))
        assert (run.code, "is not certain" in run.err) == (4, True)
    assert (records(), behind_login(running, OLD)) == ([], True)


def test_the_file_of_another_server(
    server: ServerFactory, release: Release, told: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A copy with the same password is not the file: it gets no hash, so the password before is set again."""
    monkeypatch.setattr(password_change, "SAVE_SECONDS", 1.0)
    running = server(password=OLD)
    copy = tmp_path / "qBittorrent.conf"
    copy.write_bytes(running.config_file.read_bytes())
    kept = copy.read_bytes()
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        base = ("--url", proxy.url, "--config", str(copy))
        run = qbdoctor("fix", "set-password", *told, "--yes", *base, password=OLD)
    assert (run.code, "uses another file" in run.err) == (4, True)
    assert [record["state"] for record in records()] == ["abandoned"]
    assert (login(running, OLD), login(running, NEW), copy.read_bytes()) == (True, False, kept)


def test_nothing_is_asked_where_there_is_no_session(server: ServerFactory, release: Release) -> None:
    running = server(password=OLD)
    run = qbdoctor("fix", "set-password", "--url", running.url)
    assert (run.code, "needs a session" in run.err, records()) == (3, True, [])
    assert running.failed_logins() == 0


def test_killed_right_after_it_was_sent(server: ServerFactory, release: Release, told: tuple[str, str]) -> None:
    """The record stands before the request; what the password became is found in the file by the next run."""
    running = server(password=OLD)
    old = value(running, HASH)
    code = (
        "import os, signal, sys; from qbdoctor.cli import main; from qbdoctor.repair import password_change;"
        "password_change.check_saved = lambda *_: _ and os.kill(os.getpid(), signal.SIGKILL);"
        "sys.exit(main.main(sys.argv[1:]))"
    )
    words = ["fix", "set-password", *told, "--yes", "--url", running.url]
    env = {**os.environ, "QBDOCTOR_PASSWORD": OLD}
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, env=env, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + 5
    while value(running, HASH) == old and time.monotonic() < end:
        time.sleep(0.05)
    assert login(running, NEW)
    (kept,) = [path for path in state_files() if path.name == "record.json"]
    assert json.loads(kept.read_text())["state"] == "preparing"
    running.stop()
    healed = qbdoctor("rollback", "--yes")
    assert (healed.code, "so it was applied" in healed.err) == (0, True), healed.out + healed.err
    assert value(running, HASH) == old


def test_changed_by_someone_else_since(server: ServerFactory, release: Release, told: tuple[str, str]) -> None:
    running = server(password=OLD)
    change("fix", "set-password", *told, "--url", running.url, password=OLD)
    running.forget_session()
    session = running.login(NEW)
    session.post(f"{running.url}/api/v2/app/setPreferences", data={"json": '{"web_ui_password": "canary-third"}'})
    running.stop()
    third = value(running, HASH)
    run = qbdoctor("rollback", "--yes")
    assert (run.code, "changed by someone else" in run.out + run.err, value(running, HASH)) == (4, True, third)
