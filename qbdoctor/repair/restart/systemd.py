"""Finds the systemd unit that owns a process, stops it and starts it. Secrets never pass through here."""

from __future__ import annotations

import os
import subprocess
from typing import Any, Literal

from qbdoctor.repair.restart.process_spec import CannotRestart
from qbdoctor.values import frozen

SHOW_SECONDS = 10.0
PROPERTIES = "MainPID,LoadState,ActiveState,RefuseManualStop,RefuseManualStart"


@frozen
class Unit:
    """A service of the system's manager, or of the manager of the user ``uid``."""

    name: str
    scope: Literal["system", "user"]
    uid: int

    def command(self, verb: str) -> str:
        """Return what a person would type."""
        return f"systemctl {'--user ' if self.scope == 'user' else ''}{verb} {self.name}"

    def run(self, *arguments: str, seconds: float) -> tuple[int, str, str]:
        """Run systemctl on the unit; returns its exit code and what it printed. Raises OSError, TimeoutExpired."""
        command = ["systemctl", *(["--user"] if self.scope == "user" else []), "--no-pager", "--no-ask-password"]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C"}
        other: dict[str, Any] = {}
        if self.scope == "user":
            own = os.environ.get("XDG_RUNTIME_DIR") if self.uid == os.getuid() else None
            folder = own or f"/run/user/{self.uid}"
            environment |= {"XDG_RUNTIME_DIR": folder, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}
            if self.uid != os.getuid():
                import pwd  # noqa: PLC0415 - there is none on Windows

                group = pwd.getpwuid(self.uid).pw_gid
                other = {"user": self.uid, "group": group, "extra_groups": [group]}
        done = subprocess.run(  # noqa: S603 - the unit's name is systemd's own
            [*command, *arguments, "--", self.name], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            errors="replace", timeout=seconds, env=environment, **other,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr.strip()

    def show(self) -> dict[str, str]:
        """Return some of the unit's properties. Raises OSError where systemd cannot be asked."""
        try:
            code, out, err = self.run("show", "-p", PROPERTIES, seconds=SHOW_SECONDS)
        except (subprocess.TimeoutExpired, KeyError) as error:
            raise OSError(str(error)) from None
        if code:
            raise OSError(err)
        return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def owner(pid: int, name: str, scope: Literal["system", "user"], uid: int, above: tuple[int, ...]) -> Unit | None:
    """Return the unit if it is there for this process, None if the process only was started from within it.

    What an ssh or cron daemon starts may stay in that daemon's control group. Raises :class:`Cannot`.
    """
    unit = Unit(name, scope, uid)
    by_hand = f"Use {unit.command('stop')}, run this without --restart, then {unit.command('start')}."
    try:
        shown = unit.show()
    except OSError:
        raise CannotRestart(f"the unit {name} owns it, and its systemd cannot be asked", by_hand) from None
    main = int(shown.get("MainPID", "0"))
    if main != pid and not (main in above and "qbittorrent" in name.lower()):
        return None
    if "yes" in {shown.get("RefuseManualStop"), shown.get("RefuseManualStart")}:
        raise CannotRestart(f"the unit {name} may not be stopped or started by hand", by_hand)
    if os.getuid() not in {0, uid} or (scope == "system" and os.getuid() != 0):
        raise CannotRestart(f"the unit {name} is not this user's", f"Run this as root, or: {by_hand}")
    return unit
