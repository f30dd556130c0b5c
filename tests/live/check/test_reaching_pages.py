"""The API's generation, pages that are missing, and lines of a log that cannot be had here."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.target import log as server_log
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import cause, causes, diagnose, status

pytestmark = pytest.mark.in_turn


def wait_for(what: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


# --- the API's generation, the pages ---------------------------------------------------------------------------------


def test_release_before_the_present_api() -> None:
    """No such release can be had here: what its web server answers is taken from webapplication.cpp 4.0.4."""

    class Old(faults.OtherApp):
        def answer(self, method, path, headers, body):  # type: ignore[no-untyped-def]
            from tests.kit.proxies import Answer

            if path == "/version/api":
                return Answer(200, "OK", [("Content-Type", "text/plain")], b"17")
            return Answer(404, "Not Found", [], b"")

    with Old(server_header=None) as old:
        report = diagnose("--url", old.url, password="any")
    assert causes(report, "error") == ["api-too-old"]
    assert report["login_attempts"] == 0


def test_other_programs_are_no_old_release() -> None:
    for kind in ("site", "everything", "forbidden"):
        with faults.OtherApp(kind) as other:
            assert "api-too-old" not in causes(diagnose("--url", other.url, password="any"))


def alternative(folder: Path, release: Release) -> Path:
    (folder / "public").mkdir(parents=True)
    (folder / "public/index.html").write_text("<html>mine</html>")
    (folder / "private").mkdir()
    (folder / "private/index.html").write_text("<html>mine</html>")
    return folder


def listening(running: Server) -> Server:
    """Not asked for its page: the first one that fails makes 5.2 and later switch the option off."""
    wait_for(running._listens)
    return running


@pytest.mark.parametrize("kind", ["missing", "off by one", "empty"])
def test_alternative_pages_that_are_not_there(
    server: ServerFactory, release: Release, tmp_path: Path, kind: str
) -> None:
    folder = alternative(tmp_path / "ui", release)
    root = {"missing": str(tmp_path / "nowhere"), "off by one": str(folder / "public"), "empty": ""}[kind]
    running = listening(server(settings={"AlternativeUIEnabled": "true", "RootFolder": root}, wait=False))
    before = running.config_file.read_bytes()
    report = diagnose("--url", running.url, password=running.password)
    assert causes(report, "error") == ["alt-webui-broken"]
    assert cause(report, "alt-webui-broken")["confidence"] == "likely"
    time.sleep(0.3)
    if release.version_tuple >= (5, 2):  # a look at the page would have switched it off, and saved that
        assert b"AlternativeUIEnabled=false" not in running.config_file.read_bytes()
        assert b"AlternativeUIEnabled=true" in before


def test_alternative_pages_that_are_there(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    folder = alternative(tmp_path / "ui", release)
    running = server(settings={"AlternativeUIEnabled": "true", "RootFolder": str(folder)})
    report = diagnose("--url", running.url, password=running.password)
    assert (report["exit_code"], causes(report, "error")) == (0, [])
    assert status(report, "front-page") == "pass"
    shutil.rmtree(folder)


def test_stopped_and_suspended(server: ServerFactory, release: Release) -> None:
    running = server()
    os.kill(running.pid, signal.SIGSTOP)
    try:
        report = diagnose("--url", running.url, "--deadline", "4", password=running.password)
        assert causes(report, "error") == ["web-server-hang"]
    finally:
        os.kill(running.pid, signal.SIGCONT)


# --- what cannot be had here: a desktop build, other lines of a log --------------------------------------------------


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("WebUI: Unable to bind to IP: *, port: 8080. Reason: The bound address is already in use", 8080),
        ("Web UI: Unable to bind to IP: fd77::1, port: 8080. Reason: The address is not available", 8080),
        ("Web UI：无法绑定到 IP：127.0.0.1，端口：8080。原因：The bound address is already in use", 8080),
        ('Failed to listen on IP. IP: "10.0.0.1". Port: "TCP/6881". Reason: "Address already in use"', None),
        ("Failed to listen on IP: 10.0.0.1, port: TCP/6881. Reason: Address already in use", None),
        ("WebUI: HTTPS setup failed, fallback to HTTP", None),
        ("WebUI: Credentials are not set", None),
        ('File error alert. Torrent: "v1.2.3". File: "/a". Reason: "No space left on device 12"', None),
    ],
)
def test_which_critical_line_is_about_the_port(text: str, port: int | None) -> None:
    found = server_log.bind_failure([server_log.LogLine("C", None, text)])
    assert (found[1] if found else None) == port
    opened = server_log.LogLine("N", None, "WebUI: Now listening on IP: *, port: 8080")
    assert server_log.bind_failure([server_log.LogLine("C", None, text), opened]) is None


@pytest.mark.parametrize(
    ("program", "enabled", "expected"),
    [
        ("qbittorrent", None, "webui-disabled"),
        ("qbittorrent", "true", "not-running"),
        ("qbittorrent", "false", "webui-disabled"),
        ("qbittorrent-nox", None, "not-running"),
    ],
)
def test_desktop_build_is_off_by_default(program: str, enabled: str | None, expected: str, tmp_path: Path) -> None:
    """No desktop build runs here: judged from what would be seen of one."""
    from datetime import UTC, datetime

    from qbdoctor import registry
    from qbdoctor.config.settings import Settings
    from qbdoctor.model.exchanges import Exchange, Failure
    from qbdoctor.observe.base.observations import Observations
    from qbdoctor.observe.base.observed_values import ProbableProcess
    from qbdoctor.releases import ANY
    from qbdoctor.target.address import Address
    from qbdoctor.target.description import Target
    from qbdoctor.target.processes import Instance

    line = f"WebUI\\Enabled={enabled}\n" if enabled else ""
    settings = Settings.parse(f"[Preferences]\n{line}".encode())
    one = Instance(7, (program,), datetime.now(UTC), executable=tmp_path / program, listening=())
    target = Target(Address("http", "127.0.0.1", 8080), "process", instance=one, direct=False, here=True)
    first = Exchange("GET", "http://127.0.0.1:8080/x", failure=Failure("refused", "connection refused"))
    seen = Observations(
        {
            "target": target,
            "anonymous": first,
            "suspect": ProbableProcess(one, settings, (), (), named=True),
            "settings": settings,
            "releases": ANY,
            "port_owner": None,
        }
    )
    check = next(each for each in registry.checks() if each.id == "web-ui")
    assert [found.cause for found in check.judge(seen).findings] == [expected]
