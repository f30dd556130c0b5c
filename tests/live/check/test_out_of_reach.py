"""A host without a way to it and a name without an address are named as such, in a network of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit import namespaces
from tests.kit.namespaces import net
from tests.support.doctor import Run, cause, causes

REASON = namespaces.unavailable()

pytestmark = [pytest.mark.live, pytest.mark.extended, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("203.0.113.7", "host-unreachable"), ("neighbour", "host-unreachable"), ("nas.invalid", "name-not-resolved")],
)
def test_what_keeps_it_out_of_reach(host: str, expected: str, tmp_path: Path) -> None:
    with net() as inside:
        named = f"{inside.outer.rpartition('.')[0]}.99" if host == "neighbour" else host
        line = [sys.executable, "-m", "qbdoctor", "check", "--json", "--state-dir", str(tmp_path)]
        done = subprocess.run(
            [*inside.enter, *line, "--url", f"http://{named}:8080"], capture_output=True, text=True, timeout=60
        )
    report = Run(done.returncode, done.stdout, done.stderr).report
    assert (causes(report, "error"), report["exit_code"]) == ([expected], 1), report["verdict"]
    assert named in cause(report, expected)["summary"]
