"""Serves many stand-ins from a few processes, for the fleet's rows."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

RELEASES = ("4.2.5", "4.5.2", "5.1.0", "5.3.0")

_PROGRAM = """
import sys, threading
from contextlib import ExitStack
import functools
from qbdoctor.config import password_hash
password_hash.make_hash = functools.cache(password_hash.make_hash)  # the same for all: 0.1 s each
from qbdoctor.releases.versions import known
from tests.support.simulated import simulated
threading.stack_size(1 << 18)
number, releases = int(sys.argv[1]), sys.argv[2].split(",")
with ExitStack() as stack:
    ports = [stack.enter_context(simulated(known(releases[i % len(releases)]), {})).port for i in range(number)]
    print(*ports, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def standins(number: int, processes: int = 4) -> Iterator[list[str]]:
    """Give the URLs of that many stand-ins, whose password is that of the tests' servers."""
    started: list[subprocess.Popen[str]] = []
    share = [number // processes + (i < number % processes) for i in range(processes)]
    urls: list[str] = []
    try:
        for one in filter(None, share):  # one after another: they choose free ports, and may not choose the same
            command = [sys.executable, "-c", _PROGRAM, str(one), ",".join(RELEASES)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            started.append(process)
            assert process.stdout is not None
            urls += [f"http://127.0.0.1:{port}" for port in process.stdout.readline().split()]
        assert len(urls) == number, "a stand-in did not start"
        yield urls
    finally:
        for process in started:
            process.kill()
            process.communicate()
