"""Requests as their bytes come, through `trace` and `bridge`: bodies too large or in chunks, old HTTP, pipelines."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.server import PASSWORD
from tests.support.bridged import bridged
from tests.support.trace_programs import causes, tracing

FORM = f"username=admin&password={PASSWORD.replace(' ', '+')}".encode()
LOGIN = b"POST /api/v2/auth/login HTTP/1.1\r\nHost: {here}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
GET = b"GET /api/v2/app/version HTTP/1.1\r\nHost: {here}\r\n\r\n"
IN_CHUNKS = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(FORM), FORM)


def exchanged(url: str, *sent: bytes, answers: int = 1) -> list[int]:
    """Send bytes over one connection and return the statuses of the answers, as many as are awaited."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    got = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for each in sent:
            connection.sendall(each.replace(b"{here}", f"{host}:{port}".encode()))
        while len(statuses(got)) < answers and (chunk := connection.recv(65536)):
            got += chunk
    return statuses(got)


def statuses(got: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/1\.[01] (\d{3}) ", got)]


def uploaded(url: str, mebibytes: int) -> list[int]:
    """Upload a file and read the answer, which may come before the end: all of it is sent, or as much as can be."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    size = mebibytes << 20
    head = f"POST /api/v2/torrents/add HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:

        def send() -> None:
            with contextlib.suppress(OSError):
                connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
                for _ in range(mebibytes):
                    connection.sendall(bytes(1 << 20))

        sending = threading.Thread(target=send)
        sending.start()
        answer = connection.recv(65536)
        sending.join()
    return statuses(answer)


VERSIONS = ["5.3.0", pytest.param("4.5.2", marks=pytest.mark.extended)]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_that_comes_before_the_bodys_end_is_passed_on(server: ServerFactory, version: str) -> None:
    """Of 8 uploads over 64 MiB, 4 to 6 were 502 or nothing: sending fails, and the answer was never read."""
    running = server(version)
    assert uploaded(running.url, 80) == [400]
    with tracing(running.url) as trace, bridged(running.url) as bridge:
        for _ in range(4):
            assert uploaded(trace.url, 80) == [400]
            assert uploaded(bridge.url.replace("localhost", "127.0.0.1"), 80) == [400]


@pytest.mark.extended
def test_such_an_answer_over_tls(server: ServerFactory) -> None:
    """Of a server that is sent to on, it came twice there, which is no HTTP."""
    running = server("5.3.0", https=True)
    assert running.certificate is not None
    with bridged(running.url, "--ca-file", str(running.certificate.ca)) as bridge:
        for _ in range(4):
            assert uploaded(bridge.url.replace("localhost", "127.0.0.1"), 80) == [400]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_body_in_chunks(server: ServerFactory, version: str) -> None:
    """No release reads one: the bridge gives it a length, trace says so and blames no password."""
    running = server(version)
    refused = 401 if version == "5.3.0" else 200
    assert exchanged(running.url, IN_CHUNKS, answers=2) == [refused, 400]
    with tracing(running.url) as trace:
        for _ in range(2):  # the 400 is the answer to the chunks, and no other request may get it
            assert exchanged(trace.url, IN_CHUNKS, GET, answers=2) == [refused, 403]
        result = trace.stop()
    assert causes(result) == [("client-http-method", "likely")]
    with bridged(running.url) as bridge:
        address = bridge.url.replace("localhost", "127.0.0.1")
        assert exchanged(address, IN_CHUNKS, GET, answers=2) == [200, 403]
        session = requests.Session()
        session.trust_env = False

        def form(text: str) -> Iterator[bytes]:
            yield text.encode()

        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = session.post(f"{address}/api/v2/auth/login", data=form(FORM.decode()), headers=kind, timeout=10)
        assert (answer.status_code, answer.text) == (200, "Ok.")
        magnet = f"magnet:?xt=urn:btih:{'b2' * 20}"
        answer = session.post(f"{address}/api/v2/torrents/add", data=form(f"urls={magnet}"), headers=kind, timeout=10)
        assert (answer.status_code, answer.text) == (200, "Ok.")
        too_long = (bytes(1 << 20) for _ in range(70))
        answer = session.post(f"{address}/api/v2/torrents/add", data=too_long, headers=kind, timeout=30)
        assert answer.status_code == 400
        assert "body" in bridge.kinds()


@pytest.mark.extended
@pytest.mark.parametrize("version", ["5.3.0", "4.5.2"])
def test_old_http_pipelines_and_clients_that_leave(server: ServerFactory, version: str) -> None:
    running = server(version)
    length = b"Content-Length: %d\r\n\r\n" % len(FORM)
    with tracing(running.url) as trace, bridged(running.url) as bridge:
        for url in (running.url, trace.url, bridge.url.replace("localhost", "127.0.0.1")):
            logged_in = [200 if version == "4.5.2" or url.endswith(str(bridge.port)) else 204]
            assert exchanged(url, (LOGIN + length + FORM).replace(b"HTTP/1.1", b"HTTP/1.0")) == logged_in
            assert exchanged(url, GET.replace(b"HTTP/1.1", b"HTTP/1.0")) == [403]
            assert exchanged(url, GET * 3, answers=3) == [403, 403, 403]
            assert exchanged(url, LOGIN + length + FORM + GET, answers=2) == [*logged_in, 403]
            for _ in range(20):  # gone in the middle of a body
                exchanged(url, LOGIN + b"Content-Length: 500\r\n\r\n" + FORM, answers=0)
            assert exchanged(url, GET) == [403]
