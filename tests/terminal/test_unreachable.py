"""A host that cannot be reached, and a name that is not known, are called that, with the system's reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit import namespaces, needs
from tests.terminal.screen import PROGRAM, Screen

WHY = namespaces.unavailable()


@pytest.fixture(scope="module")
def net() -> Iterator[namespaces.Net]:
    """A network of its own: one neighbour, and no way further."""
    if WHY:
        pytest.skip(WHY)
    with namespaces.net() as made:
        yield made


def looked_at(net: namespaces.Net, url: str) -> Screen:
    screen = Screen("--no-login", "--url", url, program=(*net.enter, *PROGRAM))
    assert screen.end() == 1, screen.text
    return screen


def first_step(screen: Screen) -> str:
    return screen.text.partition("What helps")[2].partition("2. ")[0]


def check_unreachable(screen: Screen, reason: str) -> None:
    assert "ERROR  host-unreachable" in screen.text
    assert "not-qbittorrent" not in screen.text
    assert "not HTTP" not in screen.text
    assert reason in screen.text
    assert "tart qBittorrent" not in first_step(screen)


def test_no_route(net: namespaces.Net) -> None:
    check_unreachable(looked_at(net, "http://203.0.113.7:8080"), "Network is unreachable")


def test_no_neighbour_answers(net: namespaces.Net) -> None:
    nobody = net.outer.rpartition(".")[0] + ".99"
    check_unreachable(looked_at(net, f"http://{nobody}:8080"), "No route to host")


def test_a_firewall_says_no(net: namespaces.Net) -> None:
    nft = needs.program("nft")
    net.run(nft, "add table ip refusing")
    net.run(nft, "add chain ip refusing out { type filter hook output priority 0 ; }")
    net.run(nft, "add rule ip refusing out tcp dport 8099 reject with icmp type admin-prohibited")
    check_unreachable(looked_at(net, f"http://{net.outer}:8099"), "No route to host")


def test_a_name_that_is_not_known(net: namespaces.Net) -> None:
    screen = looked_at(net, "http://nas.invalid:8080")
    assert "ERROR  name-not-resolved" in screen.text
    assert "host-unreachable" not in screen.text
    assert "nas.invalid" in screen.text
    assert any(
        words in " ".join(screen.text.split()) for words in ("not known", "name resolution", "No address associated")
    )
    assert "spell" in first_step(screen)
    assert "tart qBittorrent" not in first_step(screen)


def test_a_port_that_nobody_has_is_still_not_running(net: namespaces.Net) -> None:
    screen = looked_at(net, "http://127.0.0.1:8097")
    assert "ERROR  not-running" in screen.text
