"""Reports of people, rebuilt: a front that logs in for its visitors, hands on a port, or keeps the pages to itself."""

from __future__ import annotations

import base64
import time

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Caddy, Haproxy, Nginx
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]

HOST = 'proxy_set_header Host $proxy_host; proxy_set_header Origin ""; proxy_set_header Referer "";'

UPSTREAM = "header_up Host {http.reverse_proxy.upstream.hostport}"


def session_of(running: Server) -> str:
    """Log in, as a front does that hands its own session on (autobrr/qui#115, #288); returns the Cookie header."""
    made = requests.post(f"{running.url}/api/v2/auth/login", {"username": "admin", "password": PASSWORD}, timeout=10)
    return "; ".join(f"{name}={value}" for name, value in made.cookies.items())


@pytest.mark.parametrize("named", [True, pytest.param(False, marks=pytest.mark.extended)], ids=["named", "nameless"])
def test_a_front_that_adds_its_session(server: ServerFactory, release: Release, named: bool) -> None:
    """Neither setting is on, so nothing of qBittorrent's is to be changed; and no experiment shows a bypass."""
    running = server()
    cookie = session_of(running)
    front = (
        Nginx(running.url, f'{HOST} proxy_set_header Cookie "{cookie}"; proxy_hide_header Set-Cookie;')
        if named
        else Haproxy(
            running.url,
            f"http-request set-header Host {running.host}:{running.port}\n    http-request set-header Cookie {cookie}",
        )
    )
    with front as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    found = cause(report, "exposed-bypass")
    assert (found["severity"], causes(report, "error")) == ("warning", []), report["verdict"]
    assert "bypass-active" not in causes(report)
    assert "logs in itself" in found["summary"]
    assert [one["kind"] for one in found["evidence"]] == ["response", "setting"]
    assert [one["kind"] for one in found["remedies"]] == ["proxy"]


def test_a_front_that_adds_user_name_and_password(server: ServerFactory) -> None:
    """From 5.2 on Basic is a login (PR#23564), which is made for single sign-on."""
    running = server("5.3.0")
    given = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    with Caddy(running.url, f'{UPSTREAM}\nheader_up Authorization "Basic {given}"') as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    assert (cause(report, "exposed-bypass")["severity"], causes(report, "error")) == ("warning", []), report["verdict"]
    assert "logs in itself" in cause(report, "exposed-bypass")["summary"]


@pytest.mark.extended
def test_a_bypass_behind_a_front_is_still_one(server: ServerFactory, release: Release) -> None:
    running = server(settings={"LocalHostAuth": "false"})
    with Nginx(running.url, HOST) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    assert cause(report, "exposed-bypass")["severity"] == "error"


def test_a_public_port_that_a_front_hands_on(server: ServerFactory, release: Release) -> None:
    """The front's line for Host is what to change, not the port of a container (Synology, Nginx Proxy Manager)."""
    running = server()
    with Nginx(running.url, "proxy_set_header Host $http_host;") as proxy:
        found = cause(diagnose("--url", proxy.url, password=PASSWORD), "host-port-mismatch")
    assert found["confidence"] == "proven"
    assert {one["kind"] for one in found["remedies"]} == {"proxy", "manual"}
    assert "proxy_set_header Host $host;" in str(found["remedies"][0]["commands"])


@pytest.mark.extended
def test_a_default_port_that_a_client_names(server: ServerFactory, release: Release) -> None:
    """Browsers leave :443 out, some apps do not (lgallard/qBittorrent-Controller#178)."""
    running = server()
    for _ in range(3):
        asked = requests.get(f"{running.url}/", headers={"Host": "torrent.example.org:443"}, timeout=10)
        assert asked.status_code == 401
    time.sleep(0.3)
    with Nginx(running.url, HOST) as proxy:
        found = cause(diagnose("--url", proxy.url, password=PASSWORD), "host-port-mismatch")
    assert found["severity"] == "warning"
    assert found["remedies"][0]["kind"] == "proxy"
    assert "WEBUI_PORT" not in str(found["remedies"])


@pytest.mark.extended
def test_pages_that_a_sign_on_keeps(server: ServerFactory, release: Release) -> None:
    """Authelia and Authentik with an exemption for /api alone: without the page it cannot be proven, and that is said."""
    running = server()
    whole = (
        f"location /api/ {{ proxy_pass {running.url}; {HOST} }} location / {{ return 302 https://auth.example.org/; }}"
    )
    with Nginx(running.url, whole=whole) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    assert (report["verdict"]["state"], report["login_attempts"]) == ("unknown", 0)
    assert "its start page comes from something in front (302)" in report["verdict"]["headline"]


HARMLESS = {
    "upgrade": f'{HOST} proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
    "a cookie of its own": f'{HOST} add_header Set-Cookie "lb=one; Path=/" always;',
    "HTTP/1.0": f"{HOST} proxy_http_version 1.0;",
}


@pytest.mark.extended
@pytest.mark.parametrize("what", HARMLESS)
def test_what_harms_nobody(server: ServerFactory, release: Release, what: str) -> None:
    running = server()
    lines = HARMLESS[what]
    whole = f"location / {{ proxy_pass {running.url}; {lines} }}"
    with Nginx(running.url, whole=whole) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    assert (report["verdict"]["state"], causes(report, "error")) == ("healthy", []), report["verdict"]
