"""What a server refused others for their Host or Origin is told by its log, where this run's own calls pass; real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import cause, causes, diagnose
from tests.support.fixer import change

pytestmark = pytest.mark.in_turn

ADD_ONS = (
    "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
    "moz-extension://0b1c2d3e-aaaa-4bbb-8ccc-0123456789ab",
    "capacitor://localhost",
)


@pytest.fixture
def narrow(server: ServerFactory, release: Release) -> Iterator[Server]:
    """A server that takes one name alone."""
    yield server(settings={"ServerDomains": "qb.example.org"})


def ask(running: Server, count: int = 1, **headers: str) -> None:
    """Ask as somebody who is refused."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    for _ in range(count):
        assert requests.get(f"{running.url}/api/v2/app/version", headers=named, timeout=10).status_code == 401


def test_a_name_that_others_use_is_told_and_can_be_allowed(narrow: Server) -> None:
    """A container asks for `qbittorrent:8080`, the doctor for the address: what it sees is fine, and theirs is not."""
    ask(narrow, 3, Host=f"qbittorrent:{narrow.port}")
    told = diagnose("--url", narrow.url, password=narrow.password)
    found = cause(told, "host-not-allowed")
    assert (told["exit_code"], found["severity"], found["confidence"]) == (0, "warning", "likely")
    assert f"3 requests from 127.0.0.1 for the Host header qbittorrent:{narrow.port}" in found["summary"]
    assert "--set host=qbittorrent" in str(found["remedies"])
    made = change("fix", "allow-host", "--set", "host=qbittorrent", "--url", narrow.url, password=narrow.password)
    assert made["exit_code"] == 0, made
    assert requests.get(f"{narrow.url}/", headers={"Host": f"qbittorrent:{narrow.port}"}, timeout=10).ok
    after = diagnose("--url", narrow.url, password=narrow.password)
    assert "host-not-allowed" not in causes(after), "the log still has the lines, and the name passes now"


def test_a_port_that_others_use_is_told(server: ServerFactory, release: Release) -> None:
    running = server()
    ask(running, 2, Host="192.168.1.5:8090")
    told = diagnose("--url", running.url, password=running.password)
    found = cause(told, "host-port-mismatch")
    assert (told["exit_code"], found["severity"], found["confidence"]) == (0, "warning", "likely")
    assert f"is not the one qBittorrent listens on, {running.port}" in found["summary"]


@pytest.mark.parametrize("origin", ADD_ONS, ids=lambda one: one.partition(":")[0])
def test_an_add_on_is_no_proxys_doing(server: ServerFactory, release: Release, origin: str) -> None:
    running = server()
    ask(running, 2, Origin=origin)
    told = diagnose("--url", running.url, password=running.password)
    found = cause(told, "client-foreign-origin")
    assert found["severity"] == "warning"
    assert "origin-mismatch" not in causes(told)
    assert f"2 requests with the Origin {origin}" in found["summary"]
    assert "nginx" not in str(found["remedies"])


def test_a_site_is_still_a_mismatch(server: ServerFactory, release: Release) -> None:
    running = server()
    ask(running, Origin="https://qb.example.org")
    told = diagnose("--url", running.url, password=running.password)
    assert "client-foreign-origin" not in causes(told)
    assert cause(told, "origin-mismatch")["severity"] == "warning"


def test_what_nobody_was_refused_for_is_not_told(narrow: Server) -> None:
    told = diagnose("--url", narrow.url, password=narrow.password)
    assert not {"host-not-allowed", "host-port-mismatch"} & set(causes(told))
