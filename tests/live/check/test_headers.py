"""Refused before any login, behind real nginx and HAProxy: each fault named, near misses and good set-ups not accused.

After every run the server's own log is counted: a test of headers costs no failed login beyond the budget, never a ban.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from qbdoctor.observe.base import first_request_log
from qbdoctor.target.description import Target
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.realproxy import Haproxy, Nginx, RealProxy
from tests.kit.server import Server
from tests.kit.tls import make_cert
from tests.support.doctor import cause, causes, diagnose, status

pytestmark = pytest.mark.in_turn

PUBLIC = "https://qb.example.org"
KEEP = "proxy_set_header Host $http_host;"
TRUST = {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": "127.0.0.1"}
FORWARDED = "proxy_set_header X-Forwarded-Host $http_host;"


@pytest.fixture(autouse=True)
def own_servers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The logs of other workers' servers are left out: one of them may be refused something at the same moment."""

    def mark(target: Target) -> first_request_log.Marks:
        children = {child.pid for child in psutil.Process().children()}
        return tuple(one for one in first_request_log.remember_log_ends(target) if one[0].pid in children)

    monkeypatch.setattr("qbdoctor.observe.observer.remember_log_ends", mark)


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WRONG_BASIC = f'proxy_set_header Authorization "Basic {basic("canary-proxy-user:canary-proxy-pw")}";'
BEARER = 'proxy_set_header Authorization "Bearer canary-of-an-oauth2-proxy";'


@contextmanager
def unharmed(server: Server, *, failures: int = 0) -> Iterator[None]:
    """At most so many failed logins are added, and nobody is banned."""
    before = server.failed_logins()
    yield
    time.sleep(0.1)
    assert server.failed_logins() - before <= failures
    assert server.banned_logins() == 0


def experiment(found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The requests' headers of the first experiment."""
    piece = next(piece for piece in found["evidence"] if piece["kind"] == "experiment")
    return piece["a"], piece["b"]


def sent(side: dict[str, Any]) -> dict[str, str]:
    return dict(side["request"]["headers"])


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
        # Its scheme is in capitals, by which later runs know the line in the log as their own.
        assert [(one.get("origin"), one.get("referer")) for one in sent] == [(proxy.url.replace("http", "HTTP"), None)]


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
            more = 1 if reads_fetch_site(release) else 2  # where the release may be 5.3, a proxy hiding it
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
    assert running.get(path, headers={"Origin": "chrome-extension://abcdef"}).status_code == 401
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


# Authorization


def reads_authorization(release: Release) -> bool:
    return release.version_tuple >= (5, 2)


@pytest.mark.parametrize("with_config", [True, False])
def test_a_proxy_that_adds_basic(server: ServerFactory, release: Release, with_config: bool) -> None:
    """However often it is run: named while a failure is left, never a ban, no credentials of ours sent."""
    running = server()
    config = ("--config", str(running.config_file)) if with_config else ()
    with Nginx(running.url, WRONG_BASIC) as proxy:
        reports = [diagnose("--url", proxy.url, *config, password=running.password) for _ in range(7)]
    time.sleep(0.1)
    assert running.banned_logins() == 0
    if not reads_authorization(release):
        assert running.failed_logins() == 0
        assert [causes(one, "error") for one in reports] == [[]] * 7
        return
    assert running.failed_logins() <= 4  # the fifth would ban
    assert [one["login_attempts"] for one in reports] == [0] * 7
    found = cause(reports[0], "authorization-header-collision")
    assert causes(reports[0], "error") == ["authorization-header-collision"]
    assert found["confidence"] == "proven"
    a, b = experiment(found)
    assert set(sent(b)) - set(sent(a)) == {"Authorization"}
    assert (a["response"]["status"], b["response"]["status"]) == (403, 401)
    assert "canary-proxy" not in str(reports)
    assert reports[-1]["verdict"]["state"] != "healthy"
    assert running.login().get(f"{running.url}/api/v2/app/version").status_code == 200


def test_basic_on_a_remote_way_costs_three_at_most(
    server: ServerFactory, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a log to read the 401 stays unexplained, and the runs together stop before the ban."""
    running = server()
    monkeypatch.setattr("qbdoctor.observe.observer.read_first_request_log", lambda _marks: None)
    with Nginx(running.url, WRONG_BASIC) as proxy:
        first = diagnose("--url", proxy.url, password=running.password)
        time.sleep(0.1)
        assert running.failed_logins() in ({1, 2, 3} if reads_authorization(release) else {0})
        for _ in range(4):
            last = diagnose("--url", proxy.url, password=running.password)
    time.sleep(0.1)
    assert running.banned_logins() == 0
    assert running.failed_logins() <= 4
    if reads_authorization(release):
        assert [one["verdict"]["state"] for one in (first, last)] == ["unknown", "unknown"]
        assert "failed login(s) to" in str(last["checks"]) or "not sent" in str(last["checks"])


def test_a_proxy_that_adds_bearer(server: ServerFactory, release: Release) -> None:
    running = server()
    with Nginx(running.url, BEARER) as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, password=running.password)
        knowing = diagnose("--url", proxy.url, "--config", str(running.config_file), password=running.password)
        cleared = Nginx(running.url, 'proxy_set_header Authorization "";')
        with cleared as second:
            well = diagnose("--url", second.url, password=running.password)
    assert causes(well, "error") == []
    if not reads_authorization(release):
        assert causes(report, "error") == causes(knowing, "error") == []
        return
    assert causes(report, "error") == causes(knowing, "error") == ["authorization-header-collision"]
    assert cause(report, "authorization-header-collision")["confidence"] == "likely"
    assert cause(knowing, "authorization-header-collision")["confidence"] == "proven"


def test_an_api_key_that_a_proxy_replaces(server: ServerFactory, release: Release) -> None:
    key = "qbt_" + "CanaryKey23456789abcdefghjkm"
    running = server(settings={"APIKey": key})
    with Nginx(running.url, BEARER) as proxy, Nginx(running.url) as plain, unharmed(running):
        replaced = diagnose("--url", proxy.url, env={"QBDOCTOR_API_KEY": key})
        handed_on = diagnose("--url", plain.url, env={"QBDOCTOR_API_KEY": key})
    reads = reads_authorization(release)
    assert causes(replaced, "error") == (["authorization-header-collision"] if reads else ["api-key-rejected"])
    assert causes(handed_on, "error") == ([] if reads else ["api-key-rejected"])
    wrong = key[:-1] + "n"
    with Nginx(running.url) as plain:
        assert causes(diagnose("--url", plain.url, env={"QBDOCTOR_API_KEY": wrong}), "error") == ["api-key-rejected"]


def test_a_filter_that_forbids_logins_is_no_collision(healthy: Server) -> None:
    forbid = f'location = /api/v2/auth/login {{ return 403 "Forbidden"; }} location / {{ proxy_pass {healthy.url}; }}'
    with Nginx(healthy.url, whole=forbid) as proxy, unharmed(healthy):
        report = diagnose("--url", proxy.url, password=healthy.password)
    assert "authorization-header-collision" not in causes(report)
    assert report["exit_code"] != 0


def test_a_proxy_that_asks_for_its_own_login(server: ServerFactory, release: Release) -> None:
    running = server()
    with Nginx(running.url) as proxy:
        lines = f'auth_basic "members"; auth_basic_user_file {proxy.folder}/users;'
        (proxy.folder / "users").write_text("me:{PLAIN}secret\n")
        with Nginx(running.url, lines) as asking, unharmed(running):
            report = diagnose("--url", asking.url, password=running.password)
            knowing = diagnose("--url", asking.url, "--config", str(running.config_file), password=running.password)
    assert causes(report, "error") == causes(knowing, "error") == ["foreign-auth-in-front"]
    assert cause(report, "foreign-auth-in-front")["confidence"] == "likely"
    assert cause(knowing, "foreign-auth-in-front")["confidence"] == "proven"
    assert report["login_attempts"] == 0


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
