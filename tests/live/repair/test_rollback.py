"""Ways back on real servers: by hand as the change document says, through the name that goes, after a kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit import needs
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import AUTH, INCIDENT, LIST, OPEN, ROOT, anonymous, change, new_config, records, state, value
from tests.support.leftovers import end_watchdogs
from tests.support.servers import by_name, served, states, until

pytestmark = pytest.mark.extended


def ways(name: str) -> dict[str, list[dict[str, Any]]]:
    """The ways by hand, by "api" and "file"."""
    found = json.loads(qbdoctor("history", name, "--json").out)["records"][0]["undo"]["by_hand"]
    return {"api" if "Web API" in way["title"] else "file": way["steps"] for way in found}


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", ["api", "file"])
def test_by_hand_through_the_web_api(own: Callable[..., Server], release: Release, tmp_path: Path, made: str) -> None:
    """What the document says is typed; only the question for the password is answered by the environment."""
    needs.program("curl")
    running = own(settings=INCIDENT)
    if made == "file":
        running.stop()
    done = change("fix", AUTH, LIST, "--config", str(running.config_file), password=running.password)["records"]
    if made == "file":
        running.launch()
    assert anonymous(running) == 403
    for record in done[::-1]:
        assert record["via"] == made
        ask, *typed = [command for step in ways(record["id"])["api"] for command in step["commands"]]
        assert "read -r" in ask
        script = "\n".join(["set -e", *typed])
        environment = {"PATH": os.environ["PATH"], "NAME": "admin", "WORD": str(running.password)}
        shown = subprocess.run(
            ["sh", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30
        )
        assert shown.returncode == 0, shown.stderr
        assert not (tmp_path / "cookies.txt").exists()
    assert anonymous(running) == 200
    assert (value(running, "LocalHostAuth"), value(running, "AuthSubnetWhitelistEnabled")) == ("false", "true")
    change("rollback", password=running.password)  # nothing is left to do
    assert states() == ["rolled-back", "rolled-back"]
    assert running.failed_logins() == 0


def test_by_hand_in_the_file(own: Callable[..., Server], release: Release) -> None:
    running = own(settings=INCIDENT)
    running.stop()
    before = state(running.config_file)
    (record,) = change("fix", AUTH, "--config", str(running.config_file))["records"]
    script = "\n".join(command for step in ways(record["id"])["file"] for command in step["commands"])
    shown = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, check=True).stdout.split()
    assert (shown[0], shown[2]) == (record["file"]["after"]["sha256"], record["file"]["before"]["sha256"])
    assert state(running.config_file) == before
    running.launch()
    assert anonymous(running) == 200


def test_the_proof_is_in_the_document(own: Callable[..., Server], release: Release) -> None:
    running = own(settings=INCIDENT)
    (listed, *_) = change("fix", "--config", str(running.config_file), password=running.password)["records"]
    assert listed["diagnosis"]["version"] == release.name
    assert listed["diagnosis"]["process"]["pid"]
    (cause,) = listed["diagnosis"]["causes"]
    assert cause["id"] == listed["reason"]
    text = qbdoctor("history", listed["id"], "--format", "markdown").out
    assert f"`{cause['id']}`, {cause['confidence']}" in text
    assert release.name in text
    kept = Path(os.environ["QBDOCTOR_STATE_DIR"], "records", listed["id"], "record.json").read_text()
    assert_silent(text + kept, [str(running.password)])


# --- the way that fits ------------------------------------------------------------------------------------------------


def test_the_name_that_it_goes_through(own: Callable[..., Server], release: Release) -> None:
    """Without it, calls under it are refused, so the end could not be seen: said before, and another address works."""
    running = own(settings={"ServerDomains": "nas.lan"})
    port = running.port
    change("fix", "allow-host", "--set", "host=localhost", "--url", running.url, password=running.password)
    assert by_name(running, "localhost") == 403
    kept = running.preferences()
    for options in (["--yes"], ["--dry-run"]):
        run = qbdoctor("rollback", *options, "--url", f"http://localhost:{port}", password=running.password)
        assert (run.code, f"--url http://127.0.0.1:{port}" in run.err) == (4, True), run.out + run.err
    assert (running.preferences(), states()) == (kept, ["verified"])
    change("rollback", "--url", running.url, password=running.password)
    assert (by_name(running, "localhost"), value(running, "ServerDomains")) == (401, "nas.lan")
    # Where another entry lets the name in, nothing is cut.
    change("fix", "allow-host", "--set", "host=localhost", "--url", running.url, password=running.password)
    change("fix", "allow-host", "--set", "host=new.lan", "--url", running.url, password=running.password)
    change("rollback", "--last", "--url", f"http://localhost:{port}", password=running.password)
    assert value(running, "ServerDomains") == '"nas.lan;localhost"'
    assert running.failed_logins() == 0


def test_http_where_the_config_says_https(own: Callable[..., Server], release: Release, tmp_path: Path) -> None:
    """One without a certificate that it can use serves http: found without --url."""
    paths = {"HTTPS\\CertificatePath": str(tmp_path / "no.pem"), "HTTPS\\KeyPath": str(tmp_path / "no.key")}
    running = own(settings={**OPEN, "SessionTimeout": "20", "HTTPS\\Enabled": "true", **paths})
    change("fix", "set-session-timeout", "--url", running.url, password=running.password)
    assert value(running, "SessionTimeout") == "3600"
    plan = qbdoctor("rollback", "--dry-run", password=running.password)
    assert (plan.code, running.url in plan.out) == (0, True), plan.out + plan.err
    change("rollback", password=running.password)
    assert (value(running, "SessionTimeout"), states()) == ("20", ["rolled-back"])


# --- killed -----------------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from qbdoctor.cli.main import main
from qbdoctor.repair import execution, transaction
from qbdoctor.repair.restart import watchdog_client

def die(*_arguments, **_keywords):
    os.kill(os.getpid(), signal.SIGKILL)

place, name = {
    "verify": (transaction, "verify"), "arm": (execution, "arm"), "told": (watchdog_client.WatchdogClient, "release"),
}[sys.argv[1]]
setattr(place, name, die)
main(sys.argv[2:])
"""


def killed(at: str, *arguments: str, password: str | None = None) -> None:
    """Run the command line till it dies by SIGKILL: before it has verified, before it told the time, or after that."""
    environment = {**os.environ, **({} if password is None else {"QBDOCTOR_PASSWORD": password})}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, at, *arguments], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("at", ["verify", "arm", "told"])
def test_killed_it_is_undone_in_the_file(tmp_path: Path, at: str) -> None:
    """`fix --confirm-within`, killed by SIGKILL before it could say anything: nobody can confirm it, so it goes back."""
    config = new_config(tmp_path / "profile")
    before = state(config)
    try:
        killed(at, "fix", AUTH, "--yes", "--confirm-within", "1", "--config", str(config))
        until(lambda: states() == ["rolled-back"])
        assert state(config) == before
        note = str([step["note"] for step in records()[0]["states"]])
        assert ("not confirmed within 1 s" if at == "told" else "ended before it was confirmed") in note
    finally:
        end_watchdogs()


@pytest.mark.parametrize("at", ["verify", "arm", "told"])
@pytest.mark.parametrize("via", ["api", "restart"])
def test_killed_it_is_undone_live(own: Callable[..., Server], release: Release, via: str, at: str) -> None:
    running = own(settings=OPEN)
    more = ("--via", "file", "--restart") if via == "restart" else ()
    killed(
        at, "fix", AUTH, "--yes", "--confirm-within", "1", "--config", str(running.config_file), *more,
        password=running.password,
    )  # fmt: skip
    until(lambda: states() == ["rolled-back"])
    until(lambda: served(running) == 200)
    assert value(running, "LocalHostAuth") == "false"
    assert running.failed_logins() == 0


def test_both_killed_says_so(tmp_path: Path) -> None:
    """Where the watchdog is killed too, the change stands and `history` says that nothing will undo it any more."""
    config = new_config(tmp_path / "profile")
    killed("told", "fix", AUTH, "--yes", "--confirm-within", "60", "--config", str(config))
    (waiting,) = Path(os.environ["QBDOCTOR_STATE_DIR"], "confirm").iterdir()
    with contextlib.suppress(ProcessLookupError):
        os.kill(json.loads(waiting.read_text())["pid"], signal.SIGKILL)
    until(lambda: "what should have undone it is gone" in qbdoctor("history").out)
    change("rollback")
    assert states() == ["rolled-back"]
