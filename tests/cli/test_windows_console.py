"""Colours go to a console of Windows that was told to obey them, and to no other."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import pytest

from qbdoctor.cli import output

VIRTUAL = 0x0004


class Console:
    """kernel32 as far as it is asked; ``mode`` is None where the handle is no console."""

    def __init__(self, mode: int | None, takes: bool) -> None:
        self.mode, self.takes = mode, takes

    def GetConsoleMode(self, _handle: object, into: object) -> int:
        if self.mode is None:
            return 0
        getattr(into, "_obj").value = self.mode  # noqa: B009
        return 1

    def SetConsoleMode(self, _handle: object, mode: int) -> int:
        self.mode = mode if self.takes else self.mode
        return int(self.takes)


@pytest.mark.parametrize(
    ("mode", "takes", "colour", "after"),
    [
        (3, True, True, 3 | VIRTUAL),
        (3 | VIRTUAL, False, True, 3 | VIRTUAL),
        (3, False, False, 3),
        (None, True, False, None),
    ],
    ids=["told to", "did so already", "the oldest", "no console"],
)
def test_escapes_are_sent_to_who_obeys_them(
    mode: int | None, takes: bool, colour: bool, after: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(mode, takes)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", lambda _name: console, raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda _number: 7))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True, fileno=lambda: 1))
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert output.use_color(False) is colour
    assert console.mode == after
