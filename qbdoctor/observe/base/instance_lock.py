r"""Reads the lock of a running qBittorrent, ``lockfile`` beside the config, and sees whether its holder can be alive.

From 5.2.0 on it is Qt's QLockFile with five lines: process number, program, host name, machine id, boot id (an empty
line where the system has none). Up to 5.1.4 it is an empty file under a kernel lock. A start that takes it for a living
instance's ends with code 0 and says nothing (qtlocalpeer.cpp 5.2.0:96, localpeer.cpp 0402289ea:130; measured on 5.3.0).
Nothing is changed here.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qbdoctor.storage import files, foreign
from qbdoctor.target import log as server_log
from qbdoctor.values import field, frozen, replace

if TYPE_CHECKING:
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.processes import Instance

NAME = "lockfile"
_LARGEST = 4096
_AT_ONCE = timedelta(seconds=2)
_LINUX = sys.platform.startswith("linux")

State = Literal[
    "no-lines",
    "earlier-boot",
    "other-machine",
    "other-host",
    "container",
    "gone",
    "other-program",
    "taken",
    "held",
    "unknown",
]
"""What the lines say, held against this machine.

``no-lines``: an older release's, or damaged. ``container``: this boot of this machine under another host name.
``gone``: the process is no more; ``other-program``, ``taken``: its number belongs to another program, to that program.
``held``: to that program, in a process that is older than the lock, so that it wrote it (it may have just been started).
"""


@frozen
class Here:
    """What the lines are held against: this machine's names, and whether all of its processes can be seen."""

    host: str = field(default_factory=socket.gethostname)
    machine: str = field(default_factory=lambda: _first_line("/etc/machine-id", "/var/lib/dbus/machine-id"))
    boot: str = field(default_factory=lambda: _first_line("/proc/sys/kernel/random/boot_id"))
    whole: bool = field(default_factory=lambda: _LINUX and _first_line("/proc/2/comm") == "kthreadd")


@frozen
class InstanceLock:
    """A lock as it lies there. ``written`` is in UTC. ``holder`` says who may hold it, "" where nobody can."""

    file: Path
    written: datetime
    state: State
    holder: str
    pid: int | None = None
    program: str = ""
    host: str = ""

    @property
    def said(self) -> str:
        """Its lines, in words."""
        if self.pid is None:
            return "no process"
        return f"process {self.pid} ({self.program or 'no name'}) on {self.host or 'an unnamed host'}"

    def kept_off(self, lines: Sequence[LogLine]) -> bool:
        """Return whether the run with these lines, from its start mark on, ended at once beside this lock.

        Such a run writes four lines within a second: started, the config's folder, termination initiated, ready to exit
        (measured on 5.3.0). One that was ended by a person or a signal wrote more.
        """
        if len(lines) != 4 or not server_log.is_start(lines[0]) or any(line.level != "N" for line in lines):
            return False
        first, last = lines[0].when, lines[-1].when
        at_once = first is not None and last is not None and last - first <= _AT_ONCE
        return at_once and server_log.config_folder(lines) is not None


def read_lock(config: Path, instances: Iterable[Instance], here: Here | None = None) -> InstanceLock | None:
    """Return the lock beside a config, judged by the processes of this machine; None where there is none to read."""
    path = config.with_name(NAME)
    try:
        data = foreign.read(path, _LARGEST, follow=False)
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
    pid, program, host, machine, boot = parse(data)
    place, known = here or Here(), tuple(instances)
    state = _state(pid, program, host, machine, boot, place)
    if state == "taken" and pid not in {one.pid for one in known} and _wrote_it(pid or 0, written):
        state = "held"
    lock = InstanceLock(path, written, state, "", pid, program, host)
    return replace(lock, holder=_holder(lock, known, place))


def parse(data: bytes) -> tuple[int | None, str, str, str, str]:
    """Return process number (None where the first line is none), program, host, machine id and boot id."""
    lines = [line.strip() for line in data.decode(errors="replace").split("\n")[:5]]
    number, program, host, machine, boot = (*lines, *("",) * (5 - len(lines)))
    pid = int(number) if number.isascii() and number.isdigit() and 0 < int(number[:10]) < 1 << 31 else None
    return pid, program, host, machine, boot


def _state(pid: int | None, program: str, host: str, machine: str, boot: str, here: Here) -> State:
    if pid is None:
        return "no-lines"
    if boot and here.boot and boot != here.boot:
        return "earlier-boot" if machine and machine == here.machine else "other-machine"
    if host.casefold() != here.host.casefold():
        return "container" if boot and boot == here.boot else "other-host"
    return _process(pid, program)


def _process(pid: int, program: str) -> State:
    import psutil  # noqa: PLC0415 - start-up time

    try:
        name = os.path.basename(psutil.Process(pid).exe())  # noqa: PTH119 - a foreign system's text
    except psutil.NoSuchProcess:
        return "gone"
    except (psutil.Error, OSError, SystemError):
        name = ""
    if not name:
        return "unknown"
    return "taken" if name.removesuffix(" (deleted)") == program.rpartition("/")[2] else "other-program"


def _wrote_it(pid: int, written: datetime) -> bool:
    """Return whether a process is older than the lock that names it: a number that was given anew is younger."""
    import psutil  # noqa: PLC0415 - start-up time

    with suppress(psutil.Error, OSError, SystemError):
        return bool(psutil.Process(pid).create_time() <= written.timestamp() + 1)
    return False


def _holder(lock: InstanceLock, instances: tuple[Instance, ...], here: Here) -> str:
    """Return who may hold the lock, as a sentence without its full stop; "" where no living process can."""
    for one in instances:
        if one.config_file is None:
            return f"process {one.pid} is a qBittorrent whose config cannot be seen from here, so it may be its lock"
        if files.same_file(one.config_file.parent, lock.file.parent):
            return f"qBittorrent runs with it (process {one.pid})"
    match lock.state:
        case "other-machine" | "other-host":
            return f"it was written on another machine, or by a virtual one ({lock.host}), where qBittorrent may be running"
        case "container" if not here.whole:
            return f"it was written under another host name ({lock.host}), whose processes cannot be seen from here"
        case "no-lines" if not here.whole or _kernel_lock(lock.file) is not False:
            return "it names no process, and an older release may hold it"
        case "unknown":
            return f"process {lock.pid} lives, and what it runs cannot be seen by this user"
        case "held":
            return f"process {lock.pid} lives, runs the very program that the lock names, and is older than the lock"
        case "taken" if not (any(one.pid == lock.pid for one in instances) or _is_loader(lock.program)):
            return f"process {lock.pid} lives and runs the very program that the lock names"
    return ""


def _is_loader(program: str) -> bool:
    """Whether it is a dynamic loader, which says nothing about the program that it runs."""
    return program.rpartition("/")[2].startswith("ld-")


def _kernel_lock(path: Path) -> bool | None:
    """Whether some process of this machine holds a kernel lock on the file; None where that cannot be seen."""
    try:
        found = path.stat()
        table = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    wanted = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    return any(wanted in line.split() for line in table.splitlines())


def _first_line(*names: str) -> str:
    for name in names:
        with suppress(OSError):
            return Path(name).read_text(encoding="utf-8", errors="replace").strip()
    return ""
