"""Where an engine is: by the host it was told to ask, and by whether its containers' processes are here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qbdoctor.target.engines import engine, whereabouts
from qbdoctor.target.engines.container import Container, ContainerState
from tests.support import systems


@pytest.mark.parametrize(
    ("host", "machine"),
    [
        ("", None),
        ("unix:///run/docker.sock", None),
        ("npipe:////./pipe/docker_engine", None),
        ("tcp://127.0.0.1:2375", None),
        ("tcp://[::1]:2376", None),
        ("tcp://nas.lan:2375", "nas.lan:2375"),
        ("ssh://me@nas.lan", "nas.lan"),
        ("ssh://me@127.0.0.1:2222/run/podman/podman.sock", "127.0.0.1:2222"),
    ],
)
def test_the_machine_that_a_host_names(host: str, machine: str | None) -> None:
    assert whereabouts.machine_of(host) == machine


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@systems.linux_only("a Podman that can be told to ask another machine's")
def test_a_podman_elsewhere_is_never_asked(tmp_path: Path) -> None:
    listed = 'printf "nas*\\tssh://me@nas.lan:22/run/podman/podman.sock\\n"'
    script(tmp_path, "podman", f'[ "$1" = system ] && exec {listed}; touch {tmp_path}/asked')
    path = f"{tmp_path}:{os.environ['PATH']}"
    told = (
        {"CONTAINER_HOST": "ssh://me@nas.lan:22/x"},
        {"CONTAINER_CONNECTION": "nas", "CONTAINERS_STORAGE_CONF": "x"},
    )
    for given in told:
        found = engine.find({"PATH": path, "DOCKER_HOST": "unix:///nowhere", **given}, tmp_path)
        (problem,) = (one for one in found.problems if one.engine == "podman")
        assert problem.kind == "elsewhere"
        assert "nas.lan:22 by ssh" in problem.text
        assert "me@" not in problem.text
    assert not (tmp_path / "asked").exists()


@systems.posix_only("an engine that is a shell script")
def test_a_context_that_there_is_not(tmp_path: Path) -> None:
    """The docker command then does nothing, so that its usual socket is not what is meant."""
    script(tmp_path, "docker", f"touch {tmp_path}/asked")
    found = engine.find({"PATH": str(tmp_path), "DOCKER_CONTEXT": "gone"}, tmp_path)
    assert "the context gone, which there is not" in found.problems[0].text
    assert not (tmp_path / "asked").exists()


@systems.posix_only("an engine that is a shell script")
def test_an_engine_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "LIST_SECONDS", 0.3)
    script(tmp_path, "docker", "exec sleep 60")
    (tmp_path / "sock").touch()
    began = time.monotonic()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_HOST": f"unix://{tmp_path}/sock"}
    problems = [one for one in engine.find(environment, tmp_path).problems if one.engine == "docker"]
    assert time.monotonic() - began < 10
    assert [(one.kind, one.text) for one in problems] == [
        ("silent", "Docker could not be asked: docker gave no answer within 0.3 s")
    ]


@contextmanager
def living() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@systems.linux_only("processes that an engine names")
def test_a_container_is_here_if_its_process_is() -> None:
    now = datetime.now(UTC)

    def one(pid: int, started: datetime) -> Container:
        return Container("docker", "a" * 64, "qb", "image", ContainerState("running", pid=pid, started=started))

    with living() as pid:
        here, older = one(pid, now), one(pid, now - timedelta(hours=1))
        gone = one(2**22 + 1, now)
        assert whereabouts.stranger([here], "") is None
        assert whereabouts.stranger([older], "") is older, "another machine's process of that number"
        assert whereabouts.stranger([gone], "") is gone
        assert whereabouts.stranger([gone, here], "") is None, "one of them ended meanwhile"
        assert whereabouts.stranger([gone], "unix:///home/u/.docker/desktop/docker.sock") is None
        ended = replace(gone, state=ContainerState("exited"))
        assert whereabouts.stranger([ended], "") is None, "nothing speaks for it"
