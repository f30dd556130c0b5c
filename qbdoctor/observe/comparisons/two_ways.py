"""Compares the address given with the process behind it: the same few requests go both ways.

Each of them is harmless: none counts as a login, needs a session or changes a setting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qbdoctor.model.exchanges import Comparison, Exchange
from qbdoctor.observe.comparisons.marking import ends_alike, send_as_browser
from qbdoctor.observe.comparisons.routes import direct_address
from qbdoctor.observe.pages import DESTINATION, is_broken
from qbdoctor.observe.ways import address_of, calls_to_compare, is_its_own, is_trusted, key_of, no_form
from qbdoctor.values import replace
from qbdoctor.webui.answers import differing_headers
from qbdoctor.webui.call import BROWSER, VERSION_PATH, Call
from qbdoctor.webui.recognise import arrived_whole, bears_marks
from qbdoctor.webui.session import NO_SUCH_KEY

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.target.address import Address


def _two_ways(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the start page (else the free call), what it needs and does not get, a key that cannot exist, a browser's Origin."""
    where = None if inspection.target.direct else direct_address(inspection)
    if where is None or where == inspection.address:
        return
    seen = inspection.seen

    def ask(call: Call) -> Exchange:
        return inspection.wire.send(replace(call, address=where, verify=False))

    if seen.has("front_page"):
        yield _compared("the start page", seen.front_page, ask(Call("GET", "/", headers=BROWSER)))
    else:
        yield _compared("the free call", seen.anonymous, ask(Call("GET", VERSION_PATH)))
    broken = [one for one in (seen.page_parts if seen.has("page_parts") else ()) if is_broken(one)]
    for part in sorted(broken, key=lambda one: dict(one.sent).get(DESTINATION) != "script")[:1]:
        yield _compared("what the page needs", part, ask(_part_call(inspection.address, part)))
    if seen.asked.api_key is not None and seen.has("bearer_root"):
        root = ask(Call("GET", "/", bearer=NO_SUCH_KEY))
        yield _compared("an API key that cannot exist", seen.bearer_root, root)
    a = send_as_browser(inspection, _as_browser(inspection.address), seen.anonymous)
    if not ends_alike(a, seen.anonymous):
        directly = replace(_as_browser(where), address=where, verify=False)
        yield _compared("a browser's Origin", a, send_as_browser(inspection, directly, seen.anonymous))


def _own_origin(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the free call with the Origin of this very address, where the process behind it is not known, and without."""
    first, address, asked = inspection.seen.anonymous, inspection.address, inspection.seen.asked
    if asked.public_url is not None or asked.no_login:  # --public-url is tried by itself; the other asks for the least
        return
    if first.status not in {200, 403} or direct_address(inspection) is not None:
        return
    call = Call("GET", VERSION_PATH, headers={"Origin": f"{address.scheme}://{address.authority}"})
    a = send_as_browser(inspection, call, first)
    differs = a.status == 401 and bears_marks(a)
    shows = (
        "qBittorrent refuses the Origin of the address that it was asked by: another Host arrives with it"
        if differs
        else "The Origin of this address is accepted"
    )
    notes = "each refused request leaves a warning in qBittorrent's log" if differs else ""
    yield Comparison("own-origin", "the Origin header: this address's, or none", a, first, differs, shows, notes)


def _as_browser(address: Address) -> Call:
    """Return the free call as a browser's page at that address makes it."""
    return Call("GET", VERSION_PATH, headers={**BROWSER, "Origin": f"{address.scheme}://{address.authority}"})


def _part_call(address: Address, part: Exchange) -> Call:
    """Return the call for a script or style of the page, without what the address given has before qBittorrent's paths."""
    goal = urlsplit(part.url)
    path = f"{goal.path.removeprefix(address.path)}{f'?{goal.query}' if goal.query else ''}"
    return Call("GET", path, headers={**BROWSER, DESTINATION: dict(part.sent).get(DESTINATION, "script")})


def _compared(what: str, a: Exchange, b: Exchange) -> Comparison:
    differs = (a.status, a.body) != (b.status, b.body) or bool(differing_headers(a, b))
    shows = f"Directly {what} is answered otherwise: the way makes the difference" if differs else "Both ways end alike"
    return Comparison("two-ways", what, a, b, differs, shows)


def _body(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the body that was lost on the way, sent directly to the process behind it."""
    probe = inspection.seen.body_probe
    where = direct_address(inspection)
    if probe is None or where is None:
        return
    b = inspection.wire.send(replace(no_form(), address=where, verify=False))
    differs = b.status == 400 and probe.status != 400
    shows = "Directly the body arrives, and is refused for its type; through the address given no body arrives"
    yield Comparison("body", "the way: through the address given, or directly", probe, b, differs, shows)


def _api_key(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the API key at the process whose config holds that very key, so that nothing new is told to anybody."""
    seen = inspection.seen
    call, one, key = seen.session_call, seen.behind, seen.asked.api_key
    where = address_of(one, None) if one is not None and one is not inspection.target.instance else None
    if call is None or one is None or where is None or key is None or key_of(one) != key:
        return
    if not is_trusted(inspection, one) and not is_its_own(one):
        return
    b = inspection.wire.send(Call("GET", VERSION_PATH, address=where, verify=False, bearer=key))
    differs = b.status == 200 and call.status != 200
    shows = "Directly the key is accepted: on the way the Authorization header is dropped or replaced"
    yield Comparison("api-key", "the way: through the address given, or directly", call, b, differs, shows)


def _whole_calls(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the calls that something in front changed, at the process whose log told of this run's login, and its session."""
    seen = inspection.seen
    where = None if seen.asked.api_key is not None else direct_address(inspection)
    for a, call in zip(seen.whole_calls, calls_to_compare(inspection), strict=False):
        if arrived_whole(a):
            continue
        own = inspection.wire.send(replace(call, headers={}))
        if arrived_whole(own):
            shows = f"Under another name than {a_name(a)} the same call through the same address gets through"
            yield Comparison("whole-calls", NAMES, a, own, True, shows)
            continue
        if where is None or where == inspection.address:
            continue
        b = inspection.wire.send(replace(call, address=where, verify=False))
        shows = (
            f"Directly qBittorrent answers this very call itself ({b.outcome()}): on the way it is changed or refused"
        )
        yield Comparison(
            "whole-calls", "the way: through the address given, or directly", a, b, arrived_whole(b), shows
        )


FRESH = "a query that no cache has an answer for"
NAMES = "the name of the program (User-Agent)"


def a_name(exchange: Exchange) -> str:
    """Return the name that a request gave itself."""
    return dict(exchange.sent).get("User-Agent", "")


def _session_cookie(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the cookie that the login set: with a query of its own, twice; else at the process whose log told of that login."""
    call, where = inspection.seen.session_call, direct_address(inspection)
    login = inspection.seen.sign_in.exchange
    if call is None or login is None:
        return
    cookies = {one.name: one.value for one in login.cookies}
    fresh = [
        inspection.wire.send(Call("GET", f"{VERSION_PATH}?now={time.time_ns()}", cookies=cookies)) for _ in range(2)
    ]
    good = [one for one in fresh if one.status == 200]
    if good:
        cached = len(good) == len(fresh)
        shows = (
            "With a query that nobody asked before the session is good: the other answer was kept from an earlier call"
            if cached
            else "The same session is good at one time and not at another: the answers come from different servers"
        )
        yield Comparison("session-cookie", FRESH if cached else "the time", call, good[0], True, shows)
        return
    if where is None or where == inspection.address:
        return
    b = inspection.wire.send(Call("GET", VERSION_PATH, address=where, verify=False, cookies=cookies))
    shows = "Directly the session is good: on the way the Cookie header is dropped or changed"
    factor = "the way: through the address given, or directly"
    yield Comparison("session-cookie", factor, call, b, b.status == 200 and call.status != 200, shows)


MAKERS: dict[str, Callable[[Inspection], Iterator[Comparison]]] = {
    "two-ways": _two_ways,
    "own-origin": _own_origin,
    "body": _body,
    "api-key": _api_key,
    "session-cookie": _session_cookie,
    "whole-calls": _whole_calls,
}
