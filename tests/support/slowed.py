"""Slows a real server down at a point of its work, as a small board or a busy disk does, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
import requests

from qbdoctor.values import replace
from qbdoctor.webui import transport, wire
from qbdoctor.webui.call import REQUEST_SECONDS, Call
from tests.kit.server import Server
from tests.support.scenes import strace
from tests.support.servers import until


@contextmanager
def saving(running: Server, seconds: float, *, call: str = "rename,renameat2") -> Iterator[None]:
    """Hold a server for so long in the middle of a save: before it renames the new config, the old one being removed.

    ``call`` is the system call before which it is held: "unlink" is while both files are there.
    """
    old, new = running.config_file, running.config_file.with_name("qBittorrent_new.conf")
    session = running.login()
    what = ["-e", f"trace={call}", "-e", f"inject={call}:delay_enter={int(seconds * 1_000_000)}"]
    tracer = subprocess.Popen([strace(), "-f", "-qq", "-o", "/dev/null", *what, "-p", str(running.pid)])

    def save() -> None:
        with suppress(requests.RequestException):  # answered after the save, or not at all
            session.post(f"{running.url}/api/v2/app/setPreferences", data={"json": '{"dht": false}'}, timeout=60)

    try:
        assert until(lambda: _is_traced(running.pid)), "strace is there"
        thread = threading.Thread(target=save, daemon=True)
        thread.start()
        assert until(lambda: new.exists() and (call == "unlink" or not old.exists())), "the save has begun"
        yield
    finally:
        tracer.terminate()
        tracer.wait()
    thread.join()
    assert until(lambda: old.exists() and not new.exists()), "it ends like any other"


def _is_traced(pid: int) -> bool:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as lines:  # noqa: PTH123
        return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in lines)


LIMIT = 1.0
"""What a request has here in place of eight seconds, so that a pause need not be longer than that either."""


class Pauses:
    """Stops processes (SIGSTOP) for so many seconds when the doctor sends its request `at`, counted from 0; None for never."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pids: Sequence[int], seconds: float = 1.4 * LIMIT) -> None:
        self.pids, self.seconds = pids, seconds
        self.at: int | None = None
        self.sent = 0
        send, read = transport.run_job, wire.Wire._read

        def slowed(*arguments: object) -> None:
            if self.sent == self.at:
                self._pause()
            self.sent += 1
            send(*arguments)  # type: ignore[arg-type]  # the same as it got

        def shortened(self_: wire.Wire, call: Call) -> object:
            return read(self_, replace(call, seconds=LIMIT) if call.seconds == REQUEST_SECONDS else call)

        monkeypatch.setattr("qbdoctor.webui.wire.run_job", slowed)
        monkeypatch.setattr(wire.Wire, "_read", shortened)
        monkeypatch.setattr(wire, "REQUEST_SECONDS", LIMIT)

    def during(self, at: int | None, work: Callable[[], dict[str, object]]) -> dict[str, object]:
        """Do the work with a pause at that request."""
        self.at, self.sent = at, 0
        return work()

    def _pause(self) -> None:
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        threading.Timer(self.seconds, self._go_on).start()

    def _go_on(self) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
