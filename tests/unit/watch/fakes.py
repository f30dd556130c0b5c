"""A clock that a test sets, a listener that keeps all, and a watch of the simulator with both."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from qbdoctor.cli.arguments import parse
from qbdoctor.cli.commands.watch import _Observers
from qbdoctor.model.report import Report
from qbdoctor.registry import checks
from qbdoctor.watch.base.clock import Clock
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.base.glances import FullLook, Glance
from qbdoctor.watch.full_check import FullChecks
from qbdoctor.watch.loop import Pace, Watch
from tests.kit.server import PASSWORD


class FakeClock(Clock):
    """Time passes when somebody sleeps, and the simulator goes by it as well. `plan` is done at its times."""

    speed = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.passed = 1000.0
        self.set_by = 1_700_000_000.0
        self.plan: list[tuple[float, Callable[[], None]]] = []

    def wall(self) -> float:
        return self.passed + self.set_by

    def mono(self) -> float:
        return self.passed

    def now(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        end = self.passed + max(seconds, 0.001)
        while self.plan and self.plan[0][0] <= end:
            at, do = self.plan.pop(0)
            self.passed = max(self.passed, at)
            do()
        self.passed = max(self.passed, end)


class Kept:
    """Keeps what a watch tells."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.glances: list[Glance] = []
        self.causes: list[str] = []
        self.reports: list[Report] = []

    def looked(self, glance: Glance, cause: str) -> None:
        self.glances.append(glance)
        self.causes.append(cause)

    def checked(self, look: FullLook, report: Report) -> None:
        self.reports.append(report)

    def happened(self, event: Event, state: str) -> None:
        self.events.append(event)

    @property
    def told(self) -> list[str]:
        return [event.id for event in self.events if not event.id.startswith("watch-")]


@contextlib.contextmanager
def password(text: str = PASSWORD) -> Iterator[None]:
    os.environ["QBDOCTOR_PASSWORD"] = text
    try:
        yield
    finally:
        del os.environ["QBDOCTOR_PASSWORD"]


def watched(clock: Clock, kept: Kept, seconds: float, *arguments: str, every: float = 60.0) -> tuple[str, FullChecks]:
    """Watch for so long; the verdict at the end, and the full checks."""
    full = FullChecks(_Observers(parse(["watch", *arguments])).make, checks(), clock)
    with password():
        state = Watch(full, clock, Pace(every, seconds, 8.0), [kept]).run()
    return state, full


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def state_folder(tmp_path: Path) -> tuple[str, str]:
    return "--state-dir", str(tmp_path / "state")
