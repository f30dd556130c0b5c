"""Processes, sockets and configs of Windows and macOS: what psutil raises there, and names that differ."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from qbdoctor.model.errors import UserError
from qbdoctor.target import contained, containers, listeners, paths, processes
from qbdoctor.target.description import TargetOptions
from qbdoctor.target.engines import engine, whereabouts
from qbdoctor.target.engines.container import Container, ContainerState, Mount
from qbdoctor.target.resolve import resolve
from qbdoctor.values import replace
from tests.support import systems

FAULTS = (OSError(0, "Undefined error: 0"), SystemError("proc_cmdline returned NULL"), psutil.AccessDenied(7))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("asked", ["cmdline", "exe", "cwd", "environ", "username", "net_connections"])
def test_no_refusal_ends_the_look_at_processes(asked: str, fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise fault

    monkeypatch.setattr(psutil.Process, asked, refuse)
    processes.find_instances()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: type(one).__name__)
def test_no_list_of_processes_is_an_empty_one(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise fault

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(psutil, "process_iter", refuse)
    assert processes.find_instances() == ()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: type(one).__name__)
@pytest.mark.skipif(systems.under_wine(), reason="Wine names no owner of a socket")
def test_who_listens_is_asked_process_by_process(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> Any:
        raise fault

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(psutil, "net_connections", refuse)
        found = listeners.listeners(port)
    assert [(one.address, one.port, one.pid) for one in found] == [("127.0.0.1", port, psutil.Process().pid)]


@pytest.mark.parametrize(
    ("platform", "there"), [("win32", "qBittorrent.conf"), ("darwin", "qBittorrent.conf"), ("linux", "qBittorrent.ini")]
)
@pytest.mark.parametrize("folder", ["qBittorrent", "qBittorrent_box"])
def test_a_profile_of_another_system_is_taken(platform: str, there: str, folder: str, tmp_path: Path) -> None:
    config = tmp_path / folder / "config" / there
    config.parent.mkdir(parents=True)
    config.write_text("[Preferences]\nWebUI\\Port=8080\n")
    options = TargetOptions(profile=str(tmp_path))
    assert resolve(options, env={}, platform=platform, home=tmp_path, instances=tuple).config_file == config
    ours = config.with_name(paths.other_name(there))
    ours.write_text("[Preferences]\nWebUI\\Port=9090\n")
    target = resolve(options, env={}, platform=platform, home=tmp_path, instances=tuple)
    assert (target.config_file, target.address.port) == (ours, 9090), "our own system's name comes first"


def test_without_either_the_sentence_names_ours(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"qBittorrent\.ini"):
        resolve(TargetOptions(profile=str(tmp_path)), env={}, platform="win32", home=tmp_path, instances=tuple)


class _Hidden:
    """Another user's process on macOS: its name can be seen, its arguments are refused, its environment is said to be empty."""

    pid = 7

    def _refuse(self, **_: object) -> Any:
        raise psutil.AccessDenied(7)

    cmdline = exe = cwd = net_connections = _refuse

    def environ(self) -> dict[str, str]:
        return {}

    def username(self) -> str:
        return "root"

    def uids(self) -> SimpleNamespace:
        return SimpleNamespace(real=0, effective=0, saved=0)

    def create_time(self) -> float:
        return 0.0


def test_whose_arguments_are_refused_has_no_known_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """A --profile may be among them; the default config of that home is none to edit for it."""
    pytest.importorskip("pwd", reason="POSIX alone: the list of users")
    monkeypatch.setattr(sys, "platform", "darwin")
    found = processes._read(_Hidden(), ("qbittorrent",), 0, psutil, None)  # type: ignore[arg-type]
    assert (found.config_file, found.profile, found.log_file) == (None, None, None)
    assert found.environment is None, "{} is no answer"


@pytest.mark.parametrize(("platform", "told"), [("darwin", True), ("linux", False), ("win32", False)])
def test_what_launchd_keeps_is_stopped_by_it(
    platform: str, told: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ended otherwise it is started again, and overwrites an edit of its file."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(containers, "using", lambda _config: SimpleNamespace(pid=7, container=None))
    said = containers.running_with(tmp_path / "qBittorrent.ini")
    assert said is not None
    assert ("launchctl bootout" in said and "Cmd-Q" in said) is told


@systems.links
def test_a_containers_file_is_known_by_any_of_its_names(tmp_path: Path) -> None:
    """macOS takes /users/ANN for /Users/ann and one way to write an accent for the other: a second name, as a link makes one."""
    mount, other = tmp_path / "Users" / "Zoë" / "qb", tmp_path / "also"
    config = mount / "qBittorrent/config/qBittorrent.conf"
    config.parent.mkdir(parents=True)
    config.touch()
    other.mkdir()
    (other / unicodedata.normalize("NFD", "ZOË")).symlink_to(mount.parent)
    named = other / unicodedata.normalize("NFD", "ZOË") / config.relative_to(mount.parent)
    outer = Mount("bind", str(tmp_path), "/all")
    one = Container(
        "docker", "a" * 64, "qb", "x", ContainerState("running"), mounts=(outer, Mount("bind", str(mount), "/config"))
    )
    assert one.inside_path(named) == PurePosixPath("/config/qBittorrent/config/qBittorrent.conf")
    assert containers.holder([one], named) is one
    assert containers.holder([one, replace(one, id="b" * 64)], named) is None, "either may be meant"


def test_a_socket_of_a_virtual_machine_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the docker command asks another one, which is not there."""
    monkeypatch.setattr(whereabouts, "DOCKER_SOCKETS", ())
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/usr/local/bin/{name}")
    socket = tmp_path / ".orbstack/run/docker.sock"
    socket.parent.mkdir(parents=True)
    socket.touch()
    environment = {"XDG_RUNTIME_DIR": str(tmp_path / "none")}
    for platform, told in (("linux", False), ("darwin", True)):
        monkeypatch.setattr(sys, "platform", platform)
        _, problems = engine.engines(environment, tmp_path)
        texts = [one.text for one in problems if one.engine == "docker"]
        assert any(f"export DOCKER_HOST=unix://{socket}" in text for text in texts) is told


def test_who_hands_a_port_on_where_no_firewall_does(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = SimpleNamespace(_forward=lambda _port: None)
    for platform, by in (("linux", "firewall"), ("darwin", "userland"), ("win32", "userland")):
        monkeypatch.setattr(sys, "platform", platform)
        assert contained.ContainerFinder._mapper(finder, 1, frozenset()) == by  # type: ignore[arg-type]
