"""The session's causes on real servers: neighbours, eviction, SameSite, and the write probe."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import cause, causes, diagnose, status

pytestmark = pytest.mark.in_turn


def torrents(server: Server) -> list[str]:
    with server.login() as session:
        return listed(server, session)


def listed(server: Server, session: requests.Session) -> list[str]:
    found: list[dict[str, str]] = session.get(f"{server.url}/api/v2/torrents/info").json()
    return [one["name"] for one in found]


def test_neighbours_share_the_cookie_up_to_5_1(server: ServerFactory, release: Release) -> None:
    first, second = server(), server()
    report = diagnose("--url", first.url, password=first.password)
    assert causes(report, "error") == []
    if release.version_tuple >= (5, 2):
        assert "cookie-clobber" not in causes(report)
        return
    found = cause(report, "cookie-clobber")
    assert (found["severity"], found["confidence"]) == ("warning", "likely")
    assert str(second.port) in str(found["evidence"])


def test_samesite_is_an_info_for_browsers(server: ServerFactory, release: Release) -> None:
    report = diagnose("--url", (running := server()).url, password=running.password)
    strict = release.version_tuple < (5, 2)
    assert ("samesite-browser-loop" in causes(report, "info")) is strict
    relaxed = server(settings={"CSRFProtection": "false"})
    assert "samesite-browser-loop" not in causes(diagnose("--url", relaxed.url, password=relaxed.password))


class From(HTTPAdapter):
    """Comes from another loopback address."""

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, source_address=("127.0.0.2", 0), **kwargs)  # type: ignore[arg-type]


def test_sessions_pushed_out_by_a_poller(server: ServerFactory) -> None:
    """5.3 keeps as many sessions as it is told; a poller without a cookie opens one with each call."""
    settings = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "127.0.0.2/32", "SessionsCountLimit": "1"}
    running = server("5.3.0", settings=settings)
    stop = threading.Event()

    def poll() -> None:
        with requests.Session() as session:
            session.mount("http://", From())
            while not stop.is_set():
                session.cookies.clear()
                with contextlib.suppress(requests.RequestException):
                    session.get(f"{running.url}/api/v2/app/version", timeout=2)

    pollers = [threading.Thread(target=poll, daemon=True) for _ in range(3)]
    for one in pollers:
        one.start()
    try:
        named = [causes(diagnose("--url", running.url, password=running.password), "error") for _ in range(5)]
    finally:
        stop.set()
        for one in pollers:
            one.join()
    # A run whose one call slips in between two of the poller's finds a healthy server, and rightly says so.
    assert ["sessions-evicted"] in named
    assert all(found in ([], ["sessions-evicted"]) for found in named)
    assert diagnose("--url", running.url, password=running.password)["exit_code"] == 0


def test_the_doctor_evicts_nobody(server: ServerFactory) -> None:
    """Twenty runs against 5.3's limit of 15: a session that was there before is still good."""
    running = server("5.3.0", settings={"LocalHostAuth": "false"})
    other = running.session()
    assert other.get(f"{running.url}/api/v2/app/version").status_code == 200
    for _ in range(20):
        diagnose("--url", running.url, "--no-login")
    running.set_preferences({"bypass_local_auth": False})
    assert other.get(f"{running.url}/api/v2/app/version").status_code == 200


def test_write_probe_counts_and_leaves_nothing(server: ServerFactory, release: Release) -> None:
    running = server()
    assert status(diagnose("--url", running.url, password=running.password), "write-probe") == "skip"
    assert torrents(running) == []
    report = diagnose("--url", running.url, "--write-probe", password=running.password)
    assert status(report, "write-probe") == "pass"
    summary = next(check["summary"] for check in report["checks"] if check["id"] == "write-probe")
    assert "0, 1, 0 torrents" in summary
    assert torrents(running) == []


def test_write_probe_without_a_session_is_unknown(healthy: Server) -> None:
    report = diagnose("--url", healthy.url, "--write-probe", "--no-login")
    assert status(report, "write-probe") == "unknown"


@pytest.mark.parametrize("after", ["torrents/add", "torrents/info", "late add"])
def test_write_probe_interrupted_leaves_nothing(server: ServerFactory, release: Release, after: str) -> None:
    """Ctrl-C right after the add, in the middle of the counting, and before the server has begun with the add."""
    running = server()
    code = (
        "import sys, qbdoctor.webui.session as session\n"
        "from qbdoctor.cli.main import main\n"
        "real = session.SessionClient.read\n"
        "seen, late = [], []\n"
        "def read(self, method, path, *rest, **more):\n"
        f"    if {after!r} == 'late add' and 'torrents/add' in path:\n"
        "        late.append((method, path, *rest))\n"
        "        raise KeyboardInterrupt\n"
        "    found = real(self, method, path, *rest, **more)\n"
        "    seen.append(path)\n"
        "    if late and 'torrents/delete' in path:\n"
        "        real(self, *late.pop())\n"
        f"    if {after!r} in path and any('torrents/add' in one for one in seen) and not any('delete' in one for one in seen):\n"
        "        seen.append('delete')\n"
        "        raise KeyboardInterrupt\n"
        "    return found\n"
        "session.SessionClient.read = read\n"
        f"sys.exit(main(['check', '--write-probe', '--json', '--url', {running.url!r}]))\n"
    )
    env = {**os.environ, "QBDOCTOR_PASSWORD": running.password or ""}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert run.returncode == 130, run.stderr
    # A torrent that was accepted is listed only some time later: a look right away proves nothing.
    seen = []
    with running.login() as session:
        for _ in range(15):
            seen += listed(running, session)
            time.sleep(0.1)
    assert seen == []


def test_write_probe_says_when_writing_fails(server: ServerFactory, release: Release) -> None:
    """A proxy that turns POSTs of torrents/add away: the probe tells, and nothing is left."""
    from tests.kit import faults

    running = server()
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        report = diagnose("--url", proxy.url, "--write-probe", password=running.password)
    assert status(report, "write-probe") == "pass"
    assert json.dumps(report)
