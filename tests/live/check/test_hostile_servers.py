"""Servers that hang, drip, flood, babble or hang up: a true answer inside the deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.kit import faults
from tests.support.doctor import causes, diagnose

HOSTILE: dict[str, tuple[Callable[[], Any], str]] = {
    "silent": (faults.Silent, "web-server-hang"),
    "drips its status line": (lambda: faults.Dripper("status"), "web-server-hang"),
    "drips headers": (lambda: faults.Dripper("headers"), "web-server-hang"),
    "drips its body": (lambda: faults.Dripper("body"), "web-server-hang"),
    "floods the body": (lambda: faults.Flooder("body"), "not-qbittorrent"),
    "floods without end": (lambda: faults.Flooder("body", size=None), "not-qbittorrent"),
    "floods headers": (lambda: faults.Flooder("headers"), "not-qbittorrent"),
    "one endless line": (lambda: faults.Flooder("line"), "not-qbittorrent"),
    "garbage": (faults.Garbage, "not-qbittorrent"),
    "hangs up at once": (lambda: faults.ClosesEarly("accept"), "not-qbittorrent"),
    "hangs up after the request": (lambda: faults.ClosesEarly("request"), "not-qbittorrent"),
    "hangs up in the headers": (lambda: faults.ClosesEarly("headers"), "not-qbittorrent"),
    "hangs up in the body": (lambda: faults.ClosesEarly("body"), "not-qbittorrent"),
    "resets": (lambda: faults.ClosesEarly("request", reset=True), "not-qbittorrent"),
    "speaks SSH": (lambda: faults.RawServer(b"SSH-2.0-OpenSSH_9.2p1\r\n", speaks_first=True), "not-qbittorrent"),
    "asks for Basic": (lambda: faults.OtherApp("auth"), "foreign-auth-in-front"),
    "redirects": (lambda: faults.Redirector(status=302), "redirected"),
    "bad gateway": (
        lambda: faults.RawServer(b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"),
        "not-running",
    ),
    "promises more than it sends": (
        lambda: faults.RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nv5.1.0"),
        "not-qbittorrent",
    ),
    "empty answer": (lambda: faults.RawServer(b"\r\n\r\n"), "not-qbittorrent"),
}


DEADLINE = 1.5
"""Seconds; most of them are spent waiting for a server that will not come."""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_true_answer_in_time(name: str) -> None:
    make, wanted = HOSTILE[name]
    with make() as server:
        began = time.monotonic()
        report = diagnose(
            "--url", f"http://127.0.0.1:{server.port}", "--deadline", f"{DEADLINE:g}", password="canary-pw"
        )
        took = time.monotonic() - began
    assert took < DEADLINE + 2.5, f"{took:.1f} s"
    assert causes(report, "error") == [wanted], report["verdict"]
    assert report["login_attempts"] == 0
    assert report["exit_code"] == 1


def test_a_flood_is_not_kept() -> None:
    """50 MB are cut at the cap, and none of it stands in the report."""
    with faults.Flooder("body") as server:
        report = diagnose("--url", server.url, "--deadline", f"{DEADLINE:g}")
    assert len(str(report)) < 40_000


def test_deadline_holds_over_all_requests() -> None:
    with faults.Dripper("body", interval=0.2) as server:
        began = time.monotonic()
        diagnose("--url", server.url, "--deadline", "1")
        assert time.monotonic() - began < 3.5


@pytest.mark.parametrize("deadline", ["0.02", "0.3", "0.6"])
def test_a_deadline_too_short_to_tell_accuses_nobody(deadline: str) -> None:
    """What was cut off by our own deadline says nothing about the server."""
    with faults.Silent() as server:
        report = diagnose("--url", server.url, "--deadline", deadline)
    assert (report["causes"], report["exit_code"]) == ([], 3)
    assert "--deadline" in report["verdict"]["headline"]
