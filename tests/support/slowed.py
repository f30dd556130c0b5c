"""Slows a real server down at a point of its work, as a small board or a busy disk does, and nothing else."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import requests

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
