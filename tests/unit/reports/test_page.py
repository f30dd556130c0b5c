"""The HTML report as a browser shows it, on a phone and on a desk, light and dark: headless Chromium and axe-core."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from qbdoctor.model.report import CheckResult, Report
from qbdoctor.reports import render
from tests.kit.browser import browser
from tests.support.samples import SAMPLES, host_port_mismatch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]
PHONE, DESK = 390, 1200
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LOOKS = [(width, scheme) for width in (PHONE, DESK) for scheme in SCHEMES]
PICTURES = os.environ.get("QBDOCTOR_PICTURES")
"""A folder for pictures of every page, to look at."""

# A column of letters: text higher than three lines and narrower than four letters.
NARROW = """() => [...document.querySelectorAll('h1,h2,h3,h4,p,li,dt,dd,td,th,summary,pre,code,mark')].filter(one => {
  const box = one.getBoundingClientRect(), letter = parseFloat(getComputedStyle(one).fontSize);
  return one.innerText.trim().length > 4 && box.width > 0 && box.width < 4 * letter && box.height > 3 * 1.5 * letter;
}).map(one => one.outerHTML)"""
# Text of the picture that leaves its box.
OUTSIDE = """() => [...document.querySelectorAll('svg.way')].filter(svg => svg.getBoundingClientRect().width).flatMap(svg => {
  const boxes = [...svg.querySelectorAll('rect')].map(one => one.getBBox());
  return [...svg.querySelectorAll('text')].filter(text => {
    const t = text.getBBox();
    return !boxes.some(b => t.x >= b.x && t.y >= b.y && t.x + t.width <= b.x + b.width && t.y + t.height <= b.y + b.height);
  }).map(text => text.textContent);
})"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


def opened(chromium: Browser, text: str, width: int, scheme: Scheme = "light") -> Page:
    """The page of a report, with the policy that lets axe in."""
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.set_content(text)
    return page


def told_thrice() -> Report:
    """Real reports say the same of the verdict, of its cause and of the check that found it."""
    report = host_port_mismatch()
    cause = replace(report.causes[0], summary=report.headline)
    checks = (CheckResult("host-header", "The Host header", "fail", report.headline), *report.checks[1:])
    return replace(report, causes=(cause,), checks=checks)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_can_be_read_everywhere(chromium: Browser, name: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(chromium, render(SAMPLES[name](), "html"), PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (width, "scrolls sideways")
        assert page.evaluate(NARROW) == [], (width, "a column of letters")
        assert page.evaluate(OUTSIDE) == [], (width, "outside its box")
        # What the colours are alters nothing but the contrast.
        found = Axe().run(page, options={"runOnly": ["color-contrast"]} if scheme == "dark" else None)
        faults = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found.response["violations"]]
        assert not faults, (width, scheme)
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{scheme}.png", full_page=True)
    page.context.close()


def test_light_and_dark_differ(chromium: Browser) -> None:
    html = render(SAMPLES["healthy"](), "html")
    colors = {
        opened(chromium, html, DESK, scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in SCHEMES
    }
    assert len(colors) == 2


def test_the_headline_stands_once(chromium: Browser) -> None:
    report = told_thrice()
    page = opened(chromium, render(report, "html"), PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.inner_text("body").count(report.headline) == 1
    assert "see host-port-mismatch above" in page.inner_text("body")


def test_what_passed_is_folded(chromium: Browser) -> None:
    page = opened(chromium, render(host_port_mismatch(), "html"), DESK)
    assert "This address is not banned" not in page.inner_text("body")
    assert "The Host header is accepted" in page.inner_text("body")
    page.click("text=7 checks passed")
    assert "This address is not banned" in page.inner_text("body")


def test_backticks_become_code(chromium: Browser) -> None:
    report = replace(SAMPLES["healthy"](), headline="the answer `Fails.` came")
    page = opened(chromium, render(report, "html"), DESK)
    assert page.inner_text("h1") == "the answer Fails. came"
    assert page.inner_text("h1 code") == "Fails."


@pytest.mark.parametrize(("width", "beside"), [(PHONE, False), (DESK, True)])
def test_the_two_requests_and_the_way(chromium: Browser, width: int, beside: bool) -> None:
    """Beside each other where there is room; what differs is marked, and nothing else."""
    page = opened(chromium, render(host_port_mismatch(), "html"), width)
    left, right = (page.locator(".pair > div").nth(n).bounding_box() for n in (0, 1))
    assert left is not None
    assert right is not None
    assert (left["y"] == right["y"]) is beside
    assert page.locator("mark").all_inner_texts() == [
        "Host: 192.168.1.51:8112",
        "401 Unauthorized",
        "Host: 192.168.1.51:8080",
        "403 Forbidden",
    ]
    shown = page.locator("svg.way:visible")
    assert shown.count() == 1
    assert shown.get_attribute("role") == "img"
    assert "docker-proxy (8112 → 8080) → ✗ qBittorrent 5.1.0" in (shown.locator("desc").text_content() or "")
    broken = shown.locator("rect.broken").bounding_box()
    boxes = [shown.locator("rect").nth(n).bounding_box() for n in range(3)]
    assert broken == boxes[2]
