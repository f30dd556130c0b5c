"""Every line for a proxy that a page prints, in the real program, with a stranger who makes headers up and a user who logs in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
import requests

from qbdoctor.diagnosis.catalogue import pages
from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Apache, Caddy, Haproxy, Nginx, RealProxy
from tests.kit.server import PASSWORD, Server

pytestmark = pytest.mark.in_turn

Servers = Callable[[Release, Mapping[str, str]], Server]
NAME = "qb.example.org"
MADE_UP: tuple[Mapping[str, str], ...] = (
    {"X-Forwarded-For": "192.168.1.20"},
    {"X-Forwarded-For": "192.168.1.20, 8.8.8.8"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": "192.168.1.20", "Host": NAME, "X-Forwarded-Host": NAME, "Origin": f"https://{NAME}"},
    {
        "Host": "192.168.1.20",
        "Origin": "http://192.168.1.20",
        "X-Real-IP": "192.168.1.20",
        "Forwarded": "for=192.168.1.20",
    },
)


def snippets() -> Iterator[tuple[str, str, str]]:
    """Cause, program and text of each remedy that has lines for one of the four programs."""
    for cause in pages.ids():
        known = {"server_port": "%PORT%", "real_url": "http://127.0.0.1:%PORT%"}
        for remedy in pages.fill(pages.page(cause), known, stand_ins=True):
            text = "\n".join(remedy.commands)
            if (
                remedy.kind != "proxy"
                or not text
                or "labels:" in text
                or "disableChunkedEncoding" in text
                or text.startswith("return 308")
            ):
                continue
            program = "nginx"
            if "header_up" in text:
                program = "caddy"
            elif "ProxyPreserveHost" in text:
                program = "apache2"
            elif "http-request" in text:
                program = "haproxy"
            yield cause, program, text


ALL = list(snippets())


def one_of_each(some: list[tuple[str, str, str]]) -> list[Any]:
    """All as cases; in the everyday run the first of each program, and of nginx the first that switches support on."""
    cases: list[Any] = []
    seen: set[tuple[str, bool]] = set()
    for number, (cause, program, text) in enumerate(some):
        kind = (program, program == "nginx" and "X-Forwarded-For" in text)
        marks = pytest.mark.extended if kind in seen else ()
        seen.add(kind)
        cases.append(pytest.param(cause, program, text, id=f"{cause}-{program}-{number}", marks=marks))
    return cases


@pytest.fixture(scope="module")
def shared() -> Iterator[Servers]:
    """Servers by release and settings, each started once: no test of this module changes one."""
    with ExitStack() as stack:
        started: dict[tuple[str, ...], Server] = {}

        def get(release: Release, settings: Mapping[str, str]) -> Server:
            key = (release.name, *(f"{name}={value}" for name, value in sorted(settings.items())))
            if key not in started:
                started[key] = stack.enter_context(Server.start(release, settings=settings))
            return started[key]

        yield get


def front(server: Server, program: str, text: str) -> AbstractContextManager[RealProxy]:
    """The proxy with the snippet where the page says that it belongs."""
    text = text.replace("%PORT%", str(server.port))
    if program == "apache2":
        return Apache(server.url, text)
    if program == "haproxy":
        return Haproxy(server.url, text)
    if program == "caddy":
        return Caddy(server.url, whole=text) if "reverse_proxy" in text else Caddy(server.url, text)
    if text.startswith("location"):
        return Nginx(server.url, whole=text, path="/qb" if "/qb/" in text else "")
    if text.startswith("proxy_pass "):  # it takes the place of the line that is there
        return Nginx(server.url, whole=f"location / {{ {text} }}")
    outside = "\n".join(line for line in text.split("\n") if line.startswith("map "))
    inside = "\n".join(line for line in text.split("\n") if not line.startswith("map "))
    return Mapped(server.url, inside, outside)


class Mapped(Nginx):
    """nginx with lines outside of its server as well."""

    def __init__(self, upstream: str, lines: str, outside: str) -> None:
        super().__init__(upstream, lines)
        self._outside = outside

    def configuration(self) -> str:
        return super().configuration().replace("server {", f"{self._outside}\nserver {{", 1)


@pytest.mark.parametrize(("cause", "program", "text"), one_of_each(ALL))
def test_a_stranger_stays_out(shared: Servers, release: Release, cause: str, program: str, text: str) -> None:
    replaces = "X-Forwarded-For" in text or program == "caddy"
    settings = {
        "AuthSubnetWhitelistEnabled": "true",
        "AuthSubnetWhitelist": "192.168.0.0/16",
        "MaxAuthenticationFailCount": "0",
    }
    if replaces:  # as the page says: support is switched on only then
        settings |= {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
    running = shared(release, settings)
    with front(running, program, text) as proxy:
        for headers in ({}, *MADE_UP):
            answer = requests.get(f"{proxy.url}/api/v2/app/version", headers={"Host": NAME, **headers}, timeout=10)
            assert answer.status_code in {401, 403}, (headers, answer.status_code)
        plain = requests.get(f"{proxy.url}/api/v2/app/version", headers={"Host": NAME}, timeout=10)
        assert plain.status_code == 403
        with requests.Session() as person:
            person.headers["Host"] = NAME
            form = {"username": "admin", "password": PASSWORD}
            said = person.post(f"{proxy.url}/api/v2/auth/login", data=form, timeout=10)
            assert said.status_code in {200, 204}, said.text
            assert said.text != "Fails."
            if "proxy_cookie_path" not in text:
                assert person.get(f"{proxy.url}/api/v2/app/version", timeout=10).status_code == 200


HOST_LINES = [one for one in ALL if re.search(r"Host \$host;|ProxyPreserveHost|http-request", one[2])]


@pytest.mark.parametrize(("cause", "program", "text"), one_of_each(HOST_LINES))
def test_a_browser_logs_in(shared: Servers, release: Release, cause: str, program: str, text: str) -> None:
    trusted = "X-Forwarded-Host $host:$server_port" in text
    settings = {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"} if trusted else {}
    running = shared(release, settings)
    with front(running, program, text) as proxy:
        name = f"{NAME}:{proxy.port}" if trusted else NAME
        form = {"username": "admin", "password": PASSWORD}
        headers = {"Host": name, "Origin": f"https://{name}"}
        said = requests.post(f"{proxy.url}/api/v2/auth/login", data=form, headers=headers, timeout=10)
        assert said.status_code in {200, 204}, said.text
        assert said.text != "Fails."
        foreign = {**headers, "Origin": "https://evil.example"}
        refused = requests.post(f"{proxy.url}/api/v2/auth/login", data=form, headers=foreign, timeout=10)
        assert refused.status_code == 401


def test_without_the_line_the_stranger_is_let_in(server: ServerFactory, releases: object) -> None:
    """What the pages warn of is true: else the tests above could not fail."""
    settings = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.0.0/16"}
    settings |= {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
    for version, headers in (("4.5.2", MADE_UP[1]), ("5.3.0", MADE_UP[0])):
        running = server(version, settings=settings)
        with Nginx(running.url, "proxy_set_header Host $host;") as proxy:
            answer = requests.get(f"{proxy.url}/api/v2/app/version", headers=headers, timeout=10)
            assert answer.status_code == 200


def test_no_page_hands_on_a_host_that_is_empty_over_http3() -> None:
    assert [cause for cause, _, text in ALL if "$http_host" in text] == []
