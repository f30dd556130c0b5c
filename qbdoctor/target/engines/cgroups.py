"""Reads from a process's control group who runs it: a systemd unit, a container and its engine.

Source of the forms: systemd's units in ``/proc/PID/cgroup``; Docker and containerd with the cgroupfs and the systemd
driver, Podman (libpod), Kubernetes (kubepods), LXC and Incus (lxc.payload). Reading it needs no permission.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from qbdoctor.model import system
from qbdoctor.patterns import regex
from qbdoctor.storage import files
from qbdoctor.values import frozen

Scope = Literal["system", "user"]

_ID = r"(?P<id>[0-9a-f]{64})"
_CONTAINERS = (
    ("docker", regex(rf"(?:^|/)(?:docker/|docker-){_ID}(?:\.scope)?(?:/|$)")),
    ("podman", regex(rf"(?:^|/)libpod-(?:payload-)?{_ID}(?:\.scope)?(?:/|$)")),
    ("kubernetes", regex(rf"(?:^|/)kubepods.*/(?:cri-containerd-|crio-|docker-)?{_ID}(?:\.scope)?(?:/|$)")),
    ("lxc", regex(r"(?:^|/)(?:lxc\.payload\.|lxc/)(?P<id>[A-Za-z0-9_.-]+)")),
    ("nspawn", regex(r"(?:^|/)machine-(?P<id>[A-Za-z0-9_.\\-]+)\.scope(?:/|$)")),
)
_SERVICE = regex(r"(?P<name>[^/]+\.service)(?=/|$)")
_USER_MANAGER = regex(r"/user@\d+\.service(?=/|$)")

INSIDE = (
    "qbdoctor runs in a container itself and looks from there: of the machine it sees what --network, --pid and -v give it, "
    "and no engine"
)
_IN_CONTAINER = ("/.dockerenv", "/run/.containerenv")
"""What Docker and Podman put into each container."""


@frozen
class Supervisor:
    """Who runs a process: ``unit`` is a service of the ``scope``'s systemd; ``container`` reads ``docker 0123456789ab``."""

    unit: str | None = None
    scope: Scope | None = None
    container: str | None = None


def parse(text: str) -> Supervisor:
    """Read the text of ``/proc/PID/cgroup``: one line a hierarchy, ``number:controllers:path``."""
    paths = [line.split(":", 2)[2] for line in text.splitlines() if line.count(":") >= 2]
    for path in paths:
        for engine, form in _CONTAINERS:
            found = form.search(path)
            if found is not None:
                # Twelve digits are what `docker ps` shows.
                return Supervisor(container=f"{engine} {found['id'][:12] if len(found['id']) == 64 else found['id']}")
    for path in paths:
        user = _USER_MANAGER.search(path)
        inner = path[user.end() :] if user is not None else path
        services = [match["name"] for match in _SERVICE.finditer(inner)]
        if services:
            return Supervisor(unit=services[-1], scope="user" if user is not None else "system")
    return Supervisor()


def keeper(pid: int) -> Supervisor:
    """Return who runs a process of this machine; an empty answer where that cannot be read (elsewhere than on Linux)."""
    try:
        return parse(Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return Supervisor()


def inside(environment: Mapping[str, str]) -> bool:
    """Whether this program runs in a container of Docker's or Podman's, and no engine can be asked from there."""
    if not system.is_linux() or not any(files.exists(Path(mark)) for mark in _IN_CONTAINER):
        return False
    import shutil  # noqa: PLC0415 - with its packers 2 ms

    return not any(shutil.which(name, path=environment.get("PATH")) for name in ("docker", "podman"))
