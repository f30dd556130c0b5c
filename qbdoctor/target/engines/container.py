"""Describes one container as its engine does: the parts of ``docker inspect`` and ``podman inspect`` that tell of a server.

Of the environment only names are kept, and the values of settings that are known and hold no secret. Every text is capped,
for it is a stranger's. Forms: Docker's Engine API 1.41 and Podman 4.3 and their later releases (measured with both).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from qbdoctor.storage import files
from qbdoctor.values import field, frozen

EngineName = Literal["docker", "podman"]

KNOWN_VALUES = (
    "WEBUI_PORT", "WEBUI_PORTS", "QBT_WEBUI_PORT", "QBT_PROFILE", "QBT_CONFIGURATION", "QBT_CONFIG_PATH", "TORRENTING_PORT",
    "QBT_TORRENTING_PORT", "PUID", "PGID", "UMASK", "TZ", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
)  # fmt: skip
"""The variables whose value is kept: ports, folders and users, never anything that may be a secret."""

KEEPERS = {
    "PODMAN_SYSTEMD_UNIT": "the systemd unit",
    "com.docker.swarm.service.name": "the swarm service",
    "io.kubernetes.pod.name": "the Kubernetes pod",
}
"""The labels by which those that start a container again mark it, and what they are."""

MOST_TEXT = 300
MOST_ITEMS = 100
COMPOSE = "com.docker.compose."
_FILES = ("project.config_files", "project.environment_file")
PODMAN_COMPOSE = "io.podman.compose.version"


@frozen
class EngineProblem:
    """Why an engine could not be asked, as one sentence; ``kind`` is denied, elsewhere, inside, down, silent or failed."""

    engine: EngineName
    kind: str
    text: str


@frozen
class Published:
    """A TCP port that the engine publishes: ``host_port`` at ``host_ip`` of the machine leads to ``port`` inside.

    ``host_ip`` is ``0.0.0.0`` or ``::`` for every address. ``udp``: the same number is published for UDP too, as a port
    for torrents is and the Web UI's never.
    """

    host_ip: str
    host_port: int
    port: int
    udp: bool = False

    @property
    def shown(self) -> str:
        """The mapping as ``docker ps`` writes it."""
        host = f"[{self.host_ip}]" if ":" in self.host_ip else self.host_ip
        return f"{host}:{self.host_port}->{self.port}/tcp"


@frozen
class Mount:
    """A bind mount or a volume: ``source`` is the folder on the engine's machine."""

    kind: str
    source: str
    destination: str
    writable: bool = True
    name: str | None = None


@frozen
class Compose:
    """Which service of which compose project a container is, by its labels; ``file`` is the first of its files.

    ``more`` are its other files (an override), without which the service would be made anew as another one, ``variables``
    the files of variables that were named. ``program`` is what made it: "" for the engine's own ``compose``, else
    docker-compose (1.x) or podman-compose.
    """

    service: str
    project: str
    file: str | None
    folder: str | None = None
    program: str = ""
    more: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


@frozen
class ContainerState:
    """What the engine says of its run. ``status`` is its own word: running, exited, restarting, paused, created, dead.

    ``health`` is that of the container's own health check, None without one. ``restarts`` counts those by the policy.
    """

    status: str
    pid: int | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    health: str | None = None
    restarts: int = 0

    @property
    def running(self) -> bool:
        """Whether its processes are there."""
        return self.status in {"running", "paused"}


@frozen
class Container:
    """One container of an engine of this machine.

    ``environment`` holds the values of :data:`KNOWN_VALUES` alone, ``variables`` the names of all. ``network_of`` is the
    container whose network it shares, by id or name. ``ports`` are its own published ones, none where it shares a network.
    ``removed_at_end``: it was made with --rm. ``keeper`` is what starts it besides its engine, such as a systemd unit.
    """

    engine: EngineName
    id: str
    name: str
    image: str
    state: ContainerState
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    ports: tuple[Published, ...] = ()
    mounts: tuple[Mount, ...] = ()
    addresses: tuple[str, ...] = ()
    network_mode: str = ""
    network_of: str | None = None
    compose: Compose | None = None
    restart_policy: str = ""
    stop_seconds: int | None = None
    removed_at_end: bool = False
    keeper: str | None = None

    def host_path(self, inside: PurePosixPath) -> Path | None:
        """Return where a file of the container lies on this machine, by its mounts; None where no mount holds it."""
        mount = self.mount_of(inside)
        if mount is None or not mount.source.startswith("/"):
            return None
        return Path(mount.source, *inside.relative_to(mount.destination).parts)

    def mount_of(self, inside: PurePosixPath) -> Mount | None:
        """Return the innermost mount that holds this path of the container's."""
        found = [mount for mount in self.mounts if inside.is_relative_to(mount.destination)]
        return max(found, key=lambda mount: len(mount.destination), default=None)

    def inside_path(self, host: Path) -> PurePosixPath | None:
        """Return what the container calls a file of this machine; None where no mount of its holds it."""
        held = self._held(host)
        return None if held is None else PurePosixPath(held[0].destination, *host.parts[held[1] :])

    def mount_holding(self, host: Path) -> Mount | None:
        """Return the mount that holds a file of this machine."""
        held = self._held(host)
        return None if held is None else held[0]

    def _held(self, host: Path) -> tuple[Mount, int] | None:
        """Return the innermost mount of a file of this machine, and how many parts of its name lead there.

        Not by the text: case, accents and links may differ.
        """
        for mount in sorted(self.mounts, key=lambda one: -len(one.source)):
            for place in (host, *host.parents) if mount.source.startswith("/") else ():
                if files.same_file(place, Path(mount.source)):
                    return mount, len(place.parts)
        return None

    def lost_its_network(self, owner: Container) -> bool:
        """Whether the container whose network it uses (``owner``) is gone, ended, or was started again since."""
        if self.network_of is None:
            return False
        if owner is self or not owner.state.running:
            return True
        began, own = owner.state.started, self.state.started
        return began is not None and own is not None and began > own

    def is_called(self, name: str) -> bool:
        """Whether a person means this one: by its name, or by the beginning of its id."""
        wanted = name.removeprefix("/")
        return wanted == self.name or (len(wanted) >= 4 and self.id.startswith(wanted.lower()))


def parse(held: Mapping[str, Any], engine: EngineName) -> Container | None:
    """Read one object of what ``inspect`` prints; None for one that is no container."""
    config, host = _table(held, "Config"), _table(held, "HostConfig")
    network = _table(held, "NetworkSettings")
    number = _text(held.get("Id"))
    if not re.fullmatch(r"[0-9a-f]{12,64}", number):
        return None
    mode = _text(host.get("NetworkMode"))
    known, names = _environment(config.get("Env"))
    return Container(
        engine=engine,
        id=number,
        name=_text(held.get("Name")).removeprefix("/"),
        image=_text(config.get("Image")) or _text(held.get("ImageName")),
        state=_state(held),
        command=(_text(held.get("Path")), *_texts(held.get("Args"))),
        environment=known,
        variables=names,
        # Between two starts it has none; those asked for have no effect in the host's network.
        ports=tuple(_ports(network.get("Ports")))
        or (() if mode == "host" else tuple(_ports(host.get("PortBindings")))),
        mounts=tuple(_mounts(held.get("Mounts"))),
        addresses=tuple(dict.fromkeys(_addresses(network))),
        network_mode=mode,
        network_of=mode.partition(":")[2] if mode.startswith("container:") else None,
        compose=_compose(_table(config, "Labels")),
        restart_policy=_text(_table(host, "RestartPolicy").get("Name")),
        stop_seconds=config["StopTimeout"] if isinstance(config.get("StopTimeout"), int) else None,
        removed_at_end=host.get("AutoRemove") is True,
        keeper=_keeper(_table(config, "Labels")),
    )


def _table(held: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = held.get(name)
    return found if isinstance(found, Mapping) else {}


def _text(value: object) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in value[:MOST_TEXT]) if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [_text(one) for one in value[:MOST_ITEMS] if isinstance(one, str)] if isinstance(value, list) else []


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(value: object) -> datetime | None:
    """Return a time of the engine's: RFC 3339 with nanoseconds; the year 1 stands for never."""
    found = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,6})?\d*\s*(Z|[+-]\d\d:?\d\d)", _text(value))
    if found is None or found[1].startswith("0001"):
        return None
    try:
        return datetime.fromisoformat(
            f"{found[1]}T{found[2]}{found[3] or ''}{'+00:00' if found[4] == 'Z' else found[4]}"
        )
    except ValueError:
        return None


def _state(held: Mapping[str, Any]) -> ContainerState:
    state = _table(held, "State")
    health = _table(state, "Health") or _table(state, "Healthcheck")
    return ContainerState(
        status=_text(state.get("Status")) or ("running" if state.get("Running") is True else "exited"),
        pid=_number(state.get("Pid")) or None,
        exit_code=_number(state.get("ExitCode")),
        oom_killed=state.get("OOMKilled") is True,
        error=_text(state.get("Error")),
        started=_time(state.get("StartedAt")),
        finished=_time(state.get("FinishedAt")),
        health=_text(health.get("Status")) or None,
        restarts=_number(held.get("RestartCount")) or 0,
    )


def _environment(held: object) -> tuple[dict[str, str], tuple[str, ...]]:
    pairs = [one.partition("=")[::2] for one in held[:1000] if isinstance(one, str)] if isinstance(held, list) else []
    known = {name: _text(value) for name, value in pairs if name in KNOWN_VALUES}
    return known, tuple(_text(name) for name, _ in pairs)


def _ports(held: object) -> Iterator[Published]:
    """Read ``{"8080/tcp": [{"HostIp": …, "HostPort": …}]}``; null stands for a port that is only exposed."""
    table = held if isinstance(held, Mapping) else {}
    for name, bindings in list(table.items())[:MOST_ITEMS]:
        port, _, protocol = str(name).partition("/")
        for binding in bindings if isinstance(bindings, list) else ():
            inner = _number(port)
            outer = _number(binding.get("HostPort")) if isinstance(binding, Mapping) else None
            if protocol == "tcp" and inner and outer:
                udp = bool(table.get(f"{port}/udp"))
                yield Published(_text(binding.get("HostIp")) or "0.0.0.0", outer, inner, udp)  # noqa: S104


def _mounts(held: object) -> Iterator[Mount]:
    for one in held[:MOST_ITEMS] if isinstance(held, list) else ():
        if not isinstance(one, Mapping):
            continue
        source, destination = one.get("Source"), _text(one.get("Destination"))
        if isinstance(source, str) and len(source) < 4096 and destination.startswith("/"):
            name = _text(one.get("Name")) or None
            yield Mount(_text(one.get("Type")), source, destination, one.get("RW") is not False, name)


def _addresses(network: Mapping[str, Any]) -> Iterator[str]:
    """Return its addresses in the engine's networks, IPv4 first."""
    networks = [one for one in _table(network, "Networks").values() if isinstance(one, Mapping)]
    for name in ("IPAddress", "GlobalIPv6Address"):
        for one in (network, *networks):
            if found := _text(one.get(name)):
                yield found


def _keeper(labels: Mapping[str, Any]) -> str | None:
    for label, kind in KEEPERS.items():
        if found := _text(labels.get(label)):
            return f"{kind} {found}"
    return None


def _compose(labels: Mapping[str, Any]) -> Compose | None:
    service = _text(labels.get(f"{COMPOSE}service"))
    if not service:
        return None
    folder = _text(labels.get(f"{COMPOSE}project.working_dir")) or None
    files, variables = (_paths(labels.get(COMPOSE + name), folder) for name in _FILES)
    old = _text(labels.get(f"{COMPOSE}version")).startswith("1.")
    program = "podman-compose" if PODMAN_COMPOSE in labels else "docker-compose" if old else ""
    project = _text(labels.get(f"{COMPOSE}project"))
    return Compose(service, project, files[0] if files else None, folder, program, files[1:], variables)


def _paths(held: object, folder: str | None) -> tuple[str, ...]:
    """Return the files of a label, which 1.x names as they were typed: from the project's folder."""
    found = [one for one in held.split(",")[:MOST_ITEMS] if one] if isinstance(held, str) and len(held) < 4096 else []
    return tuple(f"{folder}/{one}" if folder and not one.startswith("/") else one for one in map(_text, found))
