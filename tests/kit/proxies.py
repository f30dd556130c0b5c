"""What answers in HTTP where qBittorrent should: a reverse proxy, another web application, a redirect."""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import ssl
import tempfile
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from tests.kit.tls import Certificate, make_cert

# Said between two neighbours on the way, never handed on.
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived, and the status it was answered with."""

    method: str
    path: str
    headers: Mapping[str, str]  # by lower-case name; of several the last
    body: bytes
    status: int


@dataclass(frozen=True)
class Answer:
    """What is sent back; nothing is added to these headers."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


class WebServer:
    """A small HTTP/1.1 server, or HTTPS with `tls`, that answers with `answer` and records each request."""

    def __init__(self, *, port: int = 0, tls: bool | Certificate = False) -> None:
        self.host = "127.0.0.1"
        self.requests: list[Recorded] = []
        self._folder = tempfile.TemporaryDirectory(prefix="qbdoctor-tls-") if tls is True else None
        self.certificate: Certificate | None = None
        if self._folder:
            self.certificate = make_cert(Path(self._folder.name))
        elif not isinstance(tls, bool):
            self.certificate = tls
        owner = self

        class Handler(_Handler):
            web = owner

        self._server = http.server.ThreadingHTTPServer((self.host, port), Handler)
        self._server.daemon_threads = True
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate.cert, self.certificate.key)
            # The handshake belongs on the connection's thread: a client that never begins one must not block others.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def scheme(self) -> str:
        """What it speaks."""
        return "https" if self.certificate else "http"

    @property
    def url(self) -> str:
        """Its address, without a final slash."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        """What one request is answered with."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._folder:
            self._folder.cleanup()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Reads one request after another and leaves the rest to its `web`."""

    web: WebServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def handle(self) -> None:
        """Serve a connection; one that breaks is no concern of the test run's standard error."""
        with contextlib.suppress(OSError):
            super().handle()

    def finish(self) -> None:
        """Close a connection, even a broken one."""
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        answer = self.web.answer(self.command, self.path, self.headers, body)
        named = {name.lower(): value for name, value in self.headers.items()}
        self.web.requests.append(Recorded(self.command, self.path, named, body, answer.status))
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command != "HEAD" and answer.status not in {204, 304}:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _serve


class ReverseProxy(WebServer):
    """A reverse proxy in front of `upstream_url`.

    `rewrite_host`: False hands the client's Host on, True puts the upstream's own address there (nginx's default), a
    string is put there. `add_cookie_flag` is appended to each Set-Cookie, `strip_set_cookie` removes them.
    `add_request_headers` replace the client's own of that name, `drop_request_headers` are not handed on. With
    `base_path` ("/qbt") only paths below it are served, and handed on without it. `basic_auth` (user, password) is
    asked for first, and the Authorization header handed on.
    """

    def __init__(
        self,
        upstream_url: str,
        *,
        add_cookie_flag: str | None = None,
        strip_set_cookie: bool = False,
        rewrite_host: bool | str = False,
        add_request_headers: Mapping[str, str] | None = None,
        drop_request_headers: Collection[str] = (),
        base_path: str = "",
        basic_auth: tuple[str, str] | None = None,
        tls: bool | Certificate = False,
        server_header: str | None = "nginx",
        port: int = 0,
    ) -> None:
        super().__init__(port=port, tls=tls)
        self._upstream = urlsplit(upstream_url)
        self._flag = add_cookie_flag
        self._strip = strip_set_cookie
        self._host = self._upstream.netloc if rewrite_host is True else rewrite_host or None
        self._added = dict(add_request_headers or {})
        self._dropped = {name.lower() for name in (*drop_request_headers, *self._added)} | _HOP_BY_HOP
        self._base = base_path.rstrip("/")
        self._credentials = base64.b64encode(":".join(basic_auth).encode()).decode() if basic_auth else None
        self._server_header = server_header

    @property
    def url(self) -> str:
        """Its address with the base path, without a final slash."""
        return super().url + self._base

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        """Ask upstream, and change what is to be changed."""
        if self._credentials and headers.get("Authorization") != f"Basic {self._credentials}":
            return self._own(401, "Unauthorized", [("WWW-Authenticate", 'Basic realm="proxy"')])
        if self._base and path != self._base and not path.startswith((f"{self._base}/", f"{self._base}?")):
            return self._own(404, "Not Found")
        try:
            return self._forward(method, path[len(self._base) :] or "/", headers, body)
        except (OSError, http.client.HTTPException):
            return self._own(502, "Bad Gateway")

    def _own(self, status: int, reason: str, headers: Collection[tuple[str, str]] = ()) -> Answer:
        server = [("Server", self._server_header)] if self._server_header else []
        page = f"<html><head><title>{status} {reason}</title></head></html>\n".encode()
        return Answer(status, reason, [*server, ("Content-Type", "text/html"), *headers], page)

    def _forward(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        host, port = self._upstream.hostname or "", self._upstream.port
        connection: http.client.HTTPConnection
        if self._upstream.scheme == "https":
            # As proxies do by default, and as they must with the certificates of such upstreams.
            unverified = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection(host, port, timeout=20, context=unverified)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=20)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            sent: list[tuple[str, str]] = []
            for name, value in headers.items():
                if name.lower() == "host" and self._host and "host" not in self._dropped:
                    sent.append((name, self._host))
                elif name.lower() not in self._dropped:
                    sent.append((name, value))
            self._send(connection, self.up(method, path, [*sent, *self._added.items()]), body)
            response = connection.getresponse()
            content = response.read()
        return self.down(path, Answer(response.status, response.reason, self._changed(method, response), content))

    def up(self, _method: str, _path: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Change the headers of a request on its way."""
        return headers

    def down(self, _path: str, answer: Answer) -> Answer:
        """Change an answer on its way."""
        return answer

    def _send(self, connection: http.client.HTTPConnection, headers: list[tuple[str, str]], body: bytes) -> None:
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Connection", "close")
        connection.endheaders(body or None)

    def _changed(self, method: str, response: http.client.HTTPResponse) -> list[tuple[str, str]]:
        changed = [("Server", self._server_header)] if self._server_header else []
        for name, value in response.getheaders():
            lower = name.lower()
            own_length = lower == "content-length" and method != "HEAD"
            own_server = lower == "server" and bool(self._server_header)
            if lower in _HOP_BY_HOP or own_length or own_server or (lower == "set-cookie" and self._strip):
                continue
            flagged = lower == "set-cookie" and self._flag
            changed.append((name, f"{value}; {self._flag}" if flagged else value))
        return changed


Headers = list[tuple[str, str]]


def without(headers: Headers, *names: str) -> Headers:
    """The headers but for those of these names."""
    dropped = {name.lower() for name in names}
    return [(name, value) for name, value in headers if name.lower() not in dropped]


class EditingProxy(ReverseProxy):
    """A reverse proxy that changes what a test says: `up` the request's headers, `down` the answer.

    `up(method, path, headers)` and `down(path, answer)` return what goes on. Host is the upstream's
    own unless said otherwise. `chunked` sends bodies on without their
    length, as proxies do that do not buffer.
    """

    def __init__(
        self,
        upstream_url: str,
        *,
        up: Callable[[str, str, Headers], Headers] | None = None,
        down: Callable[[str, Answer], Answer] | None = None,
        chunked: bool = False,
        **keywords: Any,
    ) -> None:
        super().__init__(upstream_url, **{"rewrite_host": True, **keywords})
        self._up, self._down, self._chunked = up, down, chunked

    def up(self, method: str, path: str, headers: Headers) -> Headers:
        """As the test says."""
        return self._up(method, path, headers) if self._up else headers

    def down(self, path: str, answer: Answer) -> Answer:
        """As the test says."""
        return self._down(path, answer) if self._down else answer

    def _send(self, connection: http.client.HTTPConnection, headers: Headers, body: bytes) -> None:
        if not self._chunked or not body:
            super()._send(connection, headers, body)
            return
        parts = [*without(headers, "Content-Length"), ("Transfer-Encoding", "chunked"), ("Connection", "close")]
        for name, value in parts:
            connection.putheader(name, value)
        connection.endheaders(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))


class OtherApp(WebServer):
    """Another web application on the port.

    "site": one page and 404s; "auth": 401 with WWW-Authenticate to everything; "everything": the page, 200, to
    everything, as single-page applications do; "forbidden": 403 to everything.
    """

    def __init__(
        self,
        kind: Literal["site", "auth", "everything", "forbidden"] = "site",
        *,
        server_header: str | None = "Apache/2.4.62 (Debian)",
        tls: bool | Certificate = False,
        port: int = 0,
    ) -> None:
        super().__init__(port=port, tls=tls)
        self._kind = kind
        self._common = [("Content-Type", "text/html; charset=utf-8")]
        if server_header:
            self._common.insert(0, ("Server", server_header))

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        """The page, or a refusal."""
        if self._kind == "auth":
            asked = ("WWW-Authenticate", 'Basic realm="Router"')
            return Answer(401, "Unauthorized", [*self._common, asked], b"<h1>401 Authorization Required</h1>\n")
        if self._kind == "forbidden":
            return Answer(403, "Forbidden", list(self._common), b"<h1>403 Forbidden</h1>\n")
        if self._kind == "site" and urlsplit(path).path != "/":
            return Answer(404, "Not Found", list(self._common), b"<h1>404 Not Found</h1>\n")
        page = b"<!doctype html><html><head><title>My photos</title></head><body><h1>Hello</h1></body></html>\n"
        return Answer(200, "OK", list(self._common), page)


class Redirector(WebServer):
    """Sends every request elsewhere; without `target` to itself, for ever."""

    def __init__(
        self,
        target: str | None = None,
        *,
        status: int = 302,
        keep_path: bool = True,
        server_header: str | None = "nginx",
        tls: bool | Certificate = False,
        port: int = 0,
    ) -> None:
        super().__init__(port=port, tls=tls)
        self._target = (target if target is not None else self.url).rstrip("/")
        self._status = status
        self._keep_path = keep_path
        self._common = [("Server", server_header)] if server_header else []

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        """A redirect."""
        location = self._target + (path if self._keep_path else "")
        return Answer(self._status, http.client.responses[self._status], [*self._common, ("Location", location)], b"")
