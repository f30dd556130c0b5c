"""Names are looked up within a time limit, and this machine's own addresses are known."""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import Any

import pytest

from qbdoctor.target import name_lookup
from qbdoctor.target.description import TargetOptions
from qbdoctor.target.resolve import resolve


def test_a_slow_lookup_does_not_hold_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_lookup, "LOOKUP_SECONDS", 0.05)

    def slow(*_arguments: Any, **_keywords: Any) -> list[Any]:
        time.sleep(1)
        return []

    monkeypatch.setattr("socket.getaddrinfo", slow)
    before = time.monotonic()
    target = resolve(TargetOptions(url="http://slow.example:8080"), instances=tuple)
    assert target.instance is None
    assert time.monotonic() - before < 0.8


def test_names_and_own_addresses_are_looked_up() -> None:
    assert ip_address("127.0.0.1") in name_lookup.look_up("localhost")
    assert name_lookup.look_up("no-such-name.invalid") == frozenset()
    assert ip_address("127.0.0.1") in name_lookup.find_own_addresses()
