"""Waits so that Ctrl-C ends the wait: on Windows Python's locks are not interrupted, so each wait is made of short ones."""

from __future__ import annotations

import queue
import threading
import time
from typing import TypeVar

T = TypeVar("T")

SLICE = 0.25
"""Seconds after which a Ctrl-C is noticed."""


def until(event: threading.Event, seconds: float | None = None) -> bool:
    """Wait for an event, ``seconds`` at most; return whether it came. Raises KeyboardInterrupt soon after Ctrl-C."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        left = SLICE if end is None else min(SLICE, end - time.monotonic())
        if event.wait(max(left, 0)):
            return True
        if left < SLICE:
            return False


def next_of(waiting: queue.SimpleQueue[T]) -> T:
    """Wait for the next piece of a queue. Raises KeyboardInterrupt soon after Ctrl-C."""
    while True:
        try:
            return waiting.get(timeout=SLICE)
        except queue.Empty:
            continue
