"""Times programs as whole processes, by the operating system's own accounting, in pairs: A B A B."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Run:
    """One finished run: seconds on the clock and of the processors, and the largest memory in MiB."""

    wall: float
    cpu: float
    peak: float
    code: int


@dataclass(frozen=True)
class Row:
    """One line of the table; ``ratio`` is the median of the pairs' ratios, None where nothing was compared."""

    what: str
    compared: str
    unit: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of A/B, pair by pair, so that a machine that slows down does not count."""
        pairs = [a / b for a, b in zip(self.ours, self.theirs, strict=False) if b]
        return median(pairs) if pairs else None

    def markdown(self) -> str:
        """The line as a row of a Markdown table."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2g} ×"
        cells = (
            self.what,
            _figures(self.ours, self.unit),
            self.compared,
            _figures(self.theirs, self.unit),
            ratio,
            self.note,
        )
        return f"| {' | '.join(cells)} |"


HEAD = "| what | median (min to max) | against | median (min to max) | ratio | |\n| --- | --- | --- | --- | --- | --- |"


def _figures(values: Sequence[float], unit: str) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    spread = f" ({_short(low)} to {_short(high)})" if len(values) > 1 else ""
    return f"{_short(median(values))} {unit}{spread}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end; what it prints is thrown away."""
    began = time.perf_counter()
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode)


def pairs(
    number: int, ours: Callable[[], Run], theirs: Callable[[], Run], *, warm: bool = True
) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Run the two in turn; the first of each is not counted (files come into memory) unless ``warm`` is False."""
    if warm:
        ours()
        theirs()
    made = [(ours(), theirs()) for _ in range(number)]
    return tuple(one for one, _ in made), tuple(other for _, other in made)


def machine() -> str:
    """Return what the figures were made on, in a line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {load:.1f} at the start"
    )
