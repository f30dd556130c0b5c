"""Two proxies in a row: which of the addresses in X-Forwarded-For the server takes for the client's."""

from __future__ import annotations

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.proxies import EditingProxy, Headers
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose, qbdoctor

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


@pytest.mark.parametrize("version", ["4.5.2", "5.1.0"])
def test_up_to_5_2_the_leftmost_counts(server: ServerFactory, version: str) -> None:
    running = server(version, settings={**LISTED, "TrustedReverseProxiesList": "127.0.0.1"})
    for chain in ("192.168.7.20, 10.0.0.9", "203.0.113.5, 192.168.7.2"):
        with through(running.url, chain) as proxy:
            report = diagnose("--url", proxy.url, "--profile", str(running.profile), password=PASSWORD)
            assert "proxy-hop-untrusted" not in causes(report)
            assert causes(report, "error") == [], report["verdict"]


def nginx(url: str, line: str) -> Nginx:
    return Nginx(url, f"proxy_set_header Host $host; {line}")


HANDS_ON, REPLACES = "", "proxy_set_header X-Forwarded-For $remote_addr;"
WAYS = [LISTED, {"ReverseProxySupportEnabled": "true", "LocalHostAuth": "false"}]


@pytest.mark.in_turn
@pytest.mark.parametrize("settings", WAYS, ids=["whitelist", "local"])
def test_a_made_up_address_gets_in(server: ServerFactory, release: Release, settings: dict[str, str]) -> None:
    if release.version_tuple < (4, 4):
        pytest.skip("no reverse proxy support before 4.4")
    # With localhost let in, nginx of the same machine is only told from its visitors by the header it sets.
    running = server(settings={**settings, "TrustedReverseProxiesList": "127.0.0.1"})
    known = ["--profile", str(running.profile)]
    with nginx(running.url, HANDS_ON) as proxy:
        report = diagnose("--url", proxy.url, *known, password=PASSWORD)
        assert causes(report)[0] == "exposed-bypass", report["verdict"]
        found = cause(report, "exposed-bypass")
        assert found["confidence"] == "proven"
        assert "X-Forwarded-For" in found["summary"]
    with nginx(running.url, REPLACES.replace("$remote_addr", "10.0.0.9")) as proxy:
        report = diagnose("--url", proxy.url, *known, password=PASSWORD)
        assert "exposed-bypass" not in causes(report), report["verdict"]
    assert running.failed_logins() == 0


@pytest.mark.in_turn
def test_the_fix_is_taken_back_where_the_proxy_hands_it_on(server: ServerFactory, release: Release) -> None:
    if release.version_tuple < (4, 4):
        pytest.skip("no reverse proxy support before 4.4")
    listed = {name: value for name, value in LISTED.items() if "Proxy" not in name}
    running = server(settings=listed)
    before = running.preferences()
    told = ["fix", "trust-reverse-proxy", "--set", "proxy=127.0.0.1", "--yes"]
    with nginx(running.url, HANDS_ON) as proxy:
        run = qbdoctor(*told, "--url", proxy.url, "--profile", str(running.profile), password=PASSWORD)
        assert run.code == 4, run.out + run.err
        assert "X-Forwarded-For" in run.out + run.err
        assert running.preferences() == before
    with nginx(running.url, REPLACES) as proxy:
        run = qbdoctor(*told, "--url", proxy.url, "--profile", str(running.profile), password=PASSWORD)
        assert run.code == 0, run.out + run.err
        assert "made-up X-Forwarded-For changed nothing" in run.out
        assert "provided that the proxy replaces X-Forwarded-For" in run.out + run.err
        assert running.preferences()["web_ui_reverse_proxy_enabled"] is True
