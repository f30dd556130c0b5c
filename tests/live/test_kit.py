"""The test kit itself, on real servers: what other tests rely on."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit import faults, matrix
from tests.kit.server import Server, StartError, config_text, free_port, password_hash
from tests.kit.tls import make_cert

VERSION = "/api/v2/app/version"
LOGIN = "/api/v2/auth/login"


def plain() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def raw_answer(port: int, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", seconds: float = 5.0) -> bytes:
    """All the bytes an address answers with, until it closes or time is up."""
    received = b""
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.sendall(request)
        while (left := end - time.monotonic()) > 0:
            client.settimeout(left)
            try:
                part = client.recv(1 << 20)
            except TimeoutError:
                break
            if not part:
                break
            received += part
    return received


# The servers


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


def test_a_server_listens_on_loopback_only(healthy: Server) -> None:
    process = psutil.Process(healthy.pid)
    addresses = {c.laddr.ip for c in process.net_connections() if c.laddr}
    assert addresses <= {"127.0.0.1", "::1"}


def test_an_awkward_password_is_hashed_as_the_server_does(release: matrix.Release, server: ServerFactory) -> None:
    awkward = 'pä s+w&%=ö"\\;,'
    one = server(password=awkward)
    one.login().close()
    assert one.try_login(awkward + " ").text != "Ok."
    assert (one.failed_logins(), one.successful_logins()) == (1, 1)


def test_settings_reach_the_server(release: matrix.Release, server: ServerFactory) -> None:
    assert server(settings={"LocalHostAuth": "false"}).get(VERSION).status_code == 200
    one = server()
    one.set_preferences({"bypass_local_auth": True})
    assert one.get(VERSION).status_code == 200


def test_the_default_password_is_known(release: matrix.Release, server: ServerFactory) -> None:
    one = server(password=None)
    assert (one.temporary_password is not None) == (release.version_tuple >= (4, 6, 1))
    one.login().close()


@pytest.mark.parametrize("address", ["*", "::1"])
def test_other_addresses(release: matrix.Release, server: ServerFactory, address: str) -> None:
    one = server(address=address)
    assert one.get(VERSION).status_code == 403
    assert one.url == (f"http://[::1]:{one.port}" if address == "::1" else f"http://127.0.0.1:{one.port}")


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


# In front of a server


def test_a_port_map_changes_only_the_port(healthy: Server) -> None:
    with faults.PortMap(healthy.port) as front, plain() as session:
        assert session.get(front.url + VERSION, timeout=5).status_code == 401
        inner = {"Host": f"127.0.0.1:{healthy.port}"}
        assert session.get(front.url + VERSION, headers=inner, timeout=5).status_code == 403
        assert front.connections >= 1


def test_a_port_map_may_come_from_another_address(release: matrix.Release, server: ServerFactory) -> None:
    one = server()
    host = {"Host": f"127.0.0.1:{one.port}"}
    with faults.PortMap(one.port, source="127.0.0.2") as front, plain() as session:
        session.post(front.url + LOGIN, data={"username": "admin", "password": "no"}, headers=host, timeout=5)
    assert "127.0.0.2" in one.log_lines("W")[-1]


def test_a_proxy_adds_secure_and_records(healthy: Server) -> None:
    with faults.ReverseProxy(healthy.url, add_cookie_flag="Secure", rewrite_host=True) as proxy, plain() as session:
        form = {"username": "admin", "password": healthy.password}
        answer = session.post(proxy.url + LOGIN, data=form, timeout=5)
        assert answer.status_code in {200, 204}
        assert answer.headers["Set-Cookie"].endswith("; Secure")
        assert answer.headers["Server"] == "nginx"
        assert session.get(proxy.url + VERSION, timeout=5).status_code == 403  # the jar keeps it back over http
    assert [(r.method, r.path, r.status) for r in proxy.requests] == [
        ("POST", LOGIN, answer.status_code),
        ("GET", VERSION, 403),
    ]
    assert b"username=admin" in proxy.requests[0].body
    assert "cookie" not in proxy.requests[1].headers


def test_a_proxy_with_tls_and_a_base_path(healthy: Server) -> None:
    front = faults.ReverseProxy(healthy.url, tls=True, base_path="/qbt", rewrite_host=True)
    with front as proxy, plain() as session:
        assert proxy.certificate is not None
        session.verify = str(proxy.certificate.ca)
        form = {"username": "admin", "password": healthy.password}
        assert session.post(proxy.url + LOGIN, data=form, timeout=5).status_code in {200, 204}
        assert session.get(proxy.url + VERSION, timeout=5).text == f"v{healthy.version}"
        outside = session.get(f"https://127.0.0.1:{proxy.port}{VERSION}", timeout=5)
        assert outside.status_code == 404


def test_a_proxy_strips_cookies_and_changes_headers(healthy: Server) -> None:
    front = faults.ReverseProxy(
        healthy.url,
        strip_set_cookie=True,
        rewrite_host=True,
        add_request_headers={"X-Forwarded-Host": "nas.example"},
        drop_request_headers=["Origin"],
        server_header=None,
    )
    with front as proxy, plain() as session:
        session.headers["Origin"] = "http://elsewhere.example"
        form = {"username": "admin", "password": healthy.password}
        answer = session.post(proxy.url + LOGIN, data=form, timeout=5)
        assert answer.status_code in {200, 204}
        assert "Set-Cookie" not in answer.headers
        assert "Server" not in answer.headers
        assert session.head(proxy.url + "/", timeout=5).status_code == 200


def test_a_proxy_that_keeps_or_makes_up_the_host(healthy: Server) -> None:
    for rewrite, status in ((False, 401), ("nas.example", 403), ("nas.example:1", 401)):
        with faults.ReverseProxy(healthy.url, rewrite_host=rewrite) as proxy, plain() as session:
            assert session.get(proxy.url + VERSION, timeout=5).status_code == status


def test_a_proxy_with_a_password_of_its_own(healthy: Server) -> None:
    front = faults.ReverseProxy(healthy.url, rewrite_host=True, basic_auth=("me", "secret"))
    with front as proxy, plain() as session:
        refused = session.get(proxy.url + VERSION, timeout=5)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="proxy"')
        assert session.get(proxy.url + "/", auth=("me", "secret"), timeout=5).status_code in {200, 401}


def test_a_proxy_without_its_server() -> None:
    front = faults.ReverseProxy(f"http://127.0.0.1:{free_port()}")
    with front as proxy, plain() as session:
        assert session.get(proxy.url, timeout=5).status_code == 502


# In place of a server


def test_silence() -> None:
    with faults.Silent() as fault:
        assert raw_answer(fault.port, seconds=0.2) == b""
        assert fault.connections == 1


@pytest.mark.parametrize("where", ["status", "headers", "body"])
def test_dripping(where: str) -> None:
    with faults.Dripper(where, interval=0.01) as fault:  # type: ignore[arg-type]
        answer = raw_answer(fault.port, seconds=0.5)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"[: len(answer)])
    assert len(answer) > 5
    assert (b"\r\n\r\n" in answer) == (where == "body")


@pytest.mark.parametrize("where", ["body", "headers", "line"])
def test_flooding(where: str) -> None:
    with faults.Flooder(where, size=1_000_000) as fault:  # type: ignore[arg-type]
        assert 1_000_000 < len(raw_answer(fault.port)) < 1_001_000
    with faults.Flooder(where, size=None) as fault:  # type: ignore[arg-type]
        assert len(raw_answer(fault.port, seconds=0.5)) > 1_000_000


def test_garbage_and_other_protocols() -> None:
    with faults.Garbage() as fault, plain() as session, pytest.raises(requests.exceptions.ConnectionError):
        session.get(fault.url, timeout=5)
    with faults.RawServer(b"SSH-2.0-OpenSSH_9.2p1\r\n", speaks_first=True) as fault:
        assert raw_answer(fault.port, request=b"") == b"SSH-2.0-OpenSSH_9.2p1\r\n"
    with faults.RawServer(b"HTTP/1.1 204 \r\n\r\n") as fault, plain() as session:
        assert session.get(fault.url, timeout=5).status_code == 204
        assert fault.requests[0].startswith(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("when", ["accept", "request", "headers", "body"])
def test_closing_early(when: str, reset: bool) -> None:
    early = faults.ClosesEarly(when, reset=reset)  # type: ignore[arg-type]
    with early as fault, plain() as session, pytest.raises(requests.exceptions.RequestException):
        session.get(fault.url, timeout=5)


def test_other_applications() -> None:
    seen = {}
    for kind in ("site", "auth", "everything", "forbidden"):
        with faults.OtherApp(kind) as app, plain() as session:
            front, api = session.get(app.url, timeout=5), session.get(app.url + VERSION, timeout=5)
        assert front.headers["Server"].startswith("Apache")
        seen[kind] = (front.status_code, api.status_code, "WWW-Authenticate" in front.headers)
    assert seen == {
        "site": (200, 404, False),
        "auth": (401, 401, True),
        "everything": (200, 200, False),
        "forbidden": (403, 403, False),
    }


def test_redirects() -> None:
    with faults.OtherApp("everything") as app, plain() as session:
        with faults.Redirector(app.url, status=301) as fault:
            answer = session.get(fault.url + "/x?y=1", timeout=5)
            assert (answer.status_code, answer.url) == (200, f"{app.url}/x?y=1")
        with faults.Redirector() as fault, pytest.raises(requests.exceptions.TooManyRedirects):
            session.get(fault.url, timeout=5)


def test_certificates(tmp_path: Path) -> None:
    with faults.OtherApp(tls=make_cert(tmp_path / "expired", expired=True)) as app, plain() as session:
        assert app.certificate is not None
        session.verify = str(app.certificate.ca)
        with pytest.raises(requests.exceptions.SSLError, match="expired"):
            session.get(app.url, timeout=5)
    with faults.OtherApp(tls=make_cert(tmp_path / "other", ["nas.example"])) as app:
        assert app.certificate is not None
        context = ssl.create_default_context(cafile=app.certificate.ca)
        with (
            socket.create_connection(("127.0.0.1", app.port), timeout=5) as client,
            context.wrap_socket(client, server_hostname="nas.example") as secured,
        ):
            assert hashlib.sha256(secured.getpeercert(binary_form=True) or b"").digest()


# The packages


def test_the_mirror_is_a_debian_archive_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one_line = (
        "deb https://vendor.example/apt tool-bookworm main\ndeb [arch=amd64] https://a.example/debian trixie main\n"
    )
    deb822 = (
        "# comment\nTypes: deb\nURIs: https://b.example/security\nSuites: trixie-security\nComponents: main\n\n"
        "Types: deb\nEnabled: no\nURIs: https://c.example\nSuites: sid\nComponents: main\n\n"
        "Types: deb deb-src\nURIs: https://d.example/debian\nSuites: trixie\n  trixie-updates\nComponents: main\n"
    )
    assert list(matrix._one_line_entries(one_line)) == ["https://a.example/debian"]
    assert list(matrix._deb822_entries(deb822)) == ["https://d.example/debian"]
    monkeypatch.setenv("QBDOCTOR_TEST_MIRROR", "https://e.example")
    assert list(matrix._mirrors()) == ["https://e.example"]


def test_what_cannot_be_had_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QBDOCTOR_TEST_CACHE", str(tmp_path))
    monkeypatch.setenv("QBDOCTOR_TEST_MIRROR", f"http://127.0.0.1:{free_port()}/debian")
    with pytest.raises(matrix.Unavailable, match="unknown release"):
        matrix.get("1.0")
    # Not by `get`, which keeps its answers for the whole run.
    with pytest.raises(matrix.Unavailable, match="apt-get failed"):
        matrix._make("4.2.5", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(matrix.Unavailable, match="no apt-get"):
        matrix._make("4.2.5", tmp_path)
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]
