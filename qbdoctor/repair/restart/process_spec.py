"""Reads how a plain process runs, while it does (Linux), so that it can be started again just so.

What it was given stays in memory: its environment may hold secrets. What cannot be given again (another namespace, a
confinement, an environment that may not be read) raises :class:`Cannot`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qbdoctor.model.errors import Refused
from qbdoctor.values import field, frozen

NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
CONFINED = ("NoNewPrivs", "Seccomp", "CapBnd", "CapAmb")
LAUNCH_SECONDS = 20.0


class CannotRestart(Refused):
    """It cannot be restarted by us: why, and what to do instead. Nothing was touched."""

    def __init__(self, reason: str, instead: str) -> None:
        super().__init__(f"qBittorrent is not restarted: {reason}. {instead}", "cannot-restart")


@frozen
class Launch:
    """A command line and all that it ran with. ``out`` and ``err`` are the files it wrote to, None for none."""

    program: str
    argv: tuple[str, ...] = field(repr=False)
    environment: tuple[tuple[str, str], ...] = field(repr=False)
    cwd: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    umask: int
    nohup: bool
    out: str | None
    err: str | None
    nice: int
    oom: str | None
    limits: dict[str, tuple[int, int]]
    notes: tuple[str, ...] = ()

    def spec(self) -> dict[str, Any]:
        """Return it as JSON takes it; secrets and all, so for a pipe alone."""
        return asdict(self)

    @classmethod
    def from_spec(cls, held: dict[str, Any]) -> Launch:
        """Return what :meth:`spec` gave, after its way through JSON."""
        lists = {name: tuple(held[name]) for name in ("argv", "groups", "notes")}
        pairs = tuple((name, value) for name, value in held["environment"])
        limits = {name: (value[0], value[1]) for name, value in held["limits"].items()}
        return cls(**{**held, **lists, "environment": pairs, "limits": limits})


def read(pid: int, *, instead: str) -> Launch:
    """Return how this process runs. Raises :class:`Cannot`; ``instead`` says what a person can do."""
    place = Path(f"/proc/{pid}")
    try:
        status = _status(place)
        _check_same(place, status, instead)
        program = str((place / "exe").readlink())
        cwd = str((place / "cwd").readlink())
        argv = tuple(os.fsdecode(part) for part in (place / "cmdline").read_bytes().split(b"\0")[:-1])
        raw = (place / "environ").read_bytes()
        streams = [_stream(place / "fd" / number) for number in ("1", "2")]
        maps = (place / "maps").read_text(errors="replace")
    except FileNotFoundError:
        raise CannotRestart("it ended meanwhile", "Run this again.") from None
    except OSError:
        raise CannotRestart(
            f"how process {pid} was started may not be read (it is another user's)",
            f"Run this as root or as that user. {instead}",
        ) from None
    if program.endswith(" (deleted)") or any(f"{part} (deleted)" in maps for part in argv if part.startswith("/")):
        raise CannotRestart(
            "its program was replaced since it started (an upgrade?)", f"Restart it yourself first. {instead}"
        )
    if "/.mount_" in program or "/appimage_extracted_" in program:
        raise CannotRestart("it runs out of an AppImage", instead)
    if cwd.endswith(" (deleted)") or not argv:
        raise CannotRestart("its working folder is gone", instead)
    pairs = (os.fsdecode(part).partition("=") for part in raw.split(b"\0") if b"=" in part)
    uids, gids = status["Uid"], status["Gid"]
    if os.getuid() not in {0, int(uids[0])}:
        raise CannotRestart(f"process {pid} belongs to another user", f"Run this as root or as that user. {instead}")
    return Launch(
        program=program,
        argv=argv,
        environment=tuple((name, value) for name, _, value in pairs),
        cwd=cwd,
        uid=int(uids[0]),
        gid=int(gids[0]),
        groups=tuple(map(int, status["Groups"])),
        umask=int(status["Umask"][0], 8),
        nohup=bool(int(status["SigIgn"][0], 16) & 1),
        out=streams[0][0],
        err=streams[1][0],
        nice=os.getpriority(os.PRIO_PROCESS, pid),
        oom=_text(place / "oom_score_adj"),
        limits=_limits(pid),
        notes=tuple(dict.fromkeys(note for _, note in streams if note)),
    )


def start(launch: Launch) -> int:
    """Start it and return its process id; it is nobody's child. Raises OSError with why it could not be started."""
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))]
    done = subprocess.run(  # noqa: S603 - our own program, by its path
        command, input=json.dumps(launch.spec()).encode(), capture_output=True, timeout=LAUNCH_SECONDS, check=False,
        cwd="/", env={},
    )  # fmt: skip
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode or not said.isdigit():
        raise OSError(said.removeprefix("error:") or "the launcher failed")
    return int(said)


def _check_same(place: Path, status: dict[str, list[str]], instead: str) -> None:
    """See that a process started by us would live in the same world. Raises Cannot and OSError."""
    for name in NAMESPACES:
        mine = Path(f"/proc/self/ns/{name}")
        if mine.exists() and mine.readlink() != (place / "ns" / name).readlink():
            raise CannotRestart("it runs in namespaces of its own, as in a container", instead)
    if Path("/proc/self/root").readlink() != (place / "root").readlink():
        raise CannotRestart("it runs in a root folder of its own, as in a container", instead)
    own = _status(Path("/proc/self"))
    if any(status.get(name) != own.get(name) for name in CONFINED):
        raise CannotRestart("it runs with restrictions that could not be given again", instead)
    for name in ("Uid", "Gid"):
        if len(set(status[name])) > 1:
            raise CannotRestart("it runs with the rights of several users", instead)


def _status(place: Path) -> dict[str, list[str]]:
    lines = (place / "status").read_text(errors="replace").splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def _stream(link: Path) -> tuple[str | None, str | None]:
    """Return the regular file that a stream leads to, or None and what will be different."""
    try:
        name = str(link.readlink())
    except FileNotFoundError:  # closed
        return None, None
    if name == os.devnull:
        return None, None
    if name.startswith("/") and Path(name).is_file():
        return name, None
    kind = "a terminal" if name.startswith(("/dev/pts/", "/dev/tty", "/dev/console")) else "a pipe, socket or lost file"
    return None, f"what it printed to {kind} will go nowhere"


def _limits(pid: int) -> dict[str, tuple[int, int]]:
    import resource  # noqa: PLC0415 - there is none on Windows

    found: dict[str, tuple[int, int]] = {}
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            with suppress(OSError, ValueError):
                found[str(getattr(resource, name))] = resource.prlimit(pid, getattr(resource, name))
    return found


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None
