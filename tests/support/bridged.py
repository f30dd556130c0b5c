"""Runs `qbdoctor bridge` in front of a server for the length of a `with`, as a person would from a shell."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from tests.support import schemas
from tests.support.doctor import assert_silent


class Bridged:
    """A bridge that runs; `stop` ends it and returns what it reports."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url = url
        self.process = process
        self.report: dict[str, Any] = {}
        self.said = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGINT) -> dict[str, Any]:
        """End it by a signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        self.said += err
        assert self.process.returncode == 0, (out, err)
        assert_silent(self.said + out, ["a good one", "a+good+one", "a%20good%20one", "not the one"])
        self.report = json.loads(out)
        schemas.hold(self.report, "bridge/1")
        return self.report

    def kinds(self) -> set[str]:
        """What was translated, by its kinds, for all clients."""
        report = self.report or self.stop()
        return {each["kind"] for client in report["clients"] for each in client["translations"]}


@contextlib.contextmanager
def bridged(url: str, *more: str) -> Iterator[Bridged]:
    """Open a bridge to the server at `url`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "qbdoctor", "bridge", "--json", "--url", url, *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        assert process.stderr is not None
        first = process.stderr.readline()
        found = re.search(r"open at (http://\S+)", first)
        assert found is not None, first + process.stderr.read()
        one = Bridged(found[1], process)
        one.said = first
        yield one
    finally:
        watchdog.cancel()
        if process.poll() is None:
            process.kill()
        process.communicate()
