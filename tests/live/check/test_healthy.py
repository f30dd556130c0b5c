"""Healthy set-ups: whatever else is said of them, none has a cause that is an error, and the exit code is 0."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.proxies import Answer, EditingProxy
from tests.kit.server import PORT_MARK, Server, config_text, password_hash
from tests.kit.tls import make_cert
from tests.support.doctor import causes, diagnose

pytestmark = pytest.mark.in_turn

KEY = "qbt_" + "CanaryKey23456789abcdefghjkm"

Way = Callable[[Server], contextlib.AbstractContextManager[tuple[str, ...]]]


@dataclass(frozen=True)
class Setup:
    """A server (keywords of the kit), the options it is asked with, and the way there."""

    server: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    password: str | None = "a good one"
    env: Mapping[str, str] = field(default_factory=dict)
    way: Way | None = None
    since: tuple[int, ...] = ()
    logins: int = 1


@contextlib.contextmanager
def behind(server: Server, **keywords: Any) -> Iterator[tuple[str, ...]]:
    with faults.ReverseProxy(server.url, **keywords) as proxy:
        yield ("--url", proxy.url)


@contextlib.contextmanager
def behind_with_config(server: Server) -> Iterator[tuple[str, ...]]:
    with faults.ReverseProxy(server.url, rewrite_host=True) as proxy:
        yield ("--url", proxy.url, "--config", str(server.config_file))


@contextlib.contextmanager
def behind_with_cookie(server: Server, cookie: str) -> Iterator[tuple[str, ...]]:
    """What load balancers and portals do: every answer sets a cookie of theirs."""

    def down(_path: str, answer: Answer) -> Answer:
        return replace(answer, headers=[("Set-Cookie", cookie), *answer.headers])

    with EditingProxy(server.url, down=down) as proxy:
        yield ("--url", proxy.url)


@contextlib.contextmanager
def tls_in_front(server: Server) -> Iterator[tuple[str, ...]]:
    with faults.ReverseProxy(server.url, rewrite_host=True, tls=True) as proxy:
        assert proxy.certificate is not None
        yield ("--url", proxy.url, "--ca-file", str(proxy.certificate.ca))


@contextlib.contextmanager
def by_name(server: Server) -> Iterator[tuple[str, ...]]:
    yield ("--url", f"{server.scheme}://localhost:{server.port}")


@contextlib.contextmanager
def by_profile(server: Server) -> Iterator[tuple[str, ...]]:
    yield ("--profile", str(server.profile))


@contextlib.contextmanager
def by_config_and_url(server: Server) -> Iterator[tuple[str, ...]]:
    yield ("--config", str(server.config_file), "--url", server.url)


@contextlib.contextmanager
def trusting(server: Server) -> Iterator[tuple[str, ...]]:
    assert server.certificate is not None
    yield ("--url", server.url, "--ca-file", str(server.certificate.ca))


@contextlib.contextmanager
def trusting_by_name(server: Server) -> Iterator[tuple[str, ...]]:
    assert server.certificate is not None
    yield ("--url", f"https://localhost:{server.port}", "--ca-file", str(server.certificate.ca))


@contextlib.contextmanager
def insecure(server: Server) -> Iterator[tuple[str, ...]]:
    yield ("--url", server.url, "--insecure")


@contextlib.contextmanager
def ipv6(server: Server) -> Iterator[tuple[str, ...]]:
    yield ("--url", f"http://[::1]:{server.port}")


def raw(release: Release, *, change: Callable[[str], str]) -> bytes:
    """A config as the kit writes it, changed."""
    text = config_text(
        {"Password_PBKDF2": password_hash("a good one")},
        layout="new" if release.version_tuple >= (5, 3) else "old",
        port=0,
    )
    return change(text.replace("Port=0\n", f"Port={PORT_MARK.decode()}\n", 1)).encode()


def _password(text: str) -> Setup:
    return Setup({"password": text}, password=text)


WHITELIST = {"AuthSubnetWhitelistEnabled": "true"}

SETUPS: dict[str, Setup] = {
    "as it comes": Setup(),
    "by name": Setup(way=by_name),
    "by profile": Setup(way=by_profile),
    "config and url": Setup(way=by_config_and_url),
    "IPv6 loopback": Setup({"address": "::1"}),
    "IPv6 of both families": Setup({"address": "*"}, way=ipv6),
    "all addresses, IPv4": Setup({"address": "0.0.0.0"}),
    "another loopback address": Setup({"address": "127.0.0.3"}),
    "unicode password": _password("пароль-ключ-密碼 ü€"),
    "awkward password": _password("a+b &c=d%41;\"'\\<>#?/ "),
    "long password": _password("x" * 300),
    "another user name": Setup({"settings": {"Username": "media"}}),
    "user name given": Setup({"settings": {"Username": "media"}}, ("--username", "media")),
    "HTTPS": Setup({"https": True}, way=trusting),
    "HTTPS by name": Setup({"https": True}, way=trusting_by_name),
    "HTTPS, certificate not looked at": Setup({"https": True}, way=insecure),
    "API key": Setup(
        {"settings": {"APIKey": KEY}}, env={"QBDOCTOR_API_KEY": KEY}, password=None, since=(5, 2), logins=0
    ),
    "API key and password": Setup({"settings": {"APIKey": KEY}}, env={"QBDOCTOR_API_KEY": KEY}, since=(5, 2), logins=0),
    "no login asked for": Setup(options=("--no-login",), logins=0),
    "bypass for this machine": Setup({"settings": {"LocalHostAuth": "false"}}, logins=0),
    "bypass, and a wrong password": Setup({"settings": {"LocalHostAuth": "false"}}, password="whatever", logins=0),
    "whitelist of private nets": Setup({"settings": {**WHITELIST, "AuthSubnetWhitelist": "127.0.0.0/8"}}, logins=0),
    "whitelist of others": Setup({"settings": {**WHITELIST, "AuthSubnetWhitelist": "192.168.7.0/24"}}),
    "whitelist of others, no login": Setup(
        {"settings": {**WHITELIST, "AuthSubnetWhitelist": "192.168.7.0/24"}}, ("--no-login",), logins=0
    ),
    "whitelist on and empty": Setup({"settings": WHITELIST}),
    "whitelist set and off": Setup({"settings": {"AuthSubnetWhitelist": "0.0.0.0/0"}}),
    "no CSRF protection": Setup({"settings": {"CSRFProtection": "false"}}),
    "no Host validation": Setup({"settings": {"HostHeaderValidation": "false"}}, way=by_name),
    "no clickjacking protection": Setup({"settings": {"ClickjackingProtection": "false"}}),
    "own Host in the list": Setup({"settings": {"ServerDomains": "localhost"}}, way=by_name),
    "sessions without end": Setup({"settings": {"SessionTimeout": "0"}}),
    "no ban": Setup({"settings": {"MaxAuthenticationFailCount": "0"}}),
    "SecureCookie off": Setup({"settings": {"SecureCookie": "false"}}),
    "certificates named, HTTPS off": Setup(
        {"settings": {"HTTPS\\CertificatePath": "/nowhere", "HTTPS\\KeyPath": "/no"}}
    ),
    "reverse proxy that rewrites Host": Setup(way=lambda server: behind(server, rewrite_host=True)),
    "reverse proxy with a base path": Setup(way=lambda server: behind(server, rewrite_host=True, base_path="/qbt")),
    "reverse proxy that names the server": Setup(way=lambda server: behind(server, rewrite_host="nas.example")),
    "reverse proxy with TLS": Setup(way=tls_in_front),
    "proxy support on, no proxy": Setup(
        {"settings": {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "10.0.0.1"}}
    ),
    "trusted proxy in front": Setup(
        {"settings": {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}},
        way=lambda server: behind(server, rewrite_host=True, add_request_headers={"X-Forwarded-For": "192.168.7.9"}),
    ),
    "in front, a load balancer's cookie": Setup(way=lambda server: behind_with_cookie(server, "SERVERID=1")),
    "in front, a cookie that says true": Setup(way=lambda server: behind_with_cookie(server, "consent=true; Path=/")),
    "in front, another program's SID": Setup(way=lambda server: behind_with_cookie(server, "SID=abc"), since=(5, 2)),
    **{
        f"password {word!r}, a word of every answer": Setup({"password": word}, password=word, way=behind_with_config)
        for word in ("1", "login", "script")
    },
    "in another language": Setup({"locale": "zh_CN"}),
    "on a terminal": Setup({"terminal": True}),
}


def test_there_are_enough() -> None:
    assert len(SETUPS) >= 25


@pytest.mark.parametrize("name", SETUPS)
def test_no_error_cause(server: ServerFactory, release: Release, name: str) -> None:
    setup = SETUPS[name]
    if release.version_tuple < setup.since:
        pytest.skip(f"{release.name} has no such thing")
    running = server(**setup.server)
    way = setup.way or (lambda one: contextlib.nullcontext(("--url", one.url)))
    with way(running) as target:
        report = diagnose(*target, *setup.options, password=setup.password, env=setup.env)
    assert causes(report, "error") == [], report["verdict"]["headline"]
    assert report["verdict"]["state"] == "healthy", report["checks"]
    assert report["exit_code"] == 0
    assert report["login_attempts"] == setup.logins


CHANGES: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "no final newline": lambda text: text.rstrip("\n"),
    "comments and blank lines": lambda text: "; mine\n# also mine\n\n" + text.replace("\n[", "\n\n; next\n["),
    "spaces around the sign": lambda text: text.replace("UseUPnP=false", "UseUPnP = false"),
    "a byte order mark": lambda text: "\ufeff" + text,
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_error_cause_in_a_file_written_by_hand(server: ServerFactory, release: Release, change: str) -> None:
    running = server(raw_config=raw(release, change=CHANGES[change]))
    report = diagnose("--profile", str(running.profile), password="a good one")
    assert (report["exit_code"], causes(report, "error")) == (0, []), report["verdict"]["headline"]


def test_certificate_by_an_authority_of_ones_own(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    running = server(https=make_cert(tmp_path / "pair", ["localhost", "127.0.0.1"]))
    assert running.certificate is not None
    report = diagnose(
        "--profile", str(running.profile), "--ca-file", str(running.certificate.ca), password="a good one"
    )
    assert (report["exit_code"], causes(report, "error")) == (0, [])
    assert report["target"]["scheme"] == "https"


@pytest.mark.parametrize("knows", ["the config", "nothing"])
def test_trusted_proxy_whose_visitor_is_on_the_list(server: ServerFactory, release: Release, knows: str) -> None:
    """Let in by his own address, which the trusted proxy tells: nobody else is, so nothing is exposed."""
    settings = {
        "ReverseProxySupportEnabled": "true",
        "TrustedReverseProxiesList": "127.0.0.1",
        **WHITELIST,
        "AuthSubnetWhitelist": "192.168.7.0/24",
    }
    running = server(settings=settings)
    told = {"X-Forwarded-For": "192.168.7.9"}
    with faults.ReverseProxy(running.url, rewrite_host=True, add_request_headers=told) as proxy:
        options = ("--config", str(running.config_file)) if knows == "the config" else ()
        report = diagnose("--url", proxy.url, *options, password="a good one")
    assert (report["exit_code"], causes(report, "error")) == (0, [])
    assert ("bypass-active" in causes(report)) == (release.version_tuple >= (4, 4))


def test_untrusted_proxy_is_exposed(server: ServerFactory, release: Release) -> None:
    """The near miss: the proxy's own address is on the list, and so is everybody who comes through it."""
    settings = {"ReverseProxySupportEnabled": "true", **WHITELIST, "AuthSubnetWhitelist": "127.0.0.1/32"}
    running = server(settings={**settings, "TrustedReverseProxiesList": "localhost"})
    told = {"X-Forwarded-For": "203.0.113.9"}
    with faults.ReverseProxy(running.url, rewrite_host=True, add_request_headers=told) as proxy:
        report = diagnose("--url", proxy.url, "--config", str(running.config_file))
    assert causes(report, "error") == ["exposed-bypass"]


def test_ban_of_an_untrusted_proxy_is_everybodys(server: ServerFactory, release: Release) -> None:
    running = server()
    running.fail_logins(5)
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        shared = diagnose("--url", proxy.url, "--config", str(running.config_file), password="a good one")
    assert causes(shared, "error") == ["shared-address-ban"]
    assert causes(diagnose("--url", running.url, password="a good one"), "error") == ["ip-banned"]
