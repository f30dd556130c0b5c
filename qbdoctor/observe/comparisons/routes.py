"""Compares ways to the server: directly and through the address given, with and without a path, a redirect's goal.

None sends a cookie or credentials, so the certificate does not matter for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from qbdoctor.model.errors import UserError
from qbdoctor.model.exchanges import Comparison, Exchange
from qbdoctor.observe.base.login_budget import send_unauthorised
from qbdoctor.observe.ways import address_of
from qbdoctor.target.address import Address, parse_url
from qbdoctor.values import replace
from qbdoctor.webui.call import BROWSER, VERSION_PATH, Call
from qbdoctor.webui.recognise import answers_call

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection


def direct_address(inspection: Inspection) -> Address | None:
    """Return where the process behind the target listens itself; None where none is known.

    That process is the target's own, or the one whose log told of this run's request or login. A config without a running
    process is not enough: what listens on its port here may be anything.
    """
    target = inspection.target
    instance = inspection.seen.behind
    if instance is None:
        return None
    return address_of(instance, target.server_port if instance is target.instance else None)


def _direct(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the same call through the address given and directly at the process."""
    where = None if inspection.target.direct else direct_address(inspection)
    if where is None or where == inspection.address:
        return
    first = inspection.seen.anonymous
    b = inspection.wire.send(Call("GET", VERSION_PATH, address=where, verify=False))
    differs = answers_call(b) and (b.status != first.status or not answers_call(first))
    shows = (
        f"qBittorrent itself, asked at {where.url}, answers {b.outcome()}: the other answer is made on the way"
        if differs
        else "Both ways end alike"
    )
    yield Comparison("direct", "the way: through the address given, or directly", first, b, differs, shows)


def _base_path(inspection: Inspection) -> Iterator[Comparison]:
    """After a 404: the same call without the address's path, or with that of --public-url; then both directly."""
    first = inspection.seen.anonymous
    address, public = inspection.address, inspection.seen.asked.public_url
    other = "" if address.path else (public.path if public is not None else "")
    if other == address.path:
        return
    b = send_unauthorised(inspection, Call("GET", VERSION_PATH, address=replace(address, path=other)))
    one = _paths(first, b, address.path, other)
    yield one
    where = direct_address(inspection)
    if one.differs or where is None or not address.path:
        return
    with_path = inspection.wire.send(Call("GET", VERSION_PATH, address=replace(where, path=address.path), verify=False))
    bare = inspection.wire.send(Call("GET", VERSION_PATH, address=where, verify=False))
    yield _paths(with_path, bare, address.path, "")


def _paths(a: Exchange, b: Exchange, path: str, other: str) -> Comparison:
    differs = a.status == 404 and answers_call(b)
    shows = f"With the path {other or '/'} qBittorrent answers the call, with {path or '/'} nothing is found"
    return Comparison(
        "base-path", "the path before /api/v2", a, b, differs, shows if differs else "Neither is answered"
    )


def _redirect_goal(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the redirect's goal asked directly, where it is the same call at the same host."""
    first = inspection.seen.anonymous
    goal = urljoin(first.url, first.header("location") or "")
    if not goal.endswith(VERSION_PATH):
        return
    try:
        where = parse_url(goal.removesuffix(VERSION_PATH))
    except UserError:
        return
    if where.host != inspection.address.host or where == inspection.address:
        return
    b = send_unauthorised(inspection, Call("GET", VERSION_PATH, address=where, verify=False))
    differs = answers_call(b)
    shows = f"qBittorrent answers at {where.url}" if differs else f"{where.url} is not answered by qBittorrent"
    yield Comparison("redirect-goal", "the address: the one given or the redirect's goal", first, b, differs, shows)


def _as_browser(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the free call once more, as a browser asks: rules against robots go by the name that a program gives itself."""
    b = inspection.wire.send(Call("GET", VERSION_PATH, headers=BROWSER))
    shows = "To a browser's name qBittorrent itself answers: something in front refuses programs by theirs"
    differs = answers_call(b)
    factor = "the name of the program (User-Agent)"
    yield Comparison(
        "as-browser", factor, inspection.seen.anonymous, b, differs, shows if differs else "Both end alike"
    )


def _fresh(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the free call that was let in, with a query that no cache has an answer for."""
    b = inspection.wire.send(Call("GET", f"{VERSION_PATH}?now={time.time_ns()}"))
    differs = b.status in {401, 403}
    shows = "With a query that nobody asked before the call is refused: the other answer was kept from an earlier one"
    factor = "a query that no cache has an answer for"
    yield Comparison("fresh", factor, inspection.seen.anonymous, b, differs, shows if differs else "Both end alike")


MAKERS: dict[str, Callable[[Inspection], Iterator[Comparison]]] = {
    "as-browser": _as_browser,
    "direct": _direct,
    "fresh": _fresh,
    "base-path": _base_path,
    "redirect-goal": _redirect_goal,
}
