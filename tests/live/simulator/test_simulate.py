"""The stand-in against the real server of the same release: the same requests, the same answers, and no difference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.cli.commands import simulate
from qbdoctor.releases.actions import ACTIONS
from qbdoctor.releases.versions import KNOWN, known
from qbdoctor.releases.web_api import COMPARED, has_action
from tests.conftest import ServerFactory
from tests.kit.matrix import RELEASES, Release
from tests.kit.server import Server as Real
from tests.kit.tls import make_cert
from tests.support.replay import GOOD, LOGIN, VERSION, Ask, Player, get, post
from tests.support.simulate_more import MORE
from tests.support.simulate_script import SCENARIOS as FIRST
from tests.support.simulated import simulated

pytestmark = pytest.mark.extended

SCENARIOS = FIRST | MORE
GROUPS = 4


def of_file(settings: Mapping[str, str]) -> dict[str, str]:
    """The same settings as raw values of a real server's file, whether its release reads them or not."""
    key = {name: value for name, value in settings.items() if name == "APIKey"}
    others = [f"{name}={value}" for name, value in settings.items() if name != "APIKey"]
    made = simulate._settings(others, KNOWN[-1]) | key
    return {name.replace("/", "\\"): value for name, value in made.items()}


def differences(asks: list[Ask], real: Player, ours: Player) -> list[str]:
    """Play the script to both, side by side; every answer that is not the same."""
    with ThreadPoolExecutor() as pool:
        expected, got = pool.map(lambda player: player.play(asks), (real, ours))
    return [
        f"{ask}\n    real: {_only(theirs, own)}\n    ours: {_only(own, theirs)}"
        for ask, theirs, own in zip(asks, expected, got, strict=True)
        if theirs != own
    ]


def _unlike(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _unlike(each, other.get(name)) for name, each in one.items() if other.get(name, "absent") != each}
    return one


def _only(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    """What one of two answers has and the other has not; of JSON the members."""
    found = []
    for part in one:
        if part in other:
            continue
        try:
            mine, theirs = json.loads(part), [json.loads(each) for each in other if each.startswith(part[0])]
        except ValueError:
            mine, theirs = None, []
        if isinstance(mine, list) and theirs and isinstance(theirs[0], list):
            part = f"{len(mine)}: {[_unlike(each, other) for each, other in zip(mine, theirs[0], strict=False)]}"  # noqa: PLW2901
        elif isinstance(mine, dict) and theirs:
            part = str(_unlike(mine, theirs[0]))  # noqa: PLW2901
        found.append(part)
    return f"{one[0]} {found}"


def test_there_are_enough_requests_and_releases() -> None:
    assert sum(len(asks) for _, asks in SCENARIOS.values()) >= 700
    assert set(map(str, COMPARED)) == set(RELEASES)


@pytest.mark.parametrize("group", range(GROUPS))
def test_same_answers(group: int, release: Release) -> None:
    """All scenarios of a group side by side: most of their time is spent waiting."""
    version = known(release.version)

    def played(scenario: str) -> list[str]:
        settings, asks = SCENARIOS[scenario]
        with Real.start(release, settings=of_file(settings)) as real, simulated(version, settings) as ours:
            return [f"{scenario}: {each}" for each in differences(asks, Player(real.port), Player(ours.port))]

    with ThreadPoolExecutor() as pool:
        found = [each for one in pool.map(played, list(SCENARIOS)[group::GROUPS]) for each in one]
    assert not found, "\n".join(found)


def test_actions_that_are_not_there_or_take_post_alone(release: Release, server: ServerFactory) -> None:
    version = known(release.version)
    refused = [
        name
        for name, action in ACTIONS.items()
        if not has_action(name, version) or (action.post_only is not None and version >= known(action.post_only))
    ]
    assert len(refused) > 30
    asks = [post(LOGIN, GOOD, "a"), *(get(f"/api/v2/{name}", "a") for name in refused)]
    real = server()
    with simulated(version, {}) as ours:
        found = differences(asks, Player(real.port), Player(ours.port))
    assert not found, "\n".join(found)


def test_tls(release: Release, server: ServerFactory, tmp_path: Path) -> None:
    certificate = make_cert(tmp_path / "tls")
    settings = {
        "HTTPS/Enabled": "true",
        "HTTPS/CertificatePath": str(certificate.cert),
        "HTTPS/KeyPath": str(certificate.key),
    }
    real = server(https=certificate)
    asks = [*MORE["cookie 0"][1], get(VERSION, x_forwarded_proto="https")]
    with simulated(known(release.version), settings) as ours:
        assert ours.secure
        found = differences(asks, Player(real.port, tls=True), Player(ours.port, tls=True))
        found += differences([get(VERSION)], Player(real.port), Player(ours.port))  # plain, to the same port
        assert not found, "\n".join(found)
        with pytest.raises(AssertionError):  # the test can fail
            assert not differences([get(VERSION)], Player(real.port, tls=True), Player(ours.port))


def test_an_alternative_web_ui(release: Release, server: ServerFactory, tmp_path: Path) -> None:
    for name, text in (("public/index.html", "<p>public"), ("private/index.html", "<p>own"), ("public/x.css", "p {}")):
        file = tmp_path / "ui" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "ui/public/link.html").symlink_to(tmp_path / "ui/public/index.html")
    asks = [
        *map(get, ("/", "/index.html", "/x.css", "/nope", "/link.html", "/../x", VERSION)),
        post(LOGIN, GOOD, "a"),
        *(get(path, "a") for path in ("/", "/x.css", "/nope", "/")),
        get("/"),
    ]
    for folder in ("ui", "missing"):
        settings = {"AlternativeUIEnabled": "true", "RootFolder": str(tmp_path / folder)}
        real = server(settings=settings)
        with simulated(known(release.version), settings) as ours:
            Player(ours.port).play([get("/")])  # the real one was asked as much when it started
            found = differences(asks, Player(real.port), Player(ours.port))
        assert not found, "\n".join(found)
