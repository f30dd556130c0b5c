"""Fixes in containers of a real Docker daemon: live, in the file with a restart by the engine, killed in the middle, refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import engines, needs
from tests.live.containers.conftest import FIX, PASSWORD, Scene
from tests.support.leftovers import end_watchdogs
from tests.support.strangers import command

pytestmark = pytest.mark.live


def test_fixed_with_a_restart_and_taken_back_from_a_new_container(scene: Callable[..., Scene]) -> None:
    """As root; the same container comes back, and its record serves the one that is made anew with the same folder."""
    one = scene("qb-restart")
    one.write(LocalHostAuth="false")
    os.chown(one.config, 1000, 1000)
    one.config.chmod(0o640)
    one.start("--restart", "unless-stopped")
    before = one.docker.inspect("qb-restart")
    done = one.doctor("root", *FIX, "--container", "qb-restart", "--via", "file", "--restart", verb="fix")
    assert done.code == 0, done.out + done.err
    after = one.docker.inspect("qb-restart")
    assert (after["Id"], after["State"]["Running"]) == (before["Id"], True)
    assert after["State"]["StartedAt"] != before["State"]["StartedAt"]
    assert after["HostConfig"]["RestartPolicy"] == before["HostConfig"]["RestartPolicy"]
    assert "LocalHostAuth=true" in one.config.read_text()
    (record,) = (one.base / "home-root/state/records").glob("*/record.json")
    target = json.loads(record.read_text())["target"]
    assert target["container"] == "docker qb-restart"
    assert target["config_inside"] == "/config/qBittorrent/config/qBittorrent.conf"
    kept = next(record.parent.glob("before.*")).read_bytes()
    one.docker("rm", "-f", "qb-restart")
    one.start()
    undone = one.doctor("root", "--last", "--yes", "--restart", "--via", "file", "--deadline", "60", verb="rollback")
    assert undone.code == 0, undone.out + undone.err
    assert "LocalHostAuth=false" in one.config.read_text()
    assert b"LocalHostAuth=false" in kept
    assert one.docker.inspect("qb-restart")["State"]["Running"]


def _looks(path: Path) -> tuple[bytes, int, int, int]:
    """The bytes of a file, its owner, group and mode."""
    found = path.stat()
    return path.read_bytes(), found.st_uid, found.st_gid, found.st_mode


@pytest.mark.extended
@pytest.mark.parametrize("kept", ["folder", "volume"])
def test_taken_back_to_the_byte_with_owner_and_mode(scene: Callable[..., Scene], kept: str) -> None:
    """As the server left it when it was stopped: a fix with a restart, and the rollback of a stopped one, change nothing more."""
    one = scene("qb-bytes")
    file = one.write(LocalHostAuth="false")
    options: tuple[str, ...] = ("--user", "1000:100")
    if kept == "volume":
        one.docker("volume", "create", "qbbytes")
        volume = Path(one.docker("volume", "inspect", "-f", "{{.Mountpoint}}", "qbbytes"))
        shutil.copytree(one.folder, volume, dirs_exist_ok=True)
        file = volume / one.config.relative_to(one.folder)
        options += ("-v", "qbbytes:/config")
    for each in [file.parents[2], *file.parents[2].rglob("*")]:
        os.chown(each, 1000, 100)
    file.chmod(0o640)
    one.start(*options)
    one.docker("stop", "-t", "60", "qb-bytes")
    before = _looks(file)
    one.docker("start", "qb-bytes")
    time.sleep(2)
    fixed = one.doctor("root", *FIX, "--container", "qb-bytes", "--via", "file", "--restart", verb="fix")
    assert fixed.code == 0, fixed.out + fixed.err
    one.docker("stop", "-t", "60", "qb-bytes")
    assert b"LocalHostAuth=true" in file.read_bytes()
    assert _looks(file)[1:] == before[1:]
    undone = one.doctor("root", "--last", "--yes", "--via", "file", verb="rollback")
    assert undone.code == 0, undone.out + undone.err
    assert _looks(file) == before
    one.docker.clear()
    if kept == "volume":
        one.docker("volume", "rm", "qbbytes")


@pytest.mark.extended
@pytest.mark.parametrize("after", [0.0, 0.3, 1.0])
def test_killed_in_the_middle_of_a_restart(scene: Callable[..., Scene], after: float) -> None:
    """The doctor is killed once the container stops: it comes back, with the old file or the new one, and can be taken back."""
    one = scene("qb-killed")
    one.write(LocalHostAuth="false")
    one.start()
    time.sleep(6)
    old = one.config.read_text()
    env = {**os.environ, "DOCKER_HOST": one.docker.host, "QBDOCTOR_PASSWORD": PASSWORD, "HOME": str(one.base)}
    env["QBDOCTOR_STATE_DIR"] = str(one.base / "state")
    words = one.docker.inside + command("fix", *FIX, "--container", "qb-killed", "--via", "file", "--restart")
    process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started = one.docker.inspect("qb-killed")["State"]["StartedAt"]
    end = time.monotonic() + 40
    while one.docker.inspect("qb-killed")["State"]["Running"] and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(after)
    process.kill()
    process.wait()
    while time.monotonic() < end:
        state = one.docker.inspect("qb-killed")["State"]
        if state["Running"] and state["StartedAt"] != started:
            break
        time.sleep(0.2)
    assert state["Running"] and state["StartedAt"] != started, state
    assert "LocalHostAuth=" in one.config.read_text()
    engines.wait_for_output(one.docker, "qb-killed", "access the WebUI|Web UI at")
    end_watchdogs()
    if "LocalHostAuth=true" in one.config.read_text():
        more = (
            "--last",
            "--yes",
            "--restart",
            "--via",
            "file",
            "--deadline",
            "60",
            "--state-dir",
            str(one.base / "state"),
        )
        undone = one.doctor("root", *more, verb="rollback")
        assert undone.code == 0, undone.out + undone.err
    assert "LocalHostAuth=false" in one.config.read_text()
    assert "LocalHostAuth=false" in old


@pytest.mark.extended
@pytest.mark.parametrize("well", [True, False])
def test_its_own_health_check_is_waited_for_unless_it_failed_before(scene: Callable[..., Scene], well: bool) -> None:
    one = scene("qb-health")
    one.write(LocalHostAuth="false")
    shell = needs.program("dash")
    if well:
        (one.folder / "well").touch()
    check = ("--health-cmd", "test -e /config/well", "--health-interval", "1s", "--health-retries", "1")
    one.start("-v", f"{one.folder}:/config", "-v", f"{shell}:/bin/sh:ro", *check)
    end = time.monotonic() + 20
    while one.docker.inspect("qb-health")["State"]["Health"]["Status"] == "starting" and time.monotonic() < end:
        time.sleep(0.1)
    done = one.doctor("root", *FIX, "--container", "qb-health", "--via", "file", "--restart", verb="fix")
    assert done.code == 0, done.out + done.err
    assert one.docker.inspect("qb-health")["State"]["Health"]["Status"] in (
        ("healthy",) if well else ("starting", "unhealthy")
    )


@pytest.mark.extended
def test_live_in_a_container(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-live")
    one.write(LocalHostAuth="false")
    one.start()
    done = one.doctor(who, *FIX, "--container", "qb-live", verb="fix")
    assert done.code == 0, done.out + done.err
    undone = one.doctor(who, "--last", "--yes", verb="rollback")
    assert undone.code == 0, undone.out + undone.err


@pytest.mark.extended
@pytest.mark.parametrize(("options", "word"), [(("--rm",), "--rm"), ((), "read-only"), ((), "by itself")])
def test_what_cannot_be_restarted_or_saved_is_refused(
    scene: Callable[..., Scene], options: tuple[str, ...], word: str
) -> None:
    one = scene("qb-refused")
    one.write(LocalHostAuth="false")
    before = one.config.read_bytes()
    there = "/config/qBittorrent/config/qBittorrent.conf"
    more = {
        "read-only": ("-v", f"{one.folder}:/config", "-v", f"{one.config}:{there}:ro"),
        "by itself": ("-v", f"{one.config}:{there}"),
    }
    one.start(*more.get(word, options))
    done = one.doctor("root", *FIX, "--container", "qb-refused", "--via", "file", "--restart", verb="fix")
    assert done.code == 4, done.out + done.err
    assert word in done.out + done.err
    assert b"LocalHostAuth=false" in one.config.read_bytes()
    assert b"LocalHostAuth=false" in before
    assert one.docker.inspect("qb-refused")["State"]["Running"]
