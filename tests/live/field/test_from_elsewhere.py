"""Reports of people who have an address and nothing else: no config, no log, no process of the server's is at hand."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from email.message import Message

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit import namespaces
from tests.kit.matrix import Release
from tests.kit.namespaces import Net, net, published
from tests.kit.proxies import Answer, WebServer
from tests.kit.realproxy import Apache, Haproxy, Nginx
from tests.kit.server import PASSWORD, Server, free_port
from tests.support.doctor import cause, causes, diagnose
from tests.support.elsewhere import diagnose_elsewhere

REASON = namespaces.unavailable()
namespaced = pytest.mark.skipif(REASON is not None, reason=REASON or "")
DASHBOARD = {"Referer": "http://dash.example.org/"}


@pytest.fixture
def inside() -> Iterator[Net]:
    with net() as made:
        yield made


@pytest.mark.in_turn
def test_a_link_from_a_dashboard(server: ServerFactory, release: Release) -> None:
    """CasaOS#1902, Fenrus#151, homepage#1079, luci-app-qbittorrent#4, qB#15773, #23782: 401 by the link, not when typed."""
    running = server()
    refused = requests.get(running.url, headers=DASHBOARD, timeout=5).status_code
    report = diagnose_elsewhere("--url", running.url, password=PASSWORD)
    assert report["verdict"]["state"] == "healthy"
    assert "at fault" not in report["verdict"]["headline"]
    told = [one for one in report["causes"] if "401 Unauthorized for its Referer" in one["summary"]]
    assert (refused, len(told)) == ((401, 1) if release.version_tuple < (5, 3) else (200, 0)), report["causes"]


@pytest.mark.in_turn
@namespaced
@pytest.mark.parametrize("front", [Apache, pytest.param(Nginx, marks=pytest.mark.extended), "haproxy"])
def test_a_browser_whose_origin_does_not_arrive(
    server: ServerFactory, release: Release, inside: Net, front: type[Apache | Nginx] | str
) -> None:
    """docker-qbittorrent-nox#106, qB#11207: what stands in front replaces Host, which no program ever notices."""
    running = server()
    host = f"{running.host}:{running.port}"
    with (
        Haproxy(running.url, f"http-request set-header Host {host}", host=inside.outer)
        if isinstance(front, str)
        else front(running.url, host=inside.outer)
    ) as proxy:
        own = {"Origin": proxy.url}
        refused = requests.get(f"{proxy.url}/api/v2/app/version", headers=own, timeout=5).status_code == 401
        for password in (PASSWORD, None):
            report = diagnose_elsewhere("--url", proxy.url, password=password)
            found = [one["confidence"] for one in report["causes"] if one["id"] == "origin-mismatch"]
            assert found == (["proven"] if refused else []), report["causes"]
    # Apache adds X-Forwarded-Host by itself, which releases before 5.2.2 believe from anybody.
    assert refused is (front is not Apache or release.version_tuple >= (5, 3))
    assert diagnose_elsewhere("--url", running.url, password=PASSWORD)["verdict"]["state"] == "healthy"


@pytest.mark.extended
@namespaced
def test_a_port_that_only_the_origin_names(server: ServerFactory, release: Release, inside: Net) -> None:
    """fonzdm/servarr#27: an ingress hands on the name without its port; lines for the Host alone are there already."""
    trusted = {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
    running = server(settings=trusted)
    with Nginx(running.url, "proxy_set_header Host $host;", host=inside.outer) as proxy:
        found = cause(diagnose_elsewhere("--url", proxy.url, password=PASSWORD), "origin-mismatch")
    first = found["remedies"][0]
    assert "names a port" in first["text"]
    with Nginx(running.url, first["commands"][0], host=inside.outer) as proxy:
        own = {"Origin": proxy.url}
        assert requests.get(f"{proxy.url}/api/v2/app/version", headers=own, timeout=5).status_code == 403
        assert "origin-mismatch" not in causes(diagnose_elsewhere("--url", proxy.url, password=PASSWORD))


@pytest.mark.extended
@namespaced
@pytest.mark.parametrize("listed", ["fe80::/64", ""])
def test_a_link_local_address(release: Release, inside: Net, listed: str) -> None:
    """qB#9630 (Avahi): nothing stands in front of fe80::…%eth0, where every request needs the zone."""
    shown = ("ip", "-6", "addr", "show", "scope", "link")
    end = time.monotonic() + 10
    while "tentative" in (both := inside.run(*shown) + subprocess.check_output(shown, text=True)):
        assert time.monotonic() < end, both
        time.sleep(0.1)
    found = re.search(r"inet6 (fe80\S+)/64", both)
    assert found
    settings = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": listed} if listed else {}
    with Server.start(release, address="*", wait=False, prefix=inside.enter, settings=settings) as running:
        running.host = inside.inner
        running.wait_until_ready()
        url = f"http://[{found[1]}%25{inside.link}]:{running.port}"
        report = diagnose_elsewhere("--url", url, password=None if listed else PASSWORD)
    assert (report["verdict"]["state"], causes(report, "error")) == ("healthy", []), report["verdict"]


@pytest.mark.extended
@namespaced
def test_no_port_map_is_trusted_as_a_proxy(release: Release, inside: Net) -> None:
    """truenas/apps#1383: all come from the gateway; whoever trusted it would believe any visitor's X-Forwarded-For."""
    settings = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.7.0/24"}
    port = free_port()
    with Server.start(release, address="*", wait=False, port=port, prefix=inside.enter, settings=settings) as running:
        running.host = inside.inner
        running.wait_until_ready()
        with published(running.folder, port, inside, port, name="kube-proxy"):
            url = f"http://127.0.0.1:{port}"
            for _ in range(2):  # the first login leaves the line that says whom the server sees
                report = diagnose("--url", url, "--profile", str(running.profile), password=PASSWORD)
            assert inside.outer in cause(report, "whitelist-not-matching")["summary"]
            assert "trust-reverse-proxy" not in str(report["causes"])


@pytest.mark.extended
@namespaced
@pytest.mark.parametrize("password", [PASSWORD, None])
def test_localhost_is_the_container_itself(release: Release, inside: Net, password: str | None) -> None:
    """seanime#10, qBittorrent-ProtonVPN-Guide#5: the bypass for localhost is on, and the host is refused all the same."""
    port = free_port()
    off = {"LocalHostAuth": "false"}
    with Server.start(release, address="*", wait=False, port=port, prefix=inside.enter, settings=off) as running:
        running.host = inside.inner
        running.wait_until_ready()
        with published(running.folder, port, inside, port):
            report = diagnose("--url", f"http://127.0.0.1:{port}", "--profile", str(running.profile), password=password)
    found = cause(report, "bypass-cannot-apply")
    assert inside.outer in found["summary"]
    assert found["severity"] == ("info" if password else "warning")
    assert "network_mode: service:" in str(found["remedies"])
    assert "listen on all addresses" not in str(found["remedies"])


HTML = [("Content-Type", "text/html; charset=utf-8")]
BACK = "https://auth.example.org/?rd=https%3A%2F%2Fqb.example.org%2F"
SIGN_ONS = {
    "Cloudflare Access": (
        Answer(403, "Forbidden", [*HTML, ("cf-access-aud", "abc")], b"<title>Forbidden</title>"),
        None,
    ),
    "OAuth2 Proxy": (
        Answer(403, "Forbidden", HTML, b'<title>Sign In</title><form action="/oauth2/start"></form>'),
        None,
    ),
    "Authelia": (
        Answer(401, "Unauthorized", HTML, f'<a href="{BACK}&amp;rm=GET">401 Unauthorized</a>'.encode()),
        Answer(302, "Found", [("Location", BACK)], b""),
    ),
    "a start page that leads elsewhere": (
        Answer(401, "Unauthorized", [("Content-Type", "text/plain")], b"no"),
        Answer(302, "Found", [("Location", BACK)], b""),
    ),
    "Umbrel": (
        Answer(302, "Found", [("Location", "http://umbrel.local:2000/?origin=host&app=qbittorrent&path=/")], b""),
        None,
    ),
    "another application": (
        Answer(401, "Unauthorized", [("Content-Type", "application/json")], b'{"error":"Unauthorized"}'),
        Answer(302, "Found", [("Location", "/login?returnUrl=%2F")], b""),
    ),
}
"""How each answers a call of the API, and the start page where that is another answer."""


@pytest.mark.parametrize("name", SIGN_ONS)
def test_a_sign_on_that_redirects_no_program(name: str) -> None:
    """No page of theirs was recognised by its refusal alone: "What answers is not qBittorrent" sent people off to look for it."""
    api, page = SIGN_ONS[name]

    class Front(WebServer):
        def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
            return page if page is not None and path == "/" else api

    with Front() as front:
        report = diagnose("--url", f"http://127.0.0.1:{front.port}", password=PASSWORD)
    other = name == "another application"
    assert causes(report) == ["not-qbittorrent" if other else "foreign-auth-in-front"], report["verdict"]
    assert report["login_attempts"] == 0


@pytest.mark.extended
@pytest.mark.parametrize("asked", ["another path", "no path"])
def test_a_proxy_without_a_rule_for_what_is_asked(server: ServerFactory, release: Release, asked: str) -> None:
    """A path that the rule has and the address has not, which ingresses and seedboxes are full of (Cleanuparr#94)."""
    running = server()
    rule = f"location /qbittorrent/ {{ proxy_pass {running.url}/; proxy_set_header Host $proxy_host; }}"
    with Nginx(running.url, whole=f"{rule} location / {{ return 404; }}") as proxy:
        report = diagnose_elsewhere(
            "--url", proxy.url + ("/other" if asked == "another path" else ""), password=PASSWORD
        )
        found = cause(report, "not-qbittorrent")
        assert "nothing at this name and path (404)" in found["summary"]
        assert "no rule for what was asked" in found["remedies"][0]["text"]
        report = diagnose_elsewhere("--url", f"{proxy.url}/qbittorrent", password=PASSWORD)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
