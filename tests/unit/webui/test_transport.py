"""What goes over the wire, and what becomes of answers that are whole, broken, packed or no HTTP."""

from __future__ import annotations

import contextlib
import gzip
import socket
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from qbdoctor.model.exchanges import Exchange
from qbdoctor.target.address import parse_url
from qbdoctor.webui import wire as wire_module
from qbdoctor.webui.call import VERSION_PATH, Call
from qbdoctor.webui.masks import Deadline, Masks
from qbdoctor.webui.wire import Wire


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that answers each request with 403, on 127.0.0.2 alone."""
    if sys.platform == "darwin":
        pytest.skip("macOS has 127.0.0.1 alone until somebody adds more")
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


ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


def told(answer: bytes) -> Exchange:
    """What one exchange with a server that answers so comes to."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as one:
                one.recv(4096)
                one.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        address = parse_url(f"http://127.0.0.1:{server.getsockname()[1]}")
        return Wire(address, Deadline(5.0), Masks()).send(Call("GET", VERSION_PATH))


@pytest.mark.parametrize(
    ("answer", "status", "body", "failure"),
    [
        (ANSWER + b"\r\nuntil the end", 200, "until the end", None),
        (ANSWER + b"Content-Length: 3\r\n\r\nabc", 200, "abc", None),
        (ANSWER + b"Content-Length: 9\r\n\r\nabc", 200, "", "closed"),
        (ANSWER + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc", None),
        (ANSWER + b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc", 200, "", "closed"),
        (ANSWER + b"Transfer-Encoding: chunked\r\n\r\nwhat\r\n", 200, "", "closed"),
        (
            ANSWER + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"packed unasked", mtime=0),
            200,
            "packed unasked",
            None,
        ),
        (ANSWER + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"so too"), 200, "so too", None),
        (ANSWER + b"Content-Encoding: gzip\r\n\r\nnot packed", 200, "", "not-http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", None, "", "not-http"),
        (b"HTTP/1.1 abc\r\n\r\n", None, "", "not-http"),
        (b"HTTP/1.1 200 " + b"x" * 70000 + b"\r\n\r\n", None, "", "not-http"),
        (b"", None, "", "closed"),
    ],
)
def test_answers_whole_and_broken(answer: bytes, status: int | None, body: str, failure: str | None) -> None:
    one = told(answer)
    assert (one.status, one.body, one.failure.kind if one.failure else None) == (status, body, failure)


def test_a_packed_answer_takes_no_more_memory_than_the_cap() -> None:
    """64 MiB of one letter are 64 kB packed: they are not unpacked first and measured then."""
    packed = gzip.compress(b"x" * (64 << 20), mtime=0)
    tracemalloc.start()
    one = told(ANSWER + b"Content-Encoding: gzip\r\n\r\n" + packed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one.failure is not None and one.failure.kind == "too-large"
    assert peak < 8 << 20, peak


def test_each_line_of_a_header_is_kept() -> None:
    one = told(ANSWER + b"Set-Cookie: a=1\r\nSet-Cookie: b=2; path=/\r\nX: \r\n\r\n")
    assert [cookie.name for cookie in one.cookies] == ["a", "b"]
    assert one.header("x") == ""


@pytest.mark.parametrize(
    ("call", "first", "rest"),
    [
        (Call("GET", "/a b/ü?x=%20y"), "GET /a%20b/%C3%BC?x=%20y HTTP/1.1", "\r\n\r\n"),
        (Call("POST", "/p"), "POST /p HTTP/1.1", "Content-Length: 0\r\n\r\n"),
        (
            Call("POST", "/p", form={"password": "ü &+"}),
            "POST /p HTTP/1.1",
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 22\r\n\r\npassword=%C3%BC+%26%2B",
        ),
        (
            Call("POST", "/p", content=b"{}", headers={"Content-Type": "x/y"}),
            "POST /p HTTP/1.1",
            "Content-Length: 2\r\n\r\n{}",
        ),
    ],
)
def test_what_goes_out(call: Call, first: str, rest: str) -> None:
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as one:
                got.append(one.recv(4096))
                one.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    got.append(one.recv(4096))
                one.sendall(ANSWER + b"Content-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        Wire(parse_url(f"http://127.0.0.1:{server.getsockname()[1]}"), Deadline(5.0), Masks()).send(call)
    text = b"".join(got).decode()
    assert text.startswith(f"{first}\r\nHost: 127.0.0.1:")
    assert text.endswith(rest)
    assert text.lower().count("content-type:") <= 1


def test_work_that_is_due_later_is_done_while_an_answer_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "AT_ONCE", 0)
    done: list[str] = []
    may_answer = threading.Event()

    def serve(server: socket.socket) -> None:
        for _ in range(2):
            with server.accept()[0] as one:
                one.recv(4096)
                assert may_answer.wait(5)
                may_answer.clear()
                one.sendall(ANSWER + b"Content-Length: 0\r\n\r\n")

    def answered() -> None:
        may_answer.set()
        time.sleep(0.5)  # by then the answer is there

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        wire = Wire(parse_url(f"http://127.0.0.1:{server.getsockname()[1]}"), Deadline(5.0), Masks())
        wire.meanwhile.add(lambda: done.append("a"), answered, lambda: done.append("b"), may_answer.set)
        wire.send(Call("GET", VERSION_PATH))
        assert done == ["a"], "no piece is begun when the answer is there"
        wire.send(Call("GET", VERSION_PATH))
    assert done == ["a", "b"]


def test_a_quick_answer_is_not_kept_waiting_by_work_that_is_due_later(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire_module, "AT_ONCE", 5)
    wire = Wire(parse_url(f"http://127.0.0.2:{listener.getsockname()[1]}"), Deadline(5.0), Masks())
    done: list[int] = []
    wire.meanwhile.add(lambda: done.append(1))
    assert wire.send(Call("GET", VERSION_PATH)).ms < 2000
    assert not done


def test_another_way_that_was_silent_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS at a port that speaks http hangs: asked three times it took most of a run's time."""
    monkeypatch.setattr(wire_module, "SILENT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as own:
        address, other = (parse_url(f"http://127.0.0.1:{one.getsockname()[1]}") for one in (own, silent))
        wire = Wire(address, Deadline(30.0), Masks())
        took = [
            wire.send(Call("GET", VERSION_PATH, address=where, seconds=0.8)).ms for where in (other, other, None, None)
        ]
    assert [ms >= 700 for ms in took] == [True, False, True, True], "the target itself may be slow"


def test_work_that_is_not_due_yet_is_kept(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "AT_ONCE", 0)
    asked: list[int] = []
    wire = Wire(parse_url(f"http://127.0.0.2:{listener.getsockname()[1]}"), Deadline(5.0), Masks())

    def later() -> bool:
        asked.append(len(asked))
        return len(asked) == 2

    wire.meanwhile.add(later)
    for _ in range(30):
        wire.send(Call("GET", VERSION_PATH))
    assert asked == [0, 1], "asked again until it was done, and then no more"


def test_a_call_goes_to_its_peer(listener: socket.socket) -> None:
    """A call with ``peer`` goes to that address, with the Host header of the URL, and the job knows both ends."""
    port = listener.getsockname()[1]
    address = parse_url(f"http://127.0.0.1:{port}")
    there = Wire(address, Deadline(5.0), Masks()).send(Call("GET", VERSION_PATH, peer="127.0.0.2"))
    assert (there.status, there.peer) == (403, "127.0.0.2")
    here = Wire(address, Deadline(5.0), Masks()).send(Call("GET", VERSION_PATH))
    assert here.status is None, "without peer nothing listens there, so the test above proves something"


def test_the_address_that_answered_is_asked_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows takes two seconds to refuse a connection: of ``localhost`` ::1 comes first, and is tried but once."""
    tried: list[str] = []
    connect = socket.socket.connect

    def note(self: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", note)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        both = [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")]
        found = [(kind, socket.SOCK_STREAM, 6, "", (name, port)) for kind, name in both]

        def look_up(host: bytes, *_args: object, **_more: object) -> list[object]:
            return [one for one in found if host.decode() in {"localhost", one[4][0]}]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    with server.accept()[0] as one:
                        one.recv(4096)
                        one.sendall(ANSWER + b"Content-Length: 2\r\n\r\nv5")

        threading.Thread(target=serve, daemon=True).start()
        wire = Wire(parse_url(f"http://localhost:{port}"), Deadline(5.0), Masks())
        for _ in range(4):
            assert wire.send(Call("GET", VERSION_PATH)).status == 200
    assert tried == ["::1", *["127.0.0.1"] * 4]
