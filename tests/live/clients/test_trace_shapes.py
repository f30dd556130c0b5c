"""Kinds of clients met among real packages that failed and got a tick, or the wrong remedy, from `qbdoctor trace`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.support.doctor import keep

FOLDER = Path(__file__).parents[2] / "data" / "trace_shapes"
PASSWORD = "p&ss+w%rd =1"

# (state, cause, confidence) up to 4.6, in 5.0 and 5.1, from 5.2 on
Told = tuple[str, str, str]
WORKS: Told = ("healthy", "", "")
AGAIN: Told = ("problem", "client-never-logs-in-again", "likely")
IN_ADDRESS: Told = ("problem", "client-http-method", "likely")
OLD: Told = ("problem", "client-old-endpoint", "likely")
OPEN: Told = ("unknown", "client-wants-ok-body", "possible")
ALL: Told = ("healthy", "client-unknown-filter", "likely")
ITSELF: Told = ("unknown", "", "")
SHAPES: dict[str, tuple[Told, Told, Told]] = {
    "basic_and_cookie": (AGAIN, AGAIN, WORKS),
    "exporter": (WORKS, WORKS, OPEN),
    "fails_itself": (ITSELF, ITSELF, ITSELF),
    "filter_post": (WORKS, ALL, ALL),
    "old_api": (OLD, OLD, OLD),
    "pause5": (WORKS, OLD, OLD),
    "postquery": (IN_ADDRESS, IN_ADDRESS, IN_ADDRESS),
    "swallow": (WORKS, WORKS, OPEN),
}


def traced(name: str, url: str, folder: Path) -> tuple[dict[str, Any], str]:
    """The saved trace of a program, and what a person reads of it."""
    program, saved = folder / f"{name}.py", folder / f"{name}.json"
    program.write_bytes((FOLDER / f"{name}.txt").read_bytes())
    began = time.monotonic()
    command = [sys.executable, "-m", "qbdoctor", "trace", "--url", url, "--save", str(saved)]
    done = subprocess.run(
        [*command, "--run", "--", sys.executable, str(program), "{url}"],
        env={**os.environ, "QB_USER": "admin", "QB_PASS": PASSWORD, "no_proxy": "*"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    result = json.loads(saved.read_text())
    keep([one for each in result["clients"] for one in each["causes"]], None, (time.monotonic() - began) * 1000)
    return result, done.stdout


@pytest.mark.in_turn
def test_none_that_failed_is_passed_and_each_is_told_why(
    server: ServerFactory, release: Release, tmp_path: Path
) -> None:
    url = server(password=PASSWORD).url
    era = (release.version_tuple >= (5, 0)) + (release.version_tuple >= (5, 2))
    for name, told in SHAPES.items():
        result, said = traced(name, url, tmp_path)
        found = [(one["id"], one["confidence"]) for client in result["clients"] for one in client["causes"]]
        state, cause, confidence = told[era]
        assert (name, result["verdict"]["state"], found) == (name, state, [(cause, confidence)] if cause else []), said
        code = result["run"]["exit_code"]
        assert (state == "healthy") <= (code == 0)
        assert (f"ended with exit code {code}" in said) == (code != 0)
