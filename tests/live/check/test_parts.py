"""Each part of the program alone against real servers: discovery, the log's words, password hashes, the login ledger."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from qbdoctor.config.password_hash import StoredHash, parse_hash, verify
from qbdoctor.model.basics import Secret
from qbdoctor.target import log as server_log
from qbdoctor.target import log_rejections
from qbdoctor.target.description import TargetOptions
from qbdoctor.target.resolve import resolve
from qbdoctor.webui.login_ledger import Ledger
from qbdoctor.webui.login_permit import Question
from tests.conftest import ServerFactory
from tests.kit.server import Server
from tests.support.password_hashes import LIVE_FORMS, PASSWORD
from tests.support.servers import found

pytestmark = pytest.mark.in_turn


@pytest.mark.live
def test_a_real_server_is_found(healthy: Server) -> None:
    instance = found(healthy.pid)
    assert instance is not None
    assert instance.executable == healthy.release.root / "usr/bin/qbittorrent-nox"
    assert instance.options.profile == str(healthy.profile)
    assert instance.profile == healthy.profile
    assert instance.config_file == healthy.config_file
    assert instance.config_file.is_file()
    assert instance.log_file is not None
    assert instance.log_file.is_file()
    assert ("127.0.0.1", healthy.port) in (instance.listening or ())
    assert healthy.port not in instance.torrent_ports
    assert not instance.in_container


@pytest.mark.live
def test_ten_runs_against_a_real_server(release, server, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    running = server()
    sent = 0
    for _ in range(10):
        book = Ledger(tmp_path / "attempts.json")
        permit = book.allow(Question(f"127.0.0.1:{running.port}", "127.0.0.1", limit=5))
        if permit.allowed:
            attempt = book.begin(permit)
            answer = running.try_login("certainly wrong")
            sent += 1
            book.finish(attempt, "banned" if answer.status_code == 403 else "refused")
    assert sent == 2  # no log is read here: one more is left to other users of this machine
    running.login()  # the person, in a browser: not banned


@pytest.mark.live
def test_real_servers_agree(release, server) -> None:  # type: ignore[no-untyped-def]
    for text in LIVE_FORMS.values():
        parsed = parse_hash(Secret(text))
        with server(password=None, settings={"Password_PBKDF2": f'"{text}"'}) as running:
            answer = running.try_login(PASSWORD)
        let_in = answer.status_code == 204 or answer.text == "Ok."
        assert let_in == (isinstance(parsed, StoredHash) and verify(parsed, Secret(PASSWORD))), text[:12]


@pytest.mark.live
def test_a_real_server(healthy: Server) -> None:
    for options in (
        TargetOptions(url=f"http://localhost:{healthy.port}"),
        TargetOptions(profile=str(healthy.profile)),
        TargetOptions(config=str(healthy.config_file)),
    ):
        target = resolve(options)
        assert target.address.port == healthy.port
        assert target.instance is not None
        assert target.instance.pid == healthy.pid
        assert target.config_file == healthy.config_file
        assert target.profile == healthy.profile
        assert target.log_file == healthy.log_file
        assert target.direct is True
        assert (target.server_port, target.server_port_source) == (healthy.port, "listening")
        assert healthy.pid not in {other.pid for other in target.others}


@pytest.mark.live
def test_a_port_that_is_not_in_the_config_any_more(server: ServerFactory) -> None:
    """The process keeps its port; its torrent port is told apart by its UDP socket."""
    real = server("5.1.0")
    text = real.config_file.read_text().replace(f"Port={real.port}\n", "Port=1\n")
    real.config_file.write_text(text)
    target = resolve(TargetOptions(profile=str(real.profile)))
    assert target.address.url == f"http://127.0.0.1:{real.port}"
    assert target.server_port_source == "listening"


@pytest.mark.live
@pytest.mark.parametrize("locale", ["en", "zh_CN", "de", "it"])
def test_real_servers_in_their_words(release, server, locale: str) -> None:  # type: ignore[no-untyped-def]
    running = server(locale=locale, settings={"MaxAuthenticationFailCount": "2"})

    def lines() -> tuple[server_log.LogLine, ...]:
        return server_log.since_start(server_log.read_tail(running.log_file).lines, None)

    def wait(count: int) -> int:
        deadline = time.monotonic() + 5
        while (seen := server_log.login_failures(lines(), "127.0.0.1")) != count and time.monotonic() < deadline:
            time.sleep(0.05)
        return seen

    assert server_log.version(lines()) == f"v{release.version}"
    assert server_log.listening(lines()) == ("127.0.0.1", running.port)
    running.fail_logins(1)
    assert wait(1) == 1
    running.login()
    running.get("/api/v2/app/version", headers={"Host": "127.0.0.1:1"})
    running.fail_logins(3)
    assert wait(2) == 2
    deadline = time.monotonic() + 5
    while server_log.banned(lines(), "127.0.0.1") is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server_log.banned(lines(), "127.0.0.1") is not None
    assert [each.kind for each in log_rejections.host_rejections(lines())] == ["port"]
