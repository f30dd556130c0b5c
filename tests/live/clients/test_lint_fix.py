"""The incident's two programs on real servers: failing, working after `lint --fix`, and failing again after its rollback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fixer import change

PROGRAMS = Path(__file__).parents[2] / "data" / "incident"
PASSWORD = "p&ss+w%rd =1"
RELEASES = ("4.5.2", "5.3.0")
FAILS = {"add_torrents.py": {"4.5.2", "5.3.0"}, "by_hand.py": {"5.3.0"}}
"""On which releases it fails as it stands: the second one knows the cookie's old name."""


def works(path: Path, url: str) -> bool:
    env = {**os.environ, "QBITTORRENT": url, "PW": PASSWORD, "no_proxy": "*"}
    done = subprocess.run([sys.executable, str(path)], env=env, capture_output=True, text=True, timeout=30)
    return done.returncode == 0 and "WORKS v" in done.stdout


@pytest.mark.parametrize("name", FAILS)
def test_the_incident_is_mended_and_comes_back(name: str, server: object, tmp_path: Path) -> None:
    urls = {release: server(release, password=PASSWORD).url for release in RELEASES}  # type: ignore[operator]
    path = tmp_path / name
    before = (PROGRAMS / name).with_suffix(".txt").read_bytes()
    path.write_bytes(before)

    def failing() -> set[str]:
        return {release for release, url in urls.items() if not works(path, url)}

    assert failing() == FAILS[name]
    change("lint", "--fix", str(path))
    assert failing() == set()
    change("rollback")
    assert failing() == FAILS[name]
    assert path.read_bytes() == before
