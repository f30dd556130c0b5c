"""A server stands still for longer than a request waits, at each request of a check in turn: as a board under load does.

The causes are those of full speed, or fewer where it is said that something could not be told in time; never another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD
from tests.support.doctor import causes, diagnose
from tests.support.slowed import LIMIT, Pauses

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]
HOST = "proxy_set_header Host $host;"
OURS = "of the one that is meant"
FRONTS = {
    "healthy behind a proxy": HOST,
    "a wrong password": HOST,
    "a ban": HOST,
    "an Origin that is added": 'proxy_set_header Origin "http://evil.example";',
    "a cookie that is taken out": f"{HOST} proxy_hide_header Set-Cookie;",
}
"""What nginx is told in scenes that it stands in front of."""
Scene = tuple[list[int], tuple[str, ...], str]


@contextmanager
def scene(name: str, server: ServerFactory) -> Iterator[Scene]:
    """Make a scene: the servers' processes, the doctor's options, the password."""
    with ExitStack() as stack:
        if name == "a wrong goal":
            both = server(password=OURS), server(password="of another server")
            for one in both:
                stack.callback(one.close)  # the next two would not be the only ones of their password
            proxy = stack.enter_context(Nginx(both[1].url, HOST))
            yield [one.pid for one in both], ("--url", proxy.url), OURS
            return
        settings = {"ServerDomains": "nas.lan"} if name == "a Host that is refused" else None
        running = server(settings=settings)
        if name == "a ban":
            running.fail_logins(5)
        url = running.url
        if name in FRONTS:
            url = stack.enter_context(Nginx(url, FRONTS[name])).url
        if name == "a Host that is refused":
            url = url.replace("127.0.0.1", "localhost")
        yield [running.pid], ("--url", url), "wrong" if name == "a wrong password" else PASSWORD


SCENES = ("healthy", "a wrong goal", "a Host that is refused", *FRONTS)


def looked_at(name: str, server: ServerFactory, pauses: Pauses, at: int | None) -> dict[str, Any]:
    with scene(name, server) as (pids, options, password):
        pauses.pids = pids
        return pauses.during(at, lambda: diagnose(*options, password=password))


def hold(name: str, server: ServerFactory, pauses: Pauses, at: int, whole: dict[str, Any]) -> None:
    report = looked_at(name, server, pauses, at)
    told = (at, report["verdict"], causes(report))
    assert set(causes(report)) <= set(causes(whole)), told
    assert report["verdict"]["state"] in {whole["verdict"]["state"], "unknown"}, told


@pytest.mark.extended
@pytest.mark.parametrize("limits", [1.4, 2.4])
@pytest.mark.parametrize("name", SCENES)
def test_a_pause_at_any_request(
    server: ServerFactory, release: Release, monkeypatch: pytest.MonkeyPatch, name: str, limits: float
) -> None:
    """``limits``: how long the pause is, in what a request waits."""
    pauses = Pauses(monkeypatch, (), limits * LIMIT)
    whole = looked_at(name, server, pauses, None)
    first = 0 if limits < 2 else 1  # who answers nothing at all twice is said to hang
    for at in range(first, pauses.sent):
        hold(name, server, pauses, at, whole)


def test_a_pause_at_the_first_request_and_at_a_comparison(
    server: ServerFactory, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = Pauses(monkeypatch, ())
    whole = looked_at("healthy behind a proxy", server, pauses, None)
    for at in (0, pauses.sent // 2):
        hold("healthy behind a proxy", server, pauses, at, whole)
