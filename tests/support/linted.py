"""Small clients for the tests of lint, and what lint finds in files."""

from __future__ import annotations

from pathlib import Path

from qbdoctor.lint import run

WRONG = (
    'import requests\nURL = "http://qb:8080/api/v2"\n'
    'requests.post(f"{URL}/auth/login", json={"username": "a", "password": "b"})\n'
)
FINE = WRONG.replace("json=", "data=")


def found(*paths: Path | str) -> list[tuple[int, str]]:
    """The line and id of each finding in files or folders."""
    return [(finding.line, finding.id) for finding in run.lint([str(path) for path in paths]).findings]
