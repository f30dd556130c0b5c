"""Starts modules of our own in a process of their own, which imports nothing from the folder a person happens to be in."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from qbdoctor.model import system

_PACKAGE = Path(__file__).resolve().parents[1]


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module as a program.

    Python's isolated mode leaves out the current folder, the PYTHON… variables and what they name; where we were found,
    the module has to be found too, so our own search path is handed over.
    """
    code = (
        f"import sys; sys.path[:] = {search_path()!r}; import runpy; "
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    return [sys.executable, "-I", "-c", code, *arguments]


def search_path() -> list[str]:
    """Return where Python looks for modules, without the current folder, unless this package itself lies in it."""
    here = Path.cwd() if _has_cwd() else None
    return [
        entry
        for entry in sys.path
        if entry and Path(entry).is_absolute() and (Path(entry) != here or Path(entry, _PACKAGE.name) == _PACKAGE)
    ]


def environment() -> dict[str, str]:
    """Return this process's variables without the person's secrets."""
    return {name: value for name, value in os.environ.items() if name not in SECRET_VARIABLES}


def is_taken(host: str, port: int) -> bool:
    """Whether somebody answers at an address that the system would still let us have: BSD lets 127.0.0.1 in beside ``*``."""
    if system.is_linux():
        return False  # its bind refuses that
    try:
        socket.create_connection((host, port), 1.0).close()
    except OSError:
        return False
    return True


def without_proxies() -> dict[str, str]:
    """Return the same without proxies, for a client of which the way past them is looked at.

    ``no_proxy`` keeps it from the system's own proxy too, which Windows and macOS have besides the variables.
    """
    kept = {name: value for name, value in environment().items() if not name.lower().endswith("_proxy")}
    return {**kept, "no_proxy": "*", "NO_PROXY": "*"} if system.platform() != "win32" else {**kept, "NO_PROXY": "*"}


SECRET_VARIABLES = frozenset({"QBDOCTOR_PASSWORD", "QBDOCTOR_API_KEY"})
"""What no program that we start is handed on."""


def _has_cwd() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True
