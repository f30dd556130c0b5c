"""Keeps how things stand now, for the page, the metrics and the question whether the watch itself lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor.watch.base.clock import Clock
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.base.glances import FullLook, Glance

if TYPE_CHECKING:
    from qbdoctor.model.report import Report


class Status:
    """What the last look, the last full check and the last event were. ``longest`` is how many seconds a look may be late."""

    def __init__(self, url: str, clock: Clock, longest: float) -> None:
        self.url = url
        self.clock = clock
        self.glance: Glance | None = None
        self.look: FullLook | None = None
        self.report: Report | None = None
        self.event: Event | None = None
        self._longest = longest
        self._seen = clock.mono()

    def looked(self, glance: Glance, _cause: str) -> None:
        """Take a look."""
        self.glance = glance
        self._seen = self.clock.mono()

    def checked(self, look: FullLook, report: Report) -> None:
        """Take a full check."""
        self.look, self.report = look, report
        self._seen = self.clock.mono()

    def happened(self, event: Event, _state: str) -> None:
        """Take an event."""
        self.event = event

    @property
    def alive(self) -> bool:
        """Whether the watch has looked lately."""
        return self.clock.mono() - self._seen <= self._longest
