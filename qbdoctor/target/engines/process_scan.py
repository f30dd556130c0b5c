"""Picks the processes whose command line holds a word, before anything else is asked of them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

TROUBLE = (OSError, SystemError, NotImplementedError)
"""What psutil raises besides its own errors where the system refuses: OSError(0), SystemError (macOS), WinError."""


CommandLines = Mapping[int, tuple[str, ...]]
"""The command lines of some processes, by their pid."""


def command_lines(word: str) -> CommandLines | None:
    """Return the command lines that hold ``word`` (lower case), as anybody may read them (Linux); None elsewhere.

    A read of each costs a quarter of what psutil needs to list the processes.
    """
    if not sys.platform.startswith("linux"):
        return None
    found: dict[int, tuple[str, ...]] = {}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):  # noqa: PTH208 - names are enough
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb", 0) as file:  # noqa: PTH123 - half the time
            line = file.read()
            if word.encode() in line.lower():
                found[pid] = tuple(map(os.fsdecode, line.rstrip(b"\0").split(b"\0")))
    return found


def processes_with(word: str, lines: CommandLines | None = None) -> Iterator[psutil.Process]:
    """Yield the processes that may have ``word`` (lower case) in their command line; elsewhere than on Linux all of them.

    ``lines`` are those that :func:`command_lines` found, where it was asked already.
    """
    if lines is None:
        lines = command_lines(word)
    if lines is not None and not lines:
        return
    import psutil  # noqa: PLC0415 - 10 ms, which a machine without such a process does without

    if lines is None:
        with contextlib.suppress(psutil.Error, *TROUBLE):  # the list alone: what is raised at a process is the caller's
            yield from list(psutil.process_iter())
        return
    for pid in lines:
        with contextlib.suppress(psutil.Error):
            yield psutil.Process(pid)


def is_any_apart(word: str) -> bool:
    """Return whether a process with ``word`` in its command line is seen to have a root or mounts of its own (Linux)."""
    return any(_differs(pid, "ns/mnt") or _differs(pid, "root") for pid in command_lines(word) or ())


def _differs(pid: int, link: str) -> bool:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/{link}") != os.readlink(f"/proc/self/{link}")  # noqa: PTH115
    return False
