"""Runs the doctor as on another machine: no process of this one is seen, and so no config, log or command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.kit import needs
from tests.support import schemas
from tests.support.doctor import note


def diagnose_elsewhere(*arguments: str, password: str | None = None) -> dict[str, Any]:
    """Run ``check --json`` in a process namespace of its own and return the report."""
    if os.geteuid() != 0:
        needs.without("a process namespace needs root")
    env = {name: value for name, value in os.environ.items() if name != "QBDOCTOR_PASSWORD"}
    if password is not None:
        env["QBDOCTOR_PASSWORD"] = password
    apart = [needs.program("unshare"), "--pid", "--fork", "--mount-proc"]
    command = [*apart, sys.executable, "-m", "qbdoctor", "check", "--json", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    report: dict[str, Any] = json.loads(done.stdout)
    schemas.hold(report, "report/1")
    assert report["exit_code"] == done.returncode, done.stderr
    assert report["target"]["process"] is None
    note(report)
    return report
