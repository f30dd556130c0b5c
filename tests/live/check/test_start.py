"""Holds what a healthy check loads and computes: more would be felt beside a script that only logs in.

No time is measured here: ``python -m tests.bench --only check`` does that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release

pytestmark = pytest.mark.in_turn

HEAVY = {
    *(
        "aiohttp",
        "argparse",
        "asyncio",
        "dataclasses",
        "decimal",
        "filelock",
        "importlib.metadata",
        "inspect",
        "logging",
    ),
    *("multiprocessing", "requests", "rich", "urllib3", "uuid", "xml", "zipfile"),
}
MODULES = 318
"""At most, beside those of a bare interpreter."""
_RUN = """
import json, sys, threading
before = set(sys.modules)
import hashlib
real, computed = hashlib.pbkdf2_hmac, []
def pbkdf2_hmac(*given):
    psutil_was_there = "psutil" in sys.modules
    computed.append((threading.current_thread() is threading.main_thread(), psutil_was_there))
    return real(*given)
hashlib.pbkdf2_hmac = pbkdf2_hmac
from qbdoctor.target.engines import process_scan
everything = process_scan.command_lines
def command_lines(word):  # other tests' servers run here too
    return {pid: line for pid, line in everything(word).items() if pid == only}
process_scan.command_lines = command_lines
only = int(sys.argv.pop(1))
from qbdoctor.__main__ import main
try:
    code = main()
finally:
    print(json.dumps([code, computed, sorted(set(sys.modules) - before)]), file=sys.stderr)
"""


@pytest.mark.parametrize("given", ["--url", "--config", "neither"])
def test_a_healthy_check_loads_and_computes_no_more(
    given: str, server: ServerFactory, release: Release, tmp_path: Path
) -> None:
    """One hash, begun beside all else: with the config given at once, else by the command line of the only server."""
    running = server()
    options = {"--url": (given, running.url), "--config": (given, str(running.config_file)), "neither": ()}[given]
    environment = {
        **os.environ,
        "QBDOCTOR_PASSWORD": running.password or "",
        "QBDOCTOR_STATE_DIR": str(tmp_path / "state"),
    }
    command = [sys.executable, "-c", _RUN, str(running.pid), "check", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
    code, computed, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stdout
    assert computed == [[False, False]]
    assert not {name for name in loaded if any(name == one or name.startswith(f"{one}.") for one in HEAVY)}
    assert len(loaded) <= MODULES
