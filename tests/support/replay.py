"""The same requests played to a real server and to its stand-in, and what is left of the answers to compare."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from tests.kit.profile import free_port
from tests.kit.server import PASSWORD

LOGIN, LOGOUT = "/api/v2/auth/login", "/api/v2/auth/logout"
VERSION, PREFERENCES, SET = "/api/v2/app/version", "/api/v2/app/preferences", "/api/v2/app/setPreferences"
GOOD = {"username": "admin", "password": PASSWORD}
WRONG = {"username": "admin", "password": "canary-wrong"}
KEY = "qbt_" + "k" * 28
FORM = "application/x-www-form-urlencoded"

# What is the machine's own: paths, ports, times, and what goes by the peers of a moment.
MACHINE = {
    *(
        "added_on",
        "connection_status",
        "content_path",
        "file_log_path",
        "free_space_on_disk",
        "last_activity",
        "launch_time",
    ),
    *("listen_port", "save_path", "ssl_listen_port", "temp_path", "web_ui_port", "web_ui_https_cert_path"),
    *("web_ui_https_key_path", "apiKey", "export_dir", "export_dir_fin", "time_active", "current_network_interface"),
    *("request_latency", "total_peer_connections", "session_state", "queued_io_jobs", "priority"),
}
BUILT = {"boost", "libtorrent", "openssl", "qt", "zlib"}
"""Versions of libraries: of the build, not of the release."""
_HEADERS = (
    *("content-type", "connection", "x-frame-options", "x-content-type-options", "x-xss-protection", "referrer-policy"),
    *("cross-origin-opener-policy", "content-security-policy", "cache-control", "x-own", "www-authenticate", "allow"),
)


@dataclass(frozen=True)
class Ask:
    """One request. `who` names a cookie jar; its cookie is sent and what is set is kept.

    `raw` is sent as it is, in place of all the rest; `source` is the client's address; `moves`: afterwards the server is
    at its new port, which stands as {new} in the form; `settles`: it is asked again until nothing is underway.
    """

    method: str
    path: str
    form: Mapping[str, str] | str | bytes | None = None
    who: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)  # None: not even the usual one; {port}, {sid}
    wait: float = 0.0  # seconds, before
    raw: bytes | None = None
    source: str = "127.0.0.1"
    moves: bool = False
    settles: bool = False

    def __str__(self) -> str:
        if self.raw is not None:
            return repr(self.raw)
        return f"{self.method} {self.path} {self.form!r} {self.who} {dict(self.headers)}"


def get(path: str, who: str = "", **headers: str | None) -> Ask:
    return Ask("GET", path, who=who, headers={name.replace("_", "-"): value for name, value in headers.items()})


def head(path: str, who: str = "", **headers: str | None) -> Ask:
    return Ask("HEAD", path, who=who, headers={name.replace("_", "-"): value for name, value in headers.items()})


def post(path: str, form: Mapping[str, str] | str | bytes | None = None, who: str = "", **headers: str | None) -> Ask:
    return Ask("POST", path, form or "", who, {name.replace("_", "-"): value for name, value in headers.items()})


def prefs(who: str = "a", **changes: Any) -> Ask:
    return post(SET, {"json": json.dumps(changes)}, who)


def raw(data: bytes) -> Ask:
    return Ask("", "", raw=data)


def multipart(*parts: tuple[str, bytes], boundary: str = "xYzZy", end: bytes = b"\r\n") -> bytes:
    """A multipart body of parts, each given by the rest of its Content-Disposition, and its content."""
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + data + b"\r\n"
        for name, data in parts
    )
    return body + f"--{boundary}--".encode() + end


@dataclass
class Player:
    """Plays requests to a server at `port`; `tls`: over TLS, without looking at the certificate."""

    port: int
    tls: bool = False
    jars: dict[str, str] = field(default_factory=dict)

    def play(self, asks: list[Ask]) -> list[tuple[str, ...]]:
        """What it answers, without what is random: session ids, dates, keys, its port."""
        return [self._settled(ask) if ask.settles else self._play(ask) for ask in asks]

    def _settled(self, ask: Ask) -> tuple[str, ...]:
        give_up = time.monotonic() + 8
        while True:
            answer = self._play(ask)
            if "checkingResumeData" not in str(answer) or time.monotonic() > give_up:
                return answer

    def _play(self, ask: Ask) -> tuple[str, ...]:
        time.sleep(ask.wait)
        new = free_port() if ask.moves else self.port
        with socket.create_connection(("127.0.0.1", self.port), timeout=12, source_address=(ask.source, 0)) as plain:
            connection = _without_check().wrap_socket(plain) if self.tls else plain
            connection.sendall(self._bytes(ask, new))
            whole = _all_of(connection) if ask.method == "HEAD" else None
            answer = http.client.HTTPResponse(_Kept(whole) if whole is not None else connection, method=ask.method)  # type: ignore[arg-type]
            try:
                answer.begin()
            except (http.client.HTTPException, OSError) as error:
                return (f"no answer: {type(error).__name__}",)
            text = answer.read().decode("utf-8", "replace")
            cookies = answer.headers.get_all("set-cookie") or []
            tail = ""
            if whole is not None:
                came = bool(whole.partition(b"\r\n\r\n")[2])
                tail = f"announced {answer.getheader('content-length') != '0'}, came {came}"
        for cookie in cookies:
            self.jars[ask.who] = cookie.partition(";")[0]
        if answer.getheader("content-type") == "text/html" and (text or ask.method == "HEAD"):
            text = "a page"
        ports = re.compile(rf"\b({self.port}|{new})\b|(?<=SID_)({self.port}|{new})")
        shown = [str(answer.status), answer.reason, ports.sub("PORT", normal(text)), tail]
        shown += [f"{name}: {answer.getheader(name)}" for name in _HEADERS if answer.getheader(name) is not None]
        self.port = new
        return (*shown, *(ports.sub("PORT", masked(cookie)) for cookie in cookies))

    def _bytes(self, ask: Ask, new: int) -> bytes:
        if ask.raw is not None:
            return ask.raw.replace(b"{port}", str(self.port).encode())
        name, _, sid = self.jars.get(ask.who, "=").partition("=")
        if isinstance(ask.form, bytes):
            body = ask.form
        else:
            text = ask.form if isinstance(ask.form, str) else urlencode(ask.form or {})
            body = text.replace("%7Bnew%7D", str(new)).encode()
        usual: dict[str, str | None] = {"host": f"127.0.0.1:{self.port}"}
        if ask.method == "POST":
            usual |= {"content-type": FORM, "content-length": str(len(body))}
        if name:
            usual["cookie"] = f"{name}={sid}"
        lines = [f"{ask.method} {ask.path} HTTP/1.1"]
        for key, value in {**usual, **ask.headers}.items():
            if value is not None:
                text = value.replace("{port}", str(self.port)).replace("{other}", str(self.port + 1))
                lines.append(f"{key}: {text.replace('{sid}', sid).replace('{name}', name)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class _Kept:
    """Bytes in the place of a connection."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def _all_of(connection: socket.socket) -> bytes:
    """All that comes until nothing does for a while: what HEAD brings does not say where it ends."""
    data = connection.recv(65_536)
    connection.settimeout(0.15)
    with contextlib.suppress(TimeoutError):
        while more := connection.recv(65_536):
            data += more
    return data


def _without_check() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def masked(cookie: str) -> str:
    """A Set-Cookie header without its value, its date as minutes from now."""
    cookie = re.sub(r"=[A-Za-z0-9+/]{32};", "=SID;", cookie)

    def minutes(match: re.Match[str]) -> str:
        until = datetime.strptime(match[1], "%a, %d-%b-%Y %H:%M:%S GMT").replace(tzinfo=UTC)
        return f"expires=in {round((until - datetime.now(UTC)).total_seconds() / 60)} min"

    return re.sub(r"expires=([^;]+)", minutes, cookie)


def normal(text: str) -> str:
    """A body without what is the machine's own; lists of torrents in the order of their hashes."""
    text = re.sub(r"/[^\"\s]*downloads", "DOWNLOADS", text)
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.dumps(_normal(json.loads(text)), sort_keys=True)
    except ValueError:
        return text


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "*" if name in MACHINE | BUILT else _normal(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted((_normal(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value
