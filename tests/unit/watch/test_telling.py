"""Events handed to a command and to apprise, what starts a watch by itself, and what is said of bad options."""

from __future__ import annotations

import json
import plistlib
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jsonschema
import pytest

from qbdoctor.model import shell
from qbdoctor.reports.schema import load
from qbdoctor.watch.base.events import KINDS, Event
from qbdoctor.watch.telling import outside, units
from qbdoctor.watch.telling.outside import Outside, by_apprise, by_command
from tests.support import systems
from tests.support.doctor import qbdoctor

EVENT = Event(
    "restarted",
    1_700_000_000.0,
    "It was 'started' \"again\"; $(touch x)",
    before="a",
    after="b",
    explains=("ip-banned",),
)
URL = "http://nas.lan:8080"


def handed(way: outside.Way, *events: Event) -> list[str]:
    """Hand events on and wait; what was amiss."""
    troubles: list[str] = []
    made = Outside([way], troubles.append)
    for event in events:
        made.happened(event, "healthy")
    made.happened(Event("watch-stopped", 0.0, "The watch ended"), "healthy")
    return troubles


def test_a_command_gets_the_change_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QBDOCTOR_PASSWORD", "canary-1")
    Path("take.py").write_text(
        "import os, sys\nopen('told.jsonl', 'a').write(sys.stdin.read())\n"
        "open('env.txt', 'a').write(os.environ.get('QBDOCTOR_PASSWORD', 'none'))\n"
    )
    command = shell.join((sys.executable, "take.py"))
    assert not handed(by_command(command, URL, "nas"), Event("watch-started", 0.0, "x"), EVENT)
    (line,) = Path("told.jsonl").read_text().splitlines()
    assert json.loads(line) == {
        "schema": "qbdoctor.watch/1",
        "tool": json.loads(line)["tool"],
        "target": {"url": URL, "name": "nas"},
        "event": "restarted",
        "at": "2023-11-14T22:13:20.000Z",
        "text": EVENT.text,
        "before": "a",
        "after": "b",
        "explains": ["ip-banned"],
        "state": "healthy",
    }
    assert Path("env.txt").read_text() == "none", "no program of others gets the password"
    assert not Path("x").exists(), "nothing of the event is a command"


@pytest.mark.parametrize("name", KINDS)
def test_every_event_holds_to_the_schema(name: str) -> None:
    jsonschema.validate(Event(name, 1.5e9, "It was").to_json(URL, None, "unknown"), load("watch/1"))


def test_a_command_that_fails_or_hangs_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed(by_command("exit 3", URL, None), EVENT) == [
        "restarted could not be told: the command of --on-change ended with 3"
    ]
    monkeypatch.setattr(outside, "COMMAND_SECONDS", 0.2)
    sleep = shell.join((sys.executable, "-c", "import time; time.sleep(9)"))
    hangs = sleep if systems.WINDOWS else f"exec {sleep}"
    began = time.monotonic()
    assert "took more than" in handed(by_command(hangs, URL, None), EVENT)[0]
    assert time.monotonic() - began < 5


def test_what_goes_on_and_on_is_handed_on_five_times_an_hour() -> None:
    taken: list[str] = []
    assert not handed(lambda event, _state: taken.append(event.id), *[EVENT] * 50, Event("banned", 0.0, "x"))
    assert taken == ["restarted"] * 5 + ["banned"]


def test_apprise_tells_it_and_its_address_is_never_shown() -> None:
    got: list[str] = []

    class Taken(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Taken)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    address = f"json://127.0.0.1:{server.server_port}/canary-token"
    assert not handed(by_apprise([address], URL, "nas"), EVENT)
    server.shutdown()
    server.server_close()
    assert json.loads(got[0])["title"] == "nas: restarted"
    assert json.loads(got[0])["message"] == EVENT.text
    troubles = handed(by_apprise([address], URL, "nas"), EVENT)
    assert troubles == ["restarted could not be told: a service of --notify did not take it"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--every", "0"), "is no time"),
        (("--for", "-1"), "is no time"),
        (("--format", "nagios"), "--format is human or json"),
        (("-o", "x"), "--report FILE keeps the page"),
        (("--notify", "nonsense://canary-token"), "--notify: the 1. address is none that apprise knows"),
        (("--listen", "nothing"), "--listen"),
        (("--report", "/no/such/folder/x.html"), "there is no folder"),
    ],
)
def test_bad_options_are_one_sentence(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    found = qbdoctor(
        "watch", "--url", "http://127.0.0.1:1", "--no-login", "--state-dir", str(tmp_path), "--for", "1", *arguments
    )
    assert found.code == 2, found
    assert said in found.err
    assert "canary-token" not in found.err
    assert not found.out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="units are systemd's")
def test_a_unit_has_the_options_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QBDOCTOR_PASSWORD", "canary-1")
    found = qbdoctor(
        "watch", "--install-unit", "--url", URL, "--every", "30", "--on-change", "echo 100% $HOME \"x y\"",
        "--notify", "json://canary-token", "--listen", "127.0.0.1:9100",
    )  # fmt: skip
    assert found.code == 0
    assert "canary" not in found.out + found.err
    line = next(one for one in found.out.splitlines() if one.startswith("ExecStart="))
    assert line.endswith(
        f'-m qbdoctor watch --url {URL} --every 30 --on-change "echo 100%% $$HOME \\"x y\\"" --listen 127.0.0.1:9100'
    )
    assert "#EnvironmentFile=" in found.out
    unit = tmp_path / "qbdoctor-watch.service"
    unit.write_text(found.out)
    try:
        judged = subprocess.run(
            ["systemd-analyze", "verify", "--user", str(unit)], capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError:
        return
    assert "qbdoctor-watch.service:" not in judged.stderr, judged.stderr


def test_a_name_with_a_line_end_adds_no_setting() -> None:
    """Another user names a folder, and the person who watches it keeps the unit."""
    names = ("/home/eve/a\nExecStartPre=/bin/evil\n#", "b\rExecStop=/bin/evil", "c\x00d\x1b[2J")
    text = units.systemd_unit(["qbdoctor", "watch", *names], {"QBDOCTOR_STATE_DIR": names[0]}, needs_password=True)
    assert [
        line for line in text.splitlines() if "evil" in line and not line.startswith(("ExecStart=", "Environment="))
    ] == []
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    assert '"/home/eve/a\\x0aExecStartPre=/bin/evil\\x0a#"' in line


def test_a_scheduled_task_is_well_formed() -> None:
    command = ["C:\\Program Files\\python.exe", "-m", "qbdoctor", "watch", "--on-change", 'ä "b" & c']
    text = units.scheduled_task(command, {"QBDOCTOR_STATE_DIR": "D:\\my state"}, "NAS\\Ännchen")
    assert text.isascii(), "cmd.exe's > and PowerShell's write different encodings"
    for encoding in ("utf-16", "cp1252", "utf-8-sig"):
        ET.fromstring(text.encode(encoding))
    root = ET.fromstring(text)
    place = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert root.findtext(".//t:Command", namespaces=place) == "C:\\Program Files\\python.exe"
    assert root.findtext(".//t:Arguments", namespaces=place) == '-m qbdoctor watch --on-change "ä \\"b\\" & c"'
    assert root.findtext(".//t:ExecutionTimeLimit", namespaces=place) == "PT0S"
    # At anybody's log-on only an administrator may have a task started.
    assert [one.text for one in root.iterfind(".//t:UserId", place)] == ["NAS\\Ännchen"] * 2
    assert 'setx QBDOCTOR_STATE_DIR "D:\\my state"\n' in text, "a task has no variables of its own"


def test_a_launch_agent_is_well_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    command = ["/opt/my python", "-m", "qbdoctor", "watch", "--on-change", 'say "b" & c']
    text = units.printed(command, {"QBDOCTOR_STATE_DIR": "/x"}, needs_password=True)
    held = plistlib.loads(text.encode())
    assert (held["ProgramArguments"], held["EnvironmentVariables"]) == (command, {"QBDOCTOR_STATE_DIR": "/x"})
    assert held["KeepAlive"] == {"SuccessfulExit": False}, "once stopped it stays so"
    assert f"LaunchAgents/{held['Label']}.plist" in text
    assert "launchctl bootstrap" in text
    assert "systemd" not in text
