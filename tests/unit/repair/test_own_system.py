"""A file fix and its rollback by the command line, on the system that the tests run on, whichever that is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits import file_plan

CONFIG = (
    b"[Preferences]\r\nWebUI\\Port=9\r\nWebUI\\Address=127.0.0.1\r\nWebUI\\LocalHostAuth=false\r\n"
    b"WebUI\\AuthSubnetWhitelistEnabled=true\r\nWebUI\\AuthSubnetWhitelist=0.0.0.0/0\r\n"
)


def run(folder: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qbdoctor", *words, "--state-dir", str(folder / "state")],
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["qBittorrent.ini", "qBittorrent.conf"])
def test_a_file_fix_and_its_rollback(name: str, tmp_path: Path) -> None:
    config = tmp_path / "a profile/qBittorrent/config" / name
    config.parent.mkdir(parents=True)
    config.write_bytes(CONFIG)
    profile = str(tmp_path / "a profile")
    run(tmp_path, "fix", "require-localhost-auth", "--yes", "--via", "file", "--profile", profile)
    assert config.read_bytes() == CONFIG.replace(b"LocalHostAuth=false", b"LocalHostAuth=true")
    run(tmp_path, "rollback", "--yes")
    assert config.read_bytes() == CONFIG
    assert [entry.name for entry in config.parent.iterdir()] == [name]


@pytest.mark.parametrize("after", ["true", None])
def test_a_key_in_other_capitals_is_the_same_on_windows(
    after: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its QSettings tells no capitals apart, so that nothing is added beside it; everywhere else it is another key."""
    config = tmp_path / "qBittorrent.ini"
    config.write_bytes(CONFIG.replace(b"WebUI\\LocalHostAuth", b"webui\\localhostauth"))
    edit = file_plan.SettingEdit("LocalHostAuth", "Preferences", "WebUI\\LocalHostAuth", after)
    monkeypatch.setattr(file_plan, "_WINDOWS", False)
    made = file_plan.plan_file(config, [edit]).result
    assert b"webui\\localhostauth=false\r\n" in made
    assert (b"WebUI\\LocalHostAuth=true\r\n" in made) == (after is not None)
    monkeypatch.setattr(file_plan, "_WINDOWS", True)
    with pytest.raises(Refused, match="spelled"):
        file_plan.plan_file(config, [edit])
