"""Changes that are undone by themselves unless they are confirmed in time."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import qbdoctor
from tests.support.fixer import AUTH, OPEN, Terminal, anonymous, change, outcome, records, value
from tests.support.servers import served, states, until

pytestmark = pytest.mark.extended


# --- --confirm-within -------------------------------------------------------------------------------------------------


def fix_within(running: Server, seconds: float, *more: str) -> dict[str, Any]:
    arguments = ("fix", AUTH, "--confirm-within", f"{seconds:g}", "--config", str(running.config_file), *more)
    made = change(*arguments, password=running.password)
    assert made["state"] == "to-be-confirmed"
    return made


@pytest.mark.parametrize("via", ["api", "file", "restart"])
def test_not_confirmed_it_is_undone(own: Callable[..., Server], release: Release, via: str) -> None:
    running = own(settings=OPEN)
    if via == "file":
        running.stop()
    more = {"api": (), "file": (), "restart": ("--via", "file", "--restart")}[via]
    made = fix_within(running, 2, *more)
    if via == "file":  # somebody starts it to try it
        running.launch()
    assert anonymous(running) == 403
    assert f"qbdoctor fix --confirm {made['records'][0]['run']}" in made["text"]
    assert "unless confirmed" in qbdoctor("history").out
    until(lambda: states() == ["rolled-back"])
    until(lambda: served(running) == 200)
    assert value(running, "LocalHostAuth") == "false"
    (record,) = records()
    assert "not confirmed within 2 s" in {step["note"] for step in record["states"]}
    late = qbdoctor("fix", "--confirm", made["records"][0]["run"])
    assert late.code == 4
    assert "taken back already" in late.err
    assert running.failed_logins() == 0


@pytest.mark.parametrize("via", ["api", "restart"])
def test_confirmed_it_stays(own: Callable[..., Server], release: Release, via: str) -> None:
    running = own(settings=OPEN)
    made = fix_within(running, 2, *(("--via", "file", "--restart") if via == "restart" else ()))
    confirmed = qbdoctor("fix", "--confirm", made["records"][0]["run"], "--json")
    assert confirmed.code == 0, confirmed.err
    assert outcome(confirmed)["state"] == "confirmed"
    time.sleep(2.5)
    assert (states(), anonymous(running)) == (["verified"], 403)
    assert "unless confirmed" not in qbdoctor("history").out
    assert records()[0]["states"][-1]["note"] == "confirmed"
    again = qbdoctor("fix", "--confirm", made["records"][0]["run"])
    assert again.code == 2


@pytest.mark.parametrize("via", ["api", "restart"])
def test_a_rollback_that_is_not_confirmed_is_made_good_again(
    own: Callable[..., Server], release: Release, via: str
) -> None:
    running = own(settings=OPEN)
    more = ("--via", "file", "--restart") if via == "restart" else ()
    config = str(running.config_file)
    change("fix", AUTH, "--config", config, password=running.password)
    back = change("rollback", "--confirm-within", "2", "--config", config, *more, password=running.password)
    assert (back["state"], anonymous(running)) == ("to-be-confirmed", 200)
    until(lambda: sorted(states()) == ["applied", "rolled-back"])
    until(lambda: served(running) == 403)
    assert "not confirmed within 2 s" in str(records()[0]["states"][-1]["note"])
    back = change("rollback", "--confirm-within", "2", "--config", config, *more, password=running.password)
    run = back["text"].rpartition(" ")[2]
    assert qbdoctor("fix", "--confirm", run).code == 0
    time.sleep(2.5)
    assert (states(), anonymous(running)) == (["rolled-back", "rolled-back"], 200)


@pytest.mark.parametrize("answer", ["y\n", "n\n", "", "killed"])
def test_a_terminal_is_asked(own: Callable[..., Server], releases: Any, answer: str) -> None:
    running = own(releases("5.1.0"), settings=OPEN)
    os.environ["QBDOCTOR_PASSWORD"] = str(running.password)
    seconds = "3" if answer in {"", "killed"} else "30"
    try:
        terminal = Terminal("fix", AUTH, "--confirm-within", seconds, "--config", str(running.config_file))
    finally:
        del os.environ["QBDOCTOR_PASSWORD"]
    terminal.wait_for("Apply this?")
    os.write(terminal.keyboard, b"y\n")
    terminal.wait_for("Keep it?")
    assert anonymous(running) == 403
    if answer == "killed":
        terminal.process.kill()
        terminal.process.communicate()
        os.close(terminal.keyboard)  # the connection is lost as well
        until(lambda: states() == ["rolled-back"])
        assert anonymous(running) == 200
        return
    code, out = terminal.type(answer)
    assert code == (0 if answer == "y\n" else 4), out
    assert anonymous(running) == (403 if answer == "y\n" else 200)
    assert states() == (["verified"] if answer == "y\n" else ["rolled-back"])


def test_nothing_of_the_session_is_on_disk(
    own: Callable[..., Server], release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = own(settings=OPEN)
    made = fix_within(running, 30)
    state = Path(os.environ["QBDOCTOR_STATE_DIR"])
    waiting = next((state / "confirm").iterdir())
    assert set(json.loads(waiting.read_text())) == {"run", "seconds", "until", "pid", "began", "records"}
    pid = json.loads(waiting.read_text())["pid"]
    shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    assert str(running.password).encode() not in shown
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: "what should have undone it is gone" in qbdoctor("history").out)
    assert qbdoctor("fix", "--confirm", made["records"][0]["run"]).code == 0
    assert anonymous(running) == 403
