"""The commands as on macOS: the platform says darwin, and there is no /proc."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.diagnosis.catalogue import pages
from tests.kit import needs

ROOT = Path(__file__).parents[2]
CONFIG = (
    b"[Preferences]\r\nWebUI\\Port=9\r\nWebUI\\Address=127.0.0.1\r\nWebUI\\LocalHostAuth=false\r\n"
    b"WebUI\\AuthSubnetWhitelistEnabled=true\r\nWebUI\\AuthSubnetWhitelist=0.0.0.0/0\r\n"
)
LINUX = re.compile(
    r"systemctl|journalctl|systemd|qbittorrent-nox\b|\bss -|pgrep -a|\bps -\S+ \S+ -C|/proc/|\.local/share|getent|"
    r"resolv\.conf|timedatectl|\bip route|qBittorrent\.conf|--restart|--confirm-within|"
    r"services\.msc|Get-Process|PowerShell|APPDATA|schtasks|sha256sum"
)

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0,
    reason="takes /proc away in a mount namespace of its own, which needs Linux and root",
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mac(tmp_path: Path) -> Run:
    """Run qbdoctor with a home of its own; whatever it prints is held against Linux's words."""
    needs.mounts()
    home, kept = tmp_path / "Users" / "ann", tmp_path / "kept"
    home.mkdir(parents=True)
    kept.mkdir()

    def run(*words: str, code: int = 0, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.as_macos", str(kept), *words],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        for line in (done.stdout + done.stderr).splitlines():
            assert not LINUX.search(line), line
        return done

    return run


def test_explain(mac: Run) -> None:
    assert "Cmd-Q" in mac("explain", *pages.ids()).stdout


def test_a_file_is_fixed_and_rolled_back(mac: Run, tmp_path: Path) -> None:
    config = tmp_path / "Users/ann/.config/qBittorrent/qBittorrent.ini"
    config.parent.mkdir(parents=True)
    config.write_bytes(CONFIG)
    state = tmp_path / "Users/ann/Library/Application Support/qbdoctor"
    mac("fix", "require-localhost-auth", "--yes", "--via", "file", "--config", str(config))
    assert config.read_bytes() == CONFIG.replace(b"LocalHostAuth=false", b"LocalHostAuth=true")
    assert state.is_dir(), "its records are where macOS keeps a program's own data"
    (record,) = json.loads(mac("history", "--json").stdout)["records"]
    mac("history")
    assert "shasum -a 256" in mac("history", record["id"], "--format", "markdown").stdout
    mac("rollback", "--yes")
    assert config.read_bytes() == CONFIG


def test_check_of_one_that_does_not_run(mac: Run, tmp_path: Path) -> None:
    config = tmp_path / "Users/ann/.config/qBittorrent/qBittorrent.ini"
    config.parent.mkdir(parents=True)
    config.write_bytes(CONFIG)
    said = mac("check", "-v", "--config", str(config), code=1).stdout
    assert "not-running" in said
    assert "open -a qbittorrent" in said
    mac("check", "--format", "markdown", "--config", str(config), code=1)


def test_what_tells_of_many_and_what_starts_a_watch(mac: Run, tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text("http://127.0.0.1:9\n")
    assert "1 not-running" in " ".join(mac("fleet", "--targets", str(tmp_path / "urls.txt"), code=1).stdout.split())
    unit = mac("watch", "--url", "http://127.0.0.1:9", "--install-unit")
    assert "launchctl bootstrap" in unit.stdout
    assert "--password-file" in unit.stderr, "nobody is there to type one"
    mac("lint", str(ROOT / "tests/data/lint_corpus"))


def test_a_servers_file_in_a_virtual_machine_is_left_alone(mac: Run, tmp_path: Path) -> None:
    config = tmp_path / "mount/qBittorrent/config/qBittorrent.conf"
    config.parent.mkdir(parents=True)
    config.write_bytes(CONFIG)
    lock = config.with_name("lockfile")
    lock.write_bytes(b"1\nqbittorrent\n3f2a9c\n\n\n")
    run = ("fix", "require-localhost-auth", "--yes", "--via", "file", "--profile", str(tmp_path / "mount"))
    with pytest.raises(AssertionError, match="3f2a9c"):
        mac(*run)
    assert config.read_bytes() == CONFIG
    lock.unlink()
    with pytest.raises(AssertionError, match=r"qBittorrent\.conf"):  # that is its name, whatever system it is on
        mac(*run)
    assert config.read_bytes() != CONFIG


@pytest.mark.extended
def test_demo(mac: Run) -> None:
    assert "Every step came out" in mac("demo", "--standin").stdout
