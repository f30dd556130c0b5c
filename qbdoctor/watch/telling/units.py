"""Prints what starts a watch by itself: a systemd user unit, a launch agent of macOS, a scheduled task of Windows."""

from __future__ import annotations

import os
import plistlib
import subprocess
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from qbdoctor.model import shell, system


def systemd_unit(command: Sequence[str], environment: Mapping[str, str], *, needs_password: bool) -> str:
    """Return a user unit that runs a command; ``needs_password``: none was given by a file."""
    lines = [
        "# Keep this as ~/.config/systemd/user/qbdoctor-watch.service, then:",
        "#   systemctl --user daemon-reload && systemctl --user enable --now qbdoctor-watch",
        "#   loginctl enable-linger    # so that it runs while you are not logged in",
        "[Unit]",
        "Description=qbdoctor watch",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        f"ExecStart={' '.join(_quoted(word) for word in command)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in environment.items()),
    ]
    if needs_password:
        lines.append(
            "# The password: a file that only you may read, with --password-file, or a line QBDOCTOR_PASSWORD=… in:"
        )
        lines.append("#EnvironmentFile=%h/.config/qbdoctor/watch.env")
    lines += [
        "Restart=on-failure",
        "RestartSec=60",
        "NoNewPrivileges=yes",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    """Return a word as systemd.syntax(7) and systemd.service(5) take it: specifiers and variables as they are written."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    text = "".join(f"\\x{ord(one):02x}" if ord(one) < 32 else one for one in text)  # a line end would begin a setting
    plain = all(character.isalnum() or character in "/._-=:+,@%~[]" for character in text)
    return text if plain and text else f'"{text}"'


def scheduled_task(command: Sequence[str], environment: Mapping[str, str], user: str = "") -> str:
    r"""Return a task of Windows' Task Scheduler as XML, with the command that registers it in a comment.

    It names no encoding and has ASCII alone: PowerShell's ``>`` writes UTF-16, cmd.exe's the system's code page. ``user``
    (DOMAIN\NAME): at whose log-on it starts, and as whom; at anybody's it may be registered by administrators alone.
    """
    person = f"<UserId>{escape(user)}</UserId>" if user else ""
    kept = [
        f"setx {name} {shell.quote(value, 'cmd')}" for name, value in environment.items()
    ]  # a task holds none itself
    steps = "".join(
        f"\n     {step}" for step in (*kept, 'schtasks /Create /TN "qbdoctor watch" /XML qbdoctor-watch.xml')
    )
    arguments = subprocess.list2cmdline(list(command[1:]))
    return f"""<?xml version="1.0"?>
<!-- Keep this as qbdoctor-watch.xml, then:{steps} -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><LogonTrigger><Enabled>true</Enabled>{person}</LogonTrigger></Triggers>
  <Principals>
    <Principal id="Author">{person}<LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec><Command>{escape(command[0])}</Command><Arguments>{escape(arguments)}</Arguments></Exec>
  </Actions>
</Task>
""".encode("ascii", "xmlcharrefreplace").decode()


def _account() -> str:
    """Return the person who runs this as Windows names them, domain or machine first; empty where nobody says."""
    return "\\".join(part for name in ("USERDOMAIN", "USERNAME") if (part := os.environ.get(name, "")))


def launch_agent(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return a launch agent of macOS (launchd.plist(5)), with the commands that start it in a comment."""
    label = "qbdoctor.watch"
    held = {
        "Label": label,
        "ProgramArguments": list(command),
        "EnvironmentVariables": dict(environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 60,
    }
    first, kind, rest = plistlib.dumps(held, sort_keys=False).decode().split("\n", 2)
    place = f"~/Library/LaunchAgents/{label}.plist"
    how = f"<!-- Keep this as {place}, then: launchctl bootstrap gui/$(id -u) {place} -->"
    return "\n".join((first, kind, how, rest))


def printed(command: Sequence[str], environment: Mapping[str, str], *, needs_password: bool) -> str:
    """Return what this system starts programs by."""
    if system.platform() == "win32":
        return scheduled_task(command, environment, _account())
    if system.is_macos():
        return launch_agent(command, environment)
    return systemd_unit(command, environment, needs_password=needs_password)
