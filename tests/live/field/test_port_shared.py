"""Two programs at one port: nothing secret goes to the other one, and both are named."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.kit import needs
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose

KEY = "qbt_0123456789abcdefghijklmnopqr"


class Stranger:
    """Answers 403 with JSON to everything at one address, and keeps all bytes that it gets."""

    def __init__(self, address: str, port: int) -> None:
        self.received: list[bytes] = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                owner.received.append(f"{self.requestline}\n{self.headers}".encode() + body)
                text = b'{"error":"forbidden"}'
                self.send_response(403)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the standard library calls it
                """Say nothing."""

        class Web(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
            daemon_threads = True

        self._server = Web((address, port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def secrets(self) -> int:
        everything = b"\n".join(self.received)
        return sum(everything.count(one) for one in (b"auth/login", KEY.encode(), b"password"))


def _judged(server: Server, host: str, stranger: Stranger, **secret: str) -> None:
    env = {"QBDOCTOR_API_KEY": KEY} if "key" in secret else None
    password = None if "key" in secret else PASSWORD
    report = diagnose("--url", f"http://{host}:{server.port}", password=password, env=env)
    assert stranger.secrets() == 0
    assert report["login_attempts"] == 0
    assert causes(report)[0] == "port-shared", report["verdict"]
    found = cause(report, "port-shared")
    assert (found["severity"], found["confidence"]) == ("error", "proven")
    assert str(server.pid) in found["summary"]
    assert str(os.getpid()) in found["summary"]
    assert causes(report, "error") == ["port-shared"]
    assert server.failed_logins() == 0


@pytest.mark.in_turn
@pytest.mark.parametrize(("ours", "theirs"), [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
@pytest.mark.parametrize("secret", ["password", "key"])
def test_localhost_means_two_programs(
    server: ServerFactory, release: Release, ours: str, theirs: str, secret: str
) -> None:
    running = server(address=ours)
    stranger = Stranger(theirs, running.port)
    try:
        _judged(running, "localhost", stranger, **{secret: "yes"})
        _judged(running, "[::1]" if ":" in theirs else theirs, stranger, **{secret: "yes"})
    finally:
        stranger.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a hosts file of its own needs root")
@pytest.mark.parametrize(("ours", "theirs"), [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
def test_both_lines_in_the_hosts_file(server: ServerFactory, tmp_path: Path, ours: str, theirs: str) -> None:
    needs.mounts()
    running = server("5.3.0", address=ours)
    stranger = Stranger(theirs, running.port)
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n::1 localhost\n")
    script = f'mount --bind {hosts} /etc/hosts && exec "$@"'
    doctor = [sys.executable, "-m", "qbdoctor", "check", "--json", "--url", f"http://localhost:{running.port}"]
    try:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", *doctor],
            env={**os.environ, "QBDOCTOR_PASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert '"id": "port-shared"' in done.stdout, done
        assert '"login_attempts": 0' in done.stdout
        assert stranger.secrets() == 0
    finally:
        stranger.close()


@pytest.mark.in_turn
def test_one_program_at_every_address_is_healthy(server: ServerFactory, release: Release) -> None:
    running = server(address="*")
    for host in ("localhost", "127.0.0.1", "[::1]"):
        report = diagnose("--url", f"http://{host}:{running.port}", password=PASSWORD)
        assert causes(report, "error") == [], report["verdict"]
        assert report["login_attempts"] == 1


@pytest.mark.in_turn
def test_the_literal_address_is_healthy_beside_a_stranger(server: ServerFactory, release: Release) -> None:
    running = server(address="::1")
    stranger = Stranger("127.0.0.1", running.port)
    try:
        report = diagnose("--url", f"http://[::1]:{running.port}", password=PASSWORD)
        assert causes(report, "error") == [], report["verdict"]
        assert (report["login_attempts"], stranger.received) == (1, [])
    finally:
        stranger.close()
