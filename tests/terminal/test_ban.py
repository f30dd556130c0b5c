"""A ban is told without a password where the log proves it, and when it ends."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from tests.conftest import ServerFactory
from tests.terminal.screen import seen


@pytest.mark.parametrize("release", ["4.5.2", "5.3.0"])
@pytest.mark.parametrize("options", [(), ("--no-login",)], ids=["nothing typed", "no login"])
def test_a_ban_by_the_log(server: ServerFactory, release: str, options: tuple[str, ...]) -> None:
    running = server(release, settings={"MaxAuthenticationFailCount": "3", "BanDuration": "1800"})
    before = datetime.now().replace(microsecond=0)
    for _ in range(4):
        running.post("/api/v2/auth/login", data={"username": "admin", "password": "wrong"})
    ends = before + timedelta(seconds=1800)
    code, screen = seen("--url", running.url, *options)
    assert code == 1, screen.text
    assert "ip-banned" in screen.text
    found = re.search(r"\buntil (?:about )?(\d\d:\d\d)", screen.text)
    assert found, screen.text
    close = {(ends + timedelta(minutes=late)).strftime("%H:%M") for late in (0, 1)}
    assert found[1] in close, (found[1], close)


def test_a_ban_that_is_over_is_none(server: ServerFactory) -> None:
    import time

    running = server("5.3.0", settings={"MaxAuthenticationFailCount": "2", "BanDuration": "1"})
    for _ in range(2):
        running.post("/api/v2/auth/login", data={"username": "admin", "password": "wrong"})
    time.sleep(2.5)
    code, screen = seen("--url", running.url, "--no-login")
    assert code == 0, screen.text
    assert "ip-banned" not in screen.text
