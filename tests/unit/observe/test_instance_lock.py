"""A lock is its holder's where the process that it names is older than it, and left over where the number was given anew."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from qbdoctor.observe.base.instance_lock import Here, read_lock


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the boot's id is Linux's")
@pytest.mark.parametrize(("seconds", "state"), [(0.0, "held"), (-86_400.0, "taken")])
def test_a_process_that_was_just_started_holds_its_lock(tmp_path: Path, seconds: float, state: str) -> None:
    """The processes may have been looked at before it was there."""
    here = Here()
    config = tmp_path / "qBittorrent.conf"
    lock = tmp_path / "lockfile"
    program = Path(f"/proc/{os.getpid()}/exe").readlink()
    lock.write_text(f"{os.getpid()}\n{program}\n{here.host}\n{here.machine}\n{here.boot}\n")
    when = time.time() + seconds
    os.utime(lock, (when, when))
    found = read_lock(config, (), here)
    assert found is not None
    assert found.state == state
    assert found.holder
