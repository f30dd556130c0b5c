"""Credentials go to a program of root's, of the one who runs the doctor, or of who had them before."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit import others
from tests.kit.profile import config_text, free_port, password_hash
from tests.support.doctor import Run
from tests.support.strangers import ANNA, EVE, give, needs_root, owned_folder, run

pytestmark = needs_root

PASSWORD = "canary-5f0c1d2e"
KEY = "qbt_canary00000000000000000000AB"

# Answers as qBittorrent 5.3.0 does, keeps all it was sent, and takes whatever is sent for right
IMPOSTOR = r"""
import http.server, os, sys
kept, port = sys.argv[1:3]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with open(kept, "ab") as file:
            file.write(f"{self.command} {self.path}\n{self.headers}".encode() + body + b"\n")
        right = "Cookie" in self.headers or "qbt_canary" in self.headers.get("Authorization", "")
        login = self.path.endswith("auth/login")
        if login: status, text = 204, b""
        elif body and self.headers.get("Content-Type") == "text/plain": status, text = 400, b""  # a form or nothing
        elif self.path.startswith("/api/v2/nope"): status, text = 403, b"Forbidden"
        elif self.path.endswith("version/"): status, text = 404, b"Not Found"
        elif self.path == "/": status, text = 200, b"<html>qbittorrent loginform scripts/login.js</html>"
        else: status, text = (200, b"v5.3.0") if right else (403, b"Forbidden")
        self.send_response_only(status)
        for name, value in (("x-content-type-options", "nosniff"), ("x-xss-protection", "1; mode=block"),
                            ("referrer-policy", "same-origin"), ("cross-origin-opener-policy", "same-origin"),
                            ("x-frame-options", "SAMEORIGIN"),
                            ("content-type", "text/html" if self.path == "/" else "text/plain"),
                            ("content-security-policy", "default-src 'self'")):
            self.send_header(name, value)
        if login: self.send_header("set-cookie", "QBT_SID_1=abcdefgh; path=/")
        if status != 204: self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST = answer
    def log_message(self, *words): pass
host, _, number = port.rpartition(":")
http.server.ThreadingHTTPServer((host or "127.0.0.1", int(number)), Handler).serve_forever()
"""


class Impostor:
    """A program of another user that looks like a qBittorrent, with a config of its own."""

    def __init__(self, base: Path, uid: int) -> None:
        self.port, self.host = free_port(), "127.0.0.1"
        self.home = owned_folder(base / f"user{uid}", uid)
        self.kept = self.home / "kept"
        self.kept.touch()
        self.program = self.home / "qbittorrent-nox"
        self.program.write_text(IMPOSTOR)
        give(uid, self.kept, self.program)
        self.uid = uid

    def config(self, *, owner: int, known: bool, name: str = "profile") -> Path:
        folder = self.home / name
        for each in (folder, folder / "qBittorrent", folder / "qBittorrent/config"):
            owned_folder(each, owner)
        web = {"Address": "127.0.0.1", "LocalHostAuth": "true"}
        if known:
            web["Password_PBKDF2"] = password_hash(PASSWORD)
        config = folder / "qBittorrent/config/qBittorrent.conf"
        config.write_text(config_text(web, layout="old", port=self.port))
        give(owner, config)
        return config

    @contextmanager
    def running(self, profile: Path | None = None) -> Iterator[None]:
        words = [sys.executable, str(self.program), str(self.kept), f"{self.host}:{self.port}"]
        words += [f"--profile={profile}"] if profile else []
        process = subprocess.Popen([*others.as_user(self.uid), *words])
        try:
            end = time.monotonic() + 10
            place = socket.inet_aton(self.host)[::-1].hex().upper()
            while f"{place}:{self.port:04X} 00000000:0000 0A" not in Path("/proc/net/tcp").read_text():
                assert time.monotonic() < end
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait()

    @property
    def got(self) -> str:
        return self.kept.read_text()


def doctor(base: Path, *arguments: str, env: dict[str, str] | None = None) -> Run:
    given = {"QBDOCTOR_PASSWORD": PASSWORD} if env is None else env
    return run("check", *arguments, home=base / "root", env=given)


def test_a_program_of_that_name_gets_nothing(base: Path) -> None:
    """A "qBittorrent" that is another user's script, with a config of its own; nobody named that config.

    By its address, as other tests of this machine may run real ones.
    """
    eve = Impostor(base, EVE)
    config = eve.config(owner=EVE, known=False)
    with eve.running(config.parents[2]):
        done = doctor(base, "--url", f"http://127.0.0.1:{eve.port}")
    assert eve.got
    assert PASSWORD not in eve.got
    assert "fine" not in done.out
    assert f"user {EVE}" in done.out, done.out


def test_whoever_took_the_port_that_the_config_names_gets_nothing(base: Path) -> None:
    """The real one is stopped; the password fits the hash in its config, and somebody else listens there."""
    eve = Impostor(base, EVE)
    config = eve.config(owner=ANNA, known=True)
    with eve.running():
        for target in (("--config", str(config)), ("--profile", str(config.parents[2]))):
            done = doctor(base, *target)
            assert eve.got
            assert PASSWORD not in eve.got
            assert f"user {EVE}" in done.out
            assert f"user {ANNA}" in done.out


def test_an_api_key_is_held_back_too(base: Path) -> None:
    eve = Impostor(base, EVE)
    config = eve.config(owner=ANNA, known=True)
    with eve.running():
        done = doctor(base, "--config", str(config), env={"QBDOCTOR_API_KEY": KEY})
        named = doctor(base, "--url", f"http://127.0.0.1:{eve.port}", env={"QBDOCTOR_API_KEY": KEY})
    assert eve.got
    assert KEY not in eve.got
    assert f"user {EVE}" in done.out
    assert f"user {EVE}" in named.out


def test_an_address_alone_names_nobody(base: Path) -> None:
    eve = Impostor(base, EVE)
    with eve.running():
        done = doctor(base, "--url", f"http://localhost:{eve.port}")
    assert PASSWORD not in eve.got
    assert f"--trust-user {EVE}" in done.out


@pytest.mark.parametrize("how", ["named config", "known password", "named user", "own program", "sudo"])
def test_who_may_have_it_gets_it(base: Path, how: str) -> None:
    """The other side of the rule, so that the tests above can fail."""
    user = 0 if how == "own program" else EVE
    one = Impostor(base, user)
    config = one.config(owner=user, known=how != "named user")
    target = ["--url", f"http://127.0.0.1:{one.port}"]
    env = {"QBDOCTOR_PASSWORD": PASSWORD}
    if how == "named config":
        target = ["--config", str(config)]
    if how == "named user":
        target += ["--trust-user", str(EVE)]
    if how == "sudo":
        env["SUDO_UID"] = str(EVE)
    with one.running(config.parents[2] if how in {"named config", "known password"} else None):
        done = doctor(base, *target, env=env)
    assert PASSWORD in one.got, done.out + done.err


def test_a_user_that_is_none_is_told(base: Path) -> None:
    done = doctor(base, "--url", "http://127.0.0.1:1", "--trust-user", "no-such-user-here")
    assert (done.code, "--trust-user" in done.err) == (2, True)


def test_as_an_ordinary_user(base: Path) -> None:
    """Nobody needs root for that: the kernel's table of sockets names their owners to all."""
    eve = Impostor(base, EVE)
    anna = owned_folder(base / "anna", ANNA, 0o700)
    with eve.running():
        done = run(
            "check", "--url", f"http://127.0.0.1:{eve.port}", uid=ANNA, home=anna, env={"QBDOCTOR_PASSWORD": PASSWORD}
        )
    assert PASSWORD not in eve.got
    assert f"user {EVE}" in done.out, done.out + done.err
