"""The command `trace`: saved traces, bad input, programs that do not start, its page."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qbdoctor.cli.commands import trace as command
from qbdoctor.cli.defaults import DEFAULTS
from qbdoctor.model.errors import UserError
from qbdoctor.reports.schema import load
from qbdoctor.trace.exchange import LoginForm, from_json
from qbdoctor.trace.human import human
from qbdoctor.trace.result import result
from tests.support.talk import Talk

NEVER_AGAIN = {"client-never-logs-in-again": "likely"}
S1, S2 = "session-1", "session-2"


# --- the command ---------------------------------------------------------------------------------------------------


def run(**options: Any) -> tuple[int, str]:
    given_ = {**DEFAULTS, "listen": None, "run": None, "save": None, "replay": None, **options}
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = command.run(argparse.Namespace(**given_))
    return code, out.getvalue()


def test_a_saved_trace_is_judged_again(tmp_path: Path) -> None:
    talk = (
        Talk(agent="Python/3 aiohttp/3").call(403).login(form=LoginForm(("username",), ("plus",), "a", "b")).call(403)
    )
    saved = tmp_path / "trace.json"
    saved.write_text(json.dumps(talk.judged().to_json()))
    code, text = run(replay=str(saved), save=str(tmp_path / "again.json"))
    assert code == 1 and "client-drops-cookie  likely" in text and "unsafe=True" in text
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(saved.read_text())
    for seen in talk.seen:
        assert from_json(json.loads(json.dumps(seen.to_json()))) == seen


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "qbdoctor.trace/2"}', '{"schema": "qbdoctor.report/1", "target": {}}']
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(UserError) as refused:
        run(replay=str(tmp_path / "x"))
    assert (refused.value.code, refused.value.exit_code) == ("bad-trace", 2)
    with pytest.raises(UserError):
        run(replay=str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"run": ["--"]}, "usage"),
        ({"format": "html"}, "usage"),
        ({"listen": "nowhere"}, "bad-address"),
        ({"listen": "192.0.2.1:1"}, "cannot-listen"),
        ({"url": "ftp://x"}, "bad-url"),
    ],
)
def test_bad_input(options: dict[str, Any], code: str) -> None:
    with pytest.raises(UserError) as refused:
        run(**{"url": "http://127.0.0.1:1", **options})
    assert (refused.value.code, refused.value.exit_code) == (code, 2)


def test_a_program_that_does_not_start_is_no_answer() -> None:
    with pytest.raises(UserError) as refused:
        run(url="http://127.0.0.1:1", run=["--", "/no/such/program"])
    assert (refused.value.code, refused.value.exit_code) == ("cannot-run", 3)


def test_without_aiohttp_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "qbdoctor.forwarding.forwarder", raising=False)
    with pytest.raises(UserError) as refused:
        run(url="http://127.0.0.1:1")
    assert refused.value.exit_code == 2
    assert "qbdoctor[trace]" in refused.value.message


def test_aiohttp_is_imported_by_the_proxy_alone() -> None:
    code = "import sys, qbdoctor.cli.commands.trace, qbdoctor.cli.commands.clients; print('aiohttp' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


NO_REQUEST = (
    "? Could not tell: no request came to the proxy; the program ended with exit code 0. It must call the address in "
    "QBDOCTOR_TRACE_URL, or be given it as {url}"
)


def test_a_command_that_asks_nothing_and_a_target_that_is_gone() -> None:
    code, text = run(url="http://127.0.0.1:1", run=["--", sys.executable, "-c", "pass"])
    assert (code, text.splitlines()[0]) == (3, NO_REQUEST)
    asks = (
        "import os, urllib.request as u\n"
        "try: u.urlopen(os.environ['QBDOCTOR_TRACE_URL'] + '/api/v2/app/version')\n"
        "except OSError: raise SystemExit(7)"
    )
    code, text = run(url="http://127.0.0.1:1", run=["--", sys.executable, "-c", asks], format="json")
    made = json.loads(text)
    jsonschema.validate(made, load("trace/1"))
    assert (code, made["run"], made["verdict"]["state"]) == (3, {"exit_code": 7}, "unknown")
    assert made["exchanges"][0]["status"] is None


def test_the_human_page_says_who_what_and_how_to_mend_it() -> None:
    made = Talk(agent="Python/3.11 aiohttp/3.11").login().call(403).judged()
    text = human(made, width=80)
    assert text.startswith("✗ Request 2 of 10.0.0.1 (Python/3.11 aiohttp/3.11) carries no Cookie")
    assert "seen: request 1, POST /api/v2/auth/login" in " ".join(text.split())
    assert human(made, quiet=True).count("\n") == 1
    assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith("       "))
    warned = replace(made.trace, notes=("something the proxy changed",))
    assert "Note: something the proxy changed" in human(result(warned))


def test_a_403_that_is_not_about_the_session() -> None:
    named = {"server-cannot-write-there": "likely"}
    path = {"action": "torrents/setSavePath", "method": "POST"}
    talk = Talk().login().call(200, S1).call(403, S1, **path).call(403, S1, **path)
    assert talk.found() == NEVER_AGAIN
    assert talk.call(200, S1).found() == named
    said = {**path, "answer": "other"}
    assert Talk().login().call(200, S1).call(403, S1, **said).call(403, S1, **said).found(run_exit=1) == named


def test_an_add_that_adds_nothing() -> None:
    add = {"action": "torrents/add", "method": "POST"}
    assert Talk().login().call(409, S1, **add).found() == {"nothing-added": "likely"}
    assert Talk(new=False).login().call(200, S1, answer="fails", **add).found() == {"nothing-added": "likely"}
    assert Talk().login().call(415, S1, **add).found() == {"nothing-added": "likely"}
    assert Talk().login().call(200, S1, **add).found() == {}


def test_what_is_too_large_is_not_about_the_session() -> None:
    add = {"action": "torrents/add", "method": "POST"}
    talk = Talk().login().call(413, S1, **add).call(413, S1, **add)
    assert talk.found(run_exit=1) == {"request-too-large": "likely"}
