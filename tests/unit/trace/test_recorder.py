"""`qbdoctor trace`: what is translated between proxy and target, and what is kept of an exchange."""

from __future__ import annotations

import contextlib
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbdoctor.forwarding.rewriting import Names, kind_of, proxy_host, shown_source
from qbdoctor.target.address import parse_url
from qbdoctor.trace.exchange import Carried, Trace
from qbdoctor.trace.forms import AddFields, read_login
from qbdoctor.trace.human import human
from qbdoctor.trace.recorder import Notebook, shown_path
from qbdoctor.trace.result import result

NAMES = Names(parse_url("http://localhost:9090"), parse_url("http://nas.lan:8080"))


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "passed"),
    [
        ("localhost:9090", "nas.lan:8080"),
        ("127.0.0.1:9090", "nas.lan:8080"),
        ("host.docker.internal:9090", "nas.lan:8080"),
        ("[::1]:9090", "nas.lan:8080"),
        ("evil.example", "evil.example"),
        ("localhost:8080", "localhost:8080"),
        ("nas.lan:8080", "nas.lan:8080"),
        ("localhost:x", "localhost:x"),
    ],
)
def test_a_host_that_names_the_proxy_is_translated(host: str, passed: str) -> None:
    assert NAMES.host(host) == passed


@pytest.mark.parametrize(
    ("source", "passed", "own"),
    [
        ("http://localhost:9090", "http://nas.lan:8080", True),
        ("http://127.0.0.1:9090/login?x=y", "http://nas.lan:8080/login?x=y", True),
        ("http://box:9090/", "http://box:9090/", False),
        ("http://nas.lan:8080/x", "http://nas.lan:8080/x", True),
        ("http://evil.example:9090", "http://evil.example:9090", False),
        ("http://evil.example", "http://evil.example", False),
        ("chrome-extension://abc", "chrome-extension://abc", False),
        ("null", "null", False),
        ("http://localhost:9090@evil.example/", "http://localhost:9090@evil.example/", False),
    ],
)
def test_an_origin_that_names_the_proxy_is_translated(source: str, passed: str, own: bool) -> None:
    assert NAMES.source(source, "box:9090") == (passed, own)


def test_an_https_target_sees_its_own_scheme() -> None:
    names = Names(parse_url("http://localhost:9090"), parse_url("https://nas.lan"))
    assert names.source("http://localhost:9090/x", "localhost:9090") == ("https://nas.lan/x", True)
    assert names.location("https://nas.lan/y?z") == "http://localhost:9090/y?z"
    assert names.location("https://else.lan/y") == "https://else.lan/y"
    assert names.location("/y") == "/y"


@pytest.mark.parametrize(
    ("target", "listen", "host", "same"),
    [
        ("http://nas.lan:1", None, "localhost", True),
        ("http://192.168.1.2:1", None, "127.0.0.1", True),
        ("http://[fe80::1]:1", None, "::1", True),
        ("http://nas.lan:1", "127.0.0.1", "localhost", True),
        ("http://nas.lan:1", "0.0.0.0", "localhost", True),
        ("http://192.168.1.2:1", "0.0.0.0", "127.0.0.1", True),
        ("http://192.168.1.2:1", "box", "box", False),
        ("http://nas.lan:1", "192.168.1.9", "192.168.1.9", False),
        ("http://10.0.0.1:1", "192.168.1.9", "192.168.1.9", True),
    ],
)
def test_the_proxy_has_the_kind_of_host_that_the_target_has(
    target: str, listen: str | None, host: str, same: bool
) -> None:
    assert proxy_host(parse_url(target), listen, lambda *_: False) == (host, same)


def test_sources_are_shown_without_what_is_private() -> None:
    assert shown_source("http://user:canary@evil.example:1/path?canary") == "http://evil.example:1"
    assert shown_source("http://[::1]:1/") == "http://[::1]:1"
    assert (shown_source("null"), shown_source("x"), shown_source("http://[")) == ("null", "(no URL)", "(no URL)")
    assert [kind_of(each) for each in ("", "nas", "1.2.3.4", "[::1]")] == ["none", "name", "ip", "ip"]


# --- forms ---------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=10))
def test_a_form_that_a_library_encoded_is_never_doubted(password: str, username: str) -> None:
    with contextlib.suppress(UnicodeEncodeError):
        body = urlencode({"username": username, "password": password}).encode()
        form = read_login(body, lambda text: text)
        assert set(form.doubts) <= {"plus"}
        assert form.meant == password
        assert ("plus" in form.doubts) == (" " in password)


@pytest.mark.parametrize(
    ("password", "doubts"),
    [
        ("a&b", ("ampersand",)),
        ("a%zz", ("escape",)),
        ("a b", ("raw",)),
        ("a=b", ("raw",)),
        ("a+b", ("plus",)),
        ("abc", ()),
    ],
)
def test_a_form_that_nobody_encoded(password: str, doubts: tuple[str, ...]) -> None:
    form = read_login(f"username=admin&password={password}".encode(), lambda text: text)
    assert (form.doubts, form.raw) == (doubts, password)


def test_the_fields_of_an_upload_are_found_wherever_they_are_cut() -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="torrents"; filename="x"\r\n\r\n' + b"x" * 3000 + b"\r\n"
        b'--B\r\nContent-Disposition: form-data; name="paused"\r\n\r\ntrue\r\n'
        b'--B\r\nContent-Disposition: form-data; name="stopped"\r\n\r\nfalse\r\n--B--\r\n'
    )
    for size in (1, 7, 64, 100000):
        fields = AddFields("multipart")
        for start in range(0, len(body), size):
            fields.feed(body[start : start + size])
        assert fields.result() == ("paused",), size
    form = AddFields("form")
    form.feed(b"urls=x&paused=true&stop")
    form.feed(b"ped=true")
    assert form.result() == ("paused", "stopped")


# --- the notebook --------------------------------------------------------------------------------------------------

SECRETS = ("canary-password", "canarySID/+abc", "canary-key", "qbt_" + "c" * 28, "canary-user", "canary-query")


def test_no_secret_is_kept_in_the_facts() -> None:
    notebook = Notebook(NAMES)
    login = notebook.start(
        "1.2.3.4", 1, "POST", "/api/v2/auth/login", [("Host", "localhost:9090"), ("Content-Type", FORM)]
    )
    login.sent(b"username=canary-user&password=canary-password&canary-query=1")
    login.status, login.answer_headers = 200, [("set-cookie", "SID=canarySID/+abc; HttpOnly; path=/")]
    login.came(b"Ok.")
    call = notebook.start(
        "1.2.3.4",
        1,
        "GET",
        f"/api/v2/torrents/info?apikey={SECRETS[3]}&canary-query=canary-query",
        [
            ("Host", "localhost:9090"),
            ("Cookie", "other=canary-key; SID=canarySID/+abc"),
            ("Authorization", "Bearer canary-key"),
            ("X-Api-Key", SECRETS[3]),
            ("User-Agent", f"x {SECRETS[3]} http://canary-user:canary-password@h/\nline"),
            ("Referer", "http://canary-user:canary-password@evil/canary-query"),
        ],
    )
    call.status = 403
    seen = (notebook.finish(login), notebook.finish(call))
    made = result(Trace("http://nas.lan:8080", "http", "nas.lan", 8080, "name", seen))
    text = json.dumps(made.to_json()) + human(made, verbose=True) + repr(seen)
    assert [secret for secret in SECRETS if secret in text and secret != "canary-query"] == []
    assert "=canary" not in text and "canarySID" not in text
    assert seen[1].cookies == (Carried("other", "unknown"), Carried("SID", "session-1"))
    assert seen[0].given[0].value == "session-1"


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("SID=ab/+c", "session-1"),
        ('SID="ab/+c"', "session-1"),
        ("SID=stale; SID=ab/+c", "session-1"),
        ("SID=ab/+c; SID=stale", "unknown"),
        ("SID=ab%2F%2Bc", "session-1 altered"),
        ("SID=ab/ c", "session-1 altered"),
        ("SID='ab/+c'", "session-1 altered"),
        ("SID=None", "empty"),
        ("SID=", "empty"),
    ],
)
def test_cookies_are_read_as_the_server_reads_them(header: str, value: str) -> None:
    notebook = Notebook(NAMES)
    first = notebook.start("1.2.3.4", 1, "GET", "/", [])
    first.answer_headers = [("Set-Cookie", "SID=ab/+c; path=/")]
    notebook.finish(first)
    assert notebook.finish(notebook.start("1.2.3.4", 1, "GET", "/", [("Cookie", header)])).cookies == (
        Carried("SID", value),
    )


def test_paths_keep_the_names_of_their_parameters() -> None:
    assert shown_path("/api/v2/auth/login?username=admin&password=x y") == "/api/v2/auth/login?username&password"
    assert shown_path("/x?a%20b=1&" + "y" * 50) == "/x?…&…"
    assert shown_path("http://proxy/api?x=y") == "/api?x"
