"""The section that a fix edits is the one that this server's release reads, whatever MigrationVersion says."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.config.settings import Settings
from qbdoctor.observe.base.observed_values import Asked
from qbdoctor.observe.observer import Observer
from qbdoctor.observe.release import reader
from qbdoctor.target import paths, resolve
from qbdoctor.target.description import TargetOptions
from qbdoctor.webui.masks import Deadline, Masks
from qbdoctor.webui.wire import Wire
from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.server import config_text
from tests.support.doctor import qbdoctor
from tests.support.fixer import AUTH


def downgraded(port: str) -> bytes:
    """A file that 5.3 had, and an older release after it."""
    text = config_text({"LocalHostAuth": "false"}, layout="old", port=12345).replace("=12345", f"={port}")
    return text.replace("[Preferences]", "[Meta]\nMigrationVersion=12\n\n[Preferences]", 1).encode()


def test_the_running_release_decides(server: ServerFactory) -> None:
    with server("5.1.0", raw_config=downgraded("%PORT%")) as running:
        run = qbdoctor("fix", AUTH, "--via", "file", "--restart", "--dry-run", "--profile", str(running.profile))
    assert run.code == 0, run.err
    assert r"[Preferences] WebUI\LocalHostAuth=true" in run.out
    assert "[WebUI]" not in run.out


@pytest.mark.parametrize(("version", "given", "section"), [
    ("5.1.0", False, "Preferences"),
    ("5.3.0", False, "WebUI"),
    (None, False, "WebUI"),
    ("5.1.0", True, "WebUI"),  # it may be another one's, a container's say
])  # fmt: skip
def test_the_installed_release_decides(
    version: str | None,
    given: bool,
    section: str,
    releases: Callable[[str], Release],
    own_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = paths.config_file(paths.System(sys.platform, os.environ, own_home))
    config.parent.mkdir(parents=True)
    config.write_bytes(downgraded("1"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    if version is not None:
        (tmp_path / "bin").mkdir()
        shutil.copy(next(releases(version).root.rglob("qbittorrent-nox")), tmp_path / "bin")
    options = TargetOptions(config=str(config) if given else None)
    found = resolve.resolve(options, instances=tuple, home=own_home)
    assert found.config_file == config
    wire = Wire(found.address, Deadline(5), Masks())
    observer = Observer(found, Asked(), wire, state=tmp_path / "state")
    assert Settings.load(config, reader(observer)).place("LocalHostAuth")[0] == section
