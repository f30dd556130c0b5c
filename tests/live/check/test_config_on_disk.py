"""The file on the disk: left behind, emptied, not writable, not readable, mounted; real servers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit import matrix
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server
from tests.support.config_reports import anonymous, checked, config_causes
from tests.support.doctor import cause, causes, diagnose
from tests.support.servers import new_layout, own_place, raw

pytestmark = pytest.mark.in_turn

NOBODY = 65534


# --- the file on the disk ---------------------------------------------------------------------------------------------


def test_a_new_file_that_was_left_behind(server: ServerFactory, release: Release) -> None:
    running = server()
    new = running.config_file.with_name("qBittorrent_new.conf")
    new.write_text("")
    assert config_causes(checked(running)) == set(), "an empty one is ignored"
    new.write_text(running.config_file.read_text() + own_place(release, "LocalHostAuth=false"))
    report = checked(running)
    assert config_causes(report) == {"leftover-new-file"}
    assert (cause(report, "leftover-new-file")["severity"], report["exit_code"]) == ("warning", 0)
    running.kill()
    stopped = diagnose("--profile", str(running.profile), password=PASSWORD)
    assert "leftover-new-file" in causes(stopped)
    running.launch()
    assert anonymous(running) == 200, "it was taken"
    assert config_causes(checked(running)) == set()


def test_a_file_that_was_emptied(server: ServerFactory, release: Release) -> None:
    running = server()
    running.stop()
    whole = running.config_file.read_bytes()
    running.config_file.write_bytes(b"")
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    assert "config-lost" in causes(report)
    assert "not-running" in causes(report, "error")
    running.config_file.write_bytes(whole[: whole.index(b"Password_PBKDF2") + 4])
    assert "config-lost" in causes(diagnose("--profile", str(running.profile), password=PASSWORD))
    running.config_file.write_bytes(b"[LegalNotice]\nAccepted=true\n")
    assert "config-lost" in causes(diagnose("--profile", str(running.profile), password=PASSWORD))
    running.config_file.write_bytes(whole)
    assert config_causes(diagnose("--profile", str(running.profile), password=PASSWORD)) == set()


def test_an_empty_file_before_a_first_start_is_not_lost(tmp_path: Path, releases: Any) -> None:
    file = tmp_path / "p/qBittorrent/config/qBittorrent.conf"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    assert "config-lost" not in causes(diagnose("--profile", str(tmp_path / "p"), "--no-login"))


@dataclass(frozen=True)
class Wrapped(Release):
    """A release that another program starts: `script` gets the profile's folder and then the command."""

    script: str = ""

    def command(self, *arguments: str) -> list[str]:
        profile = next(each for each in arguments if each.startswith("--profile=")).partition("=")[2]
        return ["sh", "-c", self.script, "sh", profile, *super().command(*arguments)]


def wrapped(release: Release, script: str) -> Wrapped:
    return Wrapped(release.name, release.version, release.root, script)


def mounted(path: str) -> str:
    """In a mount namespace of its own, with this part of the profile mounted over itself."""
    inside = 'mount --bind "$0" "$0"; exec "$@"'
    return f'f=$1/{path}; shift; exec unshare -m sh -c \'{inside}\' "$f" "$@"'


def runs(*command: str) -> bool:
    return (
        shutil.which(command[0]) is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


CAPABLE: Sequence[str] = (
    *("setpriv", f"--reuid={NOBODY}", "--clear-groups", "--inh-caps=+dac_read_search"),
    "--ambient-caps=+dac_read_search",
)
linux_root = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="another user can be taken on by root alone"
)


def as_nobody(before: str = "") -> str:
    """As a user who may read everything, wherever the release's tree lies, and writes only where it has the right."""
    return f'chown -R {NOBODY}:{NOBODY} "$1/.."; {before or ":"}; shift; exec {" ".join(CAPABLE)} "$@"'


@linux_root
@pytest.mark.parametrize("fault", ["none", "file", "folder"])
def test_a_user_who_may_not_write(server: ServerFactory, release: Release, fault: str) -> None:
    if not runs(*CAPABLE, "true"):
        pytest.skip("no capability can be given here")
    config = '"$1/qBittorrent/config'
    before = {"none": "", "file": f'chown 0 {config}/qBittorrent.conf"', "folder": ""}[fault]
    running = server(wrapped(release, as_nobody(before)))
    if fault == "folder":
        running.config_file.parent.chmod(0o555)
    report = checked(running, "--trust-user", "nobody")  # the config says another owner than the server has
    named = fault == "folder" or (fault == "file" and new_layout(release))
    assert config_causes(report) == ({"config-permission"} if named else set())
    assert report["exit_code"] == 0
    client = running.login()
    client.post(f"{running.url}/api/v2/app/setPreferences", data={"json": json.dumps({"web_ui_session_timeout": 7200})})
    time.sleep(0.2)
    saved = "7200" in running.config_file.read_text()
    assert saved is not named
    running.config_file.parent.chmod(0o755)


@dataclass(frozen=True)
class Elsewhere(Wrapped):
    """Its tree is shown to another user beside the profile, in a mount namespace of its own."""

    def command(self, *arguments: str) -> list[str]:
        return [each.replace(str(self.root), "/mnt") for each in super().command(*arguments)]

    def environment(self, home: Path) -> dict[str, str]:
        return {name: value.replace(str(self.root), "/mnt") for name, value in super().environment(home).items()}


def unreadable(name: str) -> dict[str, Any]:
    """Start a server that may not read its file, and say what the doctor and the server make of it.

    It then has factory settings, with peer traffic: only ever run in a network namespace of its own.
    """
    release = matrix.get(name)
    inside = f'mount --bind "$0" /mnt; exec setpriv --reuid={NOBODY} --clear-groups "$@"'
    script = (
        f'chown -R {NOBODY} "$1/.."; chown 0 "$1"/qBittorrent/config/*.conf; chmod 600 "$1"/qBittorrent/config/*.conf; '
        f'shift; exec unshare -m sh -c \'{inside}\' "$ROOT" "$@"'
    )
    text = raw(release).decode().replace("WebUI\\Port=%PORT%\n", "").replace("Port=%PORT%\n", "")
    one = Elsewhere(release.name, release.version, release.root, script)
    with Server.start(one, raw_config=text.encode(), env={"ROOT": str(release.root)}) as running:
        report = checked(running, "--trust-user", "nobody")
        running.stop()
        kept = b"Password_PBKDF2" in running.config_file.read_bytes()
    return {"report": report, "kept": kept}


@linux_root
def test_a_file_that_may_not_be_read(release: Release) -> None:
    if not runs("unshare", "-nm", "sh", "-c", "ip link set lo up && mount --bind /etc /mnt"):
        pytest.skip("no network and mount namespace can be made here")
    here = "tests.live.check.test_config_on_disk"
    code = f"import json; from {here} import unreadable; print(json.dumps(unreadable({release.name!r})))"
    run = subprocess.run(
        ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert causes(found["report"], "error") == ["config-permission"]
    assert found["kept"] is new_layout(release), "up to 5.1 a new file is put in its place"


@linux_root
def test_a_file_that_is_mounted_by_itself(server: ServerFactory, release: Release) -> None:
    if not runs("unshare", "-m", "mount", "--bind", "/etc/hostname", "/etc/hostname"):
        pytest.skip("nothing can be mounted here")
    running = server(wrapped(release, mounted("qBittorrent/config/qBittorrent.conf")))
    report = checked(running)
    assert config_causes(report) == {"settings-not-saved"}
    assert (cause(report, "settings-not-saved")["severity"], report["exit_code"]) == ("warning", 0)
    client = running.login()
    client.post(f"{running.url}/api/v2/app/setPreferences", data={"json": json.dumps({"web_ui_session_timeout": 7200})})
    time.sleep(0.2)
    assert "7200" not in running.config_file.read_text(), "nothing is kept"


@linux_root
def test_a_folder_that_is_mounted_is_in_order(server: ServerFactory, release: Release) -> None:
    if not runs("unshare", "-m", "mount", "--bind", "/etc", "/etc"):
        pytest.skip("nothing can be mounted here")
    running = server(wrapped(release, mounted("qBittorrent")))
    assert config_causes(checked(running)) == set()
