"""Healthy is what a standard client gets: its jar keeps the cookie, and a stranger's browser gets a whole page."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

import pytest
import requests

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.proxies import Answer, EditingProxy
from tests.kit.server import PASSWORD
from tests.support.doctor import cause, causes, diagnose, status

Down = Callable[[str, Answer], Answer]


def shifted(seconds: float) -> Down:
    """An answer as it comes from a server whose clock is that much ahead."""

    def moved(text: str) -> str:
        return formatdate(parsedate_to_datetime(text).timestamp() + seconds, usegmt=True)

    def down(_path: str, answer: Answer) -> Answer:
        headers = []
        for name, value in answer.headers:
            changed = moved(value) if name.lower() == "date" else value
            if name.lower() == "set-cookie":
                changed = re.sub(r"(?i)(expires=)([^;]+)", lambda found: found[1] + moved(found[2]), value)
            headers.append((name, changed))
        return replace(answer, headers=headers)

    return down


def cookie(change: Callable[[str], str]) -> Down:
    """An answer whose cookie was changed on the way."""

    def down(_path: str, answer: Answer) -> Answer:
        changed = [(name, change(value) if name.lower() == "set-cookie" else value) for name, value in answer.headers]
        return replace(answer, headers=changed)

    return down


def standard_client(url: str) -> int | None:
    """What requests' own jar gets after a right login."""
    with requests.Session() as session:
        session.post(f"{url}/api/v2/auth/login", data={"username": "admin", "password": PASSWORD}, timeout=5)
        return session.get(f"{url}/api/v2/app/version", timeout=5).status_code


KINDS: dict[str, tuple[str, Down]] = {
    "expires": ("cookie-expired-on-arrival", shifted(-7200)),
    "max-age": ("cookie-expired-on-arrival", cookie(lambda one: f"{one}; Max-Age=0")),
    "other path": ("cookie-path-mismatch", cookie(lambda one: re.sub("(?i)path=/", "Path=/downloads", one))),
    "no path": ("cookie-path-mismatch", cookie(lambda one: re.sub("(?i); ?path=/", "", one))),
    "other domain": ("cookie-domain-mismatch", cookie(lambda one: f"{one}; Domain=nas.example.com")),
    "secure": ("secure-cookie-over-http", cookie(lambda one: f"{one}; Secure")),
}


@pytest.mark.in_turn
@pytest.mark.parametrize("kind", KINDS)
def test_a_cookie_that_a_standard_jar_withholds(server: ServerFactory, release: Release, kind: str) -> None:
    expected, down = KINDS[kind]
    if kind == "expires" and release.version_tuple < (5, 2):
        pytest.skip("a cookie without expires")
    running = server()
    with EditingProxy(running.url, down=down) as proxy:
        assert standard_client(proxy.url) == 403
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report)[0] == expected, report["verdict"]
        found = cause(report, expected)
        assert (found["severity"], found["confidence"]) == ("error", "proven")
        assert causes(report, "error") == [expected]
        assert report["login_attempts"] == 1
        if kind == "expires":
            assert "2 hours behind" in found["summary"] or "120 minutes behind" in found["summary"]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "down",
    [
        shifted(-600),
        shifted(7200),
        cookie(lambda one: f"{one}; Max-Age=3600"),
        cookie(lambda one: re.sub("(?i)path=/", "Path=/api", one)),
        cookie(lambda one: re.sub("(?i)samesite=[a-z]+", "SameSite=Strict", one)),
    ],
    ids=["ten minutes behind", "two hours ahead", "max-age", "path of the api", "strict"],
)
def test_its_healthy_neighbours(server: ServerFactory, release: Release, down: Down) -> None:
    running = server()
    with EditingProxy(running.url, down=down) as proxy:
        assert standard_client(proxy.url) == 200
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == [], report["verdict"]


def test_what_browsers_alone_refuse_is_a_warning(server: ServerFactory) -> None:
    running = server("5.1.0")
    down = cookie(lambda one: re.sub("(?i)samesite=[a-z]+", "SameSite=None", one))
    with EditingProxy(running.url, down=down) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == []
        assert cause(report, "cookie-refused-by-browsers")["confidence"] == "proven"


def _alternative(tmp_path: Path, *, public: bool, script: bool = True) -> dict[str, str]:
    page = '<!doctype html><html><head><script src="app.js"></script></head><body>other UI</body></html>'
    for name in ("private", *(["public"] if public else [])):
        (tmp_path / "ui" / name).mkdir(parents=True)
        (tmp_path / "ui" / name / "index.html").write_text(page)
        if script:
            (tmp_path / "ui" / name / "app.js").write_text("1;")
    return {"AlternativeUIEnabled": "true", "RootFolder": str(tmp_path / "ui")}


@pytest.mark.parametrize("version", ["4.2.5", "4.5.2", "5.1.0"])
def test_an_alternative_ui_for_those_alone_who_are_logged_in(
    server: ServerFactory, version: str, tmp_path: Path
) -> None:
    running = server(version, settings=_alternative(tmp_path, public=False))
    report = diagnose("--url", running.url, password=PASSWORD)
    assert causes(report)[0] == "alt-webui-broken", report["verdict"]
    assert "public" in cause(report, "alt-webui-broken")["summary"]


def test_also_where_nothing_of_this_machine_is_known(server: ServerFactory, tmp_path: Path) -> None:
    running = server("5.1.0", settings=_alternative(tmp_path, public=False))
    with EditingProxy(running.url) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report)[0] == "alt-webui-broken", report["verdict"]


def test_a_whole_alternative_ui_is_healthy(server: ServerFactory, tmp_path: Path) -> None:
    running = server("5.1.0", settings=_alternative(tmp_path, public=True))
    report = diagnose("--url", running.url, password=PASSWORD)
    assert causes(report, "error") == [], report["verdict"]
    assert status(report, "front-page") == "pass"


def test_an_alternative_ui_without_its_script(server: ServerFactory, tmp_path: Path) -> None:
    running = server("5.1.0", settings=_alternative(tmp_path, public=True, script=False))
    report = diagnose("--url", running.url, password=PASSWORD)
    assert causes(report)[0] == "page-assets-missing", report["verdict"]


@pytest.mark.in_turn
@pytest.mark.parametrize("how", ["404", "a page"])
def test_a_proxy_that_loses_scripts(server: ServerFactory, release: Release, how: str) -> None:
    def down(path: str, answer: Answer) -> Answer:
        if not path.partition("?")[0].endswith((".js", ".css")):
            return answer
        page = [("Content-Type", "text/html")]
        return Answer(404 if how == "404" else 200, "Whatever", page, b"<html>a page</html>")

    running = server()
    for base in ("", "/qbt"):
        with EditingProxy(running.url, down=down, base_path=base) as proxy:
            report = diagnose("--url", proxy.url, password=PASSWORD)
            assert causes(report)[0] == "page-assets-missing", report["verdict"]
            assert "login.js" in cause(report, "page-assets-missing")["summary"]
        with EditingProxy(running.url, base_path=base) as proxy:
            assert causes(diagnose("--url", proxy.url, password=PASSWORD), "error") == []
