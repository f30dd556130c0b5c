"""Waits are made of short ones."""

from __future__ import annotations

import queue
import sys
import threading
import time
from pathlib import Path

import pytest

from qbdoctor.model import waiting

SOURCE = Path(__file__).parents[3] / "qbdoctor"


class Uninterrupted(threading.Event):
    """An event whose wait nothing interrupts, as on Windows: Ctrl-C is noticed when it returns."""

    waits: list[float | None]

    def wait(self, timeout: float | None = None) -> bool:
        self.waits = [*getattr(self, "waits", []), timeout]
        if len(self.waits) == 3:
            raise KeyboardInterrupt
        return False


@pytest.mark.parametrize("seconds", [None, 3600.0])
def test_no_wait_is_longer_than_a_slice(seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    event = Uninterrupted()
    with pytest.raises(KeyboardInterrupt):
        waiting.until(event, seconds)
    assert all(each is not None and 0 < each <= waiting.SLICE for each in event.waits)


def test_it_returns_what_came_and_gives_up_in_time() -> None:
    event = threading.Event()
    began = time.monotonic()
    assert not waiting.until(event, 0.3)
    assert 0.3 <= time.monotonic() - began < 2
    event.set()
    assert waiting.until(event)
    held: queue.SimpleQueue[int] = queue.SimpleQueue()
    threading.Timer(0.3, held.put, (7,)).start()
    assert waiting.next_of(held) == 7


def test_work_is_done_piece_by_piece_while_something_is_waited_for() -> None:
    """No piece begins once it has come; one that is too early is kept, and asked again the next time."""
    meanwhile, came, asked = waiting.Meanwhile(), threading.Event(), []

    def early() -> bool:
        asked.append("early")
        return len(asked) > 2

    meanwhile.add(early, lambda: asked.append("a"), came.set, lambda: asked.append("b"))
    meanwhile.work_while(lambda: not came.is_set())
    assert asked == ["early", "a"]
    came.clear()
    meanwhile.work_while(lambda: not came.is_set())
    assert asked == ["early", "a", "early", "b"]
    meanwhile.work_while(lambda: True)
    assert len(asked) == 4


def test_what_a_computation_begun_ahead_raises_is_raised_where_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)

    def fail() -> int:
        raise ValueError("no such hash here")

    _, result = waiting.begin(fail)
    with pytest.raises(ValueError, match="no such hash"):
        result()
    assert not printed, "a traceback on the screen"
    assert waiting.begin(lambda: 7)[1]() == 7
