"""The way in the reports of real servers: alone, behind a port map, behind nginx."""

from __future__ import annotations

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import diagnose

pytestmark = pytest.mark.in_turn


def test_a_healthy_way(healthy: Server) -> None:
    route = diagnose("--url", healthy.url, password=PASSWORD)["route"]
    assert [hop["kind"] for hop in route["hops"]] == ["client", "server"]
    assert route["hosts"] == [f"127.0.0.1:{healthy.port}"]
    assert "sees 127.0.0.1" in route["hops"][1]["facts"]
    assert route["breaks"] is None


def test_a_port_map_breaks_at_the_server(healthy: Server) -> None:
    with faults.PortMap(healthy.port) as mapped:
        route = diagnose("--url", mapped.url, password=PASSWORD)["route"]
    assert route["hops"][1]["facts"] == [f"{mapped.port} → {healthy.port}"]
    assert route["breaks"] == {"at": "hop", "index": 2, "cause": "host-port-mismatch"}


def test_the_log_says_which_host_arrives(release: Release, server: ServerFactory) -> None:
    """nginx sends a name that the server refuses: the log of the process behind it has it."""
    running = server(settings={"ServerDomains": "good.example"})
    with Nginx(running.url, "proxy_set_header Host bad.example;") as proxy:
        route = diagnose("--url", proxy.url, "--config", str(running.config_file), password=PASSWORD)["route"]
    assert [hop["kind"] for hop in route["hops"]] == ["client", "proxy", "server"]
    assert route["hosts"] == [f"127.0.0.1:{proxy.port}", "bad.example"]
    assert route["breaks"]["index"] == 2
