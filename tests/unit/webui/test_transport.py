"""The names of urllib3 that are private to it and used by the transport: an upgrade that moves one must be noticed here."""

from __future__ import annotations

import inspect
import socket
import threading
from collections.abc import Iterator

import pytest
import urllib3.connection

from qbdoctor.target.address import parse_url
from qbdoctor.webui.call import VERSION_PATH, Call
from qbdoctor.webui.masks import Deadline, Masks
from qbdoctor.webui.wire import Wire


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that answers each request with 403, on 127.0.0.2 alone."""
    with socket.socket() as server:
        server.bind(("127.0.0.2", 0))
        server.listen()

        def serve() -> None:
            while True:
                try:
                    one = server.accept()[0]
                except OSError:
                    return
                with one:
                    one.recv(4096)
                    one.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\nConnection: close\r\n\r\nForbidden")

        threading.Thread(target=serve, daemon=True).start()
        yield server


def test_the_private_names_are_there() -> None:
    """``_new_conn`` makes the socket, before any TLS, and connects to ``_dns_host``, not to ``host`` (urllib3 2)."""
    for kind in (urllib3.connection.HTTPConnection, urllib3.connection.HTTPSConnection):
        assert "_dns_host" in inspect.getsource(kind._new_conn)
        assert "_new_conn" in inspect.getsource(kind.connect)
        connection = kind("name.invalid")
        connection._dns_host = "127.0.0.2"
        assert connection._dns_host == "127.0.0.2"


def test_they_do_what_they_are_used_for(listener: socket.socket) -> None:
    """A call with ``peer`` goes to that address, with the Host header of the URL, and the job knows both ends."""
    port = listener.getsockname()[1]
    address = parse_url(f"http://127.0.0.1:{port}")
    there = Wire(address, Deadline(5.0), Masks()).send(Call("GET", VERSION_PATH, peer="127.0.0.2"))
    assert (there.status, there.peer) == (403, "127.0.0.2")
    here = Wire(address, Deadline(5.0), Masks()).send(Call("GET", VERSION_PATH))
    assert here.status is None, "without peer nothing listens there, so the test above proves something"
