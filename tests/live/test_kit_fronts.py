"""The kit's proxies and the programs in a server's place, each seen to do what its name says."""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from pathlib import Path

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit import faults, matrix
from tests.kit.server import Server, free_port
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
    assert list(matrix.debian_mirrors()) == ["https://e.example"]


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
