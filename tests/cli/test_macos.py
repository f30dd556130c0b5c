"""The commands as on macOS: the platform says darwin, and there is no /proc."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from qbdoctor.diagnosis.catalogue import pages
from tests.support.macos import ROOT, Mac

CONFIG = (
    b"[Preferences]\r\nWebUI\\Port=9\r\nWebUI\\Address=127.0.0.1\r\nWebUI\\LocalHostAuth=false\r\n"
    b"WebUI\\AuthSubnetWhitelistEnabled=true\r\nWebUI\\AuthSubnetWhitelist=0.0.0.0/0\r\n"
)

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0,
    reason="takes /proc away in a mount namespace of its own, which needs Linux and root",
)


@pytest.fixture
def mac(tmp_path: Path) -> Mac:
    made = Mac(tmp_path)
    made.config.parent.mkdir(parents=True)
    made.config.write_bytes(CONFIG)
    return made


def test_explain(mac: Mac) -> None:
    assert "Cmd-Q" in mac("explain", *pages.ids()).stdout


def test_a_file_is_fixed_and_rolled_back(mac: Mac) -> None:
    config, state = mac.config, mac.home / "Library/Application Support/qbdoctor"
    mac("fix", "require-localhost-auth", "--yes", "--via", "file", "--config", str(config))
    assert config.read_bytes() == CONFIG.replace(b"LocalHostAuth=false", b"LocalHostAuth=true")
    assert state.is_dir(), "its records are where macOS keeps a program's own data"
    (record,) = json.loads(mac("history", "--json").stdout)["records"]
    mac("history")
    assert "shasum -a 256" in mac("history", record["id"], "--format", "markdown").stdout
    mac("rollback", "--yes")
    assert config.read_bytes() == CONFIG


def test_check_of_one_that_does_not_run(mac: Mac) -> None:
    config = mac.config
    said = mac("check", "-v", "--config", str(config), code=1).stdout
    assert "not-running" in said
    assert "open -a qbittorrent" in said
    mac("check", "--format", "markdown", "--config", str(config), code=1)


def test_what_tells_of_many_and_what_starts_a_watch(mac: Mac, tmp_path: Path) -> None:
    (tmp_path / "urls.txt").write_text("http://127.0.0.1:9\n")
    said = " ".join(mac("fleet", "--targets", str(tmp_path / "urls.txt"), code=1).stdout.split())
    # The only server of a test beside this one is taken for the one that is meant, and listens elsewhere.
    assert "1 not-running" in said or "1 wrong-port" in said
    unit = mac("watch", "--url", "http://127.0.0.1:9", "--install-unit")
    assert "launchctl bootstrap" in unit.stdout
    assert "--password-file" in unit.stderr, "nobody is there to type one"
    mac("lint", str(ROOT / "tests/data/lint_corpus"))


def test_a_servers_file_in_a_virtual_machine_is_left_alone(mac: Mac, tmp_path: Path) -> None:
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
def test_demo(mac: Mac) -> None:
    assert "Every step came out" in mac("demo", "--standin").stdout


def test_a_config_by_another_spelling_of_its_name(tmp_path: Path) -> None:
    """As /users/ANN for /Users/ann, which is no link that could be followed: a folder that is mounted twice is none either."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "qBittorrent.ini").write_bytes(CONFIG)
    twice = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", '/bin/mount --bind "$0" "$1"; shift; exec "$@"']
    mac = Mac(tmp_path / "mac", [*twice, str(first), str(second)])
    one, other = (["--config", str(folder / "qBittorrent.ini")] for folder in (first, second))
    by_file = ("--yes", "--via", "file")
    mac("fix", "require-localhost-auth", *by_file, *one)
    assert (first / "qBittorrent.ini").read_bytes() != CONFIG
    mac("rollback", "--yes", *other)
    assert (first / "qBittorrent.ini").read_bytes() == CONFIG
    for seconds, name in (("7200", one), ("9000", other)):
        mac("fix", "set-session-timeout", "--set", f"seconds={seconds}", *by_file, *name)
    mac("rollback", "--all", "--yes", *one)
    assert (first / "qBittorrent.ini").read_bytes() == CONFIG
