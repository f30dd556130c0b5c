"""Waits so that Ctrl-C ends the wait: on Windows Python's locks are not interrupted, so each wait is made of short ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from qbdoctor.model import system
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    import queue
    from typing import TypeVar

    T = TypeVar("T")

SLICE = 0.25
"""Seconds after which a Ctrl-C is noticed."""


class Meanwhile:
    """Work that is due later, done piece by piece while something is waited for."""

    def __init__(self) -> None:
        self._pieces: list[Callable[[], object]] = []

    def add(self, *pieces: Callable[[], object]) -> None:
        """Put pieces at the end, in the order in which they are to be done. One that returns False is kept for a later time."""
        self._pieces += pieces

    def work_while(self, busy: Callable[[], bool]) -> None:
        """Do what is left, and begin no further piece once what is waited for has come."""
        for piece in tuple(self._pieces):
            if busy() and piece() is not False:
                self._pieces.remove(piece)


def begin(compute: Callable[[], T]) -> tuple[Callable[[], bool], Callable[[], T]]:
    """Begin to compute beside all else; return what tells whether it still goes on, and what waits for the result.

    Hashes of the standard library let other threads run. What the computation raised, waiting for it raises.
    """
    made: list[T] = []

    def work() -> None:
        with suppress(Exception):  # Python would print it on the screen; who waits computes again, and has it raised
            made.append(compute())

    def result() -> T:
        worker.join()
        return made[0] if made else compute()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    return worker.is_alive, result


def until(event: threading.Event, seconds: float | None = None) -> bool:
    """Wait for an event, ``seconds`` at most; return whether it came. Raises KeyboardInterrupt soon after Ctrl-C."""
    # Elsewhere a signal ends the wait at once, and a watch that waits for minutes wakes for nothing else.
    if system.platform() != "win32":
        return event.wait(seconds)
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        left = SLICE if end is None else min(SLICE, end - time.monotonic())
        if event.wait(max(left, 0)):
            return True
        if left < SLICE:
            return False


def next_of(waiting: queue.SimpleQueue[T]) -> T:
    """Wait for the next piece of a queue. Raises KeyboardInterrupt soon after Ctrl-C."""
    from queue import Empty  # noqa: PLC0415 - a check has no queue

    while True:
        try:
            return waiting.get(timeout=SLICE)
        except Empty:
            continue
