"""Compares calls by what a browser that uses --public-url sends: its Host, Origin and Referer.

A browser sends the public authority as Host, and the proxy decides what becomes of it; so each request here carries
that Host, and what arrives at the server is what the proxy makes of it. An Origin beside the Host of --url would be
refused by every healthy server, and would show nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Comparison, Exchange
from qbdoctor.observe.base.login_budget import send_unauthorised
from qbdoctor.observe.comparisons.marking import send_as_browser
from qbdoctor.observe.comparisons.routes import direct_address
from qbdoctor.webui.call import LOGIN_PATH, VERSION_PATH, Call
from qbdoctor.webui.session import NO_SUCH_KEY

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection

NOTE = "each refused request leaves a warning in qBittorrent's log"
NO_LOGIN = "Basic cWJkb2N0b3I="
"""A Basic value without a colon: refused from 5.2 on, and neither counted nor logged (webapplication.cpp 5.2.3:1044)."""


def _origin(inspection: Inspection) -> Iterator[Comparison]:
    """Host, then Origin, then Referer of --public-url, each alone, until one is refused."""
    public = inspection.seen.asked.public_url
    if public is None:
        return
    first = inspection.seen.anonymous
    host = public.authority
    origin = f"{public.scheme}://{host}"
    plain = first
    if host != inspection.address.authority:
        # Another name may lead to another part of a proxy, which might add a Basic header: so in the ledger.
        plain = send_unauthorised(inspection, Call("GET", VERSION_PATH, headers={"Host": host}))
        shows = f"The Host header of {public.url} is refused" if plain.status == 401 else "It makes no difference"
        differs = first.status in {200, 403} and plain.status == 401
        yield Comparison("origin", "the Host header: --url's or --public-url's", first, plain, differs, shows, NOTE)
        if differs:
            yield _forwarded(inspection, first, {"X-Forwarded-Host": host, "Origin": origin})
    if plain.status not in {200, 403}:
        return
    for name, value in (("Origin", origin), ("Referer", f"{public.url}/")):
        b = send_as_browser(inspection, Call("GET", VERSION_PATH, headers={"Host": host, name: value}), plain)
        differs = b.status == 401
        shows = (
            f"qBittorrent refuses the {name} that a browser sends through {public.url}: another host and port arrive as "
            "the request's goal"
            if differs
            else f"The {name} that a browser sends through {public.url} is accepted"
        )
        yield Comparison("origin", f"the {name} header", plain, b, differs, shows, NOTE if differs else "")
        if differs:
            return


def _forwarded(inspection: Inspection, first: Exchange, headers: dict[str, str]) -> Comparison:
    """Return the inner Host with the public one beside it, as a proxy sends it that is set up for a public port."""
    b = send_as_browser(inspection, Call("GET", VERSION_PATH, headers=headers), first)
    works = b.status in {200, 403}
    shows = (
        "With the public host in X-Forwarded-Host the Origin is accepted"
        if works
        else "X-Forwarded-Host does not count here: the Origin is refused"
    )
    return Comparison("origin", "X-Forwarded-Host and Origin", first, b, not works, shows, "" if works else NOTE)


def _authorization(inspection: Inspection) -> Iterator[Comparison]:
    """Directly at the server, which no proxy reaches: the same call with and without an Authorization header.

    After a 401 a Basic one, else a Bearer one; of such a kind that neither counts as a failed login.
    """
    where = direct_address(inspection)
    if where is None or inspection.target.direct:
        return
    basic = inspection.seen.anonymous.status == 401
    path = VERSION_PATH if basic else LOGIN_PATH
    if not basic and inspection.seen.login_by_get is None:
        return  # only there a login by GET is known to be none
    a = inspection.wire.send(Call("GET", path, address=where, verify=False))
    if basic:
        b = inspection.wire.send(
            Call("GET", path, address=where, verify=False, headers={"Authorization": NO_LOGIN}),
        )
    else:
        b = inspection.wire.send(Call("GET", path, address=where, verify=False, bearer=NO_SUCH_KEY))
    differs = a.status in ({200, 403} if basic else {405}) and b.status == (401 if basic else 403)
    shows = (
        f"An Authorization header alone turns qBittorrent's answer {a.status} into {b.status}, the one that comes through "
        f"{inspection.address.url}"
        if differs
        else "An Authorization header makes no difference here"
    )
    yield Comparison("authorization", "the Authorization header", a, b, differs, shows)


MAKERS: dict[str, Callable[[Inspection], Iterator[Comparison]]] = {
    "origin": _origin,
    "authorization": _authorization,
}
