"""A login that works is not all: what stands in front may let some calls through and not others."""

from __future__ import annotations

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Apache, Caddy, Haproxy, Nginx
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose, status

pytestmark = pytest.mark.usefixtures("own_servers_alone")

HOST = "proxy_set_header Host $host;"


def _rules(url: str) -> dict[str, str]:
    passed = f"proxy_pass {url}; proxy_http_version 1.1; {HOST}"
    whole = f"location / {{ {passed} }}"
    return {
        "only GET": f"location = /api/v2/auth/login {{ {passed} }} location / {{ limit_except GET {{ deny all; }} {passed} }}",
        "no POST": (
            f"location = /api/v2/auth/login {{ {passed} }} "
            f"location / {{ if ($request_method = POST) {{ return 405; }} {passed} }}"
        ),
        "no query": f"location / {{ rewrite ^(.*)$ $1? break; {passed} }}",
        "no torrents": f"{whole} location /api/v2/torrents/ {{ return 404; }}",
        "no cookie": f'location / {{ {passed} proxy_set_header Cookie ""; }}',
    }


@pytest.mark.in_turn
def test_calls_that_do_not_get_through(server: ServerFactory, release: Release) -> None:
    running = server()
    for name, whole in _rules(running.url).items():
        with Nginx(running.url, whole=whole) as proxy:
            report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == ["call-changed-on-the-way"], (name, report["verdict"])
        assert cause(report, "call-changed-on-the-way")["confidence"] == "proven", name
        assert report["login_attempts"] == 1, name
    assert running.failed_logins() == 0


@pytest.mark.in_turn
@pytest.mark.parametrize("front", [Nginx, Haproxy, Caddy, Apache])
def test_a_plain_proxy_is_healthy(server: ServerFactory, release: Release, front: type) -> None:
    running = server()
    lines = {
        Nginx: HOST,
        Haproxy: "http-request set-header Host %[req.hdr(host),field(1,:)]",
        Caddy: "header_up Host {host}",
    }
    with front(running.url, *([lines[front]] if front in lines else [])) as proxy:
        report = diagnose("--url", proxy.url, "--write-probe", password=PASSWORD)
    assert report["verdict"]["state"] == "healthy", report["verdict"]
    assert status(report, "whole-calls") == "pass"


@pytest.mark.in_turn
def test_a_policy_that_forbids_the_page_its_scripts(server: ServerFactory, release: Release) -> None:
    running = server()
    for policy, broken in (("default-src 'none'", True), ("sandbox", True), ("upgrade-insecure-requests", False)):
        lines = f'{HOST} add_header Content-Security-Policy "{policy}";'
        with Nginx(running.url, lines) as proxy:
            report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == (["content-policy-overridden"] if broken else []), (policy, report["verdict"])
        if broken:
            assert cause(report, "content-policy-overridden")["confidence"] == "proven"


@pytest.mark.in_turn
def test_what_is_larger_than_something_in_front_takes(server: ServerFactory, release: Release) -> None:
    running = server()
    for limit, named in (("", True), ("client_max_body_size 64m;", False)):
        with Nginx(running.url, f"{HOST} {limit}") as proxy:
            report = diagnose("--url", proxy.url, "--write-probe", password=PASSWORD)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        assert ("request-too-large" in causes(report, "warning")) is named
        assert not named or cause(report, "request-too-large")["confidence"] == "proven"
        assert status(report, "write-probe") == ("warn" if named else "pass")


@pytest.mark.in_turn
def test_a_write_that_is_refused_is_read(server: ServerFactory, release: Release) -> None:
    running = server()
    whole = f"location / {{ proxy_pass {running.url}; {HOST} }} location /api/v2/torrents/add {{ return 413; }}"
    with Nginx(running.url, whole=whole) as proxy:
        report = diagnose("--url", proxy.url, "--write-probe", password=PASSWORD)
    assert report["verdict"]["state"] == "unknown"
    assert "too large" in report["verdict"]["headline"]
