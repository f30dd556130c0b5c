"""Starts one program as it ran before: a small program of its own, run by its path and without qbdoctor's imports.

It reads what to start from standard input, so that neither the environment nor the arguments, which may hold secrets,
stand in a command line or a file. It forks: the program is no child of ours, has a session of its own and none of our
streams. Printed is its process id, or ``error:`` and why it could not be started.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import Any


def main() -> int:
    """Start what standard input says and return 0, or say why not and return 1."""
    spec = json.load(sys.stdin)
    read_end, write_end = os.pipe()  # closed by exec: what comes out of it is an error
    pid = os.fork()
    if pid == 0:
        try:
            _become(spec)
        except BaseException as error:  # nothing may ever return from here
            with suppress(OSError):
                os.write(write_end, f"{getattr(error, 'strerror', None) or error}".encode())
            os._exit(127)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        said = stream.read().decode("utf-8", "replace")
    sys.stdout.write(f"error:{said}" if said else str(pid))
    return 1 if said else 0


def _become(spec: dict[str, Any]) -> None:
    os.setsid()
    for name, limits in spec["limits"].items():
        with suppress(ValueError, OSError):
            resource.setrlimit(int(name), (limits[0], limits[1]))
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, spec["nice"])
    if spec["oom"] is not None:
        with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(spec["oom"])
    uid, gid = spec["uid"], spec["gid"]
    if (os.getuid(), os.getgid()) != (uid, gid) or sorted(os.getgroups()) != sorted(spec["groups"]):
        os.setgroups(spec["groups"])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    # From here on with that user's rights alone: the files are named by a process of theirs.
    os.umask(spec["umask"])
    os.chdir(spec["cwd"])
    streams = [os.open(os.devnull, os.O_RDWR), _output(spec["out"]), _output(spec["err"])]
    # Python ignores these two, and exec would hand that on.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if spec["nohup"] else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for wanted, stream in enumerate(streams):
        os.dup2(stream, wanted)
    argv, environment = spec["argv"], {os.fsencode(name): os.fsencode(value) for name, value in spec["environment"]}
    os.execve(spec["program"], [os.fsencode(part) for part in argv], environment)  # noqa: S606


def _output(path: str | None) -> int:
    if path is not None:
        with suppress(OSError):
            return _above(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NOCTTY))
    return _above(os.open(os.devnull, os.O_WRONLY))


def _above(stream: int) -> int:
    """Return the stream under a number that is none of the three, so that none of them is overwritten too early."""
    if stream > 2:
        return stream
    import fcntl  # noqa: PLC0415

    return fcntl.fcntl(stream, fcntl.F_DUPFD_CLOEXEC, 3)


if __name__ == "__main__":
    sys.exit(main())
