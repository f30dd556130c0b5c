"""What breaks connections: things that stand in front of a real server, or in its place.

Each is a context manager with `.port` and `.url`, listens on 127.0.0.1 and works on threads. Those that speak raw bytes
are here, those that speak HTTP in `tests.kit.proxies`; both can be imported from here.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Self

from tests.kit.proxies import OtherApp, Recorded, Redirector, ReverseProxy

__all__ = [
    "ClosesEarly",
    "Dripper",
    "Flooder",
    "Garbage",
    "OtherApp",
    "PortMap",
    "RawServer",
    "Recorded",
    "Redirector",
    "ReverseProxy",
    "Silent",
]


class Listener:
    """Accepts connections and gives each to `serve`, on a thread of its own."""

    def __init__(self, port: int = 0) -> None:
        self.host = "127.0.0.1"
        self.connections = 0  # accepted so far
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._socket = socket.create_server((self.host, port), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """Its address, without a final slash."""
        return f"http://{self.host}:{self.port}"

    def serve(self, client: socket.socket) -> None:
        """What is done with one connection; it is closed when this returns."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        # Closing alone does not wake a thread that waits in accept() or recv().
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(5)

    @contextlib.contextmanager
    def tracked(self, connection: socket.socket) -> Iterator[socket.socket]:
        """Close a connection at the end, and end it when this listener stops."""
        with self._lock:
            self._open.add(connection)
        try:
            yield connection
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        with self.tracked(client), contextlib.suppress(OSError):
            self.serve(client)


def read_request(client: socket.socket) -> bytes:
    """The bytes of a request up to the end of its headers; less where the client goes away before."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = client.recv(65536)
        if not part:
            break
        received += part
    return received


class PortMap(Listener):
    """Hands each connection on to another port, as Docker's `-p` does: the Host header keeps the outer port.

    `source` is the address that the server sees, a loopback one such as 127.0.0.2 for Docker's gateway.
    """

    def __init__(self, server_port: int, *, port: int = 0, source: str | None = None) -> None:
        super().__init__(port)
        self._target = ("127.0.0.1", server_port)
        self._source = (source, 0) if source else None

    def serve(self, client: socket.socket) -> None:
        """Copy both ways until both sides are done."""
        upstream = socket.create_connection(self._target, timeout=5, source_address=self._source)
        upstream.settimeout(None)
        with self.tracked(upstream):
            back = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
            back.start()
            _copy(client, upstream)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the end, and pass the end on: the other direction may still be busy."""
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Silent(Listener):
    """Accepts, and never says a word."""

    def serve(self, client: socket.socket) -> None:
        """Wait for the end."""
        self.stopping.wait()


class Dripper(Listener):
    """Sends a valid answer a byte at a time and never comes to its end: each read of a client succeeds in time."""

    def __init__(
        self, where: Literal["status", "headers", "body"] = "headers", *, interval: float = 0.1, port: int = 0
    ) -> None:
        super().__init__(port)
        self._interval = interval
        status, headers = b"HTTP/1.1 200 OK\r\n", b"Content-Type: text/plain\r\n"
        # At once, slowly, and then one byte for ever.
        self._script = {
            "status": (b"", status + headers + b"X-Slow: ", b"a"),
            "headers": (status, headers + b"X-Slow: ", b"a"),
            "body": (status + headers + b"Content-Length: 1000000\r\n\r\n", b"", b"v"),
        }[where]

    def serve(self, client: socket.socket) -> None:
        """Send the rest of an answer, slowly."""
        read_request(client)
        at_once, slowly, for_ever = self._script
        client.sendall(at_once)
        for byte in itertools.chain(slowly, itertools.repeat(for_ever[0])):
            if self.stopping.wait(self._interval):
                return
            client.sendall(bytes([byte]))


class Flooder(Listener):
    """Sends far more than anyone asked for: in the body, in ever more headers, or in one header line.

    `size` in bytes; None never ends. A body with a size announces it.
    """

    def __init__(
        self,
        where: Literal["body", "headers", "line"] = "body",
        *,
        size: int | None = 50_000_000,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self._size = size
        length = f"Content-Length: {size}\r\n".encode() if size is not None else b""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
        self._head, self._part = {
            "body": (head + length + b"\r\n", b"v" * 65536),
            "headers": (head, b"X-Many: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 1200),
            "line": (head + b"X-Long: ", b"a" * 65536),
        }[where]
        self.sent = 0  # bytes, over all connections

    def serve(self, client: socket.socket) -> None:
        """Send until the size is reached or the client has had enough."""
        read_request(client)
        client.sendall(self._head)
        left = self._size
        while not self.stopping.is_set() and (left is None or left > 0):
            part = self._part if left is None else self._part[:left]
            client.sendall(part)
            self.sent += len(part)
            left = None if left is None else left - len(part)


class RawServer(Listener):
    """Answers each request with the same bytes and closes. `speaks_first`: does not wait for the request."""

    def __init__(self, answer: bytes, *, speaks_first: bool = False, port: int = 0) -> None:
        super().__init__(port)
        self._answer = answer
        self._speaks_first = speaks_first
        self.requests: list[bytes] = []  # their heads

    def serve(self, client: socket.socket) -> None:
        """Answer."""
        if not self._speaks_first:
            self.requests.append(read_request(client))
        client.sendall(self._answer)
        # Closed with unread bytes, a connection is reset, which may cost the client our last ones.
        client.shutdown(socket.SHUT_WR)
        client.settimeout(1)
        while client.recv(65536):
            pass


class Garbage(RawServer):
    """Answers with binary bytes that are no protocol at all."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(bytes((i * 167 + 13) % 256 for i in range(4096)), port=port)


class ClosesEarly(Listener):
    """Closes too soon: at once, after the request, within the headers, or within the body.

    `reset`: with a RST, where the network says "connection reset" and not "end".
    """

    def __init__(
        self,
        when: Literal["accept", "request", "headers", "body"] = "request",
        *,
        reset: bool = False,
        port: int = 0,
    ) -> None:
        super().__init__(port)
        self._when = when
        self._reset = reset

    def serve(self, client: socket.socket) -> None:
        """Say part of an answer."""
        if self._when != "accept":
            read_request(client)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n"
        if self._when == "headers":
            client.sendall(head)
        elif self._when == "body":
            client.sendall(head + b"\r\nv4.")
        if self._reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
