"""Runs the command line on a real terminal (a pty of 80 by 24): what a person types, and what the screen then holds."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import printed

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "qbdoctor")
SECONDS = 40.0

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


class Screen:
    """One run with all three streams on the same terminal.

    ``program`` is what comes before the arguments; ``stdin`` a file to read standard input from instead, with the terminal
    still the one that a prompt opens.
    """

    def __init__(
        self,
        *arguments: str,
        program: Sequence[str] = PROGRAM,
        columns: int = 80,
        lines: int = 24,
        env: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self._keyboard, screen = os.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        environment |= {"TERM": "xterm-256color", **(env or {})}

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self._process = subprocess.Popen(
            [*program, *arguments], stdin=screen, stdout=screen, stderr=screen,
            env=environment, cwd=cwd, start_new_session=True, preexec_fn=take_terminal,  # noqa: PLW1509 - it takes no lock
        )  # fmt: skip
        os.close(screen)
        self._raw = b""

    @property
    def text(self) -> str:
        """All that was shown so far, without colours and with plain line ends."""
        return _ESCAPES.sub("", self._raw.decode("utf-8", "replace")).replace("\r\n", "\n").replace("\r", "")

    @property
    def lines(self) -> list[str]:
        """The lines shown so far, without the empty last one."""
        return self.text.rstrip("\n").split("\n")

    def wait_for(self, text: str, seconds: float = SECONDS) -> str:
        """Wait until a text is on the screen; returns all of it. Fails with what is there instead."""
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, f"{text!r} is not on the screen:\n{self.text}"
            if not self._read(0.2):
                assert text in self.text, f"{text!r} is not on the screen:\n{self.text}"
        return self.text

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._keyboard, text.encode())

    def end(self, seconds: float = SECONDS) -> int:
        """Wait for the end; returns the exit code."""
        end = time.monotonic() + seconds
        while self._read(0.2):
            assert time.monotonic() < end, f"it does not end:\n{self.text}"
        code = self._process.wait(5)
        os.close(self._keyboard)
        printed.hold_screen(self.text)
        return code

    def _read(self, seconds: float) -> bool:
        """Take what comes within the time; False once the other end is closed."""
        ready = select.poll()
        ready.register(self._keyboard, select.POLLIN)
        if not ready.poll(seconds * 1000):
            return self._process.poll() is None
        try:
            data = os.read(self._keyboard, 65536)
        except OSError:  # Linux: nobody holds the terminal any more
            return False
        self._raw += data
        return bool(data)


def seen(
    *arguments: str, columns: int = 80, env: Mapping[str, str] | None = None, typed: str = ""
) -> tuple[int, Screen]:
    """Run to the end; ``typed`` is answered to the first prompt that names a password."""
    screen = Screen(*arguments, columns=columns, env=env)
    if typed:
        screen.wait_for("assword")
        screen.type(typed)
    return screen.end(), screen
