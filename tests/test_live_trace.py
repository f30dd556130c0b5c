"""`qbdoctor trace` with real programs against real servers: the outcome is the same as without it, the verdict is right."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from qbdoctor.reports.schema import load
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
