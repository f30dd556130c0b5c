"""Folders, consoles and answers of the tests in the Windows Python."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import termios
import time
from pathlib import Path

from tests.kit.windows import Windows

CONFIG = (
    b"[Preferences]\r\nWebUI\\Port=9\r\nWebUI\\Address=127.0.0.1\r\nWebUI\\LocalHostAuth=false\r\n"
    b"WebUI\\AuthSubnetWhitelistEnabled=true\r\nWebUI\\AuthSubnetWhitelist=0.0.0.0/0\r\n"
)


def folder(there: Windows, name: str) -> tuple[Path, str]:
    """A new folder in C:, as we and as Windows call it."""
    path = there.drive / "t" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path, f"C:\\t\\{name}"


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode("cp1252")
    return done.stdout.decode("cp1252") + done.stderr.decode("cp1252")


def waited_for(file: Path) -> str:
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end, f"{file} did not come"
        time.sleep(0.1)
    return file.read_text().strip()


class Console:
    """A program of the Windows Python in a pseudo-console."""

    def __init__(self, there: Windows, *words: str) -> None:
        self._main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        keys = termios.tcgetattr(other)
        keys[0] &= ~termios.ICRNL  # Enter arrives as it is pressed: Wine's console takes a line feed for Ctrl-J
        termios.tcsetattr(other, termios.TCSANOW, keys)
        self.process = subprocess.Popen(
            there.command(*words),
            cwd=there.drive,
            env=there.environment | {"TERM": "xterm-256color"},
            stdin=other, stdout=other, stderr=other,
            preexec_fn=_take_the_terminal,  # noqa: PLW1509 - no threads here
        )  # fmt: skip
        os.close(other)

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self._main)

    def press(self, keys: bytes) -> None:
        """Type into the console."""
        os.write(self._main, keys)

    def until(self, text: bytes, seconds: float) -> bytes:
        """Return what it shows until a text has come, or until it ends."""
        shown, end = b"", time.monotonic() + seconds
        while time.monotonic() < end and not (text and text in shown):
            if select.select([self._main], [], [], 0.2)[0]:
                try:
                    shown += os.read(self._main, 65536)
                except OSError as error:
                    assert error.errno == errno.EIO
                    return shown
        return shown


def _take_the_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
