"""The page of a watch as a browser shows it, its metrics as Prometheus reads them, and the server of both."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from qbdoctor.model.errors import UserError
from qbdoctor.model.report import Cause
from qbdoctor.watch.base.events import KINDS, Event
from qbdoctor.watch.base.glances import Glance
from qbdoctor.watch.page import page
from qbdoctor.watch.page.server import PageServer
from qbdoctor.watch.page.status import Status
from tests.kit import needs
from tests.kit.browser import browser
from tests.unit.reports.test_page import LOOKS, NARROW
from tests.unit.watch import sample
from tests.unit.watch.fakes import FakeClock

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = os.environ.get("QBDOCTOR_PICTURES")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    state = tmp_path_factory.mktemp("state")
    return page.render(page.template(), state, sample.made(state), sample.NOW)


def test_nothing_is_run_or_loaded_and_foreign_text_is_text(html: str) -> None:
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "href=" not in html
    assert "src=" not in html.replace("default-src", "")


@pytest.mark.parametrize(
    "empty", [pytest.param(False, id="a month"), pytest.param(True, id="nothing yet", marks=pytest.mark.extended)]
)
def test_the_page_can_be_read_everywhere(chromium: Browser, html: str, tmp_path: Path, empty: bool) -> None:
    from axe_playwright_python.sync_playwright import Axe

    if empty:
        html = page.render(page.template(), tmp_path, Status(sample.URL, FakeClock(), 60.0), sample.NOW)
    context = chromium.new_context(bypass_csp=True)
    shown = context.new_page()
    errors: list[str] = []
    shown.on("console", lambda message: errors.append(message.text))
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.set_content(html)
    for opened in (False, True):
        shown.evaluate(f"document.querySelectorAll('details').forEach(one => one.open = {str(opened).lower()})")
        for width, scheme in LOOKS:
            shown.set_viewport_size({"width": width, "height": 844})
            shown.emulate_media(color_scheme=scheme)
            assert shown.evaluate("document.documentElement.scrollWidth") <= width, (width, "scrolls sideways")
            assert shown.evaluate(NARROW) == [], (width, "a column of letters")
            if PICTURES and not opened:
                shown.screenshot(path=Path(PICTURES) / f"watch-{empty}-{width}-{scheme}.png", full_page=True)
            if opened:
                found = Axe().run(shown)
                faults = [
                    (one["id"], [node["target"] for node in one["nodes"]]) for one in found.response["violations"]
                ]
                assert not faults, (width, scheme)
    assert not errors
    context.close()


def test_the_picture_shows_what_was_seen(html: str) -> None:
    for text in (
        "2161 looks, 98.7 % answered",
        "No answer comes: connection refused",
        "QBT_SID_8080",
        "12 failed logins",
    ):
        assert text in html, text
    assert html.count('class="bad" x=') >= 3, "silence and the problem"
    assert html.count("<polyline") > 4, "gaps are no lines"


def asked(port: int, path: str, host: str = "127.0.0.1", method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def test_the_server_answers_its_three_pages_and_nobody_elses_name() -> None:
    def broken() -> tuple[int, str, bytes]:
        raise RuntimeError("a secret")

    served = PageServer("127.0.0.1", 0, {"/": lambda: (200, "text/html", b"page"), "/broken": broken})
    try:
        status, body, headers = asked(served.port, "/?x=1")
        assert (status, body) == (200, b"page")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert asked(served.port, "/", method="HEAD")[:2] == (200, b"")
        assert asked(served.port, "/other")[0] == 404
        assert asked(served.port, "/broken")[:2] == (500, b"RuntimeError\n")
        assert asked(served.port, "/", host="localhost:9")[0] == 200
        assert asked(served.port, "/", host="evil.example")[0] == 403
        assert asked(served.port, "/", method="POST")[0] == 501
        with pytest.raises(UserError, match="cannot be listened at"):
            PageServer("127.0.0.1", served.port, {})
    finally:
        served.close()


def test_the_metrics_are_openmetrics() -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    from qbdoctor.watch.page.metrics import Metrics

    made = Metrics('http://nas.lan:8080/"\\\n')
    look = Glance(1.7e9, 0.0, "ok", ms=40, status=200, with_session=True, refreshed=True)
    made.looked(look, "")
    made.looked(Glance(1.7e9, 0.0, "asks-login", ms=9, status=403, with_session=True), "restarted")
    made.looked(Glance(1.7e9 + 60, 0.0, "down"), "")
    made.happened(Event("restarted", 1.7e9, "It was"), "healthy")
    checked = cast(
        "Any", type("Checked", (), {"state": "problem", "causes": (Cause("ip-banned", "error", "likely", "x"),)})
    )
    made.checked(checked, cast("Any", type("Made", (), {"login_attempts": 1})))
    text = made.text().decode()
    assert text.endswith("# EOF\n")
    values = {
        (sample_.name, *sorted(sample_.labels.values())): sample_.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample_ in family.samples
    }
    assert values["qbdoctor_watch_looks_total", "ok"] == 1
    assert values["qbdoctor_watch_looks_total", "down"] == 1
    assert values["qbdoctor_watch_refusals_total", "403", "restarted"] == 1
    assert values["qbdoctor_watch_events_total", "restarted"] == 1
    assert values["qbdoctor_watch_events_total", "banned"] == 0, (
        "there before it happens, so that a rate shows the first"
    )
    assert values["qbdoctor_state", "problem"] == 1
    assert values["qbdoctor_cause", "error", "ip-banned"] == 1
    assert values["qbdoctor_watch_reachable",] == 0
    assert values["qbdoctor_watch_logins_total",] == 1
    assert values["qbdoctor_watch_look_seconds_count",] == 2
    assert sum(name[0] == "qbdoctor_watch_events_total" for name in values) == len(KINDS)


def test_promtool_finds_nothing_wrong_with_the_metrics() -> None:
    """Prometheus' own linter: names, units, help. It reads the older text format, which says the same without exemplars."""
    from prometheus_client import generate_latest

    from qbdoctor.watch.page.metrics import Metrics

    made = Metrics(sample.URL)
    made.looked(Glance(1.7e9, 0.0, "ok", ms=40, status=200, with_session=True, refreshed=True), "")
    made.looked(Glance(1.7e9, 0.0, "asks-login", ms=9, status=403, with_session=True), "restarted")
    made.happened(Event("restarted", 1.7e9, "It was"), "healthy")
    checked = cast(
        "Any", type("Checked", (), {"state": "problem", "causes": (Cause("ip-banned", "error", "likely", "x"),)})
    )
    made.checked(checked, cast("Any", type("Made", (), {"login_attempts": 1})))
    said = subprocess.run(
        [needs.program("promtool", optional=True), "check", "metrics"],
        input=generate_latest(made._registry), capture_output=True, timeout=60,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr.decode()
    assert not said.stdout + said.stderr


def test_a_watch_that_does_not_look_any_more_is_not_alive() -> None:
    clock = FakeClock()
    status = Status("http://nas.lan", clock, 90.0)
    lives = []
    for seconds in (80, 20):
        clock.sleep(seconds)
        lives.append(status.alive)
    status.looked(Glance(0.0, 0.0, "down"), "")
    assert [*lives, status.alive] == [True, False, True], "no answer is an answer"
