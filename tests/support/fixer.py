"""Changes and takes back as a person would, and what both are held to."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from qbdoctor.reports.schema import load
from tests.kit.profile import config_text, free_port, password_hash
from tests.kit.server import Server
from tests.support import printed
from tests.support.doctor import Run, qbdoctor

ROOT = Path(__file__).parents[2]
AUTH, LIST = "require-localhost-auth", "disable-subnet-whitelist"
OPEN = {"LocalHostAuth": "false"}
LISTED = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "127.0.0.0/8"}
INCIDENT = {**OPEN, "AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}


def anonymous(server: Server) -> int:
    """What a call without a cookie gets."""
    return server.get("/api/v2/app/version").status_code


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def untouched(server: Server, before: bytes) -> bool:
    """Whether the file of a running server is as it was. The server itself writes it some 5 s after its start, which a busy
    machine comes to: then every line that was there still is."""
    now = server.config_file.read_bytes()
    return now == before or set(before.splitlines()) <= set(now.splitlines())


def value(server: Server, name: str) -> str | None:
    """The raw value in the file, in whichever of its two places."""
    for line in reversed(server.config_file.read_text("utf-8").splitlines()):
        if line.startswith((f"WebUI\\{name}=", f"{name}=")):
            return line.partition("=")[2]
    return None


def outcome(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.out)
    assert (found["schema"], found["exit_code"]) == ("qbdoctor.change/1", run.code)
    assert "Traceback" not in run.err
    printed.hold_screen(found["text"])
    return found


def change(*arguments: str, password: str | None = None, code: int = 0) -> dict[str, Any]:
    run = qbdoctor("--json", "--yes", *arguments, password=password)
    assert run.code == code, run.out + run.err
    return outcome(run)


def records() -> list[dict[str, Any]]:
    run = qbdoctor("history", "--json")
    assert run.code == 0
    found: dict[str, Any] = json.loads(run.out)
    known = Registry().with_resource("urn:qbdoctor:record:1", Resource.from_contents(load("record/1")))
    jsonschema.Draft202012Validator(load("history/1"), registry=known).validate(found)
    return list(found["records"])


def new_config(profile: Path, **settings: str) -> Path:
    path = profile / "qBittorrent/config/qBittorrent.conf"
    path.parent.mkdir(parents=True)
    wanted = {**INCIDENT, "Password_PBKDF2": password_hash("canary-password"), **settings}
    path.write_text(config_text(wanted, layout="old", port=free_port()))
    path.chmod(0o640)
    return path


def state(path: Path) -> tuple[bytes, int, list[str]]:
    """All that must not change: bytes, mode, and the names beside it."""
    return path.read_bytes(), path.stat().st_mode, sorted(one.name for one in path.parent.iterdir())


def sentence(run: Run, code: int, *words: str) -> None:
    """Refused in one sentence, without a traceback."""
    assert run.code == code, run.out + run.err
    assert len(run.err.strip().splitlines()) == 1, run.err
    assert run.err.startswith("qbdoctor: ")
    for word in words:
        assert word in run.err
    assert run.out == ""


class Terminal:
    """The command line as a person runs it, on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        fcntl = pytest.importorskip("fcntl", reason="Windows has no such terminals")
        termios = pytest.importorskip("termios")
        self.keyboard, screen = os.openpty()

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, "-m", "qbdoctor", *arguments], stdin=screen, stderr=screen, stdout=subprocess.PIPE,
            text=True, start_new_session=True, preexec_fn=take_terminal, cwd=ROOT,  # noqa: PLW1509 - it takes no lock
        )  # fmt: skip
        os.close(screen)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + 20
        ready = select.poll()  # a long test run has more files open than select() can take
        ready.register(self.keyboard, select.POLLIN)
        while text not in self.shown:
            assert time.monotonic() < end, self.shown
            if ready.poll(200):
                self.shown += os.read(self.keyboard, 4096).decode()

    def write(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def type(self, text: str) -> tuple[int, str]:
        os.write(self.keyboard, text.encode())
        out, _ = self.process.communicate(timeout=20)
        os.close(self.keyboard)
        return self.process.returncode, out


def in_own_mounts(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script with mounts of its own."""
    flags = ["-m"] if os.geteuid() == 0 else ["-Urm"]
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, *flags, "true"], capture_output=True).returncode != 0:
        pytest.skip("no mount namespace may be made here")
    return subprocess.run(
        [unshare, *flags, "sh", "-c", script, "sh", *arguments], capture_output=True, text=True, cwd=ROOT
    )
