"""Tells the time to a watch: the wall's clock, which may be set, and one that nobody sets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from qbdoctor.model import system, waiting


class Stopped(KeyboardInterrupt):
    """A look was cut short, since the watch is to end: what cleans up after an interrupt does so here."""


class Clock:
    """The clocks of this machine, and what ends a watch: a sleep at once, and a look that waits for a silent server."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._looks = False
        # Those that go on while the machine is asleep: on macOS it is this one, and time.monotonic() stands still
        # (clock_gettime(3) there).
        self._steady = getattr(time, "CLOCK_MONOTONIC" if system.is_macos() else "CLOCK_BOOTTIME", None)

    def wall(self) -> float:
        """Return Unix time."""
        return time.time()

    def mono(self) -> float:
        """Return seconds that only ever grow, at the pace of real time."""
        return time.monotonic() if self._steady is None else time.clock_gettime(self._steady)

    def stop(self, *_signal: object) -> None:
        """Have the watch end; the handler of signals. Raises :class:`Stopped` where it looks."""
        self.stopping.set()
        if self._looks:
            self._looks = False  # a second signal does not cut the cleaning up
            raise Stopped

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Have what is done inside cut short by :meth:`stop`."""
        self._looks = True
        try:
            yield
        finally:
            self._looks = False

    def sleep(self, seconds: float) -> None:
        """Wait, at most until the watch is to stop."""
        if seconds > 0:
            waiting.until(self.stopping, seconds)
