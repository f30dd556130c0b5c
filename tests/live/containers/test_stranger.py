"""What a user without any right at the engine is told, scene by scene: nothing untrue, and the commands work as printed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kit import engines
from tests.kit.profile import free_port
from tests.live.containers.conftest import Scene, causes, said

pytestmark = pytest.mark.live

SLEEPS = ("-v", "/usr/bin/sleep:/usr/bin/sleep:ro")
READY = "access the WebUI|Web UI at"


def typed(one: Scene, command: str, base: Path) -> str:
    """Have a shell do a line as it is printed, for somebody whom sudo lets."""
    sudo = base / "bin/sudo"
    if not sudo.exists():
        sudo.parent.mkdir()
        sudo.write_text('#!/bin/sh\nexec "$@"\n')
        sudo.chmod(0o755)
    env = {**one.docker.environment, "PATH": f"{sudo.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def commands(report: dict[str, Any]) -> list[str]:
    """Every line that the first cause prints."""
    return [line for remedy in report["causes"][0]["remedies"] for line in remedy["commands"]]


def test_a_stranger_is_told_who_may_ask(scene: Callable[..., Scene]) -> None:
    one = scene("qb-closed")
    one.write(inner=8080)
    one.start(published=9090)
    report = one.report("stranger")
    assert causes(report) == ["wrong-port"], report["verdict"]
    assert "group docker" in said(report)
    refused = one.doctor("stranger", "--container", "qb-closed", "--json")
    assert refused.code == 3
    assert "group docker" in refused.report["error"]["message"]


@pytest.mark.extended
def test_what_a_stranger_sees_of_each(scene: Callable[..., Scene]) -> None:
    """Without the engine's word: what the address itself shows, no accusation for what cannot be seen, and who may ask."""
    well, mapped, ended = scene("qb-well"), scene("qb-other-number"), scene("qb-ended")
    well.write()
    well.start()
    report = well.report("stranger")
    assert (report["verdict"]["state"], report["target"]["container"]) == ("healthy", None), report["verdict"]
    mapped.write(inner=8080)
    mapped.start(published=8080)
    assert causes(mapped.report("stranger")) == ["host-port-mismatch"]
    ended.write()
    ended.start()
    ended.docker("stop", "qb-ended")
    report = ended.report("stranger")
    assert causes(report) == ["not-running"]
    assert "group docker" in json.dumps(report)


@pytest.mark.extended
def test_a_temporary_password(scene: Callable[..., Scene], base: Path) -> None:
    """No config, no output: what is said is true, the process is known as the container's, and its output is named by its id."""
    one = scene("qb-temp")
    one.write(password=False)
    one.start()
    report = one.report("stranger")
    assert causes(report) == ["wrong-credentials"]
    number = one.docker.inspect("qb-temp")["Id"][:12]
    assert report["target"]["process"]["container"] == f"docker {number}"
    (line,) = [line for line in commands(report) if " logs " in line]
    assert line.startswith(f"sudo docker logs {number} ")
    assert "journalctl" not in said(report), "it is a container's"
    password = engines.temporary_password(one.docker.output("qb-temp"))
    assert password in typed(one, line, base)
    assert password not in said(report)


@pytest.mark.extended
def test_behind_another_container(scene: Callable[..., Scene], base: Path) -> None:
    vpn, one = scene("vpn"), scene("torrents")
    one.port = vpn.port
    one.write()
    vpn.start(*SLEEPS, command=["/usr/bin/sleep", "600"], wait=False)
    one.docker.run("torrents", one.release, "--network", "container:vpn", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "torrents", READY)
    report = one.report("stranger")
    assert report["verdict"]["state"] == "healthy", report["verdict"]
    assert report["target"]["process"]["container"] == f"docker {one.docker.inspect('torrents')['Id'][:12]}"
    one.docker("stop", "-t", "1", "vpn")
    report = one.report("stranger")
    assert causes(report) == ["not-running"], report["verdict"]
    assert commands(report)[0] == "sudo docker ps -a"
    assert "vpn" in typed(one, "sudo docker ps -a", base)


@pytest.mark.extended
def test_a_compose_project_whose_port_leads_elsewhere(scene: Callable[..., Scene], base: Path) -> None:
    one = scene("media-qbittorrent-1")
    one.write(inner=8080)
    one.start("--label", "com.docker.compose.project=media", "--label", "com.docker.compose.service=qb", published=9090)
    report = one.report("stranger")
    assert causes(report) == ["wrong-port"]
    assert "listens on 8080 in that container" in report["verdict"]["headline"]
    assert "media-qbittorrent-1" in typed(one, commands(report)[0], base), "it names the container"


@pytest.mark.extended
def test_killed_for_want_of_memory(scene: Callable[..., Scene], base: Path) -> None:
    one = scene("qb-hungry")
    one.write()
    one.start("--memory", "16m", "--memory-swap", "16m", "-v", "/usr/bin/tail:/usr/bin/tail:ro",
              command=["/usr/bin/tail", "/dev/zero"], wait=False)  # fmt: skip
    end = time.monotonic() + 20
    while one.docker.inspect("qb-hungry")["State"]["Running"] and time.monotonic() < end:
        time.sleep(0.2)
    report = one.report("stranger")
    assert causes(report) == ["not-running"]
    assert report["causes"][0]["confidence"] == "likely"
    assert "memory" not in report["verdict"]["headline"], "nobody told this user"
    assert "qb-hungry" in typed(one, commands(report)[0], base)


@pytest.mark.extended
def test_two_at_once(scene: Callable[..., Scene]) -> None:
    """Neither config nor name is to be seen: each is listed with the address at which it is published."""
    first, second = scene("qb-one"), scene("qb-two")
    second.port = free_port()
    for one in (first, second):
        one.write()
        one.start()
    refused = first.doctor("stranger", "--json")
    error = refused.report["error"]
    assert error["code"] == "several-instances"
    for one in (first, second):
        assert f"qbdoctor check --url {one.url} " in error["message"], error["message"]
        report = one.report("stranger")
        assert report["verdict"]["state"] == "healthy"
        assert report["target"]["process"]["container"] == f"docker {one.docker.inspect(one.name)['Id'][:12]}"
