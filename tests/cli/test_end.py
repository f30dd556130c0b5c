"""The program ends at once, and loses nothing by it."""

from __future__ import annotations

import subprocess
import sys

import pytest

_RUN = """
import atexit, sys, threading, time
{before}
sys.argv = ["qbdoctor", *sys.argv[1:]]
from qbdoctor.__main__ import run
run()
"""
LATER = "threading.Thread(target=lambda: (time.sleep(0.3), print('the thread'))).start()"


def ended(*arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _RUN.format(before=before), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("before", "said"), [("atexit.register(print, 'at the end')", "at the end"), (LATER, "the thread")]
)
def test_what_is_due_at_the_end_is_done(before: str, said: str) -> None:
    assert ended("--version", before=before).stdout.splitlines()[1:] == [said]


def test_all_is_written_and_nothing_is_taken_down() -> None:
    mark = "class Seen:\n    def __del__(self): print('taken down')\nsys.modules['seen'] = Seen()"
    done = ended("explain", before=f"{mark}\nsys.stderr.write('begun, with no line end')")
    assert done.stderr == "begun, with no line end"
    assert "ip-banned" in done.stdout and "taken down" not in done.stdout
    assert done.returncode == 0
    assert ended("explain", "no-such-id").returncode == 2
