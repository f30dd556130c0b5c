"""Runs `qbdoctor watch` as a program of its own and waits for what it tells."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.kit.server import PASSWORD
from tests.support import schemas


class Watching:
    """A watch with `--json`; `events` are those told so far, the watch's own beginning and end left out."""

    def __init__(
        self,
        state: Path,
        *arguments: str,
        every: float = 0.5,
        password: str = PASSWORD,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; `prefix` is a command that becomes the program."""
        env = {**os.environ, "QBDOCTOR_PASSWORD": password, "QBDOCTOR_STATE_DIR": str(state), **(env or {})}
        command = [*prefix, sys.executable, "-m", "qbdoctor", "watch", "--json", "--every", str(every), *arguments]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.events: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._readers = [
            threading.Thread(target=work, daemon=True) for work in (self._read, self._read_errors)
        ]  # fmt: skip
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        self.until("watch-started")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)

    @property
    def told(self) -> list[str]:
        self._take(0.0)
        return [one["event"] for one in self.events if not one["event"].startswith("watch-")]

    def _take(self, seconds: float) -> None:
        try:
            while True:
                event = json.loads(self._lines.get(timeout=max(seconds, 0.001)))
                schemas.hold(event, "watch/1")
                self.events.append(event)
                seconds = 0.0
        except queue.Empty:
            return

    def until(self, name: str, seconds: float = 30.0, count: int = 1) -> dict[str, Any]:
        """Wait for an event of that name, the `count`-th of them."""
        end = time.monotonic() + seconds
        while True:
            found = [one for one in self.events if one["event"] == name]
            if len(found) >= count:
                return found[count - 1]
            assert time.monotonic() < end, f"no {name} within {seconds:g} s, but {self.told}; {''.join(self.errors)}"
            assert self.process.poll() is None or not self._lines.empty(), "".join(self.errors)
            self._take(0.1)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; its exit code, once all that it told was read."""
        self.process.send_signal(number)
        code = self.process.wait(20)
        for reader in self._readers:
            reader.join(5)
        self._take(0.0)
        return code
