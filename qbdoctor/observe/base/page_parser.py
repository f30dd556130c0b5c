"""Reads which scripts and style sheets a page needs."""

from __future__ import annotations

import html.parser


class PageParser(html.parser.HTMLParser):
    """Collects the addresses of scripts and style sheets; a preload or an icon is not needed for the page to work."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: dict[str, str] = {}  # address: what it is for, in the words of Sec-Fetch-Dest
        self._aside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what an element needs."""
        self._aside += tag == "noscript"
        if self._aside:
            return  # for browsers without scripts, which cannot use the Web UI anyway
        named = {name: value or "" for name, value in attrs}
        if tag == "base" and named.get("href"):
            self.base = named["href"]
        elif tag == "script" and named.get("src"):
            self.found.setdefault(named["src"], "script")
        elif tag == "link" and "stylesheet" in named.get("rel", "").lower().split() and named.get("href"):
            self.found.setdefault(named["href"], "style")

    def handle_endtag(self, tag: str) -> None:
        """Leave a ``noscript``."""
        self._aside -= tag == "noscript" and self._aside > 0
