"""Asks Docker and Podman which containers there are: by their own command line, as this user.

The command line is asked and not a library: it knows the sockets of rootful and rootless engines, contexts and Podman's
store, which has no socket, and its answers are JSON as well. What costs nothing is looked at first: no program, no socket
or no store means that no engine is asked. An engine of another machine is never asked. Nothing is changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from qbdoctor.model import system
from qbdoctor.storage import files, foreign, own_programs
from qbdoctor.storage.private import is_root
from qbdoctor.target.engines import cgroups
from qbdoctor.target.engines.container import Container, EngineName, EngineProblem, parse
from qbdoctor.values import frozen

ASK_SECONDS = 8.0
MOST_BYTES = 8 << 20
MOST_INSPECTED = 40
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_DOCKER_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
_OURS = re.compile(r"qbit|qbt", re.IGNORECASE)


@frozen
class Engine:
    """An engine that can be asked: its name and its program."""

    name: EngineName
    program: str


@frozen
class Found:
    """The containers that an engine of this machine told of, and why others did not."""

    containers: tuple[Container, ...] = ()
    problems: tuple[EngineProblem, ...] = ()

    def by_name(self, name: str) -> tuple[Container, ...]:
        """Return the containers that a person may mean by this name or beginning of an id."""
        exact = tuple(one for one in self.containers if name.removeprefix("/") == one.name)
        return exact or tuple(one for one in self.containers if one.is_called(name))

    def publisher(self, one: Container) -> Container:
        """Return the container whose network it uses: another one's, or its own."""
        if one.network_of is None:
            return one
        return next(iter(self.by_name(one.network_of)), one)


class EngineError(Exception):
    """The engine did not do what it was asked. The text is one line of its own, capped."""


def ask(engine: Engine, *words: str, seconds: float = ASK_SECONDS, most: int = MOST_BYTES, both: bool = False) -> bytes:
    """Run the engine's program and return the first ``most`` bytes of what it prints; ``both``: its standard error too.

    Raises :class:`EngineError` where it fails, is not there, or takes longer than ``seconds``.
    """
    environment = own_programs.environment() | {"LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - the engine of this machine, with words of ours
                [engine.program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment,
                stderr=subprocess.STDOUT if both else said,
            )  # fmt: skip
        except OSError as error:
            raise EngineError(f"{engine.program} cannot be run ({error.strerror})") from None
        assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            data = process.stdout.read(most)
            full = bool(process.stdout.read(1))
            if full:
                process.kill()
            code = process.wait()
        finally:
            timer.cancel()
            process.stdout.close()
        if late.is_set():
            raise EngineError(f"{engine.name} gave no answer within {seconds:g} s")
        if code and not full:
            said.seek(0)
            raise EngineError(_line(said.read(1 << 16)) or f"{engine.name} {words[0]} ended with {code}")
    return data


def _line(data: bytes) -> str:
    lines = [line.strip() for line in data.decode("utf-8", errors="replace").splitlines() if line.strip()]
    return "".join(sign if sign.isprintable() else "?" for sign in (lines[-1] if lines else "")[:300])


def engines(environment: Mapping[str, str], home: Path) -> tuple[tuple[Engine, ...], tuple[EngineProblem, ...]]:
    """Return the engines of this machine that may have containers, and those that are on another machine."""
    found: list[Engine] = []
    problems: list[EngineProblem] = []
    path = environment.get("PATH")
    docker, podman = shutil.which("docker", path=path), shutil.which("podman", path=path)
    if docker is not None:
        host = _docker_host(environment, home)
        where = host.partition("://")[2]
        if host.startswith("unix://") or not host:
            if any(files.exists(Path(one)) for one in ((where,) if host else _DOCKER_SOCKETS)):
                found.append(Engine("docker", docker))
            elif host:
                text = f"DOCKER_HOST or the context in use names {host}, and there is nothing"
                problems.append(EngineProblem("docker", "down", text))
            elif (own := _rootless_socket(environment)) is not None:
                text = (
                    f"a rootless Docker of this user's runs at {own}, and the docker command does not ask it: "
                    f"export DOCKER_HOST=unix://{own} and run this again"
                )
                problems.append(EngineProblem("docker", "failed", text))
        elif host.startswith("npipe") or where.startswith(_LOCAL):
            found.append(Engine("docker", docker))
        else:
            text = f"Docker's command line means an engine on another machine ({host.partition('@')[2] or where})"
            problems.append(EngineProblem("docker", "elsewhere", text))
    if cgroups.inside(environment):
        problems.append(EngineProblem("docker", "inside", cgroups.INSIDE))
    if podman is not None and (not sys.platform.startswith("linux") or _podman_store(environment, home)):
        found.append(Engine("podman", podman))
    return tuple(found), tuple(problems)


def _rootless_socket(environment: Mapping[str, str]) -> Path | None:
    """Return the socket of a rootless Docker of this user's that no context and no DOCKER_HOST names."""
    folder = environment.get("XDG_RUNTIME_DIR", "")
    if not folder and hasattr(os, "geteuid"):
        folder = f"/run/user/{os.geteuid()}"
    own = Path(folder or "/nowhere") / "docker.sock"
    return own if files.exists(own) else None


def _docker_host(environment: Mapping[str, str], home: Path) -> str:
    """Return what the docker command would talk to, by its rules; "" for its default socket."""
    if given := environment.get("DOCKER_HOST", ""):
        return given
    folder = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    name = environment.get("DOCKER_CONTEXT", "") or str(_json(folder / "config.json").get("currentContext") or "")
    if not name or name == "default":
        return ""
    meta = _json(folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json")
    endpoints = meta.get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    return str(docker.get("Host") or "") if isinstance(docker, dict) else ""


def _json(path: Path) -> dict[str, object]:
    try:
        held = json.loads(foreign.read(path, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def _podman_store(environment: Mapping[str, str], home: Path) -> bool:
    """Whether this user has containers of Podman's: asking it without would make its store."""
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local/share")
    places = (
        [data / "containers/storage"] if not is_root() else [Path("/var/lib/containers/storage"), Path("/run/libpod")]
    )
    named = ("CONTAINER_HOST", "CONTAINERS_STORAGE_CONF")
    return any(environment.get(name) for name in named) or any(files.exists(place) for place in places)


def find(
    environment: Mapping[str, str],
    home: Path,
    *,
    name: str | None = None,
    ids: Collection[str] = (),
    port: int | None = None,
) -> Found:
    """Return the containers that may be qBittorrent's: by their image, name or command, the one that a person named, those
    with these ids, those that publish this port, and the ones whose network they use.

    One list and one look an engine, and one more look where a network belongs to another container. No further engine is
    asked once one of them publishes the port.
    """
    known, problems = engines(environment, home)
    containers: list[Container] = []
    said = list(problems)
    for engine in known:
        try:
            listed = ask(engine, "ps", "-a", "--no-trunc", "--format", _ROW).decode("utf-8", errors="replace")
            wanted = ((row.partition("\t")[0], _wanted(row, name, ids, port)) for row in listed.splitlines())
            # Only so many are looked at: the one that is meant comes before those that merely look like it.
            chosen = [number for number, how in sorted(wanted, key=lambda one: one[1]) if how < _NOT]
            found = inspect(engine, chosen)
            owners = {one.network_of for one in found if one.network_of is not None}
            missing = [one for one in owners if not any(other.is_called(one) for other in found)]
            found += [owner for one in missing for owner in _single(engine, one)]  # it may be gone
        except EngineError as error:
            said.append(_problem(engine, str(error)))
            continue
        containers.extend(one for one in found if not any(one.id == other.id for other in containers))
        if port is not None and any(published.host_port == port for one in found for published in one.ports):
            break  # a port of this machine is one engine's
    return Found(tuple(containers), tuple(said))


_MEANT, _ALIKE, _NOT = range(3)
_ROW = "{{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Command}}\t{{.Ports}}"


def _wanted(row: str, name: str | None, ids: Collection[str], port: int | None) -> int:
    """Return whether the container of a line is the one that is meant, may be qBittorrent's, or neither."""
    number, names, image, command, ports = (*row.split("\t"), "", "", "", "")[:5]
    if name is not None and (name.removeprefix("/") in names.split(",") or number.startswith(name.lower())):
        return _MEANT
    if any(number.startswith(one) for one in ids if one):
        return _MEANT
    if port is not None and re.search(rf":{port}->", ports):
        return _MEANT
    return _ALIKE if any(_OURS.search(text) for text in (names, image, command)) else _NOT


def inspect(engine: Engine, names: Iterable[str]) -> list[Container]:
    """Return what the engine says of these containers. One that is gone meanwhile is left out. Raises EngineError."""
    wanted = list(names)[:MOST_INSPECTED]
    if not wanted:
        return []
    try:
        said = ask(engine, "container", "inspect", *wanted)
    except EngineError as error:
        if len(wanted) == 1 or "no such" not in str(error).lower():
            raise
        return [container for one in wanted for container in _single(engine, one)]
    return _parsed(engine, said)


def _single(engine: Engine, name: str) -> list[Container]:
    try:
        return _parsed(engine, ask(engine, "container", "inspect", name))
    except EngineError:
        return []


def _parsed(engine: Engine, said: bytes) -> list[Container]:
    try:
        held = json.loads(said)
    except (ValueError, RecursionError):
        raise EngineError(f"what {engine.name} inspect printed is no JSON") from None
    rows: Sequence[object] = held if isinstance(held, list) else ()
    found = (parse(one, engine.name) for one in rows if isinstance(one, dict))
    return [one for one in found if one is not None]


def _problem(engine: Engine, said: str) -> EngineProblem:
    called = engine.name.capitalize()
    lower = said.lower()
    if "permission denied" in lower:
        owners = "root or a member of the group docker" if system.is_linux() else "the user who runs Docker Desktop"
        who = owners if engine.name == "docker" else "the user whose containers they are"
        return EngineProblem(engine.name, "denied", f"{called} may not be asked by this user: run this as {who}")
    if "cannot connect" in lower or "is the docker daemon running" in lower:
        return EngineProblem(engine.name, "down", f"{called} is installed and does not run")
    return EngineProblem(engine.name, "failed", f"{called} could not be asked: {said}")


def of(container: Container, environment: Mapping[str, str]) -> Engine:
    """Return the engine that a container belongs to."""
    return Engine(container.engine, shutil.which(container.engine, path=environment.get("PATH")) or container.engine)
