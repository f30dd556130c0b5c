"""Another user exchanges the folder in which root works: nothing of theirs may get into root's."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.storage import trust
from tests.support.strangers import EVE, FIX, OPEN, adopted_left_over, as_root, give, needs_root, owners, profile

pytestmark = needs_root

EXCHANGE = r"""
import ctypes, os, random, select, sys, time
# the user's own folder, and a link to root's that lies there for a moment whenever root has read or made something
outer, other, folder = sys.argv[1:]
watch = ctypes.CDLL(None).inotify_init()
ctypes.CDLL(None).inotify_add_watch(watch, folder.encode(), 0x10 | 0x100)  # IN_CLOSE_NOWRITE, IN_CREATE
while True:
    os.read(watch, 65536)
    if random.random() < 0.6:
        continue
    os.rename(outer, outer + ".kept"); os.rename(other, outer)
    time.sleep(random.choice((0.002, 0.02, 0.1, 0.3)))
    os.rename(outer, other); os.rename(outer + ".kept", outer)
    while select.select([watch], [], [], 0)[0]:
        os.read(watch, 65536)
"""

SWAP = r"""
import os, sys
# a program of root's behind the name of every temporary file of ours
folder, program = sys.argv[1:]
while True:
    for name in os.listdir(folder):
        if name.startswith(".qbdoctor-"):
            try:
                os.unlink(os.path.join(folder, name)); os.symlink(program, os.path.join(folder, name))
            except OSError:
                pass
"""

PIPE = r"""
import os, sys, threading
# a pipe that is read, and a link to root's file, by turns under the name of the pipe
folder, decoy = sys.argv[1:]
os.chdir(folder)
os.mkfifo("pipe")
reading = os.open("pipe", os.O_RDWR)
threading.Thread(target=lambda: [os.read(reading, 65536) for _ in iter(int, 1)], daemon=True).start()
while True:
    os.link("pipe", "next"); os.rename("next", "report")
    os.symlink(decoy, "next"); os.rename("next", "report")
"""


def racer(base: Path, uid: int, source: str, *words: Path) -> subprocess.Popen[bytes]:
    script = base / "racer.py"
    script.write_text(source)
    return subprocess.Popen(
        [
            "setpriv",
            f"--reuid={uid}",
            f"--regid={uid}",
            "--clear-groups",
            sys.executable,
            "-I",
            str(script),
            *map(str, words),
        ]
    )


@pytest.mark.parametrize("seconds", [10.0, pytest.param(120.0, marks=pytest.mark.extended)])
def test_an_exchanged_folder_leaves_nothing_of_theirs_in_roots(base: Path, seconds: float) -> None:
    """With 15 MB to write; on the release of before, which worked by names, 1 of 17 such runs put theirs into root's."""
    config = profile(base, EVE, OPEN + b"[Big]\n" + b"x=" + b"y" * 15_000_000 + b"\n")
    roots = base / "root/config"
    roots.mkdir(mode=0o700)
    (roots / "qBittorrent.conf").write_bytes(b"[Preferences]\nroots=own\n")
    other = base / "home/other"
    other.symlink_to(base / "root")
    give(EVE, other)
    racing = racer(base, EVE, EXCHANGE, config.parent.parent, other, config.parent)
    try:
        end = time.monotonic() + seconds
        outcomes = set()
        while time.monotonic() < end:
            outcomes.add(as_root(base, *FIX, "--config", str(config)).code)
            outcomes.add(as_root(base, "rollback", "--yes").code)
            assert [path.name for path in roots.iterdir()] == ["qBittorrent.conf"]
            assert (roots / "qBittorrent.conf").read_bytes() == b"[Preferences]\nroots=own\n"
            assert owners(base / "root") == {0}
    finally:
        racing.kill()
        racing.wait()
    assert outcomes <= {0, 2, 3, 4}


def test_what_comes_back_is_never_put_through_a_link(base: Path) -> None:
    """A swapped name must not have root change the mode or the owner of a program of its own."""
    config = adopted_left_over(base).with_name("qBittorrent.conf")
    program = base / "root/program"
    program.write_bytes(b"#!/bin/sh\n")
    program.chmod(0o700)
    racing = racer(base, EVE, SWAP, config.parent, program)
    try:
        for _ in range(8):
            as_root(base, "rollback", "--yes", "--force")
            as_root(base, "fix", "adopt-new-file", "--yes", "--via", "file", "--config", str(config))
    finally:
        racing.kill()
        racing.wait()
    assert (program.stat().st_uid, stat.S_IMODE(program.stat().st_mode)) == (0, 0o700)


def test_a_pipe_that_becomes_a_link_has_nothing_of_roots_overwritten(base: Path) -> None:
    """As with ``-o``: what was a pipe when it was looked at; by names, the second try emptied root's file."""
    decoy, folder = base / "root/decoy", base / "eve"
    decoy.write_bytes(OPEN)
    folder.mkdir()
    give(EVE, folder)
    racing = racer(base, EVE, PIPE, folder, decoy)
    told = set()
    try:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            try:
                trust.write_stream(folder / "report", b"report\n")
                told.add("written")
            except (Refused, OSError) as error:
                told.add(str(error)[-40:])
            assert decoy.read_bytes() == OPEN
    finally:
        racing.kill()
        racing.wait()
    assert len(told) > 1, told
