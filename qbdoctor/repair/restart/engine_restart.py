"""Stops and starts the container that a qBittorrent runs in, by its engine: never killed, started as it was.

``docker stop`` kills after the container's own stop time, 10 s unless it says more, and qBittorrent saves for longer. So the
engine is given far more time than is waited for here, and what does not stop in time is left alone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.repair.restart.process_spec import CannotRestart
from qbdoctor.target import containers
from qbdoctor.target.address import parse_ip
from qbdoctor.target.engines import engine
from qbdoctor.target.engines.engine import Engine, EngineError
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from qbdoctor.target.engines.container import Container, EngineName
    from qbdoctor.target.processes import Instance

NO_KILL_SECONDS = 86_400
LOOK_SECONDS = 0.25


@frozen
class Contained:
    """The container of a restart: who keeps it, its id and name, and where its Web UI is reached (host, port) from here.

    ``was_unhealthy``: its own health check failed before the restart already, and is no reason to wait or to take back.
    """

    engine: EngineName
    program: str
    id: str
    name: str
    reach: tuple[tuple[str, int], ...] = ()
    was_unhealthy: bool = False

    def command(self, verb: str) -> str:
        """Return what a person would type."""
        return f"{self.engine} {verb} {self.name}"

    def _engine(self) -> Engine:
        return Engine(self.engine, self.program)

    def look(self) -> Container | None:
        """Return what the engine says of it now; None where it cannot be asked, or the container is gone."""
        try:
            found = engine.inspect(self._engine(), [self.id])
        except EngineError:
            return None
        return found[0] if found else None

    def stop(self, seconds: float) -> str:
        """Have it stopped; returns "" or why that failed. It is never killed, and may go on stopping after ``seconds``."""
        try:
            engine.ask(self._engine(), "stop", "-t", str(NO_KILL_SECONDS), self.id, seconds=seconds)
        except EngineError as error:
            return str(error)
        return ""

    def start(self, seconds: float) -> str:
        """Have it started; returns "" or why that failed."""
        try:
            engine.ask(self._engine(), "start", self.id, seconds=seconds)
        except EngineError as error:
            return str(error)
        return ""

    def health(self) -> str | None:
        """Return what its own health check says; None without one."""
        found = self.look()
        return None if found is None else found.state.health

    def ended(self) -> str:
        """Return how it ended, where it does not run; else ""."""
        found = self.look()
        if found is None or found.state.running or found.state.status == "restarting":
            return ""
        return f"container {self.name} ended with exit code {found.state.exit_code}"


def plan(instance: Instance, port: int) -> Contained:
    """Return how the container of a process is stopped and started. Raises CannotRestart; touches nothing."""
    said = instance.container or ""
    kind, _, name = said.partition(" ")
    by_hand = "Stop the container, run this without --restart, and start it again."
    if kind not in {"docker", "podman"}:
        raise CannotRestart(f"it runs in a container ({said})", by_hand)
    where = Path(os.environ.get("HOME") or "/")
    found = engine.find(os.environ, where, name=name, ids=(name,))
    one = containers.container_of(instance, found) or next(iter(found.by_name(name)), None)
    by_hand = f"Use {kind} stop {name}, run this without --restart, then {kind} start {name}."
    if one is None:
        why = f": {found.problems[0].text}" if found.problems else ""
        raise CannotRestart(
            f"it runs in a container ({said}), and its engine tells nothing of it to this user{why}", by_hand
        )
    if one.removed_at_end:
        text = f"container {one.name} is removed when it stops (--rm), so it could not be started again"
        raise CannotRestart(text, "Make it without --rm, or change it live (--via api).")
    if one.keeper is not None:
        raise CannotRestart(
            f"container {one.name} is kept by {one.keeper}", f"Use that to stop and start it. {by_hand}"
        )
    publisher = found.publisher(one)
    reach = tuple(_reachable(port, publisher, instance))
    return Contained(
        one.engine, engine.of(one, os.environ).program, one.id, one.name, reach, one.state.health == "unhealthy"
    )


def _reachable(port: int, publisher: Container, instance: Instance) -> list[tuple[str, int]]:
    """Return where the port inside is reached from this machine: published, by its own address, or shared."""
    found: list[tuple[str, int]] = []
    for published in publisher.ports:
        ip = parse_ip(published.host_ip)
        if published.port == port and ip is not None:
            host = ("127.0.0.1" if ip.version == 4 else "::1") if ip.is_unspecified else published.host_ip
            found.append((host, published.host_port))
    if publisher.network_mode == "host":
        found.append(("127.0.0.1", port))
    return [*found, *((address, port) for address in instance.addresses or publisher.addresses)]


def settled(one: Contained, until: float) -> str:
    """Wait for its health check, where it has one; returns "" or what is wrong. ``until`` is a monotonic time.

    One that is still to say for the first time then (a long interval or start period) is no reason to take back.
    """
    if one.was_unhealthy:
        return ""
    while (health := one.health()) == "starting" and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    return (
        ""
        if health in {None, "healthy", "none", "", "starting"}  # of a slow one nothing is known yet: it serves
        else f"runs, but its container {one.name} is {health} by the container's own health check"
    )
