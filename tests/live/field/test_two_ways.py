"""What stands in front changes what arrives or what comes back: named by comparing both ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.proxies import Answer, EditingProxy, Headers, without
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose

pytestmark = pytest.mark.usefixtures("own_servers_alone")

KEY = "qbt_0123456789abcdefghijklmnopqr"


@pytest.mark.in_turn
def test_bodies_in_chunks(server: ServerFactory, release: Release) -> None:
    running = server()
    with EditingProxy(running.url, chunked=True) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == ["login-body-lost"], report["verdict"]
        assert causes(report)[0] == "login-body-lost"
        old = release.version_tuple < (4, 4)
        assert report["login_attempts"] == (1 if old else 0)
        assert running.failed_logins() == 0
        assert cause(report, "login-body-lost")["confidence"] == ("likely" if old else "proven")
    with EditingProxy(running.url) as proxy:
        assert causes(diagnose("--url", proxy.url, password=PASSWORD), "error") == []


@pytest.mark.in_turn
def test_a_form_that_is_lost_at_the_login_alone(server: ServerFactory, release: Release) -> None:
    """A front that lets other bodies through: our own line in the log tells."""
    running = server()

    def up(_method: str, path: str, headers: Headers) -> Headers:
        return without(headers, "content-length") if "login" in path else headers

    class Emptied(EditingProxy):
        def _send(self, connection: object, headers: Headers, body: bytes) -> None:
            lost = not any(name.lower() == "content-length" for name, _ in headers)
            super()._send(connection, [*headers, ("Content-Length", "0")] if lost else headers, b"" if lost else body)  # type: ignore[arg-type]

    with Emptied(running.url, up=up) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == ["login-body-lost"], report["verdict"]
        assert running.failed_logins() == 1


def _browser_login(url: str) -> int:
    origin = {"Origin": url, "Referer": f"{url}/"}
    form = {"username": "admin", "password": PASSWORD}
    return requests.post(f"{url}/api/v2/auth/login", data=form, headers=origin, timeout=5).status_code


@pytest.mark.in_turn
def test_no_host_arrives(server: ServerFactory, release: Release) -> None:
    running = server()
    with EditingProxy(running.url, up=lambda _method, _path, headers: without(headers, "host")) as proxy:
        for before in (False, True):
            if before:
                assert _browser_login(proxy.url) == 401
            report = diagnose("--url", proxy.url, password=PASSWORD)
            assert causes(report)[0] == "host-header-missing", report["verdict"]
            assert (found := cause(report, "host-header-missing"))["severity"] == "error"
            assert found["confidence"] == "proven"
            assert "$host" in str(found["remedies"])


@pytest.mark.in_turn
def test_no_host_arrives_with_some_requests(server: ServerFactory, release: Release) -> None:
    running = server()

    def up(method: str, _path: str, headers: Headers) -> Headers:
        return without(headers, "host") if method == "POST" else headers

    with EditingProxy(running.url, up=up) as proxy:
        assert _browser_login(proxy.url) == 401
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report)[0] == "host-header-missing", report["verdict"]


@pytest.mark.in_turn
def test_no_host_where_the_domains_are_listed(server: ServerFactory, release: Release) -> None:
    running = server(settings={"ServerDomains": "nas.lan"})
    with EditingProxy(running.url, up=lambda _method, _path, headers: without(headers, "host")) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report)[0] == "host-header-missing", report["verdict"]


@pytest.mark.in_turn
def test_a_host_that_is_handed_on_is_healthy(server: ServerFactory, release: Release) -> None:
    def up(_method: str, _path: str, headers: Headers) -> Headers:
        return [(name, "127.0.0.1" if name.lower() == "host" else value) for name, value in headers]

    running = server()
    with EditingProxy(running.url, up=up) as proxy:
        assert causes(diagnose("--url", proxy.url, password=PASSWORD), "error") == []


def test_an_api_key_that_is_dropped(server: ServerFactory) -> None:
    running = server("5.3.0", settings={"APIKey": KEY})
    drop: Callable[[str, str, Headers], Headers] = lambda _method, _path, headers: without(headers, "authorization")  # noqa: E731
    key = {"QBDOCTOR_API_KEY": KEY}
    with EditingProxy(running.url, up=drop) as proxy:
        for known in ([], ["--profile", str(running.profile)]):
            report = diagnose("--url", proxy.url, *known, env=key)
            assert causes(report, "error") == ["api-key-stripped"], report["verdict"]
            assert cause(report, "api-key-stripped")["confidence"] == "proven"
    with EditingProxy(running.url) as proxy:
        assert causes(diagnose("--url", proxy.url, env=key), "error") == []
        report = diagnose("--url", proxy.url, env={"QBDOCTOR_API_KEY": KEY.replace("0", "9")})
        assert causes(report, "error") == ["api-key-rejected"]


def test_a_refused_key_tells_nothing_of_the_release(server: ServerFactory) -> None:
    """The header is dropped, so that a key that is wrong as well is not the first thing to mend."""
    running = server("5.3.0", settings={"APIKey": KEY})
    other = {"QBDOCTOR_API_KEY": KEY.replace("0", "9")}
    with EditingProxy(running.url, up=lambda _method, _path, headers: without(headers, "authorization")) as proxy:
        report = diagnose("--url", proxy.url, env=other)
        assert causes(report, "error") == ["api-key-stripped"], report["verdict"]
        assert "older" not in str(report["causes"])


@pytest.mark.in_turn
def test_the_referrer_policy_is_replaced(server: ServerFactory, release: Release) -> None:
    def down(_path: str, answer: Answer) -> Answer:
        return replace(
            answer, headers=[*without(answer.headers, "referrer-policy"), ("Referrer-Policy", "no-referrer")]
        )

    running = server()
    with EditingProxy(running.url, down=down) as proxy:
        requests.post(f"{proxy.url}/api/v2/torrents/add", headers={"Origin": "null"}, timeout=5)
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report)[0] == "referrer-policy-overridden", report["verdict"]
        found = cause(report, "referrer-policy-overridden")
        assert found["confidence"] == "proven"
        assert found["severity"] == ("error" if release.version_tuple < (5, 3) else "warning")
        assert "origin-mismatch" not in causes(report)

    def harmless(_path: str, answer: Answer) -> Answer:
        kept = without(answer.headers, "referrer-policy")
        return replace(answer, headers=[*kept, ("Referrer-Policy", "strict-origin-when-cross-origin")])

    with EditingProxy(running.url, down=harmless) as proxy:
        assert "referrer-policy-overridden" not in causes(diagnose("--url", proxy.url, password=PASSWORD))


@pytest.mark.in_turn
def test_a_page_that_is_changed_on_the_way(server: ServerFactory, release: Release) -> None:
    def down(path: str, answer: Answer) -> Answer:
        changed = answer.body.replace(b"</head>", b"<script>banner()</script></head>") if path == "/" else answer.body
        return replace(answer, body=changed)

    running = server()
    with EditingProxy(running.url, down=down) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == []
        assert cause(report, "page-rewritten")["severity"] == "warning"
