"""A machine of a test's own: what runs on it, which ports it hands on, which configs lie there."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.model.errors import UserError
from qbdoctor.target.description import Target, TargetOptions
from qbdoctor.target.engines.port_mappings import PortMapping
from qbdoctor.target.processes import Instance
from qbdoctor.target.resolve import World, resolve

STARTED = datetime(2026, 1, 2, tzinfo=UTC)
WILDCARD = (("0.0.0.0", 8080), ("0.0.0.0", 6881))
HERE = frozenset({ip_address("127.0.0.1"), ip_address("::1"), ip_address("10.0.0.5")})
NAMES = {"nas.lan": frozenset({ip_address("10.0.0.5")}), "far.example": frozenset({ip_address("203.0.113.9")})}


def running(pid: int = 7, **fields: Any) -> Instance:
    values: dict[str, Any] = {"listening": WILDCARD, "torrent_ports": (6881,)}
    return Instance(pid=pid, command=("qbittorrent-nox",), started=STARTED, **{**values, **fields})


def write(file: Path, **settings: str) -> Path:
    """A config with these Web UI settings; `_` in a name stands for a backslash."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"WebUI\\{name.replace('_', chr(92))}={value}" for name, value in settings.items()]
    file.write_text("\n".join(["[Preferences]", *lines, ""]))
    return file


class Bench:
    """A machine of the test's own: its home, its root folder, its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home/u"
        self.home.mkdir(parents=True)
        self.mappings: tuple[PortMapping, ...] = ()

    def resolve(self, *instances: Instance, **options: str) -> Target:
        return resolve(
            TargetOptions(**options),
            env={},
            platform="linux",
            home=self.home,
            world=World(
                instances=lambda: instances,
                mappings=lambda: self.mappings,
                lookup=lambda name: NAMES.get(name, frozenset()),
                own_addresses=lambda: HERE,
                root=self.folder,
            ),
        )

    def refused(self, code: str, *instances: Instance, exit_code: int = 2, **options: str) -> str:
        with pytest.raises(UserError) as caught:
            self.resolve(*instances, **options)
        assert (caught.value.code, caught.value.exit_code) == (code, exit_code), caught.value.message
        assert code == "several-instances" or "\n" not in caught.value.message  # those are a list, with a command each
        return caught.value.message

    def profile(self, name: str = "p", **settings: str) -> tuple[Path, Path]:
        folder = self.folder / name
        return folder, write(folder / "qBittorrent/config/qBittorrent.conf", **settings)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")
