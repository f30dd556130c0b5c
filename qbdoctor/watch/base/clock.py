"""Tells the time to a watch: the wall's clock, which may be set, and one that nobody sets."""

from __future__ import annotations

import threading
import time

from qbdoctor.model import system, waiting


class Clock:
    """The clocks of this machine, and a sleep that ends at once when :attr:`stopping` is set."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        # Those that go on while the machine is asleep: on macOS it is this one, and time.monotonic() stands still
        # (clock_gettime(3) there).
        self._steady = getattr(time, "CLOCK_MONOTONIC" if system.is_macos() else "CLOCK_BOOTTIME", None)

    def wall(self) -> float:
        """Return Unix time."""
        return time.time()

    def mono(self) -> float:
        """Return seconds that only ever grow, at the pace of real time."""
        return time.monotonic() if self._steady is None else time.clock_gettime(self._steady)

    def sleep(self, seconds: float) -> None:
        """Wait, at most until the watch is to stop."""
        if seconds > 0:
            waiting.until(self.stopping, seconds)
