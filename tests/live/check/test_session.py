"""The session client against real servers: any cookie name, IP, name and IPv6, a lost session, its own log-outs."""

from __future__ import annotations

import pytest

from qbdoctor.model.basics import Secret
from qbdoctor.model.exchanges import Exchange
from qbdoctor.target.address import parse_url
from qbdoctor.webui.call import Call, parse_set_cookie
from qbdoctor.webui.masks import Deadline, Masks
from qbdoctor.webui.session import SessionClient
from qbdoctor.webui.wire import Wire
from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.server import Server

pytestmark = pytest.mark.in_turn

VERSION = "/api/v2/app/version"


def client(url: str, password: str) -> tuple[SessionClient, Wire, list[Exchange]]:
    """Return a client with its login made, and the list of logins."""
    wire = Wire(parse_url(url), Deadline(20), Masks())
    logins: list[Exchange] = []

    def sign_in() -> Exchange:
        logins.append(wire.send(Call("POST", "/api/v2/auth/login", form={"username": "admin", "password": password})))
        return logins[-1]

    made = SessionClient(wire, sign_in)
    made.adopt(sign_in())
    return made, wire, logins


def test_calls_by_address_and_name(healthy: Server) -> None:
    assert healthy.password
    for host in ("127.0.0.1", "localhost"):
        session, _, logins = client(f"http://{host}:{healthy.port}", healthy.password)
        assert session.call("GET", VERSION).status == 200
        assert len(logins) == 1
        session.close()


def test_calls_over_ipv6(server: ServerFactory, release: Release) -> None:
    running = server(address="::1")
    assert running.password
    session, _, _ = client(f"http://[::1]:{running.port}", running.password)
    assert session.call("GET", VERSION).status == 200
    session.close()


def test_an_address_with_a_zone(server: ServerFactory, release: Release) -> None:
    """As link-local addresses are written: ``[fe80::1%25eth0]``; the zone is for this machine, not for the Host header."""
    running = server(address="::1")
    assert running.password
    session, _, logins = client(f"http://[::1%251]:{running.port}", running.password)
    assert logins[0].failure is None
    assert session.call("GET", VERSION).status == 200
    session.close()


def test_a_lost_session_is_opened_again_once(server: ServerFactory, release: Release) -> None:
    running = server()
    assert running.password
    session, _, logins = client(running.url, running.password)
    running.restart()
    assert session.call("GET", VERSION).status == 200
    assert len(logins) == 2
    running.restart()
    assert session.call("GET", VERSION).status == 403
    assert len(logins) == 2, "once in a client's life"


def test_a_lost_session_is_not_opened_again_where_that_is_not_permitted(
    server: ServerFactory, release: Release
) -> None:
    running = server()
    assert running.password
    session, wire, _ = client(running.url, running.password)
    bound = SessionClient(wire)
    bound.cookies = dict(session.cookies)
    running.restart()
    before = running.successful_logins()
    assert bound.call("GET", VERSION).status == 403
    assert running.successful_logins() == before


def test_close_logs_out_what_was_opened(server: ServerFactory, release: Release) -> None:
    running = server(settings={"LocalHostAuth": "false"})
    wire = Wire(parse_url(running.url), Deadline(20), Masks())
    for _ in range(3):
        wire.send(Call("GET", VERSION))
    opened = {(cookie.name, cookie.value.reveal()) for cookie, _ in wire.opened}
    assert len(opened) == 3
    SessionClient(wire).close()
    # The bypass would open a new session to whoever has none: so it is closed before the old cookies are tried.
    running.set_preferences({"bypass_local_auth": False})
    for name, value in opened:
        assert running.get(VERSION, headers={"Cookie": f"{name}={value}"}).status_code == 403


def test_close_never_raises_when_the_server_is_gone(server: ServerFactory, release: Release) -> None:
    running = server()
    assert running.password
    session, _, _ = client(running.url, running.password)
    running.kill()
    session.close()


@pytest.mark.parametrize(
    ("header", "name", "flags"),
    [
        ("SID=abc+/=; HttpOnly; path=/; SameSite=Strict", "SID", (True, False, "Strict", "/")),
        (
            "QBT_SID_8080=canaryvalue; secure; HttpOnly; SameSite=Lax; expires=Sun, 22-Nov-2026; path=/",
            "QBT_SID_8080",
            (True, True, "Lax", "/"),
        ),
        ("a=b", "a", (False, False, None, None)),
        ("a=", "a", (False, False, None, None)),
    ],
)
def test_set_cookie_is_taken_apart(header: str, name: str, flags: tuple[bool, bool, str | None, str | None]) -> None:
    cookie = parse_set_cookie(header)
    assert cookie is not None
    assert cookie.name == name
    assert (cookie.http_only, cookie.secure, cookie.same_site, cookie.path) == flags
    assert cookie.value == Secret(header.partition("=")[2].partition(";")[0])
    assert cookie.value.reveal() == "" or cookie.value.reveal() not in cookie.shown().partition("=")[2]


def test_no_name_is_no_cookie() -> None:
    assert parse_set_cookie("nonsense") is None
    assert parse_set_cookie("=x; path=/") is None
