"""Several servers of this machine take logins at the same moment: which one is behind the address is not told by that alone."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose, status
from tests.support.repeated import repeated

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]

BARE = 'proxy_set_header Origin ""; proxy_set_header Referer "";'


def logins(running: Server, password: str = PASSWORD) -> AbstractContextManager[None]:
    """Somebody logs in there all the time."""
    form = {"username": "admin", "password": password}
    return repeated(lambda: requests.post(f"{running.url}/api/v2/auth/login", data=form, timeout=20), 0.02)


@pytest.mark.parametrize(
    "lines",
    [pytest.param(BARE, marks=pytest.mark.extended, id="no Origin arrives"), pytest.param("", id="it does")],
)
def test_the_process_behind_is_found(server: ServerFactory, release: Release, lines: str) -> None:
    busy, running = server(), server()
    policy = "proxy_hide_header Referrer-Policy; add_header Referrer-Policy no-referrer always;"
    with logins(busy), Nginx(running.url, f"{lines} {policy}") as proxy:
        for _ in range(3):
            report = diagnose("--url", proxy.url, password=PASSWORD)
            found = cause(report, "referrer-policy-overridden")
            assert found["confidence"] == "proven", report["verdict"]
            assert f":{running.port}/" in str(found["evidence"][0]["b"])
    assert running.failed_logins() == 0


@pytest.mark.extended
def test_a_refused_login_is_told_apart(server: ServerFactory, release: Release) -> None:
    meant = "of the one that is meant"  # servers of tests beside this one have the usual one
    busy, running = server(password=meant), server(password="of another server")
    with logins(busy, meant), Nginx(running.url, "proxy_set_header Host $host;") as proxy:
        report = diagnose("--url", proxy.url, password=meant)
    assert causes(report, "error") == ["proxy-goal-wrong"], report["verdict"]
    found = cause(report, "proxy-goal-wrong")["summary"]
    assert (str(busy.pid) in found, str(running.pid) in found) == (True, True)
    assert status(report, "login") == "fail"
