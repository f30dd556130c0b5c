"""A container that was killed and starts again under its name: from 5.2 on it takes its own lock for another instance."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.live.containers.conftest import Scene, causes, said

pytestmark = pytest.mark.extended


def test_killed_and_started_again(scene: Callable[..., Scene]) -> None:
    one = scene("qb-killed")
    one.write()
    one.start()
    one.docker("kill", "qb-killed")
    lock = one.config.with_name("lockfile")
    assert lock.read_text().splitlines()[0] == "1"
    one.docker("start", "qb-killed")
    end = time.monotonic() + 20
    while one.docker.inspect("qb-killed")["State"]["Running"] and time.monotonic() < end:
        time.sleep(0.2)
    state = one.docker.inspect("qb-killed")["State"]
    assert (state["Running"], state["ExitCode"]) == (False, 0)
    report = one.report("root", "--container", "qb-killed")
    assert causes(report) == ["stale-lockfile"], said(report)
    fixed = one.doctor("root", "remove-stale-lockfile", "--yes", "--container", "qb-killed", verb="fix")
    assert fixed.code == 0, fixed.err
    assert not lock.exists()
    one.docker("start", "qb-killed")
    end = time.monotonic() + 20
    while (found := one.report("root", "--container", "qb-killed"))["verdict"]["state"] != "healthy":
        assert time.monotonic() < end, said(found)
        time.sleep(0.5)
