"""What makes a browser drop the session cookie, tried in one: the doctor says so, and that programs are not concerned."""

from __future__ import annotations

import pytest

from tests.conftest import ServerFactory
from tests.kit.browser import browser
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose

ON_THIS_PORT = "proxy_set_header Host $http_host;"


def _front(running: Server, lines: str) -> Nginx:
    return Nginx(running.url, f"{ON_THIS_PORT} {lines}", host="127.0.0.2", port=running.port)


@pytest.mark.in_turn
@pytest.mark.parametrize("sent", ['"cookies"', '"*"', '"cache", "cookies"'])
def test_an_answer_that_clears_cookies(server: ServerFactory, release: Release, sent: str) -> None:
    running = server()
    with _front(running, f"add_header Clear-Site-Data '{sent}' always;") as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    found = cause(report, "cookie-refused-by-browsers")
    assert (found["severity"], causes(report, "error")) == ("warning", [])
    assert "Clear-Site-Data" in found["summary"]


@pytest.mark.in_turn
def test_an_answer_that_clears_something_else(server: ServerFactory, release: Release) -> None:
    running = server()
    with _front(running, """add_header Clear-Site-Data '"cache"' always;""") as proxy:
        assert "cookie-refused-by-browsers" not in causes(diagnose("--url", proxy.url, password=PASSWORD))


LOGIN = """async (password) => {
    const form = new URLSearchParams({username: "admin", password: password});
    const login = await fetch("/api/v2/auth/login", {method: "POST", body: form});
    const call = await fetch("/api/v2/app/version");
    return [login.status, call.status];
}"""


@pytest.mark.extended
@pytest.mark.parametrize(("sent", "expected"), [('"cookies"', 403), ('"cache"', 200)])
def test_what_a_browser_does_with_it(server: ServerFactory, release: Release, sent: str, expected: int) -> None:
    running = server()
    with _front(running, f"add_header Clear-Site-Data '{sent}' always;") as proxy, browser() as program:
        page = program.new_page()
        page.goto(f"{proxy.url}/")
        login, call = page.evaluate(LOGIN, PASSWORD)
    assert (login in {200, 204}, call) == (True, expected)
