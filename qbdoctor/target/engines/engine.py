"""Asks Docker and Podman which containers there are: by their own command line, as this user.

The command line is asked and not a library: it knows the sockets of rootful and rootless engines, contexts and Podman's
store, which has no socket, and its answers are JSON as well. What costs nothing is looked at first: no program, no socket
or no store means that no engine is asked. An engine of another machine is never asked. Nothing is changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from qbdoctor.model import system
from qbdoctor.patterns import regex
from qbdoctor.storage import files, own_programs
from qbdoctor.target.engines import cgroups, whereabouts
from qbdoctor.target.engines.container import Container, EngineName, EngineProblem, parse
from qbdoctor.values import frozen

ASK_SECONDS = 8.0
LIST_SECONDS = 4.0
"""For what stands before a check: an engine with 50 containers answers in a tenth of a second (measured), a hung one never."""
NOTICED_SECONDS = 0.3
"""An engine notices the end of a container's process within this time."""
MOST_BYTES = 8 << 20
MOST_INSPECTED = 40
_OURS = regex(r"qbit|qbt", re.IGNORECASE)


@frozen
class Engine:
    """An engine that can be asked: its name, its program, and the host that it was told to ask, "" for its usual one."""

    name: EngineName
    program: str
    host: str = ""


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


def _scratch() -> IO[bytes]:
    """Return a file that goes with its last user: in memory, since a container may have no folder to write to."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("qbdoctor"), "w+b")
    return tempfile.TemporaryFile()


def ask(engine: Engine, *words: str, seconds: float = ASK_SECONDS, most: int = MOST_BYTES, both: bool = False) -> bytes:
    """Run the engine's program and return the first ``most`` bytes of what it prints; ``both``: its standard error too.

    Raises :class:`EngineError` where it fails, is not there, or takes longer than ``seconds``.
    """
    environment = own_programs.environment() | {"LC_ALL": "C.UTF-8"}
    with _scratch() as said:
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
        found, problems = _docker(docker, environment, home)
    if cgroups.inside(environment):
        problems.append(EngineProblem("docker", "inside", cgroups.INSIDE))
    if podman is not None and (not sys.platform.startswith("linux") or whereabouts.podman_store(environment, home)):
        engine = Engine("podman", podman, _podman_host(podman, environment))
        elsewhere = _elsewhere(engine, "CONTAINER_HOST or CONTAINER_CONNECTION")
        if elsewhere is None:
            found.append(engine)
        else:
            problems.append(elsewhere)
    return tuple(found), tuple(problems)


def _docker(program: str, environment: Mapping[str, str], home: Path) -> tuple[list[Engine], list[EngineProblem]]:
    try:
        host = whereabouts.docker_host(environment, home)
    except LookupError as error:
        text = f"Docker is told to use the context {error.args[0]}, which there is not: docker context ls lists them"
        return [], [EngineProblem("docker", "failed", text)]
    engine = Engine("docker", program, host)
    if (elsewhere := _elsewhere(engine, "DOCKER_HOST or the context in use")) is not None:
        return [], [elsewhere]
    if host and not host.startswith("unix://"):
        return [engine], []
    if any(files.exists(Path(one)) for one in ((host.partition("://")[2],) if host else whereabouts.DOCKER_SOCKETS)):
        return [engine], []
    if host:
        return [], [
            EngineProblem("docker", "down", f"DOCKER_HOST or the context in use names {host}, and there is nothing")
        ]
    if (own := whereabouts.own_socket(environment, home)) is None:
        return [], []
    which = "an engine in a virtual machine" if system.is_macos() else "a rootless Docker"
    text = (
        f"{which} of this user's runs at {own}, and the docker command does not ask it: "
        f"export DOCKER_HOST=unix://{own} and run this again"
    )
    return [], [EngineProblem("docker", "failed", text)]


def _podman_host(program: str, environment: Mapping[str, str]) -> str:
    """Return what the podman command would talk to where it is told to; "" for its own store (or, elsewhere, its machine)."""
    if not sys.platform.startswith("linux"):
        return ""
    if given := environment.get("CONTAINER_HOST", ""):
        return given
    name = environment.get("CONTAINER_CONNECTION", "")
    if not name:
        return ""
    try:  # it lists them without asking any of them
        form = ("--format", "{{.Name}}\t{{.URI}}")
        said = ask(Engine("podman", program), "system", "connection", "list", *form, seconds=LIST_SECONDS)
    except EngineError:
        return ""
    rows = (line.split("\t") for line in said.decode("utf-8", errors="replace").splitlines())
    return next((row[1] for row in rows if row[0].rstrip("*") == name and len(row) == 2), "")


def _elsewhere(engine: Engine, by: str) -> EngineProblem | None:
    machine = whereabouts.machine_of(engine.host)
    if machine is None:
        return None
    called = engine.name.capitalize()
    how = "by ssh" if engine.host.startswith("ssh://") else "over the network"
    text = f"{by} has {called} ask the engine at {machine} {how}, and only this machine's is asked: run qbdoctor there"
    return EngineProblem(engine.name, "elsewhere", text)


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
            listed = ask(engine, "ps", "-a", "--no-trunc", "--format", _ROW, seconds=LIST_SECONDS).decode(
                errors="replace"
            )
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
        if (away := whereabouts.stranger(found, engine.host)) is not None and _still_runs(engine, away):
            said.append(_away(engine, away))
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
        said = ask(engine, "container", "inspect", *wanted, seconds=LIST_SECONDS)
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


def _still_runs(engine: Engine, one: Container) -> bool:
    """Whether the engine names the same process a moment later: one that ends again and again has another by then."""
    time.sleep(NOTICED_SECONDS)
    return any((again.state.status, again.state.pid) == ("running", one.state.pid) for again in _single(engine, one.id))


def _away(engine: Engine, one: Container) -> EngineProblem:
    text = (
        f"{engine.name.capitalize()} answers from elsewhere, by a tunnel or into a container: the process of its container "
        f"{one.name} is not to be seen here; run qbdoctor where that engine runs"
    )
    return EngineProblem(engine.name, "elsewhere", text)


def _problem(engine: Engine, said: str) -> EngineProblem:
    called = engine.name.capitalize()
    lower = said.lower()
    if "permission denied" in lower:
        owners = "root or a member of the group docker" if system.is_linux() else "the user who runs Docker Desktop"
        who = owners if engine.name == "docker" else "the user whose containers they are"
        return EngineProblem(engine.name, "denied", f"{called} may not be asked by this user: run this as {who}")
    if "cannot connect" in lower or "is the docker daemon running" in lower:
        return EngineProblem(engine.name, "down", f"{called} is installed and does not run")
    kind = "silent" if said.endswith(" s") and "no answer within" in said else "failed"
    return EngineProblem(engine.name, kind, f"{called} could not be asked: {said}")


def of(container: Container, environment: Mapping[str, str]) -> Engine:
    """Return the engine that a container belongs to."""
    return Engine(container.engine, shutil.which(container.engine, path=environment.get("PATH")) or container.engine)
