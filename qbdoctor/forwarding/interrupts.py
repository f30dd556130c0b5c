"""Ends a run of asyncio in order on Ctrl-C and SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def ended_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM call ``stop``; elsewhere than in the main thread they are left alone."""
    loop = asyncio.get_running_loop()
    taken: list[Callable[[], object]] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(RuntimeError, ValueError):
            taken.append(_on_signal(loop, number, stop))
    try:
        yield
    finally:
        for give_back in taken:
            give_back()


def _on_signal(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, act: Callable[[], None]
) -> Callable[[], object]:
    """Have the loop act on a signal; return what ends that. Raises ValueError and RuntimeError outside the main thread."""
    try:
        loop.add_signal_handler(number, act)
    except NotImplementedError:  # Windows' loop has none, and wakes up for Python's own
        before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(act))
        return lambda: signal.signal(number, before)
    return lambda: loop.remove_signal_handler(number)
