"""The stand-in against the real server of the same release: the same requests, the same answers, and no difference."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from qbdoctor import releases
from qbdoctor.commands import simulate
from qbdoctor.model import Secret
from qbdoctor.releases import Version
from qbdoctor.standin_config import Config
from qbdoctor.standin_server import Server as Listener
from qbdoctor.standin_state import StandIn
from qbdoctor.versions import KNOWN, known
from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.profile import free_port
from tests.kit.server import PASSWORD
from tests.replay import Ask, Player
from tests.simulate_more import MORE
from tests.simulate_script import SCENARIOS as FIRST

SCENARIOS = FIRST | MORE


def raw_settings(version: Version, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings as `--set` makes them, those left out that the release does not read; a key as it is."""
    read = {name: value for name, value in settings.items() if releases.reads(releases.key(name), version)}
    key = {name: read.pop(name) for name in ("APIKey",) if name in read}
    return simulate._settings([f"{name}={value}" for name, value in read.items()], version) | key


@contextlib.contextmanager
def simulated(version: Version, settings: Mapping[str, str], port: int = 0) -> Iterator[Listener]:
    """A stand-in in this process."""
    config = Config.made(
        version, raw_settings(version, settings) | {"Port": str(port or free_port())}, Secret(PASSWORD)
    )
    standin = StandIn(config)
    server = Listener(standin)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        standin.stopping.set()
        thread.join(5)


def differences(asks: list[Ask], real: Player, ours: Player) -> list[str]:
    """Play the script to both, side by side; every answer that is not the same."""
    with ThreadPoolExecutor() as pool:
        expected, got = pool.map(lambda player: player.play(asks), (real, ours))
    return [
        f"{ask}\n    real: {theirs}\n    ours: {own}"
        for ask, theirs, own in zip(asks, expected, got, strict=True)
        if theirs != own
    ]


def test_there_are_at_least_300_requests() -> None:
    assert sum(len(asks) for _, asks in SCENARIOS.values()) >= 300


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_same_answers(scenario: str, release: Release, server: ServerFactory) -> None:
    settings, asks = SCENARIOS[scenario]
    version = known(release.version)
    newest = {name: value for name, value in settings.items() if name != "APIKey"}
    theirs = simulate._settings([f"{name}={value}" for name, value in newest.items()], KNOWN[-1])
    theirs |= {name: value for name, value in settings.items() if name == "APIKey"}
    real = server(settings={name.replace("/", "\\"): value for name, value in theirs.items()})
    with simulated(version, settings) as ours:
        found = differences(asks, Player(real.port), Player(ours.port))
    assert not found, "\n".join(found)
