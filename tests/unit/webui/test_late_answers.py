"""A server that is busy for a while: its silence is not taken for an answer, and nothing that changes something is sent again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from email.message import Message

import pytest

from qbdoctor.target.address import parse_url
from qbdoctor.webui.call import LOGIN_PATH, VERSION_PATH, Call
from qbdoctor.webui.masks import Deadline, Masks
from qbdoctor.webui.wire import Wire
from tests.kit.proxies import Answer, WebServer

SECONDS = 0.3
PAGE = "/page"


class Busy(WebServer):
    """Answers at once, but for what `is_slow` says of the number of a request (from 1) and its path."""

    def __init__(self) -> None:
        super().__init__()
        self.is_slow: Callable[[int, str], bool] = lambda _number, _path: False
        self.asked: list[str] = []
        self._over = threading.Event()

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        self.asked.append(path)
        if self.is_slow(len(self.asked), path):
            self._over.wait(20)
        return Answer(200, "OK", [], b"v5.1.0")

    def end(self) -> None:
        self._over.set()


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Busy]:
    monkeypatch.setattr("qbdoctor.webui.wire.REQUEST_SECONDS", SECONDS)
    with Busy() as server:
        yield server
        server.end()


def wire_to(server: Busy, seconds: float = 20) -> Wire:
    return Wire(parse_url(server.url), Deadline(seconds), Masks())


def get(path: str = PAGE) -> Call:
    return Call("GET", path, seconds=SECONDS)


@pytest.mark.parametrize("first", [True, False], ids=["the first of all", "a later one"])
def test_a_pause_is_waited_for(busy: Busy, first: bool) -> None:
    wire = wire_to(busy)
    if not first:
        assert wire.send(get(VERSION_PATH)).answered
    slow = len(busy.asked) + 1
    busy.is_slow = lambda number, _path: number == slow
    assert wire.send(get()).answered
    assert busy.asked[slow - 1 :] == ([PAGE, PAGE] if first else [PAGE, VERSION_PATH, PAGE])


def test_one_call_that_hangs_is_told_from_a_busy_server(busy: Busy) -> None:
    wire = wire_to(busy)
    assert wire.send(get(VERSION_PATH)).answered
    busy.is_slow = lambda _number, path: path == PAGE
    found = wire.send(get())
    assert found.failure is not None and found.failure.kind == "timeout"
    assert not found.too_late
    assert busy.asked[1:] == [PAGE, VERSION_PATH, PAGE]


def test_a_server_that_answers_nothing_any_more_tells_nothing_of_a_call(busy: Busy) -> None:
    wire = wire_to(busy)
    assert wire.send(get(VERSION_PATH)).answered
    busy.is_slow = lambda _number, _path: True
    wire.deadline = Deadline(2.5)  # the free call has eight seconds else
    found = wire.send(get())
    assert found.too_late
    assert found.failure is not None and "too busy to tell" in found.failure.text


@pytest.mark.parametrize(
    ("call", "deadline"),
    [
        (Call("POST", LOGIN_PATH, form={"username": "a", "password": "b"}, seconds=SECONDS), 20),
        (Call("POST", "/api/v2/torrents/add", form={"urls": "x"}, seconds=SECONDS), 20),
        (Call("GET", PAGE, seconds=SECONDS / 2), 20),
        (get(), 1.5 * SECONDS),
    ],
    ids=["a login", "what changes something", "a short look", "no time is left"],
)
def test_what_is_not_sent_again(busy: Busy, call: Call, deadline: float) -> None:
    wire = wire_to(busy)
    assert wire.send(get(VERSION_PATH)).answered
    wire.deadline = Deadline(deadline)
    busy.is_slow = lambda _number, _path: True
    assert not wire.send(call).answered
    assert len(busy.asked) == 2


def test_what_changes_nothing_is_sent_again_though_it_is_a_post(busy: Busy) -> None:
    wire = wire_to(busy)
    assert wire.send(get(VERSION_PATH)).answered
    busy.is_slow = lambda number, _path: number == 2
    assert wire.send(Call("POST", PAGE, content=b"x", seconds=SECONDS, harmless=True)).answered
