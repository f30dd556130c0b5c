"""Runs the commands as on macOS, and holds whatever they print against the words of other systems."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kit import needs

ROOT = Path(__file__).parents[2]
FOREIGN = re.compile(
    # Linux', and what its users would type
    r"systemctl|journalctl|systemd|qbittorrent-nox\b|\bss -|pgrep -a|\bps -\S+ \S+ -C|/proc/|\.local/share|\.local/state|getent|"
    r"resolv\.conf|timedatectl|\bip route|--restart|--confirm-within|group docker|docker group|usermod|"
    r"\bnft\b|iptables|\bufw\b|SELinux|AppArmor|the firewall's port map|network_mode: host|\bapt(?:-get)?\b|/etc/|xdg-open|"
    r"this container|runs in a container itself|"
    # flags that only GNU's tools have, or that LibreSSL's openssl lacks
    r"sha256sum|readlink -f|stat -c|date -d|base64 -w|sed -i(?! '')|sed -r|grep -P|head -n -|tail -n \+?-|find .*-printf|"
    r"xargs -[dr]|ps -ww?eo|-ext subjectAltName|--no-run-if-empty|\btac\b|\bpaste -sd[^,]*$|"
    # Windows'
    r"services\.msc|Get-Process|PowerShell|APPDATA|schtasks"
)
CONFIG_OF_LINUX = re.compile(r"qBittorrent\.conf")
OWN_OF_A_CONTAINER = re.compile(r"\S*/qBittorrent/config/qBittorrent\.conf")


class Mac:
    """A person's Mac: a home, and the commands run in it with ``sys.platform`` darwin and an empty /proc (as_macos).

    ``enter`` stands before each command. ``allowed`` are texts of Linux' that are right where they stand.
    """

    def __init__(self, folder: Path, enter: Sequence[str] = (), allowed: re.Pattern[str] | None = None) -> None:
        needs.mounts()
        self.environment: dict[str, str] = {}
        self.home, self._kept = folder / "Users" / "ann", folder / "kept"
        self.programs = folder / "bin"
        """What is on its PATH: nothing, until something is put there."""
        for one in (self.home, self._kept, self.programs):
            one.mkdir(parents=True)
        self._enter, self._allowed = enter, allowed

    @property
    def config(self) -> Path:
        """Where qBittorrent has its config there."""
        return self.home / ".config/qBittorrent/qBittorrent.ini"

    def __call__(
        self, *words: str, code: int | None = 0, seconds: float = 60, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run qbdoctor; ``code`` is the exit code that it must have, None for any."""
        done = subprocess.run(
            [*self._enter, sys.executable, "-m", "tests.support.as_macos", str(self._kept), *words],
            cwd=ROOT,
            env={
                "PATH": str(self.programs),
                "HOME": str(self.home),
                "LANG": "C.UTF-8",
                "TMPDIR": str(self.home.parent),
                **self.environment,
                **(env or {}),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert code is None or done.returncode == code, done.stdout + done.stderr
        self.hold(done.stdout + done.stderr)
        return done

    def hold(self, text: str) -> None:
        """See that nothing of another system stands in a text."""
        for line in text.splitlines():
            left = line if self._allowed is None else self._allowed.sub("", line)
            assert not FOREIGN.search(left), line
            assert not CONFIG_OF_LINUX.search(left), line
