"""Two proxies in a row: which of the addresses in X-Forwarded-For the server takes for the client's."""

from __future__ import annotations

import pytest

from tests.conftest import ServerFactory
from tests.kit.proxies import EditingProxy, Headers
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose

LISTED = {
    "AuthSubnetWhitelistEnabled": "true",
    "AuthSubnetWhitelist": "192.168.7.0/24",
    "ReverseProxySupportEnabled": "true",
}


def through(url: str, chain: str) -> EditingProxy:
    def up(_method: str, _path: str, headers: Headers) -> Headers:
        return [*headers, ("X-Forwarded-For", chain)]

    return EditingProxy(url, up=up)


@pytest.mark.parametrize("known", [True, False], ids=["the config at hand", "the address alone"])
def test_an_inner_proxy_is_taken_for_the_client(server: ServerFactory, known: bool) -> None:
    running = server("5.3.0", settings={**LISTED, "TrustedReverseProxiesList": "127.0.0.1"})
    profile = ["--profile", str(running.profile)] if known else []
    with through(running.url, "192.168.7.20, 10.0.0.9") as proxy:
        report = diagnose("--url", proxy.url, *profile, password=PASSWORD)
        assert causes(report)[0] == "proxy-hop-untrusted", report["verdict"]
        found = cause(report, "proxy-hop-untrusted")
        assert "10.0.0.9" in found["summary"]
        assert next(one["fix"] for one in found["remedies"]) == "trust-reverse-proxy"
        assert "allow-subnet" not in str(report["causes"])


def test_the_inner_proxy_in_the_whitelist_lets_everybody_in(server: ServerFactory) -> None:
    running = server("5.3.0", settings={**LISTED, "TrustedReverseProxiesList": "127.0.0.1"})
    with through(running.url, "203.0.113.5, 192.168.7.2") as proxy:
        report = diagnose("--url", proxy.url, "--profile", str(running.profile), password=PASSWORD)
        assert causes(report)[0] == "proxy-hop-untrusted", report["verdict"]


def test_all_hops_listed_is_healthy(server: ServerFactory) -> None:
    trusted = {"TrustedReverseProxiesList": '"127.0.0.1;10.0.0.9;192.168.7.2"'}
    running = server("5.3.0", settings={**LISTED, **trusted})
    for chain in ("192.168.7.20, 10.0.0.9", "203.0.113.5, 192.168.7.2"):
        with through(running.url, chain) as proxy:
            report = diagnose("--url", proxy.url, "--profile", str(running.profile), password=PASSWORD)
            assert causes(report, "error") == [], report["verdict"]


def test_up_to_5_2_the_leftmost_counts(server: ServerFactory) -> None:
    running = server("5.1.0", settings={**LISTED, "TrustedReverseProxiesList": "127.0.0.1"})
    for chain in ("192.168.7.20, 10.0.0.9", "203.0.113.5, 192.168.7.2"):
        with through(running.url, chain) as proxy:
            report = diagnose("--url", proxy.url, "--profile", str(running.profile), password=PASSWORD)
            assert "proxy-hop-untrusted" not in causes(report)
            assert causes(report, "error") == [], report["verdict"]
