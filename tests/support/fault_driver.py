"""Changes by the journal whose system calls fail, for test_faults: fault_driver.py SOCKET.

One process starts, imports everything and waits; strace is attached to it, and each job is a fork of it, which strace
follows. strace counts the calls of each process on its own and lets the call number WHEN of every kind fail: the fork
makes as many calls of the wanted kind that do nothing as bring the count to the call that is to fail. So one strace
serves thousands of jobs, and none of them starts Python.
"""

import ctypes
import gc
import io
import json
import os
import socket
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from qbdoctor.cli import main as cli_main  # noqa: E402
from qbdoctor.model.edits import ReplaceFile  # noqa: E402
from qbdoctor.model.errors import UserError  # noqa: E402
from qbdoctor.repair.journal.journal import Journal  # noqa: E402
from qbdoctor.repair.journal.records import ChangeRequest  # noqa: E402
from qbdoctor.storage import locks  # noqa: E402
from qbdoctor.target import processes  # noqa: E402
from tests.support import kill_driver  # noqa: E402

WHEN = 1000
"""The call of each kind that fails; more than any job makes of one kind."""
END = "/qbdoctor-fault-test-ends-here"
_NAMES = {"newfstatat": "fstatat"}
_PR_SET_PTRACER, _ANY = 0x59616D61, ctypes.c_ulong(-1)


def burn(call: str, times: int) -> None:
    """Make this system call with arguments that it refuses."""
    function = getattr(ctypes.CDLL(None), _NAMES.get(call, call))
    bad = ctypes.c_long(1 << 20)  # no descriptor that is open, and no address that may be read
    for _ in range(times):
        function(bad, bad, bad, bad, bad, bad)


def mark(name: str) -> None:
    """Show in the trace of an unharmed run where the journal begins and ends."""
    if not _harmed:
        Path(name).exists()


_harmed: list[str] = []


def command_line(words: list[str]) -> tuple[int, str]:
    """Run qbdoctor; the exit code, and what it said on standard error or of what failed."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli_main.main(words)
    failed = [line for line in out.getvalue().splitlines() if line.startswith("✗ ")]
    return code, "\n".join([*err.getvalue().splitlines(), *failed])


def prepare_command_line() -> None:
    """Keep out of the count what is not the journal's: the look at all processes is never twice the same."""
    locked = Journal.locked
    inside: list[Journal] = []

    @contextmanager
    def marked(self: Journal) -> Iterator[None]:
        if not inside:
            inside.append(self)
            mark(kill_driver.MARK)
        with locked(self):
            yield

    vars(processes)["processes_with"] = lambda _word, _lines: iter(())
    Journal.locked = marked  # type: ignore[method-assign]


def adopt(state: Path, config: Path) -> tuple[int, str]:
    """Replace the file by the one beside it; the exit code, and what was said."""
    try:
        Journal(state, lock_seconds=0.2).apply_file(config, [ReplaceFile()], ChangeRequest("f", "requested", "r"))
    except UserError as error:
        return error.exit_code, error.message
    return 0, ""


def work(job: dict[str, Any]) -> tuple[int, str]:
    """Do what the job says; the exit code and the sentence that was said, if any."""
    if job["what"] in ("fix", "rollback command"):
        prepare_command_line()
        words = ["rollback"] if job["what"] != "fix" else ["fix", "require-localhost-auth"]
        return command_line([*words, "--yes", "--state-dir", job["state"], "--config", job["config"]])
    if job["how"] == "in-place":
        kill_driver.play_mount_point(Path(job["config"]))
    mark(kill_driver.MARK)
    if job["what"] == "adopt":
        return adopt(Path(job["state"]), Path(job["config"]))
    return kill_driver.journal_work(job["what"], Path(job["state"]), Path(job["config"]), lock_seconds=0.2)


def one(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job and say how it ended."""
    if job["call"] is not None:
        _harmed.append(job["call"])
        burn(job["call"], WHEN - job["number"])
    try:
        code, said = work(job)
    except BaseException:  # nothing may pass: that is what is tested
        return {"code": -1, "said": traceback.format_exc()}
    mark(END)
    return {"code": code, "said": said}


def main(handle: int) -> None:
    """Wait for jobs until the other side is gone. Only calls that never fail here: send, receive, fork, wait."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANY, 0, 0, 0)
    kill_driver.preload()
    with tempfile.TemporaryDirectory() as folder:
        config, state = Path(folder, "c", "qBittorrent.conf"), Path(folder, "s")
        config.parent.mkdir()
        config.write_bytes(b"")
        with redirect_stderr(io.StringIO()):
            for words in (["fix", "require-localhost-auth"], ["rollback"]):
                command_line([*words, "--yes", "--state-dir", str(state), "--config", str(config)])
        with locks.hold(config.parent, 1):  # what is imported late is there then
            pass
    gc.disable()
    line = socket.socket(fileno=handle)
    line.send(str(os.getpid()).encode())
    while text := line.recv(1 << 16):
        child = os.fork()
        if child == 0:
            line.send(json.dumps(one(json.loads(text))).encode())
            os._exit(0)
        os.waitpid(child, 0)
        line.send(json.dumps(child).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
