"""What a restarted server or a run that waits to be confirmed leaves behind, and its end."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

from tests.kit.server import Server


def end_watchdogs() -> None:
    """Those of this test, by its state folder: one that is still at it would start a server again."""
    mine = f"QBDOCTOR_STATE_DIR={os.environ['QBDOCTOR_STATE_DIR']}".encode()
    for process in psutil.process_iter(["cmdline"]):
        if any("qbdoctor.repair.restart.watchdog" in part for part in process.info["cmdline"] or ()):
            with contextlib.suppress(OSError, psutil.Error):
                if mine in Path(f"/proc/{process.pid}/environ").read_bytes():
                    process.kill()
                    process.wait(5)


def end_all(running: Server) -> None:
    for process in psutil.process_iter(["cmdline"]):
        if any(str(running.folder) in part for part in process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.Error):
                process.kill()
