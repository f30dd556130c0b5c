"""Starts headless Chromium for the tests that look at pages; without it they are skipped, naming the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.kit import needs

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--no-first-run",
    "--no-sandbox",  # tests run as root in a namespace of their own, where the sandbox cannot be set up
)


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium of this machine, without a window."""
    program = needs.program("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        needs.without(f"{needs.MISSING}playwright (pip install '.[test]')")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield running
        finally:
            running.close()
