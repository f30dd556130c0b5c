"""A session goes to a program of root's, of the one who runs the doctor, or of who knows the password, whatever a log tells."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import pytest

from tests.hardening.test_credentials import KEY, PASSWORD, Impostor, doctor
from tests.kit.realproxy import Nginx
from tests.kit.server import Server
from tests.support.repeated import repeated
from tests.support.strangers import EVE, give, needs_root

pytestmark = [needs_root, pytest.mark.live]

POLICY = "proxy_hide_header Referrer-Policy; add_header Referrer-Policy no-referrer always;"
"""So that the doctor compares the two ways."""


def telling(profile: Path, line: Callable[[], str]) -> AbstractContextManager[None]:
    """Another user's program writes into its own log, all the time."""
    log = profile / "qBittorrent/data/logs/qbittorrent.log"
    log.parent.mkdir(parents=True)
    log.touch()
    give(EVE, log.parents[1], log.parent, log)

    def write() -> None:
        with log.open("a") as file:
            file.write(line())

    return repeated(write, 0.01)


@pytest.mark.parametrize(
    "lines", ['proxy_set_header Origin ""; proxy_set_header Referer "";', ""], ids=["bare", "whole"]
)
@pytest.mark.parametrize(
    "hidden",
    [pytest.param(False, marks=pytest.mark.extended, id="beside the real log"), pytest.param(True, id="alone")],
)
def test_a_log_that_tells_of_logins_gets_no_session(base: Path, lines: str, hidden: bool) -> None:
    eve = Impostor(base, EVE)
    profile = eve.config(owner=EVE, known=False).parents[2]
    with (
        Server.start("5.1.0", password=PASSWORD) as server,
        Nginx(server.url, f"{lines} {POLICY}") as proxy,
        eve.running(profile),
        telling(profile, lambda: f"(N) {datetime.now():%Y-%m-%dT%H:%M:%S} - WebAPI login success. IP: 127.0.0.1\n"),
    ):
        if hidden:  # the real one keeps no log
            server.log_file.unlink()
        done = doctor(base, "--url", proxy.url)
    assert "SID" not in eve.got, done.out


def test_a_log_that_copies_another_gets_no_key(base: Path) -> None:
    """The key is in no config that can be read here, so that only the logs could tell whose it is."""
    eve = Impostor(base, EVE)
    profile = eve.config(owner=EVE, known=False).parents[2]
    with Server.start("5.3.0") as server, Nginx(server.url, 'proxy_set_header Authorization "";') as proxy:
        place = server.log_file.open()
        server.log_file.unlink()  # the doctor cannot see it
        with eve.running(profile), telling(profile, place.read):
            done = doctor(base, "--url", proxy.url, env={"QBDOCTOR_API_KEY": KEY})
        place.close()
    assert KEY not in eve.got, done.out


def test_a_program_that_names_anothers_config_gets_no_session(base: Path) -> None:
    """Its command line says what it likes: the config there knows the password, the log there tells of the login."""
    eve = Impostor(base, EVE)
    eve.host = "127.0.0.9"
    with Server.start("5.1.0", password=PASSWORD) as server, Nginx(server.url, POLICY) as proxy:
        eve.port = server.port
        server.stop()
        with eve.running(server.profile):
            server.launch()  # so that hers is looked at first
            done = doctor(base, "--url", proxy.url)
    assert "SID" not in eve.got, done.out
