"""Asks for what a browser shows: the start page as a stranger gets it, and the scripts and styles that it needs."""

from __future__ import annotations

import html.parser
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from qbdoctor.values import replace
from qbdoctor.webui.call import BROWSER, Call

if TYPE_CHECKING:
    from qbdoctor.model.exchanges import Exchange
    from qbdoctor.observe.base.inspection import Inspection

MOST_PARTS = 6
"""The login page has two to four; a page of hundreds is not fetched whole."""


class _Parts(html.parser.HTMLParser):
    """Collects the addresses of scripts and style sheets; a preload or an icon is not needed for the page to work."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[str] = []
        self._aside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._aside += tag == "noscript"
        if self._aside:
            return  # for browsers without scripts, which cannot use the Web UI anyway
        named = {name: value or "" for name, value in attrs}
        if tag == "base" and named.get("href"):
            self.base = named["href"]
        elif tag == "script" and named.get("src"):
            self.found.append(named["src"])
        elif tag == "link" and "stylesheet" in named.get("rel", "").lower().split() and named.get("href"):
            self.found.append(named["href"])

    def handle_endtag(self, tag: str) -> None:
        self._aside -= tag == "noscript" and self._aside > 0


def page_parts(inspection: Inspection) -> tuple[Exchange, ...]:
    """Ask, without a session, for the scripts and styles of the start page at this address; those of other hosts are not."""
    page = inspection.seen.front_page
    if page.status != 200 or "html" not in (page.header("content-type") or "html"):
        return ()
    parser = _Parts()
    parser.feed(page.body)
    base = urljoin(page.url, parser.base)
    here = urlsplit(inspection.address.join("/"))
    asked: list[Exchange] = []
    for one in dict.fromkeys(urljoin(base, part) for part in parser.found):
        goal = urlsplit(one)
        if (goal.scheme, goal.netloc) != (here.scheme, here.netloc) or len(asked) >= MOST_PARTS:
            continue
        path = f"{goal.path or '/'}{f'?{goal.query}' if goal.query else ''}"
        prefix = inspection.address.path
        if prefix and path.startswith(f"{prefix}/"):
            asked.append(inspection.wire.send(Call("GET", path[len(prefix) :], headers=BROWSER)))
        else:
            asked.append(
                inspection.wire.send(Call("GET", path, headers=BROWSER, address=replace(inspection.address, path="")))
            )
    return tuple(asked)


def is_broken(part: Exchange) -> bool:
    """Return whether a browser cannot use this script or style: refused, missing, or a page in its place."""
    if part.failure is not None and part.failure.kind == "deadline":
        return False  # the run had no time left for it
    if not part.answered:
        return True
    kind = (part.header("content-type") or "").partition(";")[0].strip().lower()
    return part.status not in {200, 304} or kind == "text/html"
