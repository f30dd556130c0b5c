"""`qbdoctor trace` with real programs against real servers: the outcome is the same as without it, the verdict is right."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from qbdoctor.reports.schema import load
from tests import trace_programs
from tests.conftest import ServerFactory
from tests.doctor import assert_silent
from tests.kit.server import PASSWORD, Server

LOGIN, VERSION = "/api/v2/auth/login", "/api/v2/app/version"
ROOT = Path(__file__).parent.parent
# Until the command line knows the subcommand, and for options as a Namespace has them
DRIVER = """
import argparse, json, sys
from qbdoctor.cli import DEFAULTS
from qbdoctor.commands import trace
from qbdoctor.model import UserError
options = {"listen": None, "run": None, "save": None, "replay": None, "format": "json"}
try:
    sys.exit(trace.run(argparse.Namespace(**{**DEFAULTS, **options, **json.loads(sys.argv[1])})))
except UserError as error:
    print(error.message, file=sys.stderr)
    sys.exit(error.exit_code)
"""


class Tracing:
    """A trace under way, in a process of its own."""

    def __init__(self, **options: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.process.stderr is not None
        self.err: list[str] = []
        self.url = ""
        for line in self.process.stderr:
            self.err.append(line)
            if found := re.match(r"Listening at (\S+), ", line):
                self.url = found[1]
                break
        self._reader = threading.Thread(target=lambda: self.err.extend(self.process.stderr or ()), daemon=True)
        self._reader.start()
        self.result: dict[str, Any] = {}

    def stop(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        out = self.process.stdout.read()
        code = self.process.wait(30)
        self._reader.join(5)
        self.result = json.loads(out)
        jsonschema.validate(self.result, load("trace/1"))
        assert self.result["exit_code"] == code
        return self.result

    @property
    def said(self) -> str:
        return "".join(self.err)


@contextlib.contextmanager
def tracing(url: str, **options: Any) -> Iterator[Tracing]:
    trace = Tracing(url=url, **options)
    try:
        yield trace
        if not trace.result:
            trace.stop()
    finally:
        trace.process.kill()
        trace.process.wait()


def causes(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Id and confidence of every cause of every client."""
    return [(cause["id"], cause["confidence"]) for client in result["clients"] for cause in client["causes"]]


def ids(result: Mapping[str, Any]) -> set[str]:
    return {name for name, _ in causes(result)}


def by_name(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


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


# What each program is judged to be, where it is told the address and where it is told the name; "5.2+" from there on.
Verdict = set[tuple[str, str]]
RIGHT: Verdict = set()
DROPS: Verdict = {("client-drops-cookie", "likely")}
OLD_AND_NEW: dict[str, tuple[Verdict, Verdict]] = {  # up to 5.1, from 5.2 on
    "aiohttp": (DROPS, DROPS),
    "aiohttp-unsafe": (RIGHT, RIGHT),
    "aiohttp-new-session": (DROPS, DROPS),
    "incident-regex": (RIGHT, {("client-wants-sid-name", "likely")}),
    "incident-mended": (RIGHT, RIGHT),
    "requests": (RIGHT, RIGHT),
    "requests-bare": (DROPS, DROPS),
    "requests-two-alike": ({("client-sends-no-cookie", "likely")}, {("client-sends-no-cookie", "likely")}),
    "requests-never": ({("client-relies-on-bypass", "likely")}, {("client-relies-on-bypass", "likely")}),
    "requests-asks-first": (RIGHT, RIGHT),
    "requests-put": ({("client-http-method", "likely")}, {("client-http-method", "likely")}),
    "requests-foreign-origin": ({("client-foreign-origin", "likely")}, {("client-foreign-origin", "likely")}),
    "requests-foreign-then-none": ({("client-foreign-origin", "proven")}, {("client-foreign-origin", "proven")}),
    "requests-own-origin": (RIGHT, RIGHT),
    "requests-logout": ({("client-never-logs-in-again", "likely")}, {("client-never-logs-in-again", "likely")}),
    "requests-new-each-call": ({("client-logs-in-each-call", "likely")}, {("client-logs-in-each-call", "likely")}),
    "requests-each-call": ({("client-logs-in-each-call", "likely")}, {("client-logs-in-each-call", "likely")}),
    "requests-wants-ok": (RIGHT, {("client-wants-ok-body", "likely"), ("client-wants-sid-name", "possible")}),
    "requests-wants-sid": (RIGHT, {("client-wants-sid-name", "likely")}),
    "requests-value-as-sid": (RIGHT, {("client-wants-sid-name", "likely")}),
    "requests-basic": ({("client-auth-header-unsupported", "likely")}, RIGHT),
    "requests-x-api-key": (
        {("client-auth-header-unsupported", "likely")},
        {("client-auth-header-unsupported", "likely")},
    ),
    "requests-add-both": (RIGHT, RIGHT),
    "httpx": (RIGHT, RIGHT),
    "httpx-bare": (DROPS, DROPS),
    "curl": (RIGHT, RIGHT),
    "curl-no-jar": (DROPS, DROPS),
    "node-fetch": (DROPS, DROPS),
    "qbittorrent-api": (RIGHT, RIGHT),
}


def traced(
    name: str, url: str, password: str, python: str = sys.executable, **options: Any
) -> tuple[dict[str, Any], Any]:
    """Run a program through the proxy; the result, and what the program was answered."""
    with tempfile.NamedTemporaryFile("r") as file:
        run = ["--", *trace_programs.command(name, python), "{url}", password, file.name]
        with tracing(url, run=run, **options) as trace:
            result = trace.wait()
        assert_silent(json.dumps(result) + trace.said, [password])
        return result, (result["run"]["exit_code"], trace_programs.answers(file.read()))


# On all four releases; the others on the last of the old kind that was measured and on the newest
EVERYWHERE = {
    "aiohttp",
    "aiohttp-unsafe",
    "incident-regex",
    "incident-mended",
    "requests",
    "curl",
    "node-fetch",
    "qbittorrent-api",
}


@pytest.mark.parametrize("name", OLD_AND_NEW)
def test_programs_are_judged_rightly_and_meet_the_same(healthy: Server, name: str) -> None:
    if healthy.release.name not in ("4.5.2", "5.3.0") and name not in EVERYWHERE:
        return
    direct = trace_programs.play(name, healthy.url, PASSWORD)
    result, through = traced(name, healthy.url, PASSWORD)
    assert through == direct
    assert direct[1], "the program was answered something"
    new = healthy.release.version_tuple >= (5, 2)
    assert set(causes(result)) == OLD_AND_NEW[name][new], result["verdict"]
    assert (result["verdict"]["state"] == "problem") == bool(ids(result) - {"client-logs-in-each-call"})


@pytest.mark.parametrize("name", ["aiohttp", "incident-mended", "requests"])
def test_by_name_the_jar_works(healthy: Server, name: str) -> None:
    """The kind of host that the target has is the kind that the program is given."""
    url = by_name(healthy.url)
    result, through = traced(name, url, PASSWORD)
    assert through == trace_programs.play(name, url, PASSWORD)
    assert (causes(result), result["verdict"]["state"]) == ([], "healthy")
    assert result["clients"][0]["host"].startswith("localhost:")


AWKWARD = "p&ss=w+rd%41 ok"


def special(name: str, running: Server, password: str = PASSWORD) -> dict[str, Any]:
    """Run a program directly, on a server of its own, and through the proxy; the outcome is the same."""
    direct = trace_programs.play(name, running.url, password)
    result, through = traced(name, running.url, password)
    assert through == direct and direct[1]
    return result


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_a_form_that_is_not_encoded(server: ServerFactory, version: str) -> None:
    running = server(version, password=AWKWARD)
    assert set(causes(special("requests-raw-form", running, AWKWARD))) == {("client-unencoded-form", "likely")}
    found = special("requests-raw-then-right", running, AWKWARD)
    assert set(causes(found)) == {("client-unencoded-form", "proven")}
    (evidence,) = [one for one in found["clients"][0]["causes"][0]["evidence"] if one["kind"] == "experiment"]
    assert [evidence[side]["response"]["status"] for side in "ab"] == ([401, 204] if version == "5.3.0" else [200, 200])
    # Near misses: the same encoded, a plain password sent raw, and a wrong one
    assert causes(special("requests", running, AWKWARD)) == []
    plain = server(version, password="plain-one")
    assert causes(special("requests-raw-form", plain, "plain-one")) == []
    assert ("wrong-credentials", "likely") in causes(special("requests-wrong-password", plain, "plain-one"))


def test_a_blank_may_be_a_plus(server: ServerFactory) -> None:
    running = server("4.5.2", password="a+b")
    found = causes(special("requests-raw-form", running, "a+b"))
    assert set(found) == {("client-unencoded-form", "possible"), ("wrong-credentials", "likely")}


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_a_dead_session(server: ServerFactory, version: str) -> None:
    running = server(version, settings={"SessionTimeout": "1"})
    assert causes(special("requests-dead-session", running)) == [("client-never-logs-in-again", "likely")]
    assert causes(special("requests-logs-in-again", running)) == []


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_shapes_of_requests(server: ServerFactory, version: str) -> None:
    running, new = server(version), version == "5.3.0"
    assert ("client-json-login", "likely") in causes(special("requests-json", running))
    assert ("client-json-login", "likely") in causes(special("node-fetch-json", running))
    assert causes(special("requests-get-login", running)) == [("client-http-method", "likely")]
    assert causes(special("requests-get-for-post", running)) == [("client-http-method", "likely")]
    assert ids(special("requests-bearer", running)) == {"client-auth-header-unsupported", "api-key-rejected"}
    added = causes(special("requests-add-paused", running))
    assert added == ([("client-old-add-parameter", "likely")] if new else [])


def test_proofs_across_clients(healthy: Server) -> None:
    """One trace, several programs: JSON against a form, one method against another, a name against an address."""
    name = "localhost"
    with tracing(by_name(healthy.url)) as trace:
        port = trace.url.rpartition(":")[2]
        for program, host in (("aiohttp", name), ("aiohttp", "127.0.0.1"), ("requests-json", name), ("requests", name)):
            trace_programs.play(program, f"http://{host}:{port}", PASSWORD)
        result = trace.stop()
    found = dict(causes(result))
    assert found["client-drops-cookie"] == "proven"
    assert found["client-json-login"] == "proven"
    assert "use the address that was printed" in trace.said
    assert any("calls by an address" in note for exchange in result["exchanges"] for note in exchange["notes"])
    right = [client for client in result["clients"] if not client["causes"]]
    assert any("aiohttp" in client["user_agent"] and client["host"].startswith(name) for client in right)


def test_what_the_address_alone_may_do_is_only_possible(healthy: Server) -> None:
    with tracing(by_name(healthy.url)) as trace:
        port = trace.url.rpartition(":")[2]
        trace_programs.play("aiohttp", f"http://127.0.0.1:{port}", PASSWORD)
        assert causes(trace.stop()) == [("client-drops-cookie", "possible")]


def test_a_right_client_beside_wrong_ones_is_not_accused(healthy: Server) -> None:
    with tracing(healthy.url) as trace:
        for program in ("requests", "requests-bare", "requests-never", "requests"):
            trace_programs.play(program, trace.url, PASSWORD)
        result = trace.stop()
    blamed = [client for client in result["clients"] if client["causes"]]
    right = [client for client in result["clients"] if not client["causes"]]
    assert [client["requests"] for client in right] == [4]
    assert {cause["id"] for client in blamed for cause in client["causes"]} <= {
        "client-drops-cookie",
        "client-sends-no-cookie",
    }


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


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_a_secure_cookie_over_http_is_the_servers_fault(server: ServerFactory, version: str, tmp_path: Path) -> None:
    """HTTPS is on and its certificate is missing: plain http with a Secure cookie, which passes as it is."""
    running = server(version, settings={"HTTPS\\Enabled": "true"})
    assert causes(special("requests", running)) == [("secure-cookie-over-http", "likely")]


OLD_CLIENTS = os.environ.get("QBDOCTOR_TEST_OLD_CLIENTS", "")
STOPS: Verdict = {("client-wants-ok-body", "likely"), ("client-wants-sid-name", "possible")}


@pytest.mark.skipif(not OLD_CLIENTS, reason="QBDOCTOR_TEST_OLD_CLIENTS names no folder with virtual environments")
@pytest.mark.parametrize(
    ("folder", "name", "old", "new"),
    [
        ("aio38", "aiohttp", DROPS, DROPS),
        ("aio38", "aiohttp-unsafe", RIGHT, RIGHT),
        ("aio311", "aiohttp", DROPS, DROPS),
        ("aio311", "incident-regex", RIGHT, {("client-wants-sid-name", "likely")}),
        ("qa2507", "qbittorrent-api", RIGHT, STOPS),
        ("qa2311", "qbittorrent-api", RIGHT, STOPS),
        ("pyqb", "python-qbittorrent", RIGHT, STOPS),
    ],
)
def test_clients_of_other_releases(healthy: Server, folder: str, name: str, old: Verdict, new: Verdict) -> None:
    python = trace_programs.python_of(f"{OLD_CLIENTS}/{folder}")
    assert python is not None
    direct = trace_programs.play(name, healthy.url, PASSWORD, python)
    result, through = traced(name, healthy.url, PASSWORD, python)
    assert through == direct and direct[1]
    assert set(causes(result)) == (new if healthy.release.version_tuple >= (5, 2) else old)
