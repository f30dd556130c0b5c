"""A watch of the simulator, hours in seconds: each thing once and by its name, with one session and few logins."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import requests

from qbdoctor.model.basics import Secret
from qbdoctor.releases import Version
from qbdoctor.simulator.config import Config
from qbdoctor.simulator.server import Server as Listener
from qbdoctor.simulator.state import StandIn
from tests.kit.profile import free_port
from tests.kit.server import PASSWORD
from tests.support.simulated import raw_settings
from tests.unit.watch.fakes import FakeClock, Kept, in_thread, state_folder, watched

HOUR = 3600.0


class Simulated:
    """A stand-in that can be ended and started again, as another release or with other settings."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.port = free_port()
        self.standin: StandIn | None = None

    def start(self, release: str = "5.3.0", password: str = PASSWORD, launched: int = 0, **settings: str) -> None:
        version = Version.parse(release)
        assert version is not None
        usual = {"Address": "127.0.0.1", "UseUPnP": "false", "Locale": "en", "Port": str(self.port)}
        config = Config.made(version, usual | raw_settings(version, settings), Secret(password))
        self.standin = StandIn(config, self.clock)  # type: ignore[arg-type]  # it has now() and speed
        self.standin.launched = 1_700_000_000 + launched
        listener = Listener(self.standin)
        self.thread = in_thread(listener.run)

    def stop(self) -> None:
        if self.standin is not None:
            self.standin.stopping.set()
            self.thread.join(5)
            self.standin = None

    def logins(self, count: int) -> None:
        for _ in range(count):
            form = {"username": "admin", "password": PASSWORD}
            requests.post(f"http://127.0.0.1:{self.port}/api/v2/auth/login", data=form, timeout=5)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simulated(clock: FakeClock) -> Iterator[Simulated]:
    one = Simulated(clock)
    with contextlib.ExitStack() as stack:
        stack.callback(one.stop)
        yield one


def told(
    tmp_path: Path,
    simulated: Simulated,
    plan: Mapping[float, Callable[[], None]],
    hours: float = 0.75,
    every: float = 60.0,
    *more: str,
) -> tuple[Kept, int, str]:
    kept = Kept()
    simulated.clock.plan = [(1000.0 + at, do) for at, do in sorted(plan.items())]
    url = f"http://127.0.0.1:{simulated.port}"
    state, full = watched(
        simulated.clock, kept, hours * HOUR, "--url", url, *state_folder(tmp_path), *more, every=every
    )  # fmt: skip
    return kept, full.logins, state


@pytest.mark.extended
def test_nothing_is_told_of_nothing(tmp_path: Path, simulated: Simulated) -> None:
    simulated.start()
    kept, logins, state = told(tmp_path, simulated, {}, hours=4)
    assert (kept.told, logins, state) == ([], 1, "healthy")
    assert len(kept.reports) == 4, "a full check each hour"
    assert sum(one.refreshed for one in kept.glances) >= 4, "5.2 and later send the cookie anew at half its time"
    assert simulated.standin is not None
    assert not simulated.standin._sessions, "logged out at the end"


@pytest.mark.extended
@pytest.mark.parametrize("release", ["4.6.0", "5.1.0", "5.3.0"])
def test_a_session_that_ends_unused_has_expired(tmp_path: Path, simulated: Simulated, release: str) -> None:
    simulated.start(release, SessionTimeout="100")
    kept, logins, _ = told(tmp_path, simulated, {}, hours=0.2, every=200)
    assert set(kept.told) == {"session-expired"}
    assert logins <= 6, "whatever becomes of the sessions, a server is not flooded"


@pytest.mark.extended
def test_others_that_put_our_session_out_evict_it(tmp_path: Path, simulated: Simulated) -> None:
    simulated.start()
    kept, logins, state = told(tmp_path, simulated, {600.0: lambda: simulated.logins(16)})
    assert (kept.told, logins, state) == (["session-evicted"], 2, "healthy")
    assert kept.causes.count("session-evicted") == 1


@pytest.mark.extended
def test_a_session_that_a_release_without_a_limit_drops_is_lost(tmp_path: Path, simulated: Simulated) -> None:
    simulated.start("5.1.0")

    def drop() -> None:
        assert simulated.standin is not None
        simulated.standin._sessions.clear()

    assert told(tmp_path, simulated, {600.0: drop})[0].told == ["session-lost"]


def test_a_restart_and_an_upgrade_are_told_apart(tmp_path: Path, simulated: Simulated) -> None:
    simulated.start("5.2.0")

    def restart() -> None:
        simulated.stop()
        simulated.start("5.2.0", launched=600)

    def upgrade() -> None:
        simulated.stop()
        simulated.start("5.3.0", launched=1200)

    kept, logins, state = told(tmp_path, simulated, {600.0: restart, 1200.0: upgrade})
    assert (kept.told, logins, state) == (["restarted", "upgraded"], 3, "healthy"), kept.events
    assert "5.2.0 → 5.3.0" in kept.events[2].text


@pytest.mark.extended
def test_silence_and_its_end(tmp_path: Path, simulated: Simulated) -> None:
    simulated.start("5.1.0")
    kept, _, state = told(tmp_path, simulated, {600.0: simulated.stop, 1800.0: lambda: simulated.start("5.1.0")})
    assert kept.told[:2] == ["unreachable", "reachable"]
    assert kept.told[2:] in (["session-lost"], []), kept.told
    assert state == "healthy"
    first = next(event for event in kept.events if event.id == "unreachable")
    assert first.at - 1_700_001_000 - 600 < 75, "told within a minute and the grace"


@pytest.mark.extended
def test_a_changed_password_is_told_and_not_tried_again(tmp_path: Path, simulated: Simulated) -> None:
    simulated.start("5.1.0")

    def change() -> None:
        simulated.stop()
        simulated.start("5.1.0", password="another good one")

    kept, logins, state = told(tmp_path, simulated, {600.0: change}, hours=1, every=200)
    assert kept.told[-1:] == ["password-changed"], [event.text for event in kept.events]
    assert (logins, state) == (2, "problem"), "one that was refused, and none after it"
    assert simulated.standin is not None
    assert sum(simulated.standin._failures.values()) == 1


@pytest.mark.extended
def test_a_clock_that_is_set_changes_nothing_else(tmp_path: Path, simulated: Simulated) -> None:
    simulated.start()

    def forward() -> None:
        simulated.clock.set_by += 10 * 366 * 86_400

    def back() -> None:
        simulated.clock.set_by -= 11 * 366 * 86_400

    kept, logins, state = told(tmp_path, simulated, {600.0: forward, 1200.0: back})
    assert (kept.told, logins, state) == (["clock-stepped", "clock-stepped"], 1, "healthy")


@pytest.mark.extended
def test_without_credentials_403_is_well_and_no_login_goes_out(tmp_path: Path, simulated: Simulated) -> None:
    simulated.start()
    kept, logins, state = told(tmp_path, simulated, {}, 0.5, 60.0, "--no-login")
    assert (kept.told, logins, state) == ([], 0, "healthy")
    assert {one.kind for one in kept.glances} == {"asks-login"}
