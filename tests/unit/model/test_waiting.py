"""Waits are made of short ones."""

from __future__ import annotations

import queue
import re
import sys
import threading
import time
from pathlib import Path

import pytest

from qbdoctor.model import waiting
from qbdoctor.watch.base.clock import Clock

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


def test_work_is_done_beside_a_task() -> None:
    """One piece after the other while the task goes on; what it returns or raises is handed on; a piece may be too early."""
    meanwhile, went_on, done = waiting.Meanwhile(), threading.Event(), []

    def piece() -> None:
        done.append("piece")
        went_on.set()

    meanwhile.add(lambda: False, piece, lambda: time.sleep(0.5), lambda: done.append("after it"))
    assert meanwhile.beside(lambda: went_on.wait(10)) is True
    assert done == ["piece"]
    meanwhile.work_while(lambda: len(done) < 2)
    assert done == ["piece", "after it"]
    with pytest.raises(OSError, match="gone"):
        meanwhile.beside(lambda: _fail("gone"))


def _fail(text: str) -> None:
    raise OSError(text)


def test_a_watch_sleeps_so_that_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    clock = Clock()
    clock.stopping = event = Uninterrupted()
    with pytest.raises(KeyboardInterrupt):
        clock.sleep(300)
    assert all(each is not None and each <= waiting.SLICE for each in event.waits)


def test_every_other_wait_is_short_or_none_of_the_main_threads() -> None:
    """Of a child, which Ctrl-C reaches as well; of asyncio; in a thread that ends with the program; of some milliseconds."""
    waits = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if re.search(r"(?<!asyncio)\.wait\(", path.read_text("utf-8"))
    }
    children = {
        "clients/lab.py",
        "repair/restart/watchdog_client.py",
        "simulator/throwaway.py",
        "target/engines/engine.py",
    }
    assert waits == children | {
        "model/waiting.py", "bridge/session.py", "trace/session.py", "simulator/server.py", "webui/wire.py"
    }  # fmt: skip
