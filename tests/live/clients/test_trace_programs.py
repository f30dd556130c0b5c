"""`qbdoctor trace` with real programs against real servers: the outcome is the same as without it, the verdict is right."""

from __future__ import annotations

import os
from typing import Any

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.server import PASSWORD, Server
from tests.support import trace_programs
from tests.support.trace_programs import causes, ids, traced, tracing

pytestmark = pytest.mark.extended


def by_name(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


# What each program is judged to be, where it is told the address and where it is told the name; "5.2+" from there on.
Verdict = set[tuple[str, str]]
RIGHT: Verdict = set()
DROPS: Verdict = {("client-drops-cookie", "likely")}
OLD_AND_NEW: dict[str, tuple[Verdict, Verdict]] = {  # up to 5.1, from 5.2 on
    "aiohttp": (DROPS, DROPS),
    "aiohttp-unsafe": (RIGHT, RIGHT),
    "aiohttp-new-session": (DROPS, DROPS),
    "incident-regex": (RIGHT, {("client-wants-sid-name", "likely")}),
    "incident-mended": (RIGHT, RIGHT),
    "requests": (RIGHT, RIGHT),
    "requests-bare": (DROPS, DROPS),
    "requests-two-alike": ({("client-sends-no-cookie", "likely")}, {("client-sends-no-cookie", "likely")}),
    "requests-never": ({("client-relies-on-bypass", "likely")}, {("client-relies-on-bypass", "likely")}),
    "requests-asks-first": (RIGHT, RIGHT),
    "requests-put": ({("client-http-method", "likely")}, {("client-http-method", "likely")}),
    "requests-foreign-origin": ({("client-foreign-origin", "likely")}, {("client-foreign-origin", "likely")}),
    "requests-foreign-then-none": ({("client-foreign-origin", "proven")}, {("client-foreign-origin", "proven")}),
    "requests-own-origin": (RIGHT, RIGHT),
    "requests-logout": ({("client-never-logs-in-again", "likely")}, {("client-never-logs-in-again", "likely")}),
    "requests-new-each-call": ({("client-logs-in-each-call", "likely")}, {("client-logs-in-each-call", "likely")}),
    "requests-each-call": ({("client-logs-in-each-call", "likely")}, {("client-logs-in-each-call", "likely")}),
    "requests-wants-ok": (RIGHT, {("client-wants-ok-body", "likely"), ("client-wants-sid-name", "possible")}),
    "requests-wants-sid": (RIGHT, {("client-wants-sid-name", "likely")}),
    "requests-value-as-sid": (RIGHT, {("client-wants-sid-name", "likely")}),
    "requests-basic": ({("client-auth-header-unsupported", "likely")}, RIGHT),
    "requests-x-api-key": (
        {("client-auth-header-unsupported", "likely")},
        {("client-auth-header-unsupported", "likely")},
    ),
    "requests-add-both": (RIGHT, RIGHT),
    "httpx": (RIGHT, RIGHT),
    "httpx-bare": (DROPS, DROPS),
    "curl": (RIGHT, RIGHT),
    "curl-no-jar": (DROPS, DROPS),
    "node-fetch": (DROPS, DROPS),
    "qbittorrent-api": (RIGHT, RIGHT),
}


EVERYWHERE = (
    "aiohttp",
    "aiohttp-unsafe",
    "incident-regex",
    "incident-mended",
    "requests",
    "curl",
    "node-fetch",
    "qbittorrent-api",
)


def judged(running: Server, name: str) -> None:
    """The program meets the same with and without the proxy, and is judged as the table has it."""
    direct = trace_programs.play(name, running.url, PASSWORD)
    result, through = traced(name, running.url, PASSWORD)
    assert through == direct
    assert direct[1], "the program was answered something"
    new = running.release.version_tuple >= (5, 2)
    assert set(causes(result)) == OLD_AND_NEW[name][new], result["verdict"]
    assert (result["verdict"]["state"] == "problem") == bool(ids(result) - {"client-logs-in-each-call"})


@pytest.mark.parametrize("name", EVERYWHERE)
def test_the_common_programs_on_every_release(healthy: Server, name: str) -> None:
    judged(healthy, name)


@pytest.mark.parametrize("release", ["4.5.2", "5.3.0"], indirect=True)
@pytest.mark.parametrize("name", sorted(set(OLD_AND_NEW) - set(EVERYWHERE)))
def test_the_other_programs_before_and_after_the_change(healthy: Server, name: str) -> None:
    judged(healthy, name)


@pytest.mark.parametrize("name", ["aiohttp", "incident-mended", "requests"])
def test_by_name_the_jar_works(healthy: Server, name: str) -> None:
    """The kind of host that the target has is the kind that the program is given."""
    url = by_name(healthy.url)
    result, through = traced(name, url, PASSWORD)
    assert through == trace_programs.play(name, url, PASSWORD)
    assert (causes(result), result["verdict"]["state"]) == ([], "healthy")
    assert result["clients"][0]["host"].startswith("localhost:")


AWKWARD = "p&ss=w+rd%41 ok"


def special(name: str, running: Server, password: str = PASSWORD) -> dict[str, Any]:
    """Run a program directly, on a server of its own, and through the proxy; the outcome is the same."""
    direct = trace_programs.play(name, running.url, password)
    result, through = traced(name, running.url, password)
    assert through == direct and direct[1]
    return result


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_a_form_that_is_not_encoded(server: ServerFactory, version: str) -> None:
    running = server(version, password=AWKWARD)
    assert set(causes(special("requests-raw-form", running, AWKWARD))) == {("client-unencoded-form", "likely")}
    found = special("requests-raw-then-right", running, AWKWARD)
    assert set(causes(found)) == {("client-unencoded-form", "proven")}
    (evidence,) = [one for one in found["clients"][0]["causes"][0]["evidence"] if one["kind"] == "experiment"]
    assert [evidence[side]["response"]["status"] for side in "ab"] == ([401, 204] if version == "5.3.0" else [200, 200])
    # Near misses: the same encoded, a plain password sent raw, and a wrong one
    assert causes(special("requests", running, AWKWARD)) == []
    plain = server(version, password="plain-one")
    told = causes(special("requests-raw-form", plain, "plain-one"))
    # It logs in and does nothing more: what 5.2 answers to a good login may be why
    assert told == ([("client-wants-ok-body", "possible")] if version == "5.3.0" else [])
    assert ("wrong-credentials", "likely") in causes(special("requests-wrong-password", plain, "plain-one"))


def test_a_blank_may_be_a_plus(server: ServerFactory) -> None:
    running = server("4.5.2", password="a+b")
    found = causes(special("requests-raw-form", running, "a+b"))
    assert set(found) == {("client-unencoded-form", "possible"), ("wrong-credentials", "likely")}


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_a_dead_session(server: ServerFactory, version: str) -> None:
    running = server(version, settings={"SessionTimeout": "1"})
    assert causes(special("requests-dead-session", running)) == [("client-never-logs-in-again", "likely")]
    assert causes(special("requests-logs-in-again", running)) == []


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_shapes_of_requests(server: ServerFactory, version: str) -> None:
    running, new = server(version), version == "5.3.0"
    assert ("client-json-login", "likely") in causes(special("requests-json", running))
    assert ("client-json-login", "likely") in causes(special("node-fetch-json", running))
    assert causes(special("requests-get-login", running)) == [("client-http-method", "likely")]
    assert causes(special("requests-get-for-post", running)) == [("client-http-method", "likely")]
    assert ids(special("requests-bearer", running)) == {"client-auth-header-unsupported", "api-key-rejected"}
    added = causes(special("requests-add-paused", running))
    assert added == ([("client-old-add-parameter", "likely")] if new else [])


def test_proofs_across_clients(healthy: Server) -> None:
    """One trace, several programs: JSON against a form, one method against another, a name against an address."""
    name = "localhost"
    with tracing(by_name(healthy.url)) as trace:
        port = trace.url.rpartition(":")[2]
        for program, host in (("aiohttp", name), ("aiohttp", "127.0.0.1"), ("requests-json", name), ("requests", name)):
            trace_programs.play(program, f"http://{host}:{port}", PASSWORD)
        result = trace.stop()
    found = dict(causes(result))
    assert found["client-drops-cookie"] == "proven"
    assert found["client-json-login"] == "proven"
    assert "use the address that was printed" in trace.said
    assert any("calls by an address" in note for exchange in result["exchanges"] for note in exchange["notes"])
    right = [client for client in result["clients"] if not client["causes"]]
    assert any("aiohttp" in client["user_agent"] and client["host"].startswith(name) for client in right)


def test_what_the_address_alone_may_do_is_only_possible(healthy: Server) -> None:
    with tracing(by_name(healthy.url)) as trace:
        port = trace.url.rpartition(":")[2]
        trace_programs.play("aiohttp", f"http://127.0.0.1:{port}", PASSWORD)
        assert causes(trace.stop()) == [("client-drops-cookie", "possible")]


def test_a_right_client_beside_wrong_ones_is_not_accused(healthy: Server) -> None:
    with tracing(healthy.url) as trace:
        for program in ("requests", "requests-bare", "requests-never", "requests"):
            trace_programs.play(program, trace.url, PASSWORD)
        result = trace.stop()
    blamed = [client for client in result["clients"] if client["causes"]]
    right = [client for client in result["clients"] if not client["causes"]]
    assert [client["requests"] for client in right] == [4]
    assert {cause["id"] for client in blamed for cause in client["causes"]} <= {
        "client-drops-cookie",
        "client-sends-no-cookie",
    }


def test_where_a_browser_says_that_it_comes_from(healthy: Server) -> None:
    """From 5.3 on Sec-Fetch-Site alone decides; before it is not read, and the Origin is."""
    foreign = {"Origin": "https://dash.example"}
    reads = healthy.release.version_tuple >= (5, 3)

    def judged(*requests_headers: dict[str, str]) -> tuple[list[int], dict[str, str]]:
        with tracing(healthy.url) as trace:
            with requests.Session() as client:
                login = {"username": "admin", "password": PASSWORD}
                client.post(f"{trace.url}/api/v2/auth/login", data=login, timeout=10)
                url = f"{trace.url}/api/v2/app/version"
                answers = [client.get(url, headers=one, timeout=10).status_code for one in ({}, *requests_headers)]
            return answers[1:], dict(causes(trace.stop()))

    crossed, same = {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin"}
    assert judged(crossed) == (([401], {"cross-site-blocked": "proven"}) if reads else ([200], {}))
    by_origin = {"client-foreign-origin": "proven"}
    assert judged({**crossed, **foreign}) == ([401], {"cross-site-blocked": "proven"} if reads else by_origin)
    assert judged({**same, **foreign}) == (([200], {}) if reads else ([401], by_origin))
    assert judged({**same, **foreign}, foreign) == ([200 if reads else 401, 401], by_origin)


@pytest.mark.parametrize("version", ["4.5.2", "5.3.0"])
def test_a_secure_cookie_over_http_is_the_servers_fault(server: ServerFactory, version: str) -> None:
    """HTTPS is on and its certificate is missing: plain http with a Secure cookie, which passes as it is."""
    running = server(version, settings={"HTTPS\\Enabled": "true"})
    assert causes(special("requests", running)) == [("secure-cookie-over-http", "likely")]


OLD_CLIENTS = os.environ.get("QBDOCTOR_TEST_OLD_CLIENTS", "")
STOPS: Verdict = {("client-wants-ok-body", "likely"), ("client-wants-sid-name", "possible")}


@pytest.mark.skipif(not OLD_CLIENTS, reason="QBDOCTOR_TEST_OLD_CLIENTS names no folder with virtual environments")
@pytest.mark.parametrize(
    ("folder", "name", "old", "new"),
    [
        ("aio38", "aiohttp", DROPS, DROPS),
        ("aio38", "aiohttp-unsafe", RIGHT, RIGHT),
        ("aio311", "aiohttp", DROPS, DROPS),
        ("aio311", "incident-regex", RIGHT, {("client-wants-sid-name", "likely")}),
        ("qa2507", "qbittorrent-api", RIGHT, STOPS),
        ("qa2311", "qbittorrent-api", RIGHT, STOPS),
        ("pyqb", "python-qbittorrent", RIGHT, STOPS),
    ],
)
def test_clients_of_other_releases(healthy: Server, folder: str, name: str, old: Verdict, new: Verdict) -> None:
    python = trace_programs.python_of(f"{OLD_CLIENTS}/{folder}")
    assert python is not None
    direct = trace_programs.play(name, healthy.url, PASSWORD, python)
    result, through = traced(name, healthy.url, PASSWORD, python)
    assert through == direct and direct[1]
    assert set(causes(result)) == (new if healthy.release.version_tuple >= (5, 2) else old)
