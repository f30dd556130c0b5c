"""Tells the time to a watch: the wall's clock, which may be set, and one that nobody sets."""

from __future__ import annotations

import threading
import time

from qbdoctor.model import waiting


class Clock:
    """The clocks of this machine, and a sleep that ends at once when :attr:`stopping` is set."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._steady = getattr(time, "CLOCK_BOOTTIME", None)  # goes on while the machine is asleep

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
