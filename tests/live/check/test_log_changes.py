"""What the server's log dates by itself is told as a change: bans, ports it could not have, HTTPS, left-over settings."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.kit.matrix import Release
from tests.kit.profile import password_hash
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import causes, diagnose, qbdoctor

SOON = timedelta(seconds=60)


def item(report: dict[str, Any], what: str) -> dict[str, Any]:
    """The one change of that name; it explains the first error, and its time is this test's."""
    assert report["changes"], report["verdict"]
    found = [one for one in report["changes"]["items"] if one["what"] == what]
    assert len(found) == 1, (causes(report), report["changes"])
    assert causes(report)[0] in found[0]["explains"], (causes(report), found)
    assert datetime.now(UTC) - datetime.fromisoformat(found[0]["when"]) < SOON
    return dict(found[0])


@pytest.fixture(params=["first run", "after a good look"])
def by(request: pytest.FixtureRequest) -> str:
    return "log" if request.param == "first run" else "look"


def args(server: Server, state: Path, by: str, *more: str) -> tuple[str, ...]:
    """The options of the check, once all was well in the second case."""
    made = ("--profile", str(server.profile), "--state-dir", str(state), *more)
    if by == "look":
        good = diagnose(*made, password=PASSWORD)
        assert good["verdict"]["state"] == "healthy", causes(good)
    return made


@pytest.mark.in_turn
@pytest.mark.live
def test_a_ban(release: Release, tmp_path: Path, by: str) -> None:
    with Server.start(release) as server:
        options = args(server, tmp_path, by)
        server.fail_logins(7)
        bad = diagnose(*options, password=PASSWORD)
        assert causes(bad)[0] == "ip-banned"
        assert bad["changes"]["by"] == by
        assert item(bad, "ban")["after"] == "127.0.0.1"
        assert bad["changes"]["items"][0]["what"] == "ban"
        shown = qbdoctor("check", *options, password=PASSWORD).out
        assert re.search(r": the server banned 127\.0\.0\.1 \(today \d\d:\d\d\)", shown), shown


@pytest.mark.extended
@pytest.mark.live
def test_a_ban_of_another_address_is_no_change_of_ours(release: Release, tmp_path: Path) -> None:
    with Server.start(release, address="*") as server:
        options = args(server, tmp_path, "look")
        with stranger() as post:
            for _ in range(7):
                post(server.port)
        bad = diagnose(*options, password="certainly wrong")
        assert causes(bad)[0] == "wrong-credentials"
        assert [one["what"] for one in bad["changes"]["items"]] == ["given_password"]


@pytest.mark.extended
@pytest.mark.live
def test_a_port_that_another_program_took(release: Release, tmp_path: Path, by: str) -> None:
    with Server.start(release) as server:
        options = args(server, tmp_path, by)
        server.stop()
        with HTTPServer(("127.0.0.1", server.port), BaseHTTPRequestHandler) as other:
            threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
            for number in range(3):  # as a service manager does, again and again
                if server.running:
                    server.stop()
                server._launch(wait=False)
                wait_for(server, "already in use", number + 1)
            bad = diagnose(*options, "--no-login")
            other.shutdown()
        found = (causes(bad) or [""])[0]
        assert found in {"bind-failed", "port-shared", "not-running", "wrong-port"}, (bad["verdict"], bad["checks"])
        assert item(bad, "bind_failed")["after"] == str(server.port)


@pytest.mark.extended
@pytest.mark.live
def test_https_that_cannot_be_set_up(release: Release, tmp_path: Path, by: str) -> None:
    with Server.start(release, https=True) as server:
        assert server.certificate is not None
        where = ("--profile", str(server.profile), "--ca-file", str(server.certificate.ca))
        options = (*where, "--state-dir", str(tmp_path))
        if by == "look":
            good = diagnose(*options, password=PASSWORD)
            assert good["verdict"]["state"] == "healthy", causes(good)
        server.stop()
        server.certificate.key.write_text("no key")
        server.certificate = None
        server.launch()
        bad = diagnose(*options, password=PASSWORD)
        assert causes(bad)[0] == "https-fallback", causes(bad)
        assert item(bad, "https_failed")["before"] is None


@pytest.mark.extended
@pytest.mark.live
def test_settings_of_a_left_over_file(release: Release, tmp_path: Path, by: str) -> None:
    with Server.start(release) as server:
        options = args(server, tmp_path, by)
        server.stop()
        text = server.config_file.read_text()
        other = re.sub(r"PBKDF2=.*", lambda _: f"PBKDF2={password_hash('of another day')}", text)
        server.config_file.with_name("qBittorrent_new.conf").write_text(other)
        server.launch()
        bad = diagnose(*options, password=PASSWORD)
        assert causes(bad)[0] == "wrong-credentials", causes(bad)
        assert item(bad, "leftover_adopted")["after"] == "qBittorrent_new.conf"


@pytest.mark.extended
@pytest.mark.live
def test_what_the_log_says_and_what_explains_nothing_is_no_answer_of_a_first_run(
    release: Release, tmp_path: Path
) -> None:
    with Server.start(release) as server:
        server.restart()
        bad = diagnose(*args(server, tmp_path, "log"), password="certainly wrong")
        assert causes(bad)[0] == "wrong-credentials"
        assert bad["changes"] is None


def wait_for(server: Server, text: str, count: int) -> None:
    end = time.monotonic() + 20
    while server.log_text().count(text) < count:
        assert time.monotonic() < end, server.log_text()
        time.sleep(0.05)


@contextlib.contextmanager
def stranger() -> Iterator[Any]:
    """Sends wrong logins from an address of a private network: all of loopback counts as ours."""
    subprocess.run(["ip", "addr", "add", "10.77.0.9/32", "dev", "lo"], check=False, capture_output=True)

    class From(HTTPAdapter):
        def init_poolmanager(self, *given: Any, **more: Any) -> None:
            super().init_poolmanager(*given, **more, source_address=("10.77.0.9", 0))

    with requests.Session() as session:
        session.mount("http://", From())
        form = {"username": "admin", "password": "x"}
        yield lambda port: session.post(f"http://10.77.0.9:{port}/api/v2/auth/login", data=form, timeout=5)
    subprocess.run(["ip", "addr", "del", "10.77.0.9/32", "dev", "lo"], check=False, capture_output=True)
