"""Which qBittorrent is meant where it runs in a container whose engine tells this user nothing."""

from __future__ import annotations

from typing import Any

import pytest

from qbdoctor.target.engines.port_mappings import PortMapping
from tests.unit.target.conftest import Bench, running

HIDDEN: dict[str, Any] = {"config_file": None, "in_container": True, "shares_network": False, "torrent_ports": ()}
"""A process of a container whose engine tells this user nothing: what shows is its network's addresses and sockets."""


def test_a_hidden_container_is_found_at_its_published_port(bench: Bench) -> None:
    inside = running(listening=(("0.0.0.0", 8080),), addresses=("172.17.0.2",), **HIDDEN)
    bench.mappings = (PortMapping("0.0.0.0", 18080, "172.17.0.2", 8080), PortMapping("0.0.0.0", 9, "172.17.0.3", 8080))
    target = bench.resolve(inside)
    assert (target.address.url, target.origin) == ("http://127.0.0.1:18080", "process")
    assert (target.instance, target.direct, target.server_port) == (inside, False, 8080)
    bench.mappings = (PortMapping("10.0.0.5", 18080, "172.17.0.2", 9090),)
    target = bench.resolve(inside)
    assert (target.address.url, target.instance) == ("http://10.0.0.5:18080", None), (
        "it leads elsewhere, which is the fault"
    )
    _, config = bench.profile(Port="8080", HTTPS_Enabled="true")
    known = running(**{**HIDDEN, "config_file": config}, listening=(("0.0.0.0", 8080),), addresses=("172.17.0.2",))
    bench.mappings = (PortMapping("::", 18080, "172.17.0.2", 8080),)
    assert bench.resolve(known).address.url == "https://[::1]:18080", (
        "root without an engine's command line reads its config"
    )
    bench.mappings = ()
    assert bench.resolve(inside).address.url == "http://172.17.0.2:8080"


def test_two_hidden_containers(bench: Bench) -> None:
    first = running(11, listening=(("0.0.0.0", 8080),), addresses=("172.17.0.2",), **HIDDEN)
    second = running(12, listening=(("0.0.0.0", 8080),), addresses=("172.17.0.3",), **HIDDEN)
    bench.mappings = (PortMapping("0.0.0.0", 81, "172.17.0.2", 8080), PortMapping("0.0.0.0", 82, "172.17.0.3", 8080))
    message = bench.refused("several-instances", first, second)
    for port, pid in ((81, 11), (82, 12)):
        assert f"qbdoctor check --url http://127.0.0.1:{port}   (port {port}, pid {pid})" in message
    same = running(13, listening=(("0.0.0.0", 8080),), addresses=("172.17.0.2",), **HIDDEN)
    assert bench.resolve(first, same, url="http://localhost:81").instance is None, (
        "two in one network: either may be meant"
    )


def test_no_address_is_made_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the usual port, and nothing tells of another: that is said, and no server called silent."""
    hidden = running(listening=None, in_container=True, shares_network=None, container="docker 0123456789ab")
    monkeypatch.setattr("qbdoctor.target.resolve.listening_owners", lambda _ip, _port: None)
    message = bench.refused("port-unknown", hidden, exit_code=3)
    assert "process 7, in docker 0123456789ab" in message
    assert "--url" in message
    monkeypatch.setattr("qbdoctor.target.resolve.listening_owners", lambda _ip, _port: frozenset({0}))
    assert bench.resolve(hidden).address.port == 8080
