"""Redirects, paths and port maps in front of real servers, and set-ups in which all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.realproxy import Haproxy, Nginx, RealProxy
from tests.kit.server import Server
from tests.kit.tls import make_cert
from tests.support.doctor import cause, causes, diagnose, status
from tests.support.two_ways import unharmed

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]

PUBLIC = "https://qb.example.org"
KEEP = "proxy_set_header Host $http_host;"
TRUST = {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
FORWARDED = "proxy_set_header X-Forwarded-Host $http_host;"


# Redirects and paths


def test_http_sent_on_to_https(server: ServerFactory, release: Release, tmp_path: Any) -> None:
    running = server()
    with Nginx(running.url, certificate=make_cert(tmp_path)) as goal, unharmed(running):
        to = f"return 301 {goal.url}$request_uri;"
        with Nginx(running.url, whole=to) as proxy:
            report = diagnose("--url", proxy.url, password=running.password)
    assert causes(report, "error") == ["redirected"]
    found = cause(report, "redirected")
    assert found["confidence"] == "proven"
    assert goal.url in str(found["remedies"])
    assert report["login_attempts"] == 0


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        ("https://auth.example.org/?rd=http://x$request_uri", "foreign-auth-in-front"),
        ("/oauth2/start?rd=$request_uri", "foreign-auth-in-front"),
        ("http://elsewhere.example$request_uri", "redirected"),
    ],
)
def test_where_a_redirect_leads(healthy: Server, to: str, wanted: str) -> None:
    with Nginx(healthy.url, whole=f"return 302 {to};") as proxy:
        report = diagnose("--url", proxy.url, password=healthy.password)
    assert causes(report, "error") == [wanted]
    assert cause(report, wanted)["confidence"] == "likely"


def test_a_path_before_the_api(server: ServerFactory, release: Release) -> None:
    """Cut off by the proxy all is well; handed on it is 404, as it is asked of qBittorrent itself."""
    running = server()
    with Nginx(running.url, location="/qb/", pass_path="/", path="/qb") as good:
        report = diagnose("--url", good.url, password=running.password)
        assert (report["exit_code"], causes(report, "error")) == (0, [])
        bare = diagnose("--url", good.url.removesuffix("/qb"), "--public-url", f"{PUBLIC}/qb", "--no-login")
        assert causes(bare, "error") == ["base-path"]
        assert cause(bare, "base-path")["confidence"] == "proven"
    with Nginx(running.url, location="/qb/", path="/qb") as bad, unharmed(running):
        report = diagnose("--url", bad.url, password=running.password)
        knowing = diagnose("--url", bad.url, "--config", str(running.config_file), password=running.password)
    assert causes(report, "error") == causes(knowing, "error") == ["base-path"]
    assert cause(report, "base-path")["confidence"] == "likely"
    assert cause(knowing, "base-path")["confidence"] == "proven"
    direct = diagnose("--url", f"{running.url}/qb", password=running.password)
    assert causes(direct, "error") == ["base-path"]
    assert cause(direct, "base-path")["confidence"] == "proven"


# Port maps, HAProxy, and set-ups in which all is well


def test_haproxy_with_another_port(server: ServerFactory, release: Release) -> None:
    """It hands Host on: the public port reaches qBittorrent, as behind a port map."""
    running = server()
    for proxy in (Haproxy(running.url), Haproxy(running.url, mode="tcp"), faults.PortMap(running.port)):
        with proxy, unharmed(running):
            report = diagnose("--url", proxy.url, password=running.password)
        assert causes(report, "error") == ["host-port-mismatch"]
        assert cause(report, "host-port-mismatch")["confidence"] == "proven"
        assert report["login_attempts"] == 0


GOOD: dict[str, Callable[[str, int], RealProxy]] = {
    "nginx keeps Host": lambda url, port: Nginx(url, KEEP, host="127.0.0.2", port=port),
    "nginx sends $host": lambda url, port: Nginx(url, "proxy_set_header Host $host;"),
    "nginx rewrites Host, drops Origin and Referer": lambda url, port: Nginx(
        url, 'proxy_set_header Origin ""; proxy_set_header Referer "";'
    ),
    "nginx rewrites Host, sends X-Forwarded-Host": lambda url, port: Nginx(url, FORWARDED),
    "nginx drops Authorization": lambda url, port: Nginx(url, f'{KEEP} proxy_set_header Authorization "";'.replace(
        "$http_host", "$host"
    )),
    "nginx below a path": lambda url, port: Nginx(
        url, "proxy_set_header Host $host;", location="/qb/", pass_path="/", path="/qb"
    ),
    "haproxy keeps Host": lambda url, port: Haproxy(url, host="127.0.0.2", port=port),
    "haproxy in tcp mode": lambda url, port: Haproxy(url, mode="tcp", host="127.0.0.2", port=port),
    "haproxy sets a Host": lambda url, port: Haproxy(
        url, "http-request set-header X-Forwarded-Host %[req.hdr(host)]\n    http-request set-header Host localhost"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def trusting() -> Iterator[dict[str, Server]]:
    """A server of each release that trusts proxies of this machine, shared by the good set-ups."""
    servers: dict[str, Server] = {}
    yield servers
    for running in servers.values():
        running.close()


@pytest.mark.parametrize("name", GOOD)
def test_good_set_ups_have_no_error(release: Release, trusting: dict[str, Server], name: str) -> None:
    running = trusting.get(release.name) or trusting.setdefault(release.name, Server.start(release, settings=TRUST))
    with GOOD[name](running.url, running.port) as proxy, unharmed(running):
        known = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=running.password)
        blind = diagnose("--url", proxy.url, password=running.password)
    for report in (known, blind):
        assert (report["exit_code"], causes(report, "error")) == (0, []), report["verdict"]
        assert report["login_attempts"] == 1
        assert status(report, "session-call") == "pass"
        assert report["complete"]
