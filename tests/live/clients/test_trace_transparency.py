"""`qbdoctor trace` changes nothing on the way: real servers, the same requests with and without it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.profile import free_port
from tests.kit.server import PASSWORD, Server
from tests.support.trace_programs import causes, traced, tracing

pytestmark = pytest.mark.extended

LOGIN, VERSION = "/api/v2/auth/login", "/api/v2/app/version"


def raw(url: str, request: bytes) -> bytes:
    """Send bytes as they are and return the answer's, up to its end by its own length."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request.replace(b"{here}", f"{host}:{port}".encode()))
        got = b""
        with contextlib.suppress(TimeoutError):
            while chunk := connection.recv(65536):
                got += chunk
                head, end, body = got.partition(b"\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                if end and (request.startswith(b"HEAD") or b" 204 " in head[:13]):
                    return head + end  # releases up to 4.5 send a body after HEAD's, which no client may read
                if end and length and len(body) >= int(length[1]):
                    return head + end + body[: int(length[1])]  # what follows is the answer to what was no request
        return got


def same(answer: bytes) -> bytes:
    """An answer without what is random in it."""
    answer = re.sub(rb"SID(_\d+)?=[A-Za-z0-9+/]{32}", rb"SID\1=x", answer)
    return re.sub(rb"(?i)(date: |expires=)[^\r\n;]+", rb"\1when", answer)


FORM = b"username=admin&password=a+good+one"
WRONG = b"username=admin&password=canary-wrong"


def asked(line: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", *headers, "", ""]).encode() + body


def posted(path: str, body: bytes, kind: str = "application/x-www-form-urlencoded", *headers: str) -> bytes:
    return asked(
        f"POST {path}", "Host: {here}", f"content-TYPE: {kind}", f"Content-Length: {len(body)}", *headers, body=body
    )


RAW = {
    "get": asked(f"GET {VERSION}", "Host: {here}"),
    "odd-case-and-order": asked(f"GET {VERSION}", "x-oDD: 1", "HOST: {here}", "ACCEPT: */*", "X-Two: a", "X-Two: b"),
    "head": asked(f"HEAD {VERSION}", "Host: {here}"),
    "page": asked("GET /", "Host: {here}", "Accept-Encoding: identity"),
    "page-gzip": asked("GET /", "Host: {here}", "Accept-Encoding: gzip"),
    "page-head": asked("HEAD /", "Host: {here}"),
    "no-page": asked("GET /nope?a=%20b&c=d+e", "Host: {here}"),
    "two-slashes": asked(f"GET /{VERSION}", "Host: {here}"),
    "dots": asked(f"GET /x/..{VERSION}", "Host: {here}"),
    "escapes": asked("GET /%2e%2e/%41%zz", "Host: {here}"),
    "query": asked(f'GET {VERSION}?x=%2B+%26&y="', "Host: {here}"),
    "put": asked(f"PUT {VERSION}", "Host: {here}", "Content-Length: 2", body=b"xx"),
    "options": asked(f"OPTIONS {VERSION}", "Host: {here}", "Origin: http://evil.example"),
    "delete": asked(f"DELETE {VERSION}", "Host: {here}"),
    "post-no-length": asked("POST /api/v2/auth/logout", "Host: {here}"),
    "login": posted(LOGIN, FORM),
    "login-json": posted(LOGIN, b"{}", "application/json"),
    "login-own-origin": posted(LOGIN, FORM, "application/x-www-form-urlencoded", "Origin: http://{here}"),
    "login-own-referer": posted(LOGIN, FORM, "application/x-www-form-urlencoded", "Referer: http://{here}/x?y"),
    "login-foreign-origin": posted(LOGIN, FORM, "application/x-www-form-urlencoded", "Origin: http://evil.example"),
    "login-foreign-referer": posted(LOGIN, FORM, "application/x-www-form-urlencoded", "Referer: http://evil.example/x"),
    "origin-null": asked(f"GET {VERSION}", "Host: {here}", "Origin: null"),
    "foreign-host": asked(f"GET {VERSION}", "Host: evil.example:1"),
    "foreign-name": asked(f"GET {VERSION}", "Host: evil.example"),
    "stale-cookie": asked(f"GET {VERSION}", "Host: {here}", "Cookie: SID=abc; x=y"),
    "basic": asked(f"GET {VERSION}", "Host: {here}", "Authorization: Basic YWRtaW46YSBnb29kIG9uZQ=="),
    "bearer": asked(f"GET {VERSION}", "Host: {here}", "Authorization: Bearer qbt_0123456789012345678901234567"),
    "sec-fetch": asked(f"GET {VERSION}", "Host: {here}", "Sec-Fetch-Site: cross-site"),
    "close": asked(f"GET {VERSION}", "Host: {here}", "Connection: close"),
    "chunked": asked(f"POST {LOGIN}", "Host: {here}", "Transfer-Encoding: chunked", body=b"3\r\nuse\r\n0\r\n\r\n"),
    "long-header": asked(f"GET {VERSION}", "Host: {here}", f"X-Long: {'x' * 20000}"),
    "multipart": posted(
        LOGIN,
        b'--B\r\nContent-Disposition: form-data; name="username"\r\n\r\nadmin\r\n'
        b'--B\r\nContent-Disposition: form-data; name="password"\r\n\r\na good one\r\n--B--\r\n',
        "multipart/form-data; boundary=B",
    ),
}


def test_every_answer_is_the_same_to_the_byte(healthy: Server) -> None:
    """Status line, headers in order and case, and body: as without the proxy, for every release."""
    with tracing(healthy.url) as trace:
        for name, request in RAW.items():
            direct, through = same(raw(healthy.url, request)), same(raw(trace.url, request))
            assert through == direct, name


def test_a_thousand_requests_an_upload_and_what_it_costs(
    healthy: Server, record_property: Callable[[str, object], None]
) -> None:
    answers = {}
    with tracing(healthy.url) as trace:
        for url in (healthy.url, trace.url):
            session = requests.Session()
            session.trust_env = False
            session.post(url + LOGIN, data={"username": "admin", "password": PASSWORD})
            took = []
            for _ in range(1000 if url == trace.url else 200):
                began = time.perf_counter()
                assert session.get(url + VERSION).status_code == 200
                took.append(time.perf_counter() - began)
            upload = session.post(
                url + "/api/v2/torrents/add", files={"torrents": ("big.torrent", os.urandom(20_000_000))}, timeout=60
            )
            answers[url] = upload.status_code, upload.text, statistics.median(took)
        result = trace.stop()
    assert answers[healthy.url][:2] == answers[trace.url][:2]
    assert result["clients"][0]["requests"] == 1002
    record_property("direct_ms", round(answers[healthy.url][2] * 1000, 2))
    record_property("traced_ms", round(answers[trace.url][2] * 1000, 2))
    assert answers[trace.url][2] - answers[healthy.url][2] < 0.1


def test_https_target(server: ServerFactory, release: Any) -> None:
    running = server(https=True)
    assert running.certificate is not None
    result, through = traced("requests", running.url, PASSWORD, ca_file=str(running.certificate.ca))
    assert [status for status, _ in through[1]] == [204 if release.version_tuple >= (5, 2) else 200, 200]
    assert causes(result) == []
    assert any("Secure" in note for note in result["notes"])
    assert any("Secure was taken" in note for note in result["exchanges"][0]["notes"])


def test_a_certificate_that_is_not_trusted_is_no_fault_of_the_client(server: ServerFactory) -> None:
    result, _ = traced("requests", server("5.3.0", https=True).url, PASSWORD)
    assert (result["verdict"]["state"], causes(result)) == ("unknown", [])
    assert any("certificate is not trusted" in note for note in result["exchanges"][0]["notes"])


def test_an_ipv6_target_and_a_chosen_place_to_listen(server: ServerFactory) -> None:
    running = server("5.3.0", address="::1")
    result, _ = traced("aiohttp", running.url, PASSWORD)
    assert causes(result) == [("client-drops-cookie", "likely")]
    assert result["clients"][0]["host"].startswith("[::1]:")
    port = free_port()
    result, _ = traced("requests", running.url, PASSWORD, listen=f"[::1]:{port}")
    assert (result["clients"][0]["host"], causes(result)) == (f"[::1]:{port}", [])


def test_kinds_that_differ_are_said(server: ServerFactory) -> None:
    running = server("5.3.0")
    result, _ = traced("aiohttp", running.url, PASSWORD, listen="localhost:0")
    assert causes(result) == []  # the name hides what the address would do, and that is said
    assert any("clients treat cookies of the two differently" in note for note in result["notes"])
