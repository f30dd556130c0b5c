"""The benchmark runs: a little of each subject, every day, so that it is there when it is wanted. It asserts no time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.bench.measure import Row


@pytest.mark.live
def test_a_little_of_each_subject() -> None:
    run = subprocess.run([sys.executable, "-m", "tests.bench", "--short"], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    rows = [line for line in run.stdout.splitlines() if line.startswith("| `")]
    said = {line.split("`")[1].split()[0] for line in rows}
    assert {"--version", "--help", "explain", "history", "check", "fix", "lint", "fleet"} <= said
    assert all(" ms | " in line or " s | " in line for line in rows)


def test_the_ratio_is_that_of_the_pairs() -> None:
    """A machine that turns slow in the middle slows both of a pair."""
    row = Row("a", "b", "ms", (10.0, 10.0, 100.0), (5.0, 5.0, 50.0))
    assert row.ratio == 2.0
    assert row.markdown() == "| a | 10 ms (10 to 100) | b | 5 ms (5 to 50) | 2 × |  |"
