"""`qbdoctor demo`: the incident on a throw-away instance, real or stand-in, which leaves nothing behind."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from tests.kit.matrix import Release
from tests.support.doctor import qbdoctor

STEPS = (
    "1. A throw-away",
    "$ qbdoctor check --profile",
    "A call without a cookie (GET /api/v2/app/version): 200",
    "$ qbdoctor fix require-localhost-auth disable-subnet-whitelist --yes --profile",
    "through the Web API",
    "-LocalHostAuth=false",
    "+LocalHostAuth=true",
    "-AuthSubnetWhitelistEnabled=true",
    "+AuthSubnetWhitelistEnabled=false",
    "A call without a cookie (GET /api/v2/app/version): 403",
    "client that kept the cookie (GET /api/v2/app/version): 200",
    "client that dropped it (GET /api/v2/app/version): 403",
    "SameSite",
    "$ qbdoctor rollback --yes",
    "A call without a cookie (GET /api/v2/app/version): 200",
    "--via file",
    "2 lines differ",
    "as before, to the byte",
    "Nothing is left behind",
    "✓ Every step came out",
)


class Place:
    """A machine of its own for one demo: an empty home, a temporary folder, and a PATH with one folder."""

    def __init__(self, folder: Path, temp: Path) -> None:
        self.home, self.programs, self.temp = folder / "empty home", folder / "programs", temp
        for made in (self.home, self.programs):
            made.mkdir()

    def program(self, text: str) -> None:
        """Put a `qbittorrent-nox` on the PATH."""
        file = self.programs / "qbittorrent-nox"
        file.write_text(text)
        file.chmod(0o755)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {"HOME": str(self.home), "PATH": str(self.programs), "TMPDIR": str(self.temp)}
        environment["PYTHONUNBUFFERED"] = "1"
        return subprocess.Popen(
            [sys.executable, "-m", "qbdoctor", "demo", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str, float]:
        began = time.monotonic()
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        out = out.replace(f"$ {sys.executable} -m qbdoctor ", "$ qbdoctor ")  # printed commands run as they stand
        return process.returncode, out, err, time.monotonic() - began

    def assert_clean(self) -> None:
        assert not list(self.home.iterdir())
        assert not list(self.temp.iterdir())
        left = [process.info for process in psutil.process_iter(["cmdline"]) if self._is_ours(process.info["cmdline"])]
        assert not left

    def _is_ours(self, command: Sequence[str] | None) -> bool:
        return any(str(self.temp) in part for part in command or ())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    # Short, as people have it: the name of a socket in it may have 107 characters
    with tempfile.TemporaryDirectory(prefix="qbd-") as temp:
        yield Place(tmp_path, Path(temp))


def assert_in_order(text: str, parts: Sequence[str]) -> None:
    at = 0
    for part in parts:
        found = text.find(part, at)
        assert found >= 0, f"{part!r} is missing in\n{text}"
        at = found + len(part)


def test_with_the_real_qbittorrent(release: Release, place: Place) -> None:
    plugins = release.environment(place.home)["QT_PLUGIN_PATH"]
    place.program(f'#!/bin/sh\nexport QT_PLUGIN_PATH="{plugins}"\nexec {shlex.join(release.command())} "$@"\n')
    code, out, err, seconds = place.run()
    assert (code, err) == (0, ""), out + err
    assert f"the real qbittorrent-nox {release.version}" in out
    assert_in_order(out, STEPS)
    if seconds >= 10:  # on a machine that was busy with something else
        *_, seconds = place.run()
    assert seconds < 10
    place.assert_clean()


def test_without_one_the_stand_in(place: Place) -> None:
    code, out, err, seconds = place.run()
    assert (code, err) == (0, ""), out + err
    assert "There is no qbittorrent-nox on this machine: the built-in stand-in takes its place." in out
    assert_in_order(out, STEPS)
    if seconds >= 10:  # on a machine that was busy with something else
        *_, seconds = place.run()
    assert seconds < 10
    place.assert_clean()


def test_the_stand_in_when_asked_for(place: Place) -> None:
    place.program("#!/bin/sh\nexit 1\n")
    code, out, _, _ = place.run("--standin", "-q")
    assert code == 0
    assert re.fullmatch(r"✓ Every step came out \(.* qbdoctor's stand-in for qBittorrent .*\)\.\n", out)
    place.assert_clean()


@pytest.mark.parametrize("does", ["exit 1", "exec /bin/sleep 60"])
def test_one_that_does_not_start(place: Place, does: str) -> None:
    place.program(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "qBittorrent v5.1.0"; exit 0; fi\n{does}\n')
    code, out, _, seconds = place.run()
    assert code == 0, out
    assert "did not start here: the built-in stand-in takes its place." in out
    assert seconds < 10
    place.assert_clean()


FAKE = """#!{python}
import http.server, pathlib, re, sys
if "--version" in sys.argv:
    sys.exit(print("qBittorrent v5.1.0"))
profile = pathlib.Path(sys.argv[1].partition("=")[2])
text = (profile / "qBittorrent/config/qBittorrent.conf").read_text()
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(re.search(r"WebUI.Port=(.*)", text)[1])), Handler).serve_forever()
"""


def test_a_step_that_does_not_come_out(place: Place) -> None:
    place.program(FAKE.format(python=sys.executable))
    code, out, _, _ = place.run()
    assert code == 1
    assert "   ✗ " in out
    assert "Nothing is left behind" in out
    assert "Every step came out" not in out
    place.assert_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at", ["2. What", "qbdoctor fix", "qbdoctor rollback", "6. The same"])
def test_interrupted(place: Place, number: signal.Signals, at: str) -> None:
    with place.start() as process:
        assert process.stdout is not None
        while at not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert err == "qbdoctor: interrupted\n"
    place.assert_clean()


def test_the_user_s_settings_play_no_part(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QBDOCTOR_PASSWORD", "canary-mine")
    monkeypatch.setenv("QBDOCTOR_API_KEY", "qbt_" + "x" * 28)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    handler, environment = signal.getsignal(signal.SIGTERM), dict(os.environ)
    run = qbdoctor("demo", "--standin")
    assert (run.code, run.err) == (0, "")
    assert "canary-mine" not in run.out
    assert not re.search(r"SID(_\d+)?=[^*]", run.out)
    assert not list(own_home.iterdir())
    assert not (tmp_path / "state").exists()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert dict(os.environ) == environment


def test_no_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    run = qbdoctor("demo", "--standin")
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("qbdoctor: There is no temporary folder")


@pytest.mark.parametrize("arguments", [["--url", "http://127.0.0.1:1"], ["--profile", "x"], ["--json"], ["-o", "x"]])
def test_what_it_does_not_take(arguments: list[str]) -> None:
    run = qbdoctor("demo", *arguments)
    assert (run.code, run.out) == (2, "")
    assert run.err.count("\n") == 1


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    from qbdoctor.cli.main import main

    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    assert "--standin" in capsys.readouterr().out
