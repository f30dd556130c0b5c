"""Looks at full speed against the stand-in: memory does not grow with their number, and the history stays small."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from qbdoctor.watch.base.glances import Glance
from qbdoctor.watch.history.store import History
from tests.unit.watch.fakes import FakeClock, Kept
from tests.unit.watch.test_loop import Simulated

FULL = 100
"""So many of them are full checks, which need more memory than a look."""
MANY = int(os.environ.get("QBDOCTOR_LOOKS", "100000"))


class Measured(Kept):
    """Keeps how much memory there is at a tenth of the looks and at the end, and none of the looks."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.memory: list[int] = []

    def looked(self, glance: Glance, cause: str) -> None:
        self.count += 1
        if self.count in {MANY // 10, MANY}:
            self.memory.append(psutil.Process().memory_info().rss)

    def checked(self, look: object, report: object) -> None:
        """Keep nothing."""


@pytest.mark.extended
def test_memory_and_file_do_not_grow_with_the_looks(tmp_path: Path) -> None:
    """Each look is real; the clock goes 36 s between them, so that 100,000 are 41 days: minutes and hours roll over."""
    from qbdoctor.cli.arguments import parse
    from qbdoctor.cli.commands.watch import _Observers
    from qbdoctor.registry import checks
    from qbdoctor.watch import loop
    from qbdoctor.watch.full_check import FullChecks
    from tests.unit.watch.fakes import password

    clock = FakeClock()
    server = Simulated(clock)
    server.start()
    measured = Measured()
    history = History(tmp_path, f"http://127.0.0.1:{server.port}", print)
    history.open()
    arguments = ["watch", "--url", f"http://127.0.0.1:{server.port}", "--state-dir", str(tmp_path)]
    with pytest.MonkeyPatch.context() as patch, password():
        patch.setattr(loop, "FULL_SECONDS", 36.0 * MANY / FULL)
        full = FullChecks(_Observers(parse(arguments)).make, checks(), clock)
        loop.Watch(full, clock, loop.Pace(36.0, 36.0 * (MANY + 10), 8.0), [history, measured]).run()
    server.stop()
    assert measured.count >= MANY
    assert measured.told == []
    assert full.logins == 1
    at_a_tenth, at_the_end = measured.memory
    size = sum(path.stat().st_size for path in tmp_path.glob("history.sqlite*"))
    assert at_the_end < 1.05 * at_a_tenth
    assert size < 4 << 20
