"""What may stand in front and break calls in ways of its own: caches, rules against robots, several servers, wrong goals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.proxies import Answer, EditingProxy, Headers, WebServer, without
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]

HOST = "proxy_set_header Host 127.0.0.1;"


def passed(running: Server, more: str = "") -> str:
    return f"location / {{ proxy_pass {running.url}; {HOST} {more} }}"


def named(url: str, *, more: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str]]:
    report = diagnose("--url", url, *more, password=PASSWORD)
    return causes(report, "error"), {one["id"]: one["confidence"] for one in report["causes"]}


@pytest.mark.parametrize("kept", ["any", "200"])
def test_a_cache_in_front(server: ServerFactory, release: Release, tmp_path: Path, kept: str) -> None:
    """It gives the refusal from before the login to the calls after it, or an answer with a session to strangers."""
    running = server()
    cache = (
        f"proxy_cache z; proxy_cache_valid {kept} 1m; proxy_ignore_headers Cache-Control Expires Set-Cookie Vary; "
        "proxy_cache_key $uri$is_args$args;"
    )
    store = f"proxy_cache_path {tmp_path} keys_zone=z:1m;"
    with Nginx(running.url, whole=passed(running, cache), http=store) as proxy:
        for _ in range(2):  # the second run begins with what the first one left in the cache
            errors, sure = named(proxy.url)
            assert (errors, sure["answers-cached"]) == (["answers-cached"], "proven")
    with Nginx(running.url, whole=passed(running, "proxy_cache off;"), http=store) as proxy:
        assert named(proxy.url)[0] == []
    assert running.failed_logins() == 0


def test_rules_against_robots(server: ServerFactory, release: Release) -> None:
    running = server()
    for rule, who in (
        ('~* "python|curl|wget"', "python-requests"),
        ('!~* "mozilla"', "qbdoctor/"),
    ):
        refused = f"if ($http_user_agent {rule}) {{ return 403; }}"
        with Nginx(running.url, whole=passed(running, refused)) as proxy:
            report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == ["call-changed-on-the-way"], (rule, report["verdict"])
        found = cause(report, "call-changed-on-the-way")
        assert (found["confidence"], who in found["summary"]) == ("proven", True)
    browsers = 'if ($http_user_agent ~* "mozilla") { return 403; }'
    with Nginx(running.url, whole=passed(running, browsers)) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    assert causes(report, "error")[0] == "call-changed-on-the-way", report["verdict"]
    assert cause(report, "call-changed-on-the-way")["confidence"] == "proven"


def test_a_login_that_is_answered_in_front(server: ServerFactory, release: Release) -> None:
    running = server()
    for line in ("return 429;", "return 403;", "return 301 /api/v2/auth/login/;"):
        whole = f"{passed(running)} location = /api/v2/auth/login {{ {line} }}"
        with Nginx(running.url, whole=whole) as proxy:
            assert named(proxy.url)[0] == ["call-changed-on-the-way"], line
    assert running.failed_logins() == 0


def test_several_servers_behind_one_address(server: ServerFactory, release: Release) -> None:
    one, other = server(), server()
    two = f"upstream two {{ server {one.url[7:]}; server {other.url[7:]}; }}"
    with Nginx(one.url, whole=f"location / {{ proxy_pass http://two; {HOST} }}", http=two) as proxy:
        errors, _ = named(proxy.url)
    assert errors == ["call-changed-on-the-way"]


def crumbs(_method: str, _path: str, headers: Headers) -> Headers:
    """Each cookie in a line of its own, as HTTP/2 allows it and some fronts hand it on to HTTP/1.1."""
    return [
        (name, part) for name, value in headers for part in (value.split("; ") if name.lower() == "cookie" else [value])
    ]


def test_a_cookie_header_in_pieces(server: ServerFactory, release: Release) -> None:
    running = server()
    with EditingProxy(running.url, up=crumbs) as proxy:
        errors, sure = named(proxy.url)
    assert (errors, sure["call-changed-on-the-way"]) == (["call-changed-on-the-way"], "proven")


def _changed(name: str, value: str) -> Callable[[str, Answer], Answer]:
    def down(path: str, answer: Answer) -> Answer:
        return replace(answer, headers=[*without(answer.headers, name), (name, value)]) if path == "/" else answer

    return down


def test_a_page_that_is_none_any_more(server: ServerFactory, release: Release) -> None:
    running = server()
    lost = "proxy_set_header Accept-Encoding gzip; proxy_hide_header Content-Encoding;"
    with Nginx(running.url, whole=passed(running, lost)) as proxy:
        assert "call-changed-on-the-way" in named(proxy.url)[0]  # nor can programs read what is long
    with EditingProxy(running.url, down=_changed("Content-Type", "text/plain")) as front:
        assert named(front.url)[0] == ["page-rewritten"]
    with EditingProxy(running.url, down=_changed("X-Whatever", "yes")) as front:
        assert named(front.url)[0] == []


def test_a_slash_too_many(server: ServerFactory, release: Release) -> None:
    running = server()
    with Nginx(running.url, whole=f"location / {{ proxy_pass {running.url}//; {HOST} }}") as proxy:
        assert named(proxy.url)[0] == ["base-path"]


def test_a_proxy_that_asks_by_the_other_scheme(server: ServerFactory, release: Release) -> None:
    running = server(https=True)
    profile = ("--profile", str(running.profile))
    with Nginx(running.url.replace("https", "http"), HOST) as proxy:
        errors, sure = named(proxy.url, more=profile)
        assert (errors, sure["proxy-goal-wrong"]) == (["proxy-goal-wrong"], "proven")
        running.stop()
        assert named(proxy.url, more=profile)[0] == ["not-running"]


class Challenge(WebServer):
    """Cloudflare's page for whom it takes for a robot."""

    def answer(self, method: str, path: str, headers: object, body: bytes) -> Answer:
        page = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"
        kind = [("Server", "cloudflare"), ("cf-mitigated", "challenge"), ("Content-Type", "text/html")]
        return Answer(403, "Forbidden", kind, page)


def test_a_test_for_browsers() -> None:
    with Challenge() as front:
        report = diagnose("--url", front.url, password=PASSWORD)
    assert (causes(report, "error"), report["login_attempts"]) == (["foreign-auth-in-front"], 0)


def test_browsers_whose_origin_does_not_arrive(server: ServerFactory, release: Release) -> None:
    """nginx's default Host: programs get in, browsers up to 5.2.3 do not; an error once one of them was refused."""
    running = server()
    compares = release.version_tuple < (5, 3)  # later ones go by what browsers say of loopback addresses
    with Nginx(running.url) as proxy:
        for met in (False, False, True):
            if met:
                origin = {"Origin": proxy.url, "Referer": f"{proxy.url}/"}
                requests.get(f"{proxy.url}/api/v2/app/version", headers=origin, timeout=5)
            report = diagnose("--url", proxy.url, password=PASSWORD)
            assert ("origin-mismatch" in causes(report)) is compares, report["verdict"]
            assert causes(report, "error") == (["origin-mismatch"] if met and compares else [])
    told = causes(diagnose("--profile", str(running.profile), password=PASSWORD), "warning")
    assert set(told) - {"cookie-clobber"} == {"origin-mismatch"}  # other tests' servers are this machine's, too


@pytest.mark.parametrize("address", ["192.168.7.20:51234", ""])
def test_no_subnet_is_offered_for_a_proxy(server: ServerFactory, release: Release, address: str) -> None:
    listed = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.7.0/24"}
    believed = {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
    running = server(settings={**listed, **believed})
    with Nginx(running.url, f'{HOST} proxy_set_header X-Forwarded-For "{address}";') as proxy:
        report = diagnose("--url", proxy.url, "--profile", str(running.profile), password=PASSWORD)
    assert "whitelist-not-matching" in causes(report)
    assert "allow-subnet" not in str(report["causes"])
