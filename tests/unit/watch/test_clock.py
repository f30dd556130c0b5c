"""The clocks of a watch."""

from __future__ import annotations

import sys
import time

import pytest

from qbdoctor.watch.base.clock import Clock


@pytest.mark.parametrize(("platform", "name"), [("darwin", "CLOCK_MONOTONIC"), ("linux", "CLOCK_BOOTTIME")])
def test_it_goes_on_while_the_machine_is_asleep(platform: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac slept for an hour: time.monotonic() stood still there, and so does CLOCK_MONOTONIC on Linux."""
    slept = {"CLOCK_MONOTONIC": 101, "CLOCK_BOOTTIME": 107}
    for clock, number in slept.items():
        monkeypatch.setattr(time, clock, number, raising=False)
    if platform == "darwin":
        monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(time, "clock_gettime", lambda number: {slept[name]: 3610.0}.get(number, 10.0), raising=False)
    monkeypatch.setattr(time, "monotonic", lambda: 10.0)
    assert Clock().mono() == 3610.0


def test_without_either_it_is_that_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert abs(Clock().mono() - time.monotonic()) < 5
