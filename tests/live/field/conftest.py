"""Holds every run of the doctor in these scenes to one failed login at each server, by the servers' own logs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.server import Server
from tests.support import doctor


@pytest.fixture(autouse=True)
def _one_failed_login(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Server] = []
    start, run = Server.start, doctor.qbdoctor

    def started_too(*arguments: Any, **keywords: Any) -> Server:
        started.append(start(*arguments, **keywords))
        return started[-1]

    def counted(*arguments: str, **keywords: Any) -> doctor.Run:
        before = [one.failed_logins() for one in started]
        done = run(*arguments, **keywords)
        for one, count in zip(started, before, strict=True):
            assert one.failed_logins() - count <= 1, (arguments, one.log_lines("W"))
        return done

    monkeypatch.setattr(Server, "start", started_too)
    monkeypatch.setattr(doctor, "qbdoctor", counted)
