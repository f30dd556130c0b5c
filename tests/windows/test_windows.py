"""qbdoctor in a Windows Python under Wine: demo, fix and rollback of a CRLF ini, trace, lint, Ctrl-C in a console."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.kit.windows import Windows
from tests.windows.scenes import CONFIG, Console, folder, said, waited_for

pytestmark = pytest.mark.extended

CLIENT = """import json, os, urllib.request
url = os.environ["QBDOCTOR_TRACE_URL"] + "/api/v2/auth/login"
body = json.dumps({"username": "admin", "password": "x"}).encode()
try:
    urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}))
except urllib.error.HTTPError as error:
    print(error.code)
"""
WRONG = """import aiohttp


async def main():
    session = aiohttp.ClientSession()
    await session.post("http://10.0.0.2:8080/api/v2/auth/login", json={"username": "\u0436", "password": "x"})
"""


def test_demo_redirected(there: Windows) -> None:
    done = there.run("-m", "qbdoctor", "demo", "--standin")
    text = said(done)
    assert done.returncode == 0, text
    assert "+ Every step came out" in text
    assert "qBittorrent.ini" in text
    assert "qBittorrent.conf" not in text


def test_a_crlf_ini_is_fixed_and_rolled_back_to_the_byte(there: Windows) -> None:
    path, name = folder(there, "my profile")
    config = path / "qBittorrent/config/qBittorrent.ini"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_bytes(CONFIG)
    done = there.run("-m", "qbdoctor", "fix", "require-localhost-auth", "--yes", "--via", "file", "--profile", name)
    assert done.returncode == 0, said(done)
    assert config.read_bytes() == CONFIG.replace(b"LocalHostAuth=false", b"LocalHostAuth=true")
    done = there.run("-m", "qbdoctor", "rollback", "--yes")
    assert done.returncode == 0, said(done)
    assert config.read_bytes() == CONFIG
    assert not list(config.parent.glob(".*")), "nothing is left beside it"


def test_a_profile_of_a_linux_container_and_words_of_windows(there: Windows) -> None:
    path, name = folder(there, "mount")
    config = path / "qBittorrent/config/qBittorrent.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_bytes(CONFIG)
    done = there.run("-m", "qbdoctor", "check", "--profile", name)
    text = said(done)
    assert done.returncode == 1, text
    assert "not-running" in text
    assert "systemctl" not in text
    assert "services.msc" in text


def test_lint_and_trace_name_what_they_find(there: Windows) -> None:
    path, name = folder(there, "code")
    (path / "bot.py").write_bytes(WRONG.replace("\n", "\r\n").encode())
    for form in ("human", "json", "github", "sarif"):
        done = there.run("-m", "qbdoctor", "lint", f"{name}\\*.py", "--format", form)
        assert done.returncode == 1, said(done)
        assert "client-json-login" in said(done)
    (path / "client.py").write_text(CLIENT)
    standin = subprocess.Popen(
        there.command("-m", "qbdoctor", "simulate", "--version", "5.1.0", "--port-file", f"{name}\\port"),
        cwd=there.drive,
        env=there.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = waited_for(path / "port")
        url = f"http://127.0.0.1:{port}"
        done = there.run(
            "-m", "qbdoctor", "trace", "--url", url, "--run", "--", r"C:\Python\python.exe", f"{name}\\client.py"
        )
        text = said(done)
        assert done.returncode == 1, text
        assert "client-json-login" in text
    finally:
        standin.kill()
        standin.wait()


@pytest.mark.parametrize("command", ["simulate", "trace", "watch"])
def test_ctrl_c_in_a_console_ends_what_waits(there: Windows, command: str) -> None:
    """A pseudo-console is needed: in a pipe there is nobody to press it."""
    words = {
        "simulate": ("simulate", "--version", "5.1.0"),
        "trace": ("trace", "--url", "http://127.0.0.1:9"),
        "watch": ("watch", "--url", "http://127.0.0.1:9", "--no-login", "--every", "300"),
    }[command]
    with Console(there, "-m", "qbdoctor", *words) as console:
        shown = console.until(b"watch-started" if command == "watch" else b"Ctrl-C ends", 60)
        time.sleep(1)
        console.press(b"\x03")
        shown += console.until(b"", 20)
        assert console.process.wait(20) in {0, 130, 3}, shown.decode(errors="replace")
    assert b"Traceback" not in shown
    if command == "trace":
        assert b"No request came" in shown or b"0 requests" in shown or b"no request" in shown.lower(), shown


def test_ctrl_c_at_the_question_changes_nothing(there: Windows) -> None:
    path, name = folder(there, "asked")
    config = path / "qBittorrent.ini"
    config.write_bytes(CONFIG)
    with Console(
        there,
        "-m",
        "qbdoctor",
        "fix",
        "require-localhost-auth",
        "--via",
        "file",
        "--config",
        f"{name}\\qBittorrent.ini",
    ) as console:
        shown = console.until(b"[y/N]", 60)
        assert b"[y/N]" in shown, shown
        console.press(b"\x03")
        time.sleep(1)
        console.press(b"\r")  # Wine's console goes on reading until then, for Python's own input() too
        shown += console.until(b"", 20)
        assert console.process.wait(20) == 130, shown
    assert b"Traceback" not in shown
    assert config.read_bytes() == CONFIG


@pytest.mark.parametrize(("answer", "code"), [(b"n", 2), (b"y", 0)])
def test_the_answer_at_the_question_counts(there: Windows, answer: bytes, code: int) -> None:
    path, name = folder(there, "für mich")
    config = path / "qBittorrent.ini"
    marked = b"\xef\xbb\xbf" + CONFIG  # as Windows' Notepad saves it
    config.write_bytes(marked)
    words = ("fix", "require-localhost-auth", "--via", "file", "--config", f"{name}\\qBittorrent.ini")
    with Console(there, "-m", "qbdoctor", *words) as console:
        shown = console.until(b"[y/N]", 60)
        console.press(answer + b"\r")
        shown += console.until(b"", 20)
        assert console.process.wait(20) == code, shown
    made = marked.replace(b"LocalHostAuth=false", b"LocalHostAuth=true")
    assert config.read_bytes() == (made if answer == b"y" else marked)
