"""Scenes in which a page's commands are run: with the fault that it is about, and in the healthy neighbour of that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar

from qbdoctor.diagnosis.catalogue import pages
from tests.kit import needs
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server

T = TypeVar("T")

ONLY_READ = re.compile(
    r"docker|systemctl|journalctl|timedatectl|cp -p|^while pgrep|^rm '|^rm \"|ping |^nc |ip route|/the/folder"
)
"""Lines that a test does not run: an engine's, systemd's, those that ask the network, and those that change something."""


class Place:
    """Where a scene is played: its release, a folder, what it started, and what a person would type and have set."""

    def __init__(self, release: Release, home: Path, stack: ExitStack) -> None:
        self.release = release
        self.home = home
        self._stack = stack
        self.typed = PASSWORD
        self.environment: dict[str, str] = {}
        self.replaced: dict[str, str] = {}

    def open(self, what: AbstractContextManager[T]) -> T:
        """Enter it until the scene is over."""
        return self._stack.enter_context(what)

    def server(self, **keywords: Any) -> Server:
        """A server of this scene's release."""
        return self.open(Server.start(self.release, **keywords))

    @property
    def new_layout(self) -> bool:
        """Whether the release keeps its settings in [WebUI]."""
        return self.release.version_tuple >= (5, 3)

    def line(self, setting: str, value: str) -> str:
        """A line of the file, as this release has it."""
        return f"{'' if self.new_layout else 'WebUI' + chr(92)}{setting}={value}"

    def outputs(self, cause: str, values: Mapping[str, str]) -> list[str]:
        """What the steps of a page print, one text a line of them; those that are only read are left out."""
        out: list[str] = []
        for step in pages.steps(pages.page(cause), values):
            for line in step.commands:
                if ONLY_READ.search(line):
                    continue
                typed_in = line
                for old, new in self.replaced.items():
                    typed_in = typed_in.replace(old, new)
                ended = run(typed_in, self.home, self.typed, self.environment)
                assert "syntax error" not in ended.stderr, (typed_in, ended.stderr)
                assert ended.returncode not in {126, 127}, (typed_in, ended.stderr)
                out.append(f"{ended.stdout}{ended.stderr}".strip())
        return out


def run(
    line: str, home: Path, typed: str = PASSWORD, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one line in bash, in an empty folder, with what a person would type."""
    if "curl" in line:
        needs.program("curl")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # qbdoctor itself is on it
    env = {**os.environ, "PATH": path, "HOME": str(home), "LC_ALL": "C.UTF-8", **(environment or {})}
    return subprocess.run(
        ["bash", "-c", line], cwd=home, env=env, input=f"{typed}\n", capture_output=True, text=True, timeout=30
    )


def values(server: Server, **more: str) -> dict[str, str]:
    """What a report fills in for this server."""
    return {
        "url": server.url,
        "host": server.host,
        "port": str(server.port),
        "server_port": str(server.port),
        "config_file": str(server.config_file),
        "log_file": str(server.log_file),
        "username": "admin",
        "version": server.version,
        **more,
    }


Told = tuple[Mapping[str, str], Callable[[list[str]], bool]]
Scene = Callable[[Place, bool], Told]
"""Makes the fault (True) or its healthy neighbour; returns what a report fills in, and whether outputs tell of the fault."""

SCENES: dict[str, Scene] = {}
RELEASES: dict[str, Callable[[tuple[int, ...]], bool]] = {}


def scene(cause: str, since: tuple[int, ...] = (), until: tuple[int, ...] = (9,)) -> Callable[[Scene], Scene]:
    """Enter a scene for a page; it is played on releases from ``since`` to before ``until``."""

    def enter(made: Scene) -> Scene:
        assert cause in pages.ids()
        assert cause not in SCENES
        SCENES[cause] = made
        RELEASES[cause] = lambda version: since <= version < until
        return made

    return enter
