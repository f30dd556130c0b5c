"""Listens for the stand-in: on 127.0.0.1 alone, one thread a connection, moved and given TLS as the settings say."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import socketserver
import ssl
import sys
import threading
from pathlib import Path

from qbdoctor import releases
from qbdoctor.model import waiting
from qbdoctor.simulator.access import SimulatedExchange, Where
from qbdoctor.simulator.http_parser import BadRequest, Reader, Response, encoded
from qbdoctor.simulator.state import StandIn
from qbdoctor.storage.own_programs import is_taken

ADDRESS = "127.0.0.1"
IDLE = 7.0
"""Seconds without a byte after which qBittorrent ends a connection (server.cpp, KEEP_ALIVE_DURATION)."""

_CHUNK = 1 << 16
_LINGER = 0.5


class _Connection(socketserver.BaseRequestHandler):
    """One connection, request after request."""

    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        """Answer until the client goes, is idle for too long, or sends what is no request."""
        standin = self.server.standin
        self.request.settimeout(IDLE)
        with contextlib.suppress(OSError):
            if self.server.tls is not None and not self._shake_hands(self.server.tls):
                return
            where = Where(self.client_address[0], *self.request.getsockname()[:2])
            reader = Reader(lambda: self.request.recv(_CHUNK), standin.version)
            while self._serve(standin, reader, where):
                pass

    def _shake_hands(self, tls: ssl.SSLContext) -> bool:
        """Begin TLS; False for a client that does not: it gets no byte, and no reset either."""
        plain = self.request.dup()
        with plain:
            try:
                self.request = tls.wrap_socket(self.request, server_side=True)
            except ssl.SSLError:
                self.request = plain
                self._let_it_arrive()
                return False
        return True

    def _serve(self, standin: StandIn, reader: Reader, where: Where) -> bool:
        """Answer one request; whether there may be another."""
        try:
            request = reader.next()
        except BadRequest as refused:
            self.request.sendall(encoded(Response(refused.status, closes=True), standin.version, None))
            self._let_it_arrive()
            return False
        if request is None:
            return False
        with standin.lock:
            response = SimulatedExchange(standin, request, where).respond()
        self.request.sendall(encoded(response, standin.version, request))
        return True

    def _let_it_arrive(self) -> None:
        """Take what still comes: closed with unread bytes, a connection is reset, and our answer may be lost."""
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(_LINGER)
        while self.request.recv(_CHUNK):
            pass

    def finish(self) -> None:
        """Close what TLS has put in the place of the socket, too."""
        with contextlib.suppress(OSError):
            self.request.close()


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let two programs have one port
    request_queue_size = 128

    def __init__(self, standin: StandIn, port: int) -> None:
        if port and is_taken(ADDRESS, port):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        super().__init__((ADDRESS, port), _Connection)
        self.standin = standin
        self.tls: ssl.SSLContext | None = None

    def handle_error(self, *_: object) -> None:
        """Say nothing: what was asked may hold a password."""


class Server:
    """Serves a stand-in from the port of its settings until it is told to stop. Raises OSError where it is taken."""

    def __init__(self, standin: StandIn) -> None:
        self.standin = standin
        self._listener: _Listener | None = None
        self._wanted = -1
        self._move()

    @property
    def port(self) -> int:
        """The port it listens on; 0: nowhere, as a change of the settings asked for a port that was taken."""
        return 0 if self._listener is None else int(self._listener.server_address[1])

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self._listener is not None and self._listener.tls is not None

    def run(self, save_after: float | None = None) -> None:
        """Follow the settings until the stand-in is stopped; its config is saved ``save_after`` seconds from now."""
        watcher = threading.Thread(target=self._follow, daemon=True)
        watcher.start()
        if save_after is not None and not waiting.until(self.standin.stopping, save_after):
            with self.standin.lock:
                self.standin.apply()
        waiting.until(self.standin.stopping)
        self.standin.changed.set()
        watcher.join()
        self._close()
        with self.standin.lock:
            self.standin.config.save()

    def _follow(self) -> None:
        while True:
            self.standin.changed.wait()
            self.standin.changed.clear()
            if self.standin.stopping.is_set():
                return
            try:
                self._move()
            except OSError:
                self._close()
                if releases.rule("start.bind_failure", self.standin.version) == "exits":
                    self.standin.stopping.set()

    def _move(self) -> None:
        """Listen where the settings say, and speak what they say."""
        wanted = self.standin.settings.integer("Port")
        if self._listener is None or wanted != self._wanted:  # a wish for port 0 is granted once
            new = _Listener(self.standin, wanted)  # before the old one is given up, so that a first failure is seen
            self._close()
            self._listener, self._wanted = new, wanted
            threading.Thread(target=new.serve_forever, args=(0.05,), daemon=True).start()
        self._listener.tls = self._context()

    def _close(self) -> None:
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None

    def _context(self) -> ssl.SSLContext | None:
        """TLS by the settings; None where it is off or its files do not serve: then qBittorrent speaks plain HTTP."""
        settings = self.standin.settings
        if not settings.boolean("HTTPS/Enabled"):
            return None
        certificate, key = (Path(settings.text(f"HTTPS/{name}Path")) for name in ("Certificate", "Key"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (OSError, ssl.SSLError, ValueError):
            return None
        return context
