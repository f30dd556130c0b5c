"""Fronts that judge the Origin themselves, by its letters: what lets browsers through is not accused, what refuses them is named.

A browser writes scheme and host in small letters, and the rules that people write compare with that: nginx's ``~``, haproxy's
``-m str``, Apache's ``SetEnvIf`` and Caddy's ``header`` all tell capitals from small letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Apache, Caddy, Haproxy, Nginx, RealProxy
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose

FRONT = "127.0.0.2"
pytestmark = pytest.mark.usefixtures("own_servers_alone")

PUBLIC = "https://qb.example.org"


def _nginx(upstream: str, sites: str) -> RealProxy:
    """Refuses every Origin but those, as the snippets against CSRF do."""
    rule = f'proxy_set_header Host $http_host; if ($http_origin !~ "^({sites})?$") {{ return 403; }}'
    return Nginx(upstream, rule, host=FRONT, port=_port(upstream))


def _haproxy(upstream: str, sites: str) -> RealProxy:
    rule = f"http-request deny if {{ hdr(origin) -m found }} !{{ hdr(origin) -m reg ^({sites})$ }}"
    return Haproxy(upstream, rule, host=FRONT, port=_port(upstream))


def _caddy(upstream: str, sites: str) -> RealProxy:
    rule = f"@other {{\n header Origin *\n not header_regexp Origin ^({sites})$\n }}\n respond @other 403\n"
    to = f"reverse_proxy {upstream.partition('://')[2]}"
    return Caddy(upstream, whole=rule + to, host=FRONT, port=_port(upstream))


def _apache(upstream: str, sites: str) -> RealProxy:
    """Takes a known Origin out, since the Host is replaced; others go on to qBittorrent, which refuses them."""
    lines = f'SetEnvIf Origin "^({sites})$" known\nRequestHeader unset Origin env=known\nRequestHeader unset Referer'
    return Apache(upstream, lines, host=FRONT)


def _port(upstream: str) -> int:
    """Return qBittorrent's own, which the Host must name."""
    return int(upstream.rpartition(":")[2])


FRONTS: dict[str, Callable[[str, str], RealProxy]] = {
    "nginx": _nginx,
    "haproxy": _haproxy,
    "caddy": _caddy,
    "apache": _apache,
}


@pytest.mark.in_turn
@pytest.mark.parametrize("front", FRONTS)
def test_a_front_that_knows_the_browsers_origin_is_not_accused(
    server: ServerFactory, release: Release, front: str
) -> None:
    running = server()
    with FRONTS[front](running.url, r"http://127\.0\.0\.2:[0-9]+|https://qb\.example\.org") as proxy:
        for public in ([], ["--public-url", PUBLIC]):
            body = requests.get(f"{proxy.url}/api/v2/app/version", headers={"Origin": proxy.url}, timeout=5)
            assert body.status_code == 403
            assert body.headers["X-Content-Type-Options"] == "nosniff", "qBittorrent's own answer"
            report = diagnose("--url", proxy.url, *public, password=PASSWORD)
            assert report["verdict"]["state"] == "healthy", report["verdict"]
            assert causes(report, "error") == []


@pytest.mark.in_turn
@pytest.mark.parametrize("front", ["nginx", "haproxy", "caddy"])
def test_a_front_that_refuses_the_browsers_origin_is_named(server: ServerFactory, release: Release, front: str) -> None:
    running = server()
    with FRONTS[front](running.url, "https://other.example.org") as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
        public = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=PASSWORD)
    for one in (report, public):
        assert causes(one, "error") == ["call-changed-on-the-way"], one["verdict"]
        assert cause(one, "call-changed-on-the-way")["confidence"] == "proven"


@pytest.mark.in_turn
def test_what_an_earlier_run_sent_is_nobody_elses(server: ServerFactory, release: Release) -> None:
    """Behind a front the refused Origin goes out twice, with our mark and as browsers write it: both are ours in the log."""
    running = server()
    known = ("--config", str(running.config_file), "--public-url", PUBLIC)
    with Nginx(running.url) as proxy:
        first = diagnose("--url", proxy.url, *known, password=PASSWORD)
    assert "origin-mismatch" in causes(first, "error")
    received = re.findall(r"[oO]rigin header: '([^']*)'", "\n".join(running.log_lines("W")))
    assert {PUBLIC, PUBLIC.replace("https", "HTTPS")} <= set(received), running.log_lines("W")
    later = diagnose("--url", running.url, *known[:2], password=PASSWORD)
    assert "origin-mismatch" not in causes(later), later["verdict"]
    requests.get(f"{running.url}/api/v2/app/version", headers={"Origin": PUBLIC}, timeout=5)
    assert "origin-mismatch" in causes(diagnose("--url", running.url, *known[:2], password=PASSWORD), "warning")
