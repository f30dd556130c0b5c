"""`qbdoctor clients`: which clients keep the session cookie, against the stand-in and against real servers."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qbdoctor.cli.commands import clients
from qbdoctor.cli.defaults import DEFAULTS
from qbdoctor.clients import survey as surveying
from qbdoctor.clients.lab import both, simulated
from qbdoctor.clients.probes import PROBES
from qbdoctor.clients.survey import survey
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.releases.versions import known
from qbdoctor.reports.schema import load
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import assert_silent

pytestmark = pytest.mark.in_turn

# Measured on real servers of all four releases: by address, by name
EXPECTED = {
    "requests.Session": ("kept", "kept"),
    "requests, no session": ("dropped", "dropped"),
    "httpx.Client": ("kept", "kept"),
    "httpx, no client": ("dropped", "dropped"),
    "aiohttp, default jar": ("dropped", "kept"),
    "aiohttp, unsafe jar": ("kept", "kept"),
    "urllib, cookie processor": ("kept", "kept"),
    "urllib, plain": ("dropped", "dropped"),
    "qbittorrent-api": ("kept", "kept"),
    "curl, -c and -b": ("kept", "kept"),
    "curl, no jar": ("dropped", "dropped"),
    "wget, saved cookies": ("kept", "kept"),
    "wget, no cookies": ("dropped", "dropped"),
    "Node fetch": ("dropped", "dropped"),
    "axios": ("dropped", "dropped"),
}
OLD_CLIENTS = os.environ.get("QBDOCTOR_TEST_OLD_CLIENTS", "")


def run(**options: Any) -> tuple[int, str]:
    """Run the command; until the command line knows it, with a Namespace of its own."""
    given = {**DEFAULTS, "python": None, "live": False, "release": None, **options}
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = clients.run(argparse.Namespace(**given))
    return code, out.getvalue()


def outcomes(text: str) -> dict[str, dict[str, str]]:
    """Outcome by client and kind of host, of a result that fits its schema."""
    result = json.loads(text)
    jsonschema.validate(result, load("clients/1"))
    found: dict[str, dict[str, str]] = {}
    for each in result["clients"]:
        found.setdefault(each["client"], {})[each["host"]] = each["outcome"]
    return found


def assert_expected(found: dict[str, dict[str, str]]) -> None:
    there = {name: result for name, result in found.items() if "absent" not in result.values()}
    assert there == {name: dict(zip(("ip", "name"), EXPECTED[name], strict=True)) for name in there}
    # What the tests themselves bring must have been tried
    assert {
        "requests.Session",
        "httpx.Client",
        "aiohttp, default jar",
        "aiohttp, unsafe jar",
        "qbittorrent-api",
    } <= set(there)


@pytest.mark.parametrize("version", [pytest.param("4.2.5", marks=pytest.mark.extended), "5.3.0"])
def test_against_the_stand_in(version: str) -> None:
    code, text = run(release=version, format="json")
    assert code == 0
    assert_expected(outcomes(text))
    assert version in json.loads(text)["server"]
    aiohttp = [each for each in json.loads(text)["clients"] if each["client"] == "aiohttp, default jar"]
    assert "refuses cookies from IP addresses" in aiohttp[0]["why"] and "unsafe=True" in aiohttp[0]["mend"]
    assert (aiohttp[1]["why"], aiohttp[1]["mend"]) == (None, None)


def test_against_the_real_thing(healthy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same table, no failed login, and no session left: each that was opened is 403 afterwards."""
    monkeypatch.setenv("QBDOCTOR_PASSWORD", PASSWORD)
    opened: list[str] = []
    log_out = surveying._log_out

    def noting(url: str, cookies: list[str]) -> None:
        opened.extend(cookies)
        log_out(url, cookies)

    monkeypatch.setattr(surveying, "_log_out", noting)
    before = healthy.failed_logins()
    code, text = run(live=True, url=healthy.url, format="json")
    assert code == 0
    assert_expected(outcomes(text))
    assert healthy.failed_logins() == before
    assert_silent(text, [PASSWORD, *(cookie.partition("=")[2] for cookie in opened)])
    assert len(opened) > 10
    answers = {healthy.get("/api/v2/app/version", headers={"Cookie": cookie}).status_code for cookie in opened}
    assert answers == {403}


def test_live_without_the_right_password_tries_nobody(healthy: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QBDOCTOR_PASSWORD", "canary-wrong")
    monkeypatch.setattr(clients, "survey", lambda *_, **__: pytest.fail("a client was tried"))
    with pytest.raises(UserError) as refused:
        run(live=True, url=healthy.url)
    assert refused.value.exit_code == 3


def test_the_first_refused_login_ends_it() -> None:
    with simulated(known("5.3.0")) as lab:
        wrong = type(lab)(lab.urls, lab.username, Secret("canary-wrong"), lab.what)
        tried = list(survey(wrong, sys.executable, stop_when_refused=True))
    assert [each.outcome for each in tried] == ["refused"]


def test_the_table_and_another_interpreter(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    code, text = run(python=str(bare / "bin/python"))
    rows = {line.split("  ")[0]: line for line in text.splitlines()}
    assert code == 0
    assert "absent" in rows["requests.Session"] and "not installed for python" in rows["requests.Session"]
    assert "kept" in rows["urllib, cookie processor"] and "DROPPED (403)" in rows["urllib, plain"]
    assert "HTTPCookieProcessor" in text.partition("What mends it")[2]


@pytest.mark.skipif(not OLD_CLIENTS, reason="QBDOCTOR_TEST_OLD_CLIENTS names no folder with virtual environments")
def test_an_old_library_gives_up_on_5_2() -> None:
    python = f"{OLD_CLIENTS}/qa2507/bin/python"
    found = {version: outcomes(run(release=version, python=python, format="json")[1]) for version in ("5.1.0", "5.3.0")}
    assert {version: result["qbittorrent-api"]["ip"] for version, result in found.items()} == {
        "5.1.0": "kept",
        "5.3.0": "dropped",
    }


@pytest.mark.parametrize(
    ("options", "code"),
    [({"python": "/nope"}, "bad-python"), ({"release": "9.9"}, "bad-release"), ({"format": "html"}, "usage")],
)
def test_bad_input(options: dict[str, str], code: str) -> None:
    with pytest.raises(UserError) as refused:
        run(**options)
    assert (refused.value.code, refused.value.exit_code) == (code, 2)


def test_both_kinds_of_address() -> None:
    assert both("http://127.0.0.1:1/x") == (("ip", "http://127.0.0.1:1/x"), ("name", "http://localhost:1/x"))
    assert both("http://localhost:1") == (("ip", "http://127.0.0.1:1"), ("name", "http://localhost:1"))
    assert both("http://nas.lan:1") == (("name", "http://nas.lan:1"),)
    assert both("http://[::1]:1") == (("ip", "http://[::1]:1"),)


def test_every_probe_has_an_expectation() -> None:
    assert [probe.name for probe in PROBES] == list(EXPECTED)
