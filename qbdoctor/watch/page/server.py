"""Serves the page, /metrics and /healthz of a watch to browsers and Prometheus; takes nothing from them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from qbdoctor.model.errors import UserError
from qbdoctor.target.address import parse_ip

Answer = tuple[int, str, bytes]
"""Status, content type and body."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_SECONDS = 10


class PageServer:
    """Serves ``pages`` (a path and what answers it) at an address until it is closed. Raises :class:`UserError`."""

    def __init__(self, host: str, port: int, pages: Mapping[str, Callable[[], Answer]]) -> None:
        handler = type("Handler", (_Handler,), {"pages": pages, "hosts": frozenset({host.lower(), *_own_names()})})
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = type("Made", (_Server,), {"address_family": family})
        try:
            self._server: ThreadingHTTPServer = made((host, port), handler)
        except OSError as error:
            why = error.strerror or "it cannot be opened"
            raise UserError("port-taken", f"--listen: {host}:{port} cannot be listened at: {why}.") from None
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    pages: Mapping[str, Callable[[], Answer]]
    hosts: frozenset[str]
    timeout = _SECONDS
    server_version, sys_version = "qbdoctor", ""

    def do_GET(self) -> None:
        """Answer; a Host that is no name of this machine's may be another site's (DNS rebinding)."""
        page = self.pages.get(urlsplit(self.path).path)
        if not self._meant_for_us():
            status, kind, body = 403, "text/plain; charset=utf-8", b"Another host's name.\n"
        elif page is None:
            status, kind, body = 404, "text/plain; charset=utf-8", b"There is /, /metrics and /healthz.\n"
        else:
            try:
                status, kind, body = page()
            except Exception as error:  # one page must not end the watch
                status, kind, body = 500, "text/plain; charset=utf-8", f"{type(error).__name__}\n".encode()
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def _meant_for_us(self) -> bool:
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        return host in self.hosts or parse_ip(host) is not None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write no log."""


def _own_names() -> set[str]:
    name = socket.gethostname().lower()
    return {"localhost", name, f"{name}.local"}
