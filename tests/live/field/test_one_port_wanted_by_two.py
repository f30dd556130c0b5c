"""Two qBittorrent that were meant to have one port (qB#21930, userdocs#178): the second one's password is wrong at the first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import cause, causes, diagnose
from tests.support.servers import until

pytestmark = pytest.mark.in_turn
OTHERS = "the other one's own"


@pytest.fixture
def both(server: ServerFactory, release: Release) -> Iterator[tuple[Server, Server]]:
    """The one that answers, and the one that runs without a Web UI."""
    first = server()
    with Server.start(release, port=first.port, password=OTHERS, wait=False) as second:
        until(lambda: second.log_lines("C"))
        yield first, second


def test_its_password_goes_to_nobody_else(both: tuple[Server, Server]) -> None:
    first, second = both
    report = diagnose("--config", str(second.config_file), password=OTHERS)
    assert causes(report, "error") == ["bind-failed"], report["verdict"]
    assert (report["login_attempts"], first.failed_logins()) == (0, 0)


def test_the_other_one_is_named_where_its_password_is_refused(both: tuple[Server, Server]) -> None:
    """A temporary password is in no config, so what it belongs to cannot be told; whose it may be can."""
    first, second = both
    report = diagnose("--url", first.url, password="ahT8WrYJS")
    found = cause(report, "wrong-credentials")
    if not second.running:  # some builds end where they cannot open the port
        assert "another qBittorrent" not in str(found)
        return
    assert f"process {second.pid}, another qBittorrent" in found["summary"]
    assert "stop one of the two" in found["remedies"][0]["text"]
    assert causes(report, "error") == ["wrong-credentials"], report["verdict"]


def test_without_another_one_nothing_is_said_of_it(server: ServerFactory, release: Release) -> None:
    found = cause(diagnose("--url", server().url, password="ahT8WrYJS"), "wrong-credentials")
    assert "another qBittorrent" not in str(found)
