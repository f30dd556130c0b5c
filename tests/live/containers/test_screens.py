"""What fits on a terminal of 80 by 24 for each user: the cause, what proves it, and one step that can be taken."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import engines, others
from tests.live.containers.conftest import GROUP, PASSWORD, Scene
from tests.support.strangers import EVE, give
from tests.terminal.screen import Screen

pytestmark = [pytest.mark.live, pytest.mark.extended]

USERS = ("root", "member", "stranger")


def screen(one: Scene, who: str, *arguments: str) -> str:
    """What is on the terminal after a check, all of it at once."""
    home = one.base / f"home-{who}"
    if not home.exists():
        home.mkdir(mode=0o700)
        if who != "root":
            give(EVE, home)
    groups = [GROUP] if who == "member" else []
    user = [] if who == "root" else others.as_user(EVE, *groups)
    env = {
        "DOCKER_HOST": one.docker.host, "HOME": str(home), "LANG": "C.UTF-8", "QBDOCTOR_PASSWORD": PASSWORD,
        "QBDOCTOR_STATE_DIR": str(home / "state"),
    }  # fmt: skip
    program = Path(sys.executable).with_name("qbdoctor")
    env["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    made = Screen(*arguments, program=[*one.docker.inside, *user, "qbdoctor"], env=env, cwd=home)
    assert made.end() == 1, made.text
    assert len(made.lines) <= 23, f"the last line is the shell's:\n{made.text}"
    return " ".join(made.text.split())


@pytest.mark.parametrize("who", USERS)
def test_a_temporary_password(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-temp")
    one.write(password=False)
    one.start()
    shown = screen(one, who, "--url", one.url)
    called = one.docker.inspect("qb-temp")["Id"][:12] if who == "stranger" else "qb-temp"
    if who == "stranger":
        assert "User name or password is wrong" in shown
        assert f"sudo docker logs {called} 2>&1" in shown
    else:
        assert "none is set" in shown
        assert f"docker logs {called} 2>&1" in shown


@pytest.mark.parametrize("who", USERS)
def test_a_compose_service_whose_port_leads_elsewhere(scene: Callable[..., Scene], who: str, base: Path) -> None:
    one = scene("media-qb-1")
    one.write(inner=8080)
    file = base / "compose.yaml"
    file.write_text(f'services:\n  qb:\n    image: x\n    ports:\n      - "127.0.0.1:{one.port}:9090"\n    tty: true\n')
    labels = {"project": "media", "service": "qb", "project.config_files": str(file), "project.working_dir": str(base)}
    one.start(*(word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")),
              published=9090)  # fmt: skip
    shown = screen(one, who, "--url", one.url)
    if who == "stranger":
        assert f"sudo docker ps --filter publish={one.port}" in shown
    else:
        assert "listens on 8080" in shown
        assert 'Publish "127.0.0.1:8080:8080"' in shown
        assert "403 Forbidden" in shown, "the proof"
        assert "up -d qb" in shown


@pytest.mark.parametrize("who", USERS)
def test_one_that_ended(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-ended")
    one.write()
    one.start()
    one.docker("stop", "qb-ended")
    shown = screen(one, who, "--url", one.url)
    assert ("sudo docker ps -a" if who == "stranger" else "docker start qb-ended") in shown


@pytest.mark.parametrize("who", ("root", "member"))
def test_one_that_ends_again_and_again(scene: Callable[..., Scene], who: str) -> None:
    """Whether it is looked at while it runs or between two starts."""
    one = scene("qb-loop")
    one.write()
    line = ["/usr/bin/qbittorrent-nox", "--no-such-option"]
    one.start("--restart", "always", command=line, wait=False)
    end = time.monotonic() + 20
    while one.docker.inspect("qb-loop")["RestartCount"] < 2 and time.monotonic() < end:
        time.sleep(0.1)
    for _ in range(3):
        shown = screen(one, who, "--url", one.url)
        assert "restarted" in shown.partition("ERROR")[0], shown
        assert "docker logs --tail 50 qb-loop" in shown


@pytest.mark.parametrize("who", ("root", "member"))
def test_nothing_published(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-unpublished")
    one.write()
    one.docker.run("qb-unpublished", one.release, "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "qb-unpublished", "access the WebUI|Web UI at")
    shown = screen(one, who, "--url", one.url)
    assert f"-p 127.0.0.1:{one.port}:{one.port}" in shown
    assert "port map" not in shown, "there is none"


def test_paused_within_the_deadline(scene: Callable[..., Scene]) -> None:
    one = scene("qb-paused")
    one.write()
    one.start()
    one.docker("pause", "qb-paused")
    began = time.monotonic()
    shown = screen(one, "member", "--url", one.url, "--deadline", "6")
    took = time.monotonic() - began
    one.docker("unpause", "qb-paused")
    assert "docker unpause qb-paused" in shown
    assert took < 6 + 6, took
