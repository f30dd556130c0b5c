"""Refused before any login, behind real nginx and HAProxy: each fault named, near misses and good set-ups not accused.

After every run the server's own log is counted: a test of headers costs no failed login beyond the budget, never a ban.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import Server
from tests.support.doctor import cause, causes, diagnose
from tests.support.two_ways import experiment, sent, unharmed

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]

PUBLIC = "https://qb.example.org"
KEEP = "proxy_set_header Host $http_host;"
TRUST = {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
FORWARDED = "proxy_set_header X-Forwarded-Host $http_host;"


def warned(report: dict[str, Any]) -> list[str]:
    """The warnings but for one: servers of other tests run on this host as well, and share a cookie's name."""
    return [name for name in causes(report, "warning") if name != "cookie-clobber"]


# Origin


def test_nginx_that_rewrites_host_is_an_origin_mismatch(server: ServerFactory, release: Release) -> None:
    running = server()
    with Nginx(running.url) as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=running.password)
        same = diagnose("--url", proxy.url, "--public-url", proxy.url, password=running.password)
        unasked = diagnose("--url", proxy.url, password=running.password)
    for one in (report, same):
        assert causes(one, "error")[0] == "origin-mismatch"
        found = cause(one, "origin-mismatch")
        assert found["confidence"] == "proven"
        a, b = experiment(found)
        assert {name for name in sent(b) if sent(a).get(name) != sent(b)[name]} == {"Origin"}
        assert (a["response"]["status"], b["response"]["status"]) == (403, 401)
        assert one["exit_code"] == 1
    # not $http_host, which is empty over HTTP/3
    assert "proxy_set_header Host $host;" in str(cause(report, "origin-mismatch")["remedies"])
    ignored = release.version_tuple >= (5, 2, 2)
    assert ("forwarded-host-ignored" in causes(report)) == ignored
    if ignored:
        assert cause(report, "forwarded-host-ignored")["confidence"] == "possible"
    assert (unasked["exit_code"], causes(unasked, "error")) == (0, [])


def test_the_edit_names_the_section_that_is_read(server: ServerFactory, release: Release) -> None:
    """Without a session too: the config at hand says in which section the edit belongs."""
    running = server()
    config = ("--config", str(running.config_file))
    with Nginx(running.url) as proxy:
        report = diagnose("--url", proxy.url, *config, "--public-url", PUBLIC, "--no-login")
    edits = [one["text"] for one in cause(report, "origin-mismatch")["remedies"] if "CSRFProtection" in one["text"]]
    new = reads_fetch_site(release)
    assert [("CSRFProtection=false in [WebUI]" in text, "[Preferences]" in text) for text in edits] == [(new, not new)]


def test_without_public_url_no_other_origin_is_ever_sent(server: ServerFactory, release: Release) -> None:
    running = server()
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        diagnose("--url", proxy.url, password=running.password)
        sent = [one.headers for one in proxy.requests if {"origin", "referer", "sec-fetch-site"} & set(one.headers)]
        # One request is made as a browser makes it that uses this very address: to see whether its Host arrives.
        # Its scheme is in capitals, by which later runs know the line in the log as their own; what is refused so is sent
        # once more as browsers write it, since a front may tell capitals from small letters.
        marked = proxy.url.replace("http", "HTTP")
        assert [(one.get("origin"), one.get("referer")) for one in sent] == [(marked, None), (proxy.url, None)]


def test_public_url_is_never_connected_to(server: ServerFactory, release: Release) -> None:
    running = server()
    with faults.Silent() as trap, Nginx(running.url, "proxy_set_header Host $host;") as proxy:
        public = f"http://127.0.0.1:{trap.port}"
        diagnose("--url", proxy.url, "--public-url", public, password=running.password)
        assert trap.connections == 0


@pytest.mark.parametrize("name", ["keeps $http_host", "$host", "$host:$server_port", "fixed :443"])
def test_what_nginx_sends_as_host(server: ServerFactory, release: Release, name: str) -> None:
    """A Host without a port passes; one with the proxy's own port, or :443, does not, whatever the client sends."""
    running = server()
    line, wanted = {
        "keeps $http_host": ("$http_host", []),
        "$host": ("$host", []),
        "$host:$server_port": ("$host:$server_port", ["host-port-mismatch"]),
        "fixed :443": ("qb.example.org:443", ["host-port-mismatch"]),
    }[name]
    # On the port of qBittorrent itself, so that the address of the proxy is as good as the public one.
    port = 0 if "server_port" in name else running.port
    with Nginx(running.url, f"proxy_set_header Host {line};", host="127.0.0.2", port=port) as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=running.password)
    assert causes(report, "error") == wanted
    if wanted:
        assert cause(report, "host-port-mismatch")["confidence"] == "likely"  # no Host of ours can change it
        assert str(running.port) in cause(report, "host-port-mismatch")["summary"]


@pytest.mark.parametrize("support", [True, False])
def test_forwarded_host(server: ServerFactory, release: Release, support: bool) -> None:
    """Host rewritten, the public one beside it: always good up to 5.2.1, from 5.2.2 with proxy support only."""
    running = server(settings=TRUST if support else {})
    with Nginx(running.url, FORWARDED) as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=running.password)
        config = ("--config", str(running.config_file))
        offline = diagnose("--url", proxy.url, "--public-url", PUBLIC, *config, "--no-login")
    broken = release.version_tuple >= (5, 2, 2) and not support
    for one in (report, offline):
        assert causes(one, "error") == (["origin-mismatch", "forwarded-host-ignored"] if broken else [])


@pytest.mark.parametrize("header", ["Origin", "Referer"])
def test_a_proxy_that_strips_one_of_the_two(server: ServerFactory, release: Release, header: str) -> None:
    """Host rewritten and Origin taken out: then the Referer is what is refused; with both out all is well."""
    running = server()
    lines = f'proxy_set_header {header} "";'
    with Nginx(running.url, lines) as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=running.password)
    wanted = {"Origin": "referer-mismatch", "Referer": "origin-mismatch"}[header]
    assert causes(report, "error")[0] == wanted
    assert cause(report, wanted)["confidence"] == "proven"
    both = 'proxy_set_header Origin ""; proxy_set_header Referer "";'
    with Nginx(running.url, both) as proxy:
        well = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=running.password)
    assert (well["exit_code"], causes(well, "error")) == (0, [])


@pytest.mark.parametrize(
    ("name", "value"), [("Origin", "https://qb.example.org"), ("Referer", "https://h.example/?t=x")]
)
def test_a_proxy_that_adds_a_foreign_origin(server: ServerFactory, release: Release, name: str, value: str) -> None:
    """Every call is refused, whatever is asked: the log of this machine's server names the header."""
    running = server()
    with Nginx(running.url, f'proxy_set_header {name} "{value}";') as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, password=running.password)
        config = ("--config", str(running.config_file))
        knowing = diagnose("--url", proxy.url, *config, password=running.password)
    for one in (report, knowing):
        assert causes(one, "error") == [f"{name.lower()}-mismatch"]
        assert cause(one, f"{name.lower()}-mismatch")["confidence"] == "likely"
        assert "?t=x" not in str(one["causes"])
        assert one["login_attempts"] == 0


def test_cross_site_added_on_the_way(server: ServerFactory, release: Release) -> None:
    running = server()
    with Nginx(running.url, "proxy_set_header Sec-Fetch-Site cross-site;") as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, password=running.password)
        config = ("--config", str(running.config_file))
        knowing = diagnose("--url", proxy.url, *config, password=running.password)
    for one in (report, knowing):
        assert causes(one, "error") == (["cross-site-blocked"] if reads_fetch_site(release) else [])
    if reads_fetch_site(release):
        assert cause(report, "cross-site-blocked")["confidence"] == "proven"
        a, b = experiments(report, "cross-site-blocked")[-1]
        assert set(sent(b)) - set(sent(a)) == {"Sec-Fetch-Site"}
        assert (a["response"]["status"], b["response"]["status"]) == (403, 401)


def reads_fetch_site(release: Release) -> bool:
    return release.version_tuple >= (5, 3)


def experiments(report: dict[str, Any], name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The two sides of each experiment among a cause's evidence."""
    pieces = cause(report, name)["evidence"]
    return [(piece["a"], piece["b"]) for piece in pieces if piece["kind"] == "experiment"]


def test_browsers_that_say_same_origin(server: ServerFactory, release: Release) -> None:
    """From 5.3 on only what sends no Sec-Fetch-Site is refused: proven by that header alone."""
    running = server()
    no_origin = 'proxy_set_header Origin "";'
    with Nginx(running.url) as proxy, Nginx(running.url, no_origin) as stripping, unharmed(running):
        for header, way, public, browsers_pass in (
            ("Origin", proxy, PUBLIC, True),
            ("Origin", proxy, "http://nas.lan:8080", False),
            ("Origin", proxy, "http://localhost:1", True),
            ("Referer", stripping, PUBLIC, True),
        ):
            before = running.log_file.read_text().count("mismatch!")
            # Each goes out with our mark and without; up to 5.2 there are two: the release may be 5.3, a proxy hiding it.
            more = 2 if reads_fetch_site(release) else 4
            report = diagnose("--url", way.url, "--public-url", public, "--no-login")
            assert running.log_file.read_text().count("mismatch!") <= before + more
            name = f"{header.lower()}-mismatch"
            assert causes(report, "error")[0] == name
            said = cause(report, name)["summary"]
            pairs = experiments(report, name)
            if not reads_fetch_site(release):
                assert ("Browsers that use" in said, "Sec-Fetch-Site" in said, len(pairs)) == (True, False, 1)
                continue
            (a, b), (c, d) = pairs
            assert {one for one in sent(b) if sent(a).get(one) != sent(b)[one]} == {header}
            assert (sent(c), c["response"]["status"]) == (sent(b), 401)
            added = {one: sent(d)[one] for one in sent(d) if sent(c).get(one) != sent(d)[one]}
            assert (added, d["response"]["status"]) == ({"Sec-Fetch-Site": "same-origin"}, 403)
            assert ("Clients that send" in said, "Browsers that use" in said) == (browsers_pass, not browsers_pass)


def test_a_public_port_and_browsers_that_say_same_origin(server: ServerFactory, release: Release) -> None:
    """Asked directly, of the two ways to set a proxy up: from 5.3 on one lets browsers through, and the report says so."""
    if release.version_tuple < (5, 2, 2):
        pytest.skip("X-Forwarded-Host counts without proxy support: nothing is refused")
    running = server()
    report = diagnose("--url", running.url, "--public-url", f"{PUBLIC}:8443", "--no-login")
    assert ("but for browsers" in cause(report, "host-port-mismatch")["summary"]) == reads_fetch_site(release)


def test_pages_of_other_sites_are_kept_out(server: ServerFactory, release: Release) -> None:
    """That is a protection at work: no error; proven by a call of our own, which is not counted as somebody else's."""
    running = server()
    path = "/api/v2/app/version"
    for value in ("same-origin", "none"):
        assert running.get(path, headers={"Sec-Fetch-Site": value}).status_code == 403
    quiet = diagnose("--url", running.url, "--public-url", PUBLIC, password=running.password)
    assert (quiet["exit_code"], "cross-site-blocked" in causes(quiet)) == (0, False)
    assert "Cross-site" not in running.log_file.read_text()  # nor is one sent where nobody was refused
    for _ in range(2):
        running.get(path, headers={"Sec-Fetch-Site": "cross-site"})
    for _ in range(2):
        report = diagnose("--url", running.url, password=running.password)
        assert (report["exit_code"], causes(report, "error")) == (0, [])
        assert ("cross-site-blocked" in causes(report)) == reads_fetch_site(release)
    if not reads_fetch_site(release):
        return
    found = cause(report, "cross-site-blocked")
    assert (found["severity"], found["confidence"]) == ("warning", "proven")
    assert "2 requests" in found["summary"]
    (a, b), *_ = experiments(report, "cross-site-blocked")
    assert set(sent(b)) - set(sent(a)) == {"Sec-Fetch-Site"}
    assert (a["response"]["status"], b["response"]["status"]) == (403, 401)
    login = running.login()  # switched off since: the same call passes, and nothing is told
    assert login.post(
        f"{running.url}/api/v2/app/setPreferences", data={"json": '{"web_ui_csrf_protection_enabled":false}'}
    ).ok
    assert "cross-site-blocked" not in causes(diagnose("--url", running.url, password=running.password))


@pytest.mark.parametrize("locale", [None, "zh_CN"])
def test_the_log_is_the_witness(server: ServerFactory, release: Release, locale: str | None) -> None:
    """What others met since the start is a warning; what met an earlier process is not told."""
    running = server(locale=locale)
    path = "/api/v2/app/version"
    assert running.get(path, headers={"Origin": "https://elsewhere.example"}).status_code == 401
    assert running.get(path, headers={"Referer": "http://dash.lan/?token=canary"}).status_code == 401
    blocked = running.get(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 401
    report = diagnose("--url", running.url, password=running.password)
    wanted = {"origin-mismatch", "referer-mismatch"} | ({"cross-site-blocked"} if blocked else set())
    assert set(warned(report)) == wanted
    assert report["exit_code"] == 0
    confidences = {name: cause(report, name)["confidence"] for name in wanted}
    assert confidences.pop("cross-site-blocked", "proven") == "proven"  # see below: that one can be asked for
    assert set(confidences.values()) == {"likely"}
    assert "canary" not in str(report)
    time.sleep(1.1)
    running.restart()
    time.sleep(2.1)
    assert warned(diagnose("--url", running.url, password=running.password)) == []


def test_csrf_protection_off_is_no_mismatch(server: ServerFactory, release: Release) -> None:
    running = server(settings={"CSRFProtection": "false"})
    with Nginx(running.url) as proxy:
        report = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=running.password)
    assert causes(report, "error") == []


def test_asked_directly_a_public_url_accuses_nobody(server: ServerFactory, release: Release) -> None:
    """With a port in the public address only a proxy that rewrites Host works, from 5.2.2 on with proxy support."""
    narrow = server(settings={"ServerDomains": "nas.example"})
    plain = server()
    trusting = server(settings=TRUST)
    with unharmed(plain):
        assert causes(diagnose("--url", plain.url, "--public-url", PUBLIC, password=plain.password), "error") == []
    for running, public in ((narrow, PUBLIC), (plain, f"{PUBLIC}:8443"), (trusting, f"{PUBLIC}:8443")):
        report = diagnose("--url", running.url, "--public-url", public, password=running.password)
        assert (report["exit_code"], causes(report, "error")) == (0, [])
        bites = release.version_tuple >= (5, 2, 2) and running is not trusting
        name = "host-not-allowed" if running is narrow else "host-port-mismatch"
        assert warned(report) == ([name] if bites else [])


def test_host_of_the_public_url_is_refused_behind_the_proxy(server: ServerFactory, release: Release) -> None:
    running = server(settings={"ServerDomains": "127.0.0.2"})
    with Nginx(running.url, KEEP, host="127.0.0.2", port=running.port) as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, "--public-url", PUBLIC, password=running.password)
    assert causes(report, "error") == ["host-not-allowed"]
    assert cause(report, "host-not-allowed")["confidence"] == "proven"


@pytest.fixture(scope="module")
def trusting() -> Iterator[dict[str, Server]]:
    """A server of each release that trusts proxies of this machine, shared by the good set-ups."""
    servers: dict[str, Server] = {}
    yield servers
    for running in servers.values():
        running.close()
