"""A config is looked at in the middle of a save: the old file is removed, and the new one is not renamed yet.

A server is held there for a second, where others are for some hundredths of a millisecond; a busy disk or processor does that.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from qbdoctor.config.settings import Settings
from qbdoctor.target import processes
from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose, qbdoctor, status
from tests.support.slowed import saving

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]
SECONDS = 1.5


def test_the_other_server_that_is_meant(server: ServerFactory, release: Release) -> None:
    """The server that the password is for saves just now, and is none the less found."""
    ours = "of the one that is meant"
    meant, other = server(password=ours), server(password="of another server")
    with Nginx(other.url, "proxy_set_header Host $host;") as proxy, saving(meant, SECONDS):
        report = diagnose("--url", proxy.url, password=ours)
        assert not meant.config_file.exists(), "all was looked at during the save"
    assert causes(report, "error") == ["proxy-goal-wrong"], report["verdict"]
    assert str(meant.pid) in cause(report, "proxy-goal-wrong")["summary"]


WAYS: dict[str, Callable[[Server], tuple[str, ...]]] = {
    "--url": lambda running: ("--url", running.url),
    "--config": lambda running: ("--config", str(running.config_file)),
    "--profile": lambda running: ("--profile", str(running.profile)),
}


@pytest.mark.extended
@pytest.mark.parametrize("call", ["rename,renameat2", "unlink"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_save_is_no_fault(
    server: ServerFactory, release: Release, way: Callable[[Server], tuple[str, ...]], call: str
) -> None:
    running = server()
    whole = diagnose(*way(running), password=PASSWORD)
    with saving(running, SECONDS, call=call):
        report = diagnose(*way(running), password=PASSWORD)
    assert causes(report) == causes(whole), report["verdict"]
    assert [one["status"] for one in report["checks"]] == [one["status"] for one in whole["checks"]]


@pytest.mark.extended
def test_a_wrong_password_costs_no_login(server: ServerFactory, release: Release) -> None:
    running = server()
    with saving(running, SECONDS):
        report = diagnose("--url", running.url, password="wrong")
    assert causes(report, "error") == ["wrong-credentials"]
    assert running.failed_logins() == 0, "the new file told it"


@pytest.mark.extended
def test_a_running_server_is_not_taken_for_a_stopped_one(server: ServerFactory, release: Release) -> None:
    """A container's file has another name from here; such a name leads to the process during a save, too."""
    running = server()
    elsewhere = running.config_file.parent / os.pardir / "config" / running.config_file.name
    with saving(running, SECONDS):
        assert not elsewhere.exists()
        found = processes.using(elsewhere)
        assert (found and found.pid) == running.pid
        assert Settings.load(elsewhere).integer("Port") == running.port
        fixed = qbdoctor("fix", "require-localhost-auth", "--yes", "--via", "file", "--config", str(elsewhere))
    assert fixed.code not in {0, 1}, fixed.out + fixed.err


@pytest.mark.extended
def test_a_save_that_broke_off_there(server: ServerFactory, release: Release) -> None:
    """The server was killed at that point: the settings are those of the new file, which the next start takes."""
    running = server(settings={"LocalHostAuth": "false"})
    running.kill()
    running.config_file.rename(running.config_file.with_name("qBittorrent_new.conf"))
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    assert status(report, "localhost-auth") != "unknown"
    assert {"leftover-new-file", "not-running"} <= set(causes(report)), report["verdict"]
    running.launch()
    assert causes(diagnose("--profile", str(running.profile), password=PASSWORD), "error") == []
