"""qBittorrent in containers of a real Docker, reached by ways that publish nothing, and made by a real docker-compose."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.kit import engines
from tests.live.containers.conftest import Scene, said

pytestmark = [pytest.mark.live, pytest.mark.extended]

READY = "access the WebUI|Web UI at"


def test_the_address_in_a_network_of_ones_own(scene: Callable[..., Scene], who: str) -> None:
    """A bridge is reached from the machine by the container's own address; nothing is published."""
    one = scene("qb-bridge")
    one.write(inner=8080)
    one.docker("network", "create", "--subnet", "172.29.7.0/24", "media")
    one.docker.run("qb-bridge", one.release, "--network", "media", "--ip", "172.29.7.9", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "qb-bridge", READY)
    for target in (("--url", "http://172.29.7.9:8080"), ("--container", "qb-bridge")):
        report = one.report(who, *target)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        assert report["target"]["url"] == "http://172.29.7.9:8080"
        assert report["target"]["container"]["name"] == "qb-bridge"
        assert report["target"]["config_file"] == str(one.config)
    one.docker.clear()
    one.docker("network", "rm", "media")


def test_macvlan_is_not_reached_from_its_own_machine(scene: Callable[..., Scene], who: str) -> None:
    """The container has an address of the local network; by the kernel's rule its own machine alone cannot reach it."""
    one = scene("qb-macvlan")
    one.write(inner=8080)
    link = [*one.docker.inside, "ip"]
    subprocess.run([*link, "link", "add", "lan0", "type", "veth", "peer", "name", "lan1"], check=True)
    subprocess.run([*link, "addr", "add", "10.77.0.1/24", "dev", "lan0"], check=True)
    for name in ("lan0", "lan1"):
        subprocess.run([*link, "link", "set", name, "up"], check=True)
    try:
        one.docker("network", "create", "-d", "macvlan", "--subnet", "10.77.0.0/24", "-o", "parent=lan0", "lan")
        one.docker.run(
            "qb-macvlan", one.release, "--network", "lan", "--ip", "10.77.0.9", "-v", f"{one.folder}:/config"
        )
        engines.wait_for_output(one.docker, "qb-macvlan", READY)
        report = one.report(who, "--container", "qb-macvlan", "--deadline", "20")
        assert report["target"]["url"] == "http://10.77.0.9:8080"
        assert report["target"]["container"]["state"] == "running"
        assert report["verdict"]["state"] == "problem", report["verdict"]
        assert "macvlan" in said(report)
        assert "from another machine" in said(report)
        steps = "; ".join(report["causes"][0]["remedies"][1]["commands"])
        there = steps.replace("PARENT", "lan0").replace("FREE", "10.77.0.2")
        subprocess.run([*one.docker.inside, "sh", "-ec", there], check=True)
        again = one.report(who, "--container", "qb-macvlan", "--deadline", "20")
        assert again["verdict"]["state"] == "healthy", again["verdict"]
    finally:
        one.docker.clear()
        one.docker("network", "rm", "lan", check=False)
        subprocess.run([*link, "link", "del", "qb-host"], check=False)
        subprocess.run([*link, "link", "del", "lan0"], check=False)
