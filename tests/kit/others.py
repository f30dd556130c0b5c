"""Runs programs as other users of this machine, who hold no right of root's.

Python or the checkout may lie below a folder that only root may enter, as with pyenv in /root. Nothing is opened for that: the
program then has a mount namespace of its own, in which a folder of mode 755 lies over the closed one, with nothing in it but what
Python needs, read-only.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.kit import needs

_OPEN = stat.S_IROTH | stat.S_IXOTH
_FIRST = 3  # a shell's redirections know one digit: seven folders in all


def as_user(uid: int, *groups: int, closed: Sequence[Path] = ()) -> list[str]:
    """What stands before a command that another user is to run, in these groups alone; skips where that cannot be.

    `closed`: folders of root's that stay closed to the user though the one above them is shown.
    """
    if os.geteuid() != 0:
        needs.without(f"{needs.MISSING}the right to act for another user (root)")
    user = plainly(uid, *groups)
    script = _script(_wanted(), closed)
    if not script:
        return user
    needs.mounts()
    return [needs.program("unshare"), "-m", "sh", "-ec", f'{script}exec "$@"', "sh", *user]


def plainly(uid: int, *groups: int) -> list[str]:
    """The same for a program that needs neither Python nor the checkout."""
    kept = [f"--groups={','.join(map(str, groups))}"] if groups else ["--clear-groups"]
    return [needs.program("setpriv"), f"--reuid={uid}", f"--regid={uid}", *kept, "--inh-caps=-all", "--"]


def _wanted() -> set[Path]:
    """The folders without which neither Python nor the doctor runs."""
    named = (sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
    return {Path(sys.executable).resolve().parent, Path(__file__).parents[2], *map(Path, named)}


def _script(folders: Iterable[Path], closed: Iterable[Path] = ()) -> str:
    """The lines that lay a folder over each closed one and show these in it; empty where nothing is closed."""
    shown: dict[Path, Path] = {}
    for folder in sorted(folders):  # one that holds another comes before it
        barred = [place for place in (folder, *folder.parents) if not place.stat().st_mode & stat.S_IXOTH]
        if barred and not any(folder.is_relative_to(each) for each in shown):
            if folder.stat().st_mode & _OPEN != _OPEN:
                needs.without(f"{needs.MISSING}a Python and a checkout that others may read ({folder} is closed)")
            shown[folder] = barred[-1]
    lines = [f"exec {number}< {_quoted(folder)}" for number, folder in enumerate(shown, _FIRST)]
    laid = sorted(set(shown.values()))
    lines += [f"mount -t tmpfs -o mode=755 none {_quoted(place)}" for place in laid]
    lines += [f"mkdir -p -m 700 {_quoted(each)}" for each in closed if any(each.is_relative_to(one) for one in laid)]
    for number, folder in enumerate(shown, _FIRST):
        there = _quoted(folder)
        lines.append(f"mkdir -p {there}; mount --bind -c /proc/self/fd/{number} {there}")
        lines.append(f"mount -o remount,bind,ro {there}; exec {number}<&-")
    return "".join(f"{line}\n" for line in lines)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
