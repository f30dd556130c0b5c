"""Asks for what a browser shows: the start page as a stranger gets it, and the scripts and styles that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from qbdoctor.patterns import regex
from qbdoctor.values import replace
from qbdoctor.webui.call import BROWSER, Call
from qbdoctor.webui.recognise import is_login_page

if TYPE_CHECKING:
    from qbdoctor.model.exchanges import Exchange
    from qbdoctor.observe.base.inspection import Inspection

MOST_PARTS = 6
"""The login page has two to four; a page of hundreds is not fetched whole."""
MOST_TEXT = 2000
"""Characters of the page that are looked through, the head of it."""


DESTINATION = "Sec-Fetch-Dest"
"""The header by which a browser says what it wants an answer for."""
_JAVASCRIPT = regex(r"(application|text)/(x-)?(java|ecma)script|text/(livescript|jscript|javascript1\.[0-5])")
"""Types of JavaScript (WHATWG MIME Sniffing, 4.6)."""


def front_page(inspection: Inspection) -> Exchange:
    """Ask for the start page as a browser without a session does, and keep its text as it came for :func:`page_parts`."""
    page, raw = inspection.wire.read(Call("GET", "/", headers=BROWSER))
    inspection.page_text = raw.decode("utf-8", "replace")[:MOST_TEXT]
    return page


def page_parts(inspection: Inspection) -> tuple[Exchange, ...]:
    """Ask, without a session, for the scripts and styles of the start page at this address; those of other hosts are not.

    They are read from the page as it came: where a password is also a word of the page, a masked name would not be found.
    """
    page = inspection.seen.front_page
    if page.status != 200 or "html" not in (page.header("content-type") or "html"):
        return ()
    from qbdoctor.observe.base.page_parser import PageParser  # noqa: PLC0415 - Python's parser of HTML takes 3 ms

    parser = PageParser()
    parser.feed(inspection.page_text)
    base = urljoin(page.url, parser.base)
    here = urlsplit(inspection.address.join("/"))
    # Where nobody stands between, and the page is built in, its scripts alone tell what this machine takes their type for.
    wanted = {"script"} if inspection.target.direct and is_login_page(page) else {"script", "style"}
    asked: list[Exchange] = []
    for one, kind in {urljoin(base, part): kind for part, kind in parser.found.items() if kind in wanted}.items():
        goal = urlsplit(one)
        if (goal.scheme, goal.netloc) != (here.scheme, here.netloc) or len(asked) >= MOST_PARTS:
            continue
        path = f"{goal.path or '/'}{f'?{goal.query}' if goal.query else ''}"
        prefix = inspection.address.path
        call = Call("GET", path, headers={**BROWSER, DESTINATION: kind}, address=replace(inspection.address, path=""))
        if prefix and path.startswith(f"{prefix}/"):
            call = replace(call, path=path[len(prefix) :], address=None)
        got = inspection.wire.send(call)
        asked.append(replace(got, url=inspection.wire.masks.hide(got.url)))
    return tuple(asked)


def is_broken(part: Exchange) -> bool:
    """Return whether a browser cannot use this script or style: refused, missing, or of a type that it does not take."""
    if part.too_late:
        return False  # the run had no time left for it
    return not part.answered or part.status not in {200, 304} or not is_usable(part)


def is_usable(part: Exchange) -> bool:
    """Return whether a browser takes an answer for the script or style that it asked for (Fetch, "nosniff"; HTML, "link").

    Where the answer says nosniff, as all of qBittorrent's do, a script needs a type of JavaScript's. A style needs
    text/css in any case.
    """
    kind = content_type(part)
    strict = (part.header("x-content-type-options") or "").partition(",")[0].strip().lower() == "nosniff"
    if dict(part.sent).get(DESTINATION) == "style":
        return kind == "text/css" or (not kind and not strict)
    if strict:
        return _JAVASCRIPT.fullmatch(kind) is not None
    return kind not in {"text/html", "text/csv"} and not kind.startswith(("image/", "audio/", "video/"))


def content_type(part: Exchange) -> str:
    """Return the media type of an answer without its parameters, in lower case; empty where it names none."""
    return (part.header("content-type") or "").partition(";")[0].strip().lower()
