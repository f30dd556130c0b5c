"""The test kit itself, on real servers: what other tests rely on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit import matrix
from tests.kit.server import Server, StartError, config_text, free_port, password_hash

VERSION = "/api/v2/app/version"


def plain() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


# The servers


@pytest.mark.in_turn
def test_a_healthy_server_refuses_without_a_session_and_serves_with_one(healthy: Server) -> None:
    assert healthy.get(VERSION).status_code == 403
    with healthy.login() as session:
        answer = session.get(healthy.url + VERSION, timeout=5)
    assert (answer.status_code, answer.text) == (200, f"v{healthy.version}")
    assert healthy.preferences()["web_ui_port"] == healthy.port


def test_releases_are_what_they_are_named_after(release: matrix.Release) -> None:
    # A point release may move a suite's patch level; more than that, and the tests' premises are gone.
    expected = tuple(int(part) for part in release.name.split("."))
    assert release.version_tuple[:2] == expected[:2]


@pytest.mark.in_turn
@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_logins_are_counted_and_five_failures_ban(release: matrix.Release, server: ServerFactory, locale: str) -> None:
    one = server(locale=locale)
    assert (one.failed_logins(), one.successful_logins()) == (0, 0)
    one.login().close()
    # Refusals for other reasons leave warnings that must not be counted.
    assert one.get(VERSION, headers={"Host": "127.0.0.1:1"}).status_code == 401
    assert one.get(VERSION, headers={"Origin": "http://elsewhere.example"}).status_code == 401
    assert len(one.log_lines("W")) >= 2
    assert (one.failed_logins(), one.successful_logins()) == (0, 1)
    wrong = one.fail_logins(5)
    assert {answer.status_code for answer in wrong} == ({401} if release.version_tuple >= (5, 2) else {200})
    assert (one.failed_logins(), one.banned_logins(), one.successful_logins()) == (5, 0, 1)
    assert one.try_login("a good one").status_code == 403
    assert (one.failed_logins(), one.banned_logins(), one.successful_logins()) == (6, 1, 1)
    if locale == "zh_CN":
        assert "登录失败" in one.log_text()


def test_the_shared_server_hands_on_no_ban(healthy: Server) -> None:
    healthy.fail_logins(5)


def test_the_shared_server_was_started_anew(healthy: Server) -> None:
    healthy.login().close()


@pytest.mark.in_turn
def test_stop_leaves_no_process_and_a_written_config(release: matrix.Release, server: ServerFactory) -> None:
    one = server()
    before = one.pid
    home_before = set(Path.home().iterdir())
    assert one.stop() == 0
    assert not psutil.pid_exists(before)
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(one.profile) in " ".join(p.info["cmdline"] or [])]
    assert "Password_PBKDF2" in one.config_file.read_text(encoding="utf-8")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", one.port)) != 0
    one.launch()
    assert one.pid != before
    one.login().close()
    one.kill()
    assert not one.running
    one.restart()
    assert one.get(VERSION).status_code == 403
    one.close()
    assert not one.folder.exists()
    assert set(Path.home().iterdir()) == home_before


@pytest.mark.in_turn
def test_a_server_listens_on_loopback_only(healthy: Server) -> None:
    process = psutil.Process(healthy.pid)
    addresses = {c.laddr.ip for c in process.net_connections() if c.laddr}
    assert addresses <= {"127.0.0.1", "::1"}


@pytest.mark.in_turn
def test_an_awkward_password_is_hashed_as_the_server_does(release: matrix.Release, server: ServerFactory) -> None:
    awkward = 'pä s+w&%=ö"\\;,'
    one = server(password=awkward)
    one.login().close()
    assert one.try_login(awkward + " ").text != "Ok."
    assert (one.failed_logins(), one.successful_logins()) == (1, 1)


@pytest.mark.in_turn
def test_settings_reach_the_server(release: matrix.Release, server: ServerFactory) -> None:
    assert server(settings={"LocalHostAuth": "false"}).get(VERSION).status_code == 200
    one = server()
    one.set_preferences({"bypass_local_auth": True})
    assert one.get(VERSION).status_code == 200


@pytest.mark.in_turn
def test_the_default_password_is_known(release: matrix.Release, server: ServerFactory) -> None:
    one = server(password=None)
    assert (one.temporary_password is not None) == (release.version_tuple >= (4, 6, 1))
    one.login().close()


@pytest.mark.parametrize("address", ["*", "::1"])
def test_other_addresses(release: matrix.Release, server: ServerFactory, address: str) -> None:
    one = server(address=address)
    assert one.get(VERSION).status_code == 403
    assert one.url == (f"http://[::1]:{one.port}" if address == "::1" else f"http://127.0.0.1:{one.port}")


@pytest.mark.in_turn
def test_https(release: matrix.Release, server: ServerFactory) -> None:
    one = server(https=True)
    with one.login() as session:
        assert session.get(one.url + VERSION, timeout=5).text == f"v{one.version}"
    with plain() as session, pytest.raises(requests.exceptions.SSLError):
        session.get(one.url + VERSION, timeout=5)


def test_both_layouts_of_the_release_that_moved_its_keys(server: ServerFactory) -> None:
    for layout in ("old", "new"):
        one = server("5.3.0", layout=layout, settings={"LocalHostAuth": "false"})
        assert one.get(VERSION).status_code == 200
        text = one.config_file.read_text(encoding="utf-8")
        assert ("WebUI\\Port" in text, "MigrationVersion" in text) == (layout == "old", layout == "new")
        one.stop()
        text = one.config_file.read_text(encoding="utf-8")
        assert "WebUI\\Port" not in text
        assert "MigrationVersion=12" in text


def test_a_raw_config_is_used_byte_for_byte(server: ServerFactory) -> None:
    text = "; mine\n" + config_text({"Port": "%PORT%"}, layout="old", port=0)
    raw = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    one = server("4.5.2", raw_config=raw, password=None)
    assert one.config_file.read_bytes() == raw.replace(b"%PORT%", str(one.port).encode())
    one.login("adminadmin").close()


@pytest.mark.in_turn
def test_on_a_terminal_it_waits_for_the_legal_notice(release: matrix.Release, server: ServerFactory) -> None:
    raw = config_text({}, layout="old", port=free_port()).replace("Accepted=true", "Accepted=false").encode()
    one = server(raw_config=raw, password=None, terminal=True, wait=False)
    deadline = time.monotonic() + 10
    while "Legal Notice" not in one.stdout and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "Legal Notice" in one.stdout
    assert one.running
    with pytest.raises(StartError, match="did not answer"):
        one.wait_until_ready(0.1)
    one.type("y\n")
    one.wait_until_ready()
    one.login().close()


@pytest.mark.in_turn
def test_a_server_without_its_port_is_not_mistaken_for_another(healthy: Server, server: ServerFactory) -> None:
    with pytest.raises(StartError, match="already in use"):
        server(healthy.release, port=healthy.port, wait=False).wait_until_ready(1)


def test_a_server_that_exits_says_why(server: ServerFactory) -> None:
    with pytest.raises(StartError, match="nonsense"):
        server("4.5.2", extra_args=["--nonsense"])


def test_servers_die_with_a_killed_run(releases: Callable[[str], matrix.Release], tmp_path: Path) -> None:
    releases("4.2.5")
    code = (
        "import time\nfrom tests.kit.server import Server\n"
        "server = Server.start('4.2.5')\nprint(server.pid, flush=True)\ntime.sleep(60)\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, env=environment, stdout=subprocess.PIPE) as run:
        try:
            assert run.stdout is not None
            pid = int(run.stdout.readline())
            assert psutil.pid_exists(pid)
        finally:
            run.kill()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_hash_is_salted_and_well_formed() -> None:
    one, other = password_hash("x"), password_hash("x")
    assert one != other
    assert one.startswith('"@ByteArray(')
    assert one.endswith('==)"')
