"""What an engine's `inspect` says, read; engines that are not asked; steps in a container's words."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from qbdoctor.diagnosis import container_words
from qbdoctor.diagnosis.catalogue import systems as catalogue_systems
from qbdoctor.model.shell import quote
from qbdoctor.target import containers
from qbdoctor.target.command_line import CommandLine
from qbdoctor.target.engines import engine, whereabouts
from qbdoctor.target.engines.container import Container, parse
from tests.support import systems

ID = "80de0c939b5cc2ddfd6c2d1da90def9b7ca801cfd3c1baaabbbfcdc42e2fbed5"
CANARY = "canary-of-the-environment"


def inspected(**more: Any) -> dict[str, Any]:
    """What Docker 20.10 printed, cut down; `more` goes into its parts by name."""
    held: dict[str, Any] = {
        "Id": ID,
        "Name": "/media-qb-1",
        "Path": "/usr/bin/qbittorrent-nox",
        "Args": ["--profile=/config"],
        "RestartCount": 0,
        "State": {
            "Status": "running",
            "Pid": 17785,
            "ExitCode": 0,
            "OOMKilled": False,
            "StartedAt": "2026-11-28T06:46:07.149449017Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
        },
        "HostConfig": {"NetworkMode": "default", "AutoRemove": False, "RestartPolicy": {"Name": "always"}},
        "Mounts": [
            {"Type": "bind", "Source": "/srv/qb", "Destination": "/config", "RW": True},
            {
                "Type": "volume",
                "Name": "logs",
                "Source": "/v/logs",
                "Destination": "/config/qBittorrent/data",
                "RW": False,
            },
        ],
        "Config": {
            "Image": "qbt:5.3.0",
            "Env": ["WEBUI_PORT=8090", f"API_TOKEN={CANARY}", "BROKEN"],
            "Labels": {
                "com.docker.compose.service": "qb",
                "com.docker.compose.project": "media",
                "com.docker.compose.project.config_files": "/srv/compose.yaml,/srv/more.yaml",
            },
        },
        "NetworkSettings": {
            "IPAddress": "172.17.0.2",
            "Ports": {
                "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8108"}, {"HostIp": "::1", "HostPort": "8108"}],
                "6881/tcp": [{"HostIp": "", "HostPort": "6881"}],
                "6881/udp": [{"HostIp": "", "HostPort": "6881"}],
                "9000/tcp": None,
            },
        },
    }
    for name, value in more.items():
        held[name] = {**held[name], **value} if isinstance(value, dict) else value
    return held


def made(**more: Any) -> Container:
    found = parse(inspected(**more), "docker")
    assert found is not None
    return found


def test_what_is_read_of_it() -> None:
    one = made()
    assert (one.name, one.image, one.state.status, one.state.pid) == ("media-qb-1", "qbt:5.3.0", "running", 17785)
    assert one.state.started is not None
    assert one.state.finished is None
    assert [port.shown for port in one.ports] == [
        "127.0.0.1:8108->8080/tcp",
        "[::1]:8108->8080/tcp",
        "0.0.0.0:6881->6881/tcp",
    ]
    assert [port.port for port in containers.web_ports(one)] == [8080, 8080]
    assert one.compose is not None
    assert (one.compose.file, one.compose.service) == ("/srv/compose.yaml", "qb")
    assert one.restart_policy == "always"


@pytest.mark.parametrize(
    ("labels", "command"),
    [
        ({}, "docker compose -f /srv/compose.yaml -f /srv/more.yaml up -d qb"),
        ({"com.docker.compose.version": "2.24.5"}, "docker compose -f /srv/compose.yaml -f /srv/more.yaml up -d qb"),
        ({"com.docker.compose.version": "1.29.2"}, "docker-compose -f /srv/compose.yaml -f /srv/more.yaml up -d qb"),
        ({"io.podman.compose.version": "1.0.3"}, "podman-compose -f /srv/compose.yaml -f /srv/more.yaml up -d qb"),
    ],
)
def test_what_made_a_compose_service_makes_it_anew(labels: dict[str, str], command: str) -> None:
    held = inspected()["Config"]
    one = made(Config={**held, "Labels": {**held["Labels"], **labels}})
    assert one.compose is not None
    assert container_words.up(one.engine, one.compose) == command


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        ({"project": "films", "project.working_dir": "/srv/media"}, "--project-directory /srv/media -p films "),
        ({"project.working_dir": "/srv/Media"}, "--project-directory /srv/Media "),
        ({"project.working_dir": "/srv", "project": "srv"}, ""),
        ({"project.working_dir": "/srv"}, "-p media "),
        ({"project.environment_file": "/srv/.env"}, ""),
        (
            {"project.environment_file": "/srv/a.env,/srv/b c.env"},
            f"--env-file /srv/a.env --env-file {quote('/srv/b c.env')} ",
        ),
    ],
)
def test_compose_is_told_what_it_would_not_guess(labels: dict[str, str], options: str) -> None:
    """Another project's name would make a second container; without its variables the service is another one."""
    held = inspected()["Config"]
    more = {f"com.docker.compose.{name}": value for name, value in labels.items()}
    one = made(Config={**held, "Labels": {**held["Labels"], **more}})
    assert one.compose is not None
    files = "-f /srv/compose.yaml -f /srv/more.yaml"
    assert container_words.up(one.engine, one.compose) == f"docker compose {files} {options}up -d qb"


@pytest.mark.parametrize(
    ("environment", "image", "command", "step"),
    [
        ([], "qbt:5", [], "-e QBT_WEBUI_PORT=8112 -p 127.0.0.1:8112:8112"),
        ([], "lscr.io/linuxserver/qbittorrent", [], "-e WEBUI_PORT=8112 -p 127.0.0.1:8112:8112"),
        (["WEBUI_PORT=8080"], "x", [], "-e WEBUI_PORT=8112 -p 127.0.0.1:8112:8112"),
        (["WEBUI_PORTS=8080/tcp,8080/udp"], "x", [], "-e WEBUI_PORTS=8112/tcp,8112/udp -p 127.0.0.1:8112:8112"),
        (["QBT_WEBUI_PORT=8080"], "x", ["--webui-port=8080"], "-p 127.0.0.1:8112:8112 IMAGE … --webui-port=8112"),
    ],
)
def test_the_number_is_set_as_the_image_takes_it(
    environment: list[str], image: str, command: list[str], step: str
) -> None:
    """And published on no more addresses than before."""
    ports = {"Ports": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8112"}]}}
    config = {"Env": environment, "Image": image, "Cmd": command, "Labels": {}}
    one = made(Config=config, Args=command, NetworkSettings={"IPAddress": "172.17.0.2", **ports})
    first, *others = container_words.one_number(one, one, 8112, 8080)
    assert first.commands == (step,)
    assert [other.commands for other in others] == [("-p 127.0.0.1:8080:8080",)]


def test_of_the_environment_names_and_known_values_alone() -> None:
    one = made()
    assert one.environment == {"WEBUI_PORT": "8090"}
    assert one.variables == ("WEBUI_PORT", "API_TOKEN", "BROKEN")
    assert CANARY not in repr(one)


@pytest.mark.parametrize(
    "held",
    [{}, {"Id": "x"}, {"Id": ID}, {**inspected(), "State": None, "Config": 3, "Mounts": {}, "NetworkSettings": []}],
)
def test_what_is_no_container_breaks_nothing(held: dict[str, Any]) -> None:
    found = parse(held, "podman")
    assert found is None or found.id == ID


def test_foreign_texts_are_capped_and_hold_no_controls() -> None:
    one = made(Name="/" + "x" * 5000, Config={"Image": "a\x1b[31m\nb"})
    assert len(one.name) < 400
    assert one.image == "a?[31m?b"


def test_files_by_the_innermost_mount() -> None:
    one = made()
    inside = PurePosixPath("/config/qBittorrent/config/qBittorrent.conf")
    assert one.host_path(inside) == Path("/srv/qb/qBittorrent/config/qBittorrent.conf")
    assert one.host_path(PurePosixPath("/config/qBittorrent/data/logs/x.log")) == Path("/v/logs/logs/x.log")
    assert one.host_path(PurePosixPath("/etc/passwd")) is None
    assert one.inside_path(Path("/srv/qb/qBittorrent/config/qBittorrent.conf")) == inside
    mount = one.mount_holding(Path("/v/logs/logs/x.log"))
    assert mount is not None
    assert not mount.writable


@pytest.mark.parametrize(
    ("environment", "options", "expected"),
    [
        ({}, CommandLine(profile="/config"), "/config/qBittorrent/config/qBittorrent.conf"),
        ({"XDG_CONFIG_HOME": "/config"}, CommandLine(), "/config/qBittorrent/qBittorrent.conf"),
        ({}, CommandLine(), "/config/qBittorrent/qBittorrent.conf"),
        ({"HOME": "/home/qb"}, CommandLine(), "/home/qb/.config/qBittorrent/qBittorrent.conf"),
    ],
)
def test_where_images_have_the_config(environment: dict[str, str], options: CommandLine, expected: str) -> None:
    one = made(Config={"Env": [f"{name}={value}" for name, value in environment.items()]})
    assert str(containers.config_places(one, options)[0]) == expected


def test_the_address_by_which_it_is_published() -> None:
    one = made()
    assert containers.address_of(one, 8080, "http", None).url == "http://127.0.0.1:8108"
    wide = made(NetworkSettings={"Ports": {"8080/tcp": [{"HostIp": "::", "HostPort": "8108"}]}})
    assert containers.address_of(wide, 8080, "https", None).url == "https://[::1]:8108"
    closed = made(NetworkSettings={"Ports": {}})
    assert containers.address_of(closed, 8080, "http", None).url == "http://172.17.0.2:8080"
    host = made(NetworkSettings={"Ports": {}, "IPAddress": ""}, HostConfig={"NetworkMode": "host"})
    assert containers.address_of(host, 8080, "http", None).url == "http://127.0.0.1:8080"


# --- which engine is asked


def program(folder: Path, name: str, text: str = "exit 1") -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("host", ["ssh://me@nas.lan", "tcp://192.168.1.5:2375"])
@systems.posix_only("an engine that is a shell script")
def test_an_engine_elsewhere_is_never_asked(tmp_path: Path, host: str) -> None:
    program(tmp_path, "docker", f"touch {tmp_path}/asked")
    found = engine.find({"PATH": str(tmp_path), "DOCKER_HOST": host}, tmp_path)
    assert not (tmp_path / "asked").exists()
    assert [one.kind for one in found.problems] == ["elsewhere"]
    assert host.partition("://")[2].rpartition("@")[2] in found.problems[0].text
    assert "me@" not in found.problems[0].text


@systems.posix_only("an engine that is a shell script")
def test_a_context_counts_as_docker_reads_it(tmp_path: Path) -> None:
    import hashlib
    import json

    program(tmp_path, "docker", f"touch {tmp_path}/asked")
    folder = tmp_path / ".docker"
    meta = folder / "contexts/meta" / hashlib.sha256(b"nas").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Endpoints": {"docker": {"Host": "ssh://nas.lan"}}}))
    (folder / "config.json").write_text(json.dumps({"currentContext": "nas"}))
    found = engine.find({"PATH": str(tmp_path)}, tmp_path)
    assert [one.kind for one in found.problems] == ["elsewhere"]
    assert not (tmp_path / "asked").exists()


@systems.linux_only("engines that are told by sockets and stores")
def test_without_a_socket_or_a_store_no_program_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("docker", "podman"):
        program(tmp_path, name, f"touch {tmp_path}/asked")
    monkeypatch.setattr(whereabouts, "is_root", lambda: False)
    monkeypatch.setattr(whereabouts, "DOCKER_SOCKETS", (str(tmp_path / "none"),))
    assert engine.find({"PATH": str(tmp_path)}, tmp_path) == engine.Found()
    assert not (tmp_path / "asked").exists()


@systems.posix_only("an engine that is a shell script")
def test_a_rootless_docker_that_nothing_names_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell of cron's: it runs, and the docker command asks another socket, which there is not."""
    program(tmp_path, "docker", f"touch {tmp_path}/asked")
    monkeypatch.setattr(whereabouts, "DOCKER_SOCKETS", (str(tmp_path / "none"),))
    environment = {"PATH": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "runtime")}
    assert engine.find(environment, tmp_path) == engine.Found()
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime/docker.sock").touch()
    (problem,) = engine.find(environment, tmp_path).problems
    assert f"export DOCKER_HOST=unix://{tmp_path}/runtime/docker.sock" in problem.text
    assert not (tmp_path / "asked").exists()


@systems.posix_only("an engine that is a shell script")
def test_the_one_that_is_meant_is_looked_at_among_many_alike(tmp_path: Path) -> None:
    """The number of looks is capped: what is named, or publishes the port, comes before what only has a like name."""
    rows = "".join(
        f"{number:064x}\tqb-{number}\tqbittorrent\t-\t0.0.0.0:{9000 + number}->8080/tcp\n" for number in range(60)
    )
    (tmp_path / "rows").write_text(rows)
    (tmp_path / "sock").touch()
    listed = f'[ "$1" = ps ] && exec cat {tmp_path}/rows; echo "$@" > {tmp_path}/asked; echo "[]"'
    program(tmp_path, "docker", listed)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_HOST": f"unix://{tmp_path}/sock"}
    for meant in ({"name": "qb-57"}, {"port": 9057}, {"ids": (f"{57:064x}",)}):
        engine.find(environment, tmp_path, **meant)
        asked = (tmp_path / "asked").read_text().split()[2:]
        assert asked[0] == f"{57:064x}"
        assert len(asked) == engine.MOST_INSPECTED


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("permission denied while trying to connect to the Docker daemon socket", "denied"),
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "down"),
        ("something else", "failed"),
    ],
)
@systems.posix_only("an engine that is a shell script")
def test_why_an_engine_did_not_answer(tmp_path: Path, said: str, kind: str) -> None:
    program(tmp_path, "docker", f"echo '{said}' >&2; exit 1")
    (tmp_path / "sock").touch()
    found = engine.find(
        {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DOCKER_HOST": f"unix://{tmp_path}/sock"}, tmp_path
    )
    assert [one.kind for one in found.problems if one.engine == "docker"] == [kind]


@systems.posix_only("an engine that is a shell script")
def test_an_engine_that_hangs_or_floods_is_left(tmp_path: Path) -> None:
    program(tmp_path, "docker", "exec sleep 30")
    slow = engine.Engine("docker", str(tmp_path / "docker"))
    with pytest.raises(engine.EngineError, match="no answer within"):
        engine.ask(slow, "ps", seconds=0.3)
    program(tmp_path, "docker", "exec yes")
    assert len(engine.ask(slow, "ps", most=1000)) == 1000


# --- words


def test_steps_in_its_own_words() -> None:
    one = made()
    (step,) = container_words.publish(
        one, one, 8108, 8080, 'services:\n  qb:\n    ports:\n      - "127.0.0.1:8108:9090"\n'
    )
    assert '-      - "127.0.0.1:8108:9090"\n+      - "127.0.0.1:8080:8080"' in step.commands[0]
    assert step.commands[1] == "docker compose -f /srv/compose.yaml -f /srv/more.yaml up -d qb"
    (step,) = container_words.publish(one, one, 8108, 8080, "")
    assert step.commands[0].startswith("services:\n  qb:\n    ports:")
    plain = made(Config={"Labels": {}})
    assert container_words.publish(plain, plain, 8108, 8080)[0].commands == ("-p 127.0.0.1:8080:8080",)
    assert container_words.start(plain)[0].commands[0] == "docker start media-qb-1"
    loop = made(State={"Status": "restarting"})
    assert container_words.start(loop)[0].commands == ("docker logs --tail 50 media-qb-1",)
    podman = parse(inspected(), "podman")
    assert podman is not None
    assert container_words.logs(podman) == "podman logs --tail 50 media-qb-1"


def test_steps_are_those_of_this_system(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = made(State={"Status": "exited", "Error": "port is already allocated"})
    for here, program in (("linux", "ss"), ("macos", "lsof"), ("windows", "Get-NetTCPConnection")):
        monkeypatch.setattr(catalogue_systems, "HERE", here)
        assert container_words.start(taken)[0].commands[1].split()[0] == program
        assert any("ls -ldn" in one for one in container_words.owner_of_folder(taken, None).commands) is (
            here != "windows"
        )


@pytest.mark.parametrize("name", ["AutoRemove", "PODMAN_SYSTEMD_UNIT"])
def test_who_else_keeps_it(name: str) -> None:
    one = made(
        **(
            {"HostConfig": {"AutoRemove": True}}
            if name == "AutoRemove"
            else {"Config": {"Labels": {name: "qb.service"}}}
        )
    )
    assert one.removed_at_end == (name == "AutoRemove")
    assert one.keeper == (None if name == "AutoRemove" else "the systemd unit qb.service")


@pytest.mark.parametrize("labels", [{}, {"com.docker.compose.service": "qb", "com.docker.compose.project": "media"}])
def test_no_remark_stands_behind_a_command(labels: dict[str, str]) -> None:
    """An interactive zsh, macOS' shell, takes # for a word, so that docker is told to remove containers of those names."""
    one = made(Config={"Image": "x", "Env": [], "Labels": labels})
    remedy = container_words.anew(one, "so that it works")
    assert all("#" not in line for line in remedy.commands)
    assert ("docker run" in remedy.text) is (not labels)
