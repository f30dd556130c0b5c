"""Fixtures: real servers of four releases, and a home for each test that is not the developer's."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from qbdoctor import registry
from qbdoctor.cli.commands import fix as fix_command
from qbdoctor.model.edits import Fix
from qbdoctor.repair.journal.journal import Journal
from tests.kit import matrix, needs
from tests.kit.server import Server
from tests.support import doctor
from tests.support.journals import OLD
from tests.support.leftovers import end_all, end_watchdogs

# A test that asks for one of these, however indirectly, runs against real servers.
_LIVE_FIXTURES = {"release", "releases", "healthy", "server"}
_PROPERTY = "live"
_SKIPPED = "no live server: "
_KIT_VARIABLES = ("QBDOCTOR_TEST_CACHE", "QBDOCTOR_TEST_MIRROR", "QBDOCTOR_REQUIRE_LIVE", "QBDOCTOR_COVERAGE")
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy")

ServerFactory = Callable[..., Server]

# How long an example takes is the machine's business, which other tests keep busy.
hypothesis.settings.register_profile("qbdoctor", parent=hypothesis.settings.default, deadline=None)
hypothesis.settings.register_profile("few", parent=hypothesis.settings.get_profile("qbdoctor"), max_examples=10)
hypothesis.settings.load_profile("qbdoctor")


def pytest_configure() -> None:
    """Settle where the packages are kept before tests change HOME."""
    os.environ["QBDOCTOR_TEST_CACHE"] = str(matrix.cache_dir())


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist settles it
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Have a worker that is done take over from one that is not.

    pytest-xdist's own way hands out a quarter of the tests at the start: one worker had nearly all the slow ones, and
    ended minutes after the other.
    """
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Let `-n auto` be three workers for two cores: half of the time a test waits, for servers and for the disk."""
    cores = yield
    return cores if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else cores + (cores + 1) // 2


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need real servers."""
    for item in items:
        if item.get_closest_marker("in_turn") and not _is_its_turn(item):
            item.add_marker(pytest.mark.extended)
        if not _LIVE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.live)
        if item.get_closest_marker("live"):
            item.user_properties.append((_PROPERTY, True))  # reaches the summary from xdist's workers too


def _is_its_turn(item: pytest.Item) -> bool:
    """Whether an everyday run takes this scene on this release: always the same one, half of them on the newest."""
    release = getattr(item, "callspec", None) and item.callspec.params.get("release")  # type: ignore[attr-defined]
    if release is None:
        return True
    *others, newest = matrix.RELEASES
    turns = [newest] * len(others) + others
    scene = item.name.replace(str(release), "")  # not the path: a file that moves keeps its turns
    return bool(release == turns[zlib.crc32(scene.encode()) % len(turns)])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was missing, and how much of the run was live: a green run without servers proves little."""
    stats = terminalreporter.stats
    for line in needs.summary(str(report.longrepr[2]) for report in stats.get("skipped", []) if report.longrepr):
        terminalreporter.write_line(line)
    reports = [
        report
        for outcome in ("passed", "failed", "error", "xfailed", "xpassed", "skipped")
        for report in stats.get(outcome, [])
        if (_PROPERTY, True) in map(tuple, getattr(report, "user_properties", ()))
    ]
    ran = {report.nodeid for report in reports if report.when == "call" and not report.skipped}
    skipped = [report for report in reports if report.skipped and report.nodeid not in ran]
    if not reports:
        return
    reasons = {str(report.longrepr[2]).removeprefix("Skipped: ").removeprefix(_SKIPPED) for report in skipped}
    why = f" ({'; '.join(sorted(reasons))})" if reasons else ""
    terminalreporter.write_line(f"live: {len(ran)} ran, {len(skipped)} skipped{why}")


def _release(name: str) -> matrix.Release:
    """A release; without its packages the test is skipped, or fails where the run insists on them."""
    try:
        return matrix.get(name)
    except matrix.Unavailable as error:
        reason = f"{_SKIPPED}{error}"
    if os.environ.get("QBDOCTOR_REQUIRE_LIVE") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session", params=matrix.RELEASES)
def release(request: pytest.FixtureRequest) -> matrix.Release:
    """Each of the four releases in turn."""
    return _release(request.param)


@pytest.fixture(scope="session")
def releases() -> Callable[[str], matrix.Release]:
    """A release by its name, for tests of one that is not like the others."""
    return _release


@pytest.fixture(scope="session")
def _shared() -> Iterator[dict[str, Server]]:
    """The healthy servers of this worker, each started by the first test that wants it."""
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        yield servers
        for running in servers.values():
            stack.enter_context(running)


@pytest.fixture
def healthy(release: matrix.Release, _shared: dict[str, Server]) -> Iterator[Server]:
    """A server of this release in which all is well, shared by this worker's tests: leave it as it was.

    Counts in its log go on from test to test. One that ended or saw a failed login is started anew afterwards, so that
    no test inherits a ban, with a new log.
    """
    shared = _shared.get(release.name)
    if shared is None:
        shared = _shared[release.name] = Server.start(release)
    failed_before = shared.failed_logins()
    yield shared
    if not shared.running:
        shared.launch()
    elif shared.failed_logins() != failed_before:
        shared.stop()
        # Of two starts within a minute with refused logins between them the doctor takes none for the present one: such
        # lines can be forged. So it would find the ban that this start ended.
        shared.log_file.unlink()
        shared.launch()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ServerFactory]:
    """Starts throw-away servers: `server("5.1.0", settings=…)`; in a test that uses `release`, `server(settings=…)`.

    They end with the test.
    """
    with ExitStack() as stack:

        def start(version: str | matrix.Release | None = None, **keywords: Any) -> Server:
            if version is None:
                assert "release" in request.fixturenames, "name a version, or use the fixture `release`"
                version = request.getfixturevalue("release")
            if isinstance(version, str):
                version = _release(version)
            assert isinstance(version, matrix.Release)
            doctor.STARTED.append(version.name)
            return stack.enter_context(Server.start(version, **keywords))

        yield start
    doctor.STARTED.clear()


@pytest.fixture
def own(server: ServerFactory) -> Iterator[Callable[..., Server]]:
    """Servers whose later processes, which are not the kit's children, end with the test too."""
    made: list[Server] = []

    def start(*arguments: Any, **keywords: Any) -> Server:
        made.append(server(*arguments, **keywords))
        return made[-1]

    yield start
    end_watchdogs()
    for each in made:
        end_all(each)


@pytest.fixture
def other_fixes(monkeypatch: pytest.MonkeyPatch) -> list[Fix]:
    """The fixes of a test's own, beside the real ones."""
    own: list[Fix] = []
    monkeypatch.setattr(fix_command, "fixes", lambda: (*registry.fixes(), *own))
    return own


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The config file of the journal's tests, alone in its folder."""
    path = tmp_path / "config" / "qBittorrent.conf"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal in a state folder of the test's own, which soon gives up on a lock."""
    return Journal(tmp_path / "state", lock_seconds=0.3)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a state folder and an environment of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if name.lower() in _PROXY_VARIABLES or (name.startswith("QBDOCTOR_") and name not in _KIT_VARIABLES):
            monkeypatch.delenv(name)
    for variable in ("HOME", "USERPROFILE"):  # POSIX' and Windows'
        monkeypatch.setenv(variable, str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local/share"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local/state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("QBDOCTOR_STATE_DIR", str(tmp_path / "state"))
    return home
