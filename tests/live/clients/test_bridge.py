"""`qbdoctor bridge` in front of real servers: a client of old days works, and nothing else changes."""

from __future__ import annotations

import http.client
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit import needs
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD
from tests.support.bridged import bridged
from tests.support.client_packages import PACKAGES, Package, fetch, run

MAGNET, HASH = f"magnet:?xt=urn:btih:{'a1b2c3d4e5' * 4}&dn=x", "a1b2c3d4e5" * 4


class OldClient:
    """python-qbittorrent 0.4.3 as it was recorded: `Ok.` is a good login, and it sends what 4.x wants."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/api/v2/"
        self.http = requests.Session()
        self.http.trust_env = False

    def login(self, password: str = PASSWORD) -> str:
        answer = self.http.post(f"{self.url}auth/login", data={"username": "admin", "password": password})
        return f"{answer.status_code} {answer.text}"

    def get(self, action: str, **fields: str) -> requests.Response:
        return self.http.get(self.url + action, params=fields, timeout=10)

    def post(self, action: str, **fields: str) -> tuple[int, str]:
        answer = self.http.post(self.url + action, data=fields, timeout=10)
        return answer.status_code, answer.text

    def state(self, wanted: str) -> str:
        for _ in range(50):
            found = [one["state"] for one in self.get("torrents/info").json()]
            if found and found[0].startswith(wanted):
                return str(found[0])
            time.sleep(0.1)
        return f"never {wanted}"


@pytest.mark.parametrize(
    "version", ["5.3.0", *(pytest.param(each, marks=pytest.mark.extended) for each in ("4.5.2", "5.1.0"))]
)
def test_a_client_of_old_days_works(server: ServerFactory, version: str) -> None:
    """All that python-qbittorrent did on 4.x, and what differs since; the server sees its own release's requests."""
    running = server(version)
    with bridged(running.url) as bridge:
        old = OldClient(bridge.url)
        assert old.get("app/version").status_code == 403
        assert old.login("not the one") == "200 Fails."
        assert old.login() == "200 Ok."
        assert list(old.http.cookies.keys()) == ["SID"]
        assert old.post("torrents/add", urls=MAGNET, paused="true") == (200, "Ok.")
        stopped = "paused" if running.release.version_tuple < (5, 0) else "stopped"
        assert old.state(stopped) == f"{stopped}DL"
        assert [one["hash"] for one in old.get("torrents/info", filter="paused").json()] == [HASH]
        assert old.get("torrents/info", filter="resumed").json() == []
        assert old.post("torrents/resume", hashes=HASH) == (200, "")
        assert old.post("torrents/pause", hashes=HASH) == (200, "")
        assert old.state(stopped) == f"{stopped}DL"
        limits = {"ratioLimit": "2", "seedingTimeLimit": "60"}
        assert old.post("torrents/setShareLimits", hashes=HASH, **limits) == (200, "")
        assert [one["ratio_limit"] for one in old.get("torrents/info").json()] == [2]
        assert old.post("torrents/delete", hashes=HASH, deleteFiles="false") == (200, "")
        assert old.post("auth/logout")[0] == 200
        assert old.get("app/version").status_code == 403
        bridge.stop()
    assert running.failed_logins() == 1
    newer = running.release.version_tuple >= (5, 2)
    assert ({"login-answer", "cookie-name", "endpoint", "field", "filter"} <= bridge.kinds()) is newer
    assert bridge.report["target"]["version"] == running.version


@pytest.mark.extended
def test_two_clients_do_not_share_a_session(server: ServerFactory) -> None:
    running = server("5.3.0")
    with bridged(running.url) as bridge:
        mine, other = OldClient(bridge.url), OldClient(bridge.url)
        other.http.headers["User-Agent"] = "other/1"
        assert mine.login() == "200 Ok."
        assert (mine.get("app/version").text, other.get("app/version").status_code) == ("v5.1.4", 403)
        assert other.http.cookies.get_dict() == {}
        # The server's own name for it works too, and a key of 5.2 is answered in the words of its own release.
        native = {"Cookie": f"QBT_SID_{running.port}={mine.http.cookies['SID']}"}
        assert requests.get(f"{bridge.url}/api/v2/torrents/info", headers=native, timeout=10).json() == []
        key = running.login().post(f"{running.url}/api/v2/app/rotateAPIKey").json()["apiKey"]
        bearer = {"Authorization": f"Bearer {key}", "User-Agent": "new/1"}
        assert requests.get(f"{bridge.url}/api/v2/app/version", headers=bearer, timeout=10).text == "v5.3.0"
        report = bridge.stop()
        assert key not in bridge.said + str(report)
    assert {each["agent"]: each["needs_bridge"] for each in report["clients"]}["new/1"] == "no"


@pytest.mark.extended
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_http_as_it_is(server: ServerFactory, number: signal.Signals) -> None:
    """HEAD, 100-continue, keep-alive, a client without a Host, one that hangs; and the end on a signal."""
    running = server("5.3.0")
    with bridged(running.url) as bridge:
        held = [socket.create_connection(("127.0.0.1", bridge.port)) for _ in range(20)]
        head = f"POST /api/v2/torrents/add HTTP/1.1\r\nHost: localhost:{bridge.port}\r\n"
        for one in held[:10]:
            one.sendall(
                f"{head}Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99\r\n\r\n--x".encode()
            )
        connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=10)
        body = f"username=admin&password={PASSWORD.replace(' ', '+')}".encode()
        connection.putrequest("POST", "/api/v2/auth/login")
        for name, value in (("Expect", "100-continue"), ("Content-Type", "application/x-www-form-urlencoded"),
                            ("Content-Length", str(len(body)))):  # fmt: skip
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.send(body)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"Ok.")
        cookie = str(answer.headers["set-cookie"]).partition(";")[0]
        kept = connection.sock
        for method, status in (("HEAD", 200), ("GET", 200)):
            connection.request(method, "/api/v2/torrents/info", headers={"Cookie": cookie})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, b"" if method == "HEAD" else b"[]")
            assert connection.sock is kept
        connection.request("OPTIONS", "/api/v2/torrents/info")
        assert connection.getresponse().status == 501  # as the server says
        began = time.monotonic()
        bridge.stop(number)
        assert time.monotonic() - began < 10
        for one in held:
            one.close()


@pytest.mark.extended
def test_a_server_that_goes_and_comes_back(server: ServerFactory) -> None:
    """Nothing is passed on to what is not proven again; its release may be another then."""
    running = server("5.3.0")
    with bridged(running.url) as bridge:
        old = OldClient(bridge.url)
        assert old.login() == "200 Ok."
        running.stop()
        gone = old.get("app/version")
        assert gone.status_code == 502
        assert "no answer" in gone.text
        time.sleep(1.1)  # so long those who waited are told what the first was told
        with _something_else(running.port) as asked:
            refused = old.post("auth/login", username="admin", password=PASSWORD)
            assert refused[0] == 502
            assert "is not qBittorrent" in refused[1]
        assert asked
        assert all("POST" not in each and "password" not in each for each in asked)
        time.sleep(1.1)
        running.launch()
        assert old.login() == "200 Ok."
        assert old.get("app/version").text == "v5.1.4"


@contextmanager
def _something_else(port: int) -> Iterator[list[str]]:
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(0.2)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                one, _ = listener.accept()
            except TimeoutError:
                continue
            with one:
                asked.append(one.recv(65536).decode("latin-1"))
                one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        over.set()
        thread.join()
        listener.close()


@pytest.mark.extended
def test_behind_a_path_and_https(server: ServerFactory, tmp_path: Path) -> None:
    secure, plain = server("5.3.0", https=True), server("5.3.0")
    assert secure.certificate is not None
    with bridged(secure.url, "--ca-file", str(secure.certificate.ca)) as bridge:
        old = OldClient(bridge.url)
        assert old.login() == "200 Ok."
        assert old.get("app/version").text == "v5.1.4"
    with (
        Nginx(plain.url, "proxy_cookie_path / /qb/;", location="/qb/", pass_path="/", path="/qb") as front,
        bridged(front.url) as bridge,
    ):
        old = OldClient(bridge.url)
        assert old.login() == "200 Ok."
        assert [one.path for one in old.http.cookies] == ["/"]
        assert old.get("app/version").text == "v5.1.4"


@pytest.mark.extended
@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_real_packages(server: ServerFactory, package: Package) -> None:
    """What fails on 5.3.0 works through the bridge; what works there does so too, and before older servers."""
    folder = fetch(package)
    if isinstance(folder, str):
        needs.without(f"{needs.MISSING}a package index for {package} ({folder})")
    direct = run(package, folder, server("5.3.0").url.replace("127.0.0.1", "localhost"), PASSWORD)
    assert (direct.returncode != 0) is package.old, direct.stderr
    for version in ("5.3.0", "5.1.0", "4.5.2"):
        with bridged(server(version).url) as bridge:
            through = run(package, folder, bridge.url, PASSWORD)
            assert through.returncode == 0, (version, through.stderr)


@pytest.mark.extended
def test_what_it_costs(server: ServerFactory) -> None:
    """A request in little time, and an upload in bounded memory; qBittorrent itself refuses one of more than 64 MiB."""
    running = server("5.3.0")
    with bridged(running.url) as bridge:
        direct, through = OldClient(running.url), OldClient(bridge.url.replace("localhost", "127.0.0.1"))
        direct.login(), through.login()
        added = []
        for _ in range(1000):
            began = time.perf_counter()
            direct.get("torrents/info")
            between = time.perf_counter()
            through.get("torrents/info")
            added.append(time.perf_counter() - between - (between - began))
        assert statistics.median(added) < 0.01  # 0.5 ms on a quiet machine; others work on this one
        process = psutil.Process(bridge.process.pid)
        before = process.memory_info().rss
        for size, status in ((60, 415), (100, 400)):
            assert _uploaded(through, size) == status
            assert process.memory_info().rss - before < 24 << 20


def _uploaded(client: OldClient, size: int) -> int:
    head = (
        b'--x\r\nContent-Disposition: form-data; name="paused"\r\n\r\ntrue\r\n'
        b'--x\r\nContent-Disposition: form-data; name="torrents"; filename="a.torrent"\r\n\r\n'
    )
    tail = b"\r\n--x--\r\n"

    class Body:
        def __len__(self) -> int:
            return len(head) + (size << 20) + len(tail)

        def __iter__(self) -> Iterator[bytes]:
            yield head
            for _ in range(size):
                yield bytes(1 << 20)
            yield tail

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.http.post(f"{client.url}torrents/add", data=Body(), headers=kind, timeout=60)
    return answer.status_code


@pytest.mark.extended
def test_other_releases_may_be_spoken(server: ServerFactory) -> None:
    with bridged(server("5.3.0").url, "--speak", "4.6") as bridge:
        old = OldClient(bridge.url)
        assert old.login() == "200 Ok."
        assert old.get("app/version").text == "v4.6.7"
        assert old.post("torrents/add", urls=MAGNET, paused="true") == (200, "Ok.")
        assert old.state("paused") == "pausedDL"
        assert {"state"} <= bridge.kinds()
    with bridged(server("5.3.0").url, "--speak", "4.3.9") as bridge:
        got = OldClient(bridge.url).get("auth/login", username="admin", password=PASSWORD)
        assert (got.status_code, got.text) == (200, "Ok.")  # what flood 4.7.0 does
