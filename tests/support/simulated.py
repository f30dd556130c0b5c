"""Starts the simulator for one test and ends it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping

from qbdoctor import releases
from qbdoctor.cli.commands import simulate
from qbdoctor.model.basics import Secret
from qbdoctor.releases import Version
from qbdoctor.simulator.config import Config
from qbdoctor.simulator.server import Server as Listener
from qbdoctor.simulator.state import StandIn
from tests.kit.profile import free_port
from tests.kit.server import PASSWORD


@contextlib.contextmanager
def simulated(version: Version, settings: Mapping[str, str], port: int = 0) -> Iterator[Listener]:
    """A stand-in in this process."""
    usual = {"Address": "127.0.0.1", "UseUPnP": "false", "Locale": "en", "Port": str(port or free_port())}
    config = Config.made(version, usual | raw_settings(version, settings), Secret(PASSWORD))
    standin = StandIn(config)
    server = Listener(standin)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        standin.stopping.set()
        thread.join(5)


def raw_settings(version: Version, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings as `--set` makes them, those left out that the release does not read; a key as it is."""
    read = {name: value for name, value in settings.items() if releases.reads(releases.key(name), version)}
    key = {name: read.pop(name) for name in ("APIKey",) if name in read}
    return simulate._settings([f"{name}={value}" for name, value in read.items()], version) | key
