"""Finds out where an engine is: which socket or machine its command line means, and whether its containers run here.

A socket of this machine may be the end of a tunnel, so that the containers themselves are looked at: the ports, folders and
processes of another machine's must never be taken for this one's.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from qbdoctor.model import system
from qbdoctor.storage import files, foreign
from qbdoctor.storage.private import is_root
from qbdoctor.target.engines import cgroups
from qbdoctor.target.engines.container import Container
from qbdoctor.target.engines.process_scan import TROUBLE

MOST_BYTES = 8 << 20
DOCKER_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
VIRTUAL_MACHINES = ("/.docker/desktop/", "/.colima/", "/.lima/", "/.rd/", "/.orbstack/")
"""Where those that run an engine in a machine of their own, and hand its ports and folders on to this one, have its socket."""
STARTED_WITHIN = 60.0
"""Seconds between the start of a container's process and what the engine says of it, at most."""


_MACHINES_SOCKETS = (
    ".docker/run/docker.sock",
    ".orbstack/run/docker.sock",
    ".colima/default/docker.sock",
    ".rd/docker.sock",
    ".lima/docker/sock/docker.sock",
    ".local/share/containers/podman/machine/podman.sock",
)
"""Below the home on macOS: Docker Desktop's, OrbStack's, Colima's, Rancher Desktop's, Lima's, Podman's machine's."""


def own_socket(environment: Mapping[str, str], home: Path) -> Path | None:
    """Return the socket of an engine of this user's that no context and no DOCKER_HOST names: rootless, or in a machine."""
    if system.is_macos():
        return next(filter(files.exists, (home / name for name in _MACHINES_SOCKETS)), None)
    folder = environment.get("XDG_RUNTIME_DIR", "")
    if not folder and hasattr(os, "geteuid"):
        folder = f"/run/user/{os.geteuid()}"
    own = Path(folder or "/nowhere") / "docker.sock"
    return own if files.exists(own) else None


def docker_host(environment: Mapping[str, str], home: Path) -> str:
    """Return what the docker command would talk to, by its rules; "" for its default socket.

    Raises LookupError, with the name, for a context that there is not: the command then does nothing at all.
    """
    if given := environment.get("DOCKER_HOST", ""):
        return given
    folder = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    name = environment.get("DOCKER_CONTEXT", "") or str(_json(folder / "config.json").get("currentContext") or "")
    if not name or name == "default":
        return ""
    meta = _json(folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json")
    endpoints = meta.get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    if isinstance(docker, dict):
        return str(docker.get("Host") or "")
    raise LookupError(name)


def _json(path: Path) -> dict[str, object]:
    try:
        held = json.loads(foreign.read(path, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def machine_of(host: str) -> str | None:
    """Return the machine that a host of an engine's names, as ``ssh://user@nas.lan``; None for one that may be here."""
    scheme, _, where = host.partition("://")
    if not where or scheme in {"unix", "npipe"} or (scheme != "ssh" and where.startswith(LOOPBACK)):
        return None
    return where.rpartition("@")[2].partition("/")[0]


def podman_store(environment: Mapping[str, str], home: Path) -> bool:
    """Whether this user has containers of Podman's: asking it without would make its store."""
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local/share")
    places = (
        [data / "containers/storage"] if not is_root() else [Path("/var/lib/containers/storage"), Path("/run/libpod")]
    )
    named = ("CONTAINER_HOST", "CONTAINERS_STORAGE_CONF")
    return any(environment.get(name) for name in named) or any(files.exists(place) for place in places)


def stranger(found: Iterable[Container], host: str) -> Container | None:
    """Return a container that runs, and not on this machine as it is seen from here; None where nothing speaks for that.

    Judged by the process that the engine names (Linux): one that is in that container's control group, or as old as the
    container, shows that the engine is here. A clock that was set since, as on a board without one, changes the age alone.
    """
    if not sys.platform.startswith("linux") or any(place in host for place in VIRTUAL_MACHINES):
        return None
    running = [one for one in found if one.state.status == "running" and one.state.pid and one.state.started]
    if not running or not files.exists(Path("/proc/1")):  # hidepid: other users' processes are not shown
        return None
    return None if any(map(_runs_here, running)) else running[0]


def _runs_here(one: Container) -> bool:
    assert one.state.pid is not None  # noqa: S101 - for the type checker: it runs
    number = (cgroups.keeper(one.state.pid).container or "").partition(" ")[2]
    if number and one.id.startswith(number):
        return True
    import psutil  # noqa: PLC0415 - seldom needed

    try:
        began = datetime.fromtimestamp(psutil.Process(one.state.pid).create_time(), UTC)
    except psutil.AccessDenied:
        return True
    except (psutil.Error, *TROUBLE):
        return False
    return one.state.started is not None and abs((began - one.state.started).total_seconds()) < STARTED_WITHIN
