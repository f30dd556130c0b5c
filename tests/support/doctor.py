"""Runs the doctor as a person would, in this process, and holds every report to the contract's schema."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qbdoctor.cli.main import main
from tests.support import printed, schemas


@dataclass
class Run:
    """One run: its exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The report on standard output, held to its schema."""
        found: dict[str, Any] = json.loads(self.out)
        schemas.hold(found, "report/1")
        assert found["exit_code"] == self.code
        note(found)
        printed.hold_report(found)
        return found


STARTED: list[str] = []
"""The releases of the servers that the present test started, in order."""
NO_SERVER = "none"
"""What the table has for scenes without any server."""


def note(report: Mapping[str, Any]) -> None:
    """Keep what a live run named, for the table of causes and releases (coverage_table), where that is asked for."""
    keep(report["causes"], report["target"]["version"], report["duration_ms"])


def keep(causes: Iterable[Mapping[str, Any]], version: str | None, ms: float) -> None:
    """Keep these causes under the release that the test's name says, else the server, else the last one that was started."""
    kept = os.environ.get("QBDOCTOR_COVERAGE")
    named = re.search(r"[\[-](\d+\.\d+\.\d+)[\]-]", os.environ.get("PYTEST_CURRENT_TEST", ""))
    release = named[1] if named is not None else version or (STARTED[-1] if STARTED else NO_SERVER)
    rows = [{"cause": one["id"], "confidence": one["confidence"], "release": release, "ms": ms} for one in causes]
    if not rows and release != NO_SERVER:
        rows = [{"cause": None, "confidence": None, "release": release, "ms": ms}]
    if kept and rows:
        with Path(kept).open("a", encoding="utf-8") as file:  # appended whole: xdist's workers share it
            file.write("".join(json.dumps(row) + "\n" for row in rows))


def qbdoctor(*arguments: str, password: str | None = None, env: Mapping[str, str] | None = None) -> Run:
    """Run the command line with this password in the environment."""
    changes = dict(env or {})
    if password is not None:
        changes["QBDOCTOR_PASSWORD"] = password
    before = {name: os.environ.get(name) for name in changes}
    out, err = io.StringIO(), io.StringIO()
    try:
        os.environ.update(changes)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(arguments))
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    if not {"--json", "--format"} & set(arguments):
        printed.hold_screen(out.getvalue() + err.getvalue())
    return Run(code, out.getvalue(), err.getvalue())


def diagnose(*arguments: str, password: str | None = None, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run ``check --json`` and return the report."""
    return qbdoctor("check", "--json", *arguments, password=password, env=env).report


def causes(report: Mapping[str, Any], severity: str | None = None) -> list[str]:
    """Return the ids of the causes, most decisive first."""
    return [cause["id"] for cause in report["causes"] if severity in {None, cause["severity"]}]


def cause(report: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return one cause; fails with what there is instead."""
    found = [one for one in report["causes"] if one["id"] == name]
    assert found, f"{name} is not among {causes(report)}: {report['verdict']}"
    return dict(found[0])


def status(report: Mapping[str, Any], name: str) -> str:
    """Return how a check came out."""
    return str(next(check["status"] for check in report["checks"] if check["id"] == name))


def assert_silent(text: str, secrets: Iterable[str]) -> None:
    """Fail if a secret stands in the text."""
    for secret in secrets:
        assert secret not in text, "a secret stands in the output"
