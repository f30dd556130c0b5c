"""Runs qbdoctor as on macOS: as_macos.py FOLDER ARGUMENTS…, with ``sys.platform`` darwin and an empty /proc.

Needs root: it takes /proc away in a mount namespace of its own. psutil, which has Linux's way to ask, keeps the real one in
FOLDER; its answers are those of macOS as far as qbdoctor asks for them. The programs it starts take themselves for macOS too.
"""

from __future__ import annotations

import asyncio.unix_events  # what the library decides by the platform is decided before it changes
import concurrent.futures.thread
import ctypes
import ctypes.util
import importlib
import multiprocessing.connection
import os
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import urllib.request
import uuid

import psutil

LIBRARY = (asyncio, concurrent, multiprocessing, platform, shutil, ssl, subprocess, tempfile, urllib, uuid)
NEW_MOUNTS, BIND, RECURSIVE, PRIVATE = 0x20000, 4096, 16384, 1 << 18


def take_proc_away(kept: str) -> None:
    """Move /proc to a folder, for this process and what it starts."""
    system = ctypes.CDLL(None, use_errno=True)

    def done(code: int) -> None:
        if code != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    done(system.unshare(NEW_MOUNTS))
    done(system.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None))
    done(system.mount(b"/proc", kept.encode(), None, BIND | RECURSIVE, None))
    done(system.mount(b"tmpfs", b"/proc", b"tmpfs", 0, None))
    psutil.PROCFS_PATH = kept


def main() -> int:
    """Run qbdoctor's command line."""
    take_proc_away(sys.argv[1])
    sys.platform = "darwin"
    own_programs = importlib.import_module("qbdoctor.storage.own_programs")
    begin = own_programs.command

    def command(module: str, *arguments: str) -> list[str]:
        made: list[str] = begin(module, *arguments)
        return [*made[:3], f"import asyncio, subprocess, shutil, sys; sys.platform = 'darwin'; {made[3]}", *made[4:]]

    vars(own_programs)["command"] = command
    sys.argv = ["qbdoctor", *sys.argv[2:]]
    return int(importlib.import_module("qbdoctor.__main__").main())


if __name__ == "__main__":
    sys.exit(main())
