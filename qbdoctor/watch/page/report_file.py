"""Keeps the page in a file, written anew when something happened, and now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qbdoctor.watch.base.clock import Clock
from qbdoctor.watch.base.events import Event

if TYPE_CHECKING:
    from qbdoctor.model.report import Report
    from qbdoctor.watch.base.glances import FullLook, Glance

EVERY_SECONDS = 300.0
AFTER_EVENT_SECONDS = 10.0


class ReportFile:
    """Writes the page with ``write``, which does not raise; after the last event in any case."""

    def __init__(self, write: Callable[[], None], clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._last: float | None = None
        self._due = True

    def looked(self, _glance: Glance, _cause: str) -> None:
        """Write where it is time."""
        now = self._clock.mono()
        wait = AFTER_EVENT_SECONDS if self._due else EVERY_SECONDS
        if self._last is None or now - self._last >= wait:
            self._last, self._due = now, False
            self._write()

    def checked(self, look: FullLook, report: Report) -> None:
        """Wait for the next look."""

    def happened(self, event: Event, _state: str) -> None:
        """Note that there is news."""
        self._due = True
        if event.id == "watch-stopped":
            self._write()
