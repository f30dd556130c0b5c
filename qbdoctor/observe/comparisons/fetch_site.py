"""Compares calls by Sec-Fetch-Site, with which browsers say from where a call comes (read from 5.3.0 on).

There it decides alone: ``same-origin`` lets a request in whatever its Origin says, ``cross-site`` keeps one out that
has none. Browsers send it to https addresses and to this machine, and to no other (W3C, Fetch Metadata).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.model.exchanges import Comparison
from qbdoctor.observe.comparisons.marking import send_as_browser
from qbdoctor.observe.comparisons.routes import direct_address
from qbdoctor.target.log_rejections import OWN_FETCH_SITES, marked
from qbdoctor.values import replace
from qbdoctor.webui.call import VERSION_PATH, Call

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection

HEADER = "Sec-Fetch-Site"
NOTE = "the refused request leaves a warning in qBittorrent's log"
_KEPT = {"host", "origin", "referer", "x-forwarded-host"}
"""What the first of two requests held beside the headers that every request has."""


def _may_decide(inspection: Inspection) -> bool:
    return True in releases.possible("csrf.sec_fetch_wins", inspection.seen.releases)


def _same_origin(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the request whose Origin or Referer was just refused, as a browser sends it through --public-url: same-origin."""
    refused = [
        one.b
        for one in inspection.seen.comparisons.get("origin", ())
        if one.b.status == 401 and any(name.lower() in {"origin", "referer"} for name, _ in one.b.sent)
    ]
    if not refused or not _may_decide(inspection):
        return
    a = refused[-1]
    headers = {name: value for name, value in a.sent if name.lower() in _KEPT}
    own = {
        name: value if name.lower() in {"host", "x-forwarded-host"} else marked(value)
        for name, value in headers.items()
    }
    if own != headers:  # so that a line of the second one in the log stands behind a marked one, as ours do
        inspection.wire.send(Call("GET", VERSION_PATH, headers={**own, HEADER: "same-origin"}))
    b = inspection.wire.send(Call("GET", VERSION_PATH, headers={**headers, HEADER: "same-origin"}))
    passes = b.status in {200, 403}
    shows = (
        "With Sec-Fetch-Site: same-origin, which browsers add to what they send to https addresses and to their own "
        "machine, the same request is accepted"
        if passes
        else "Sec-Fetch-Site: same-origin makes no difference"
    )
    yield Comparison(
        "fetch-site", f"the {HEADER} header: none or same-origin", a, b, passes, shows, "" if passes else NOTE
    )


def _cross_site(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the free call without the header, and as out of a page of another site, as the log says that somebody called.

    Where something on the way adds the header, both go directly to the server.
    """
    seen = inspection.seen
    a, call = seen.anonymous, Call("GET", VERSION_PATH)
    met = seen.rejected
    if a.status == 401:
        where, direct = direct_address(inspection), seen.compared("direct")
        if where is None or direct is None or seen.first_request_log is None:
            return
        a, call, met = direct.b, replace(call, address=where, verify=False), seen.first_request_log.rejections
    sites = [one.received for one in met if one.kind == "cross-site" and one.received in OWN_FETCH_SITES]
    if not sites or a.status not in {200, 403} or not _may_decide(inspection):
        return
    b = send_as_browser(inspection, replace(call, headers={HEADER: sites[-1]}), a)
    differs = b.status == 401
    shows = (
        f"{HEADER}: {sites[-1]} alone turns the answer {a.status} into 401"
        if differs
        else f"{HEADER}: {sites[-1]} makes no difference now"
    )
    yield Comparison(
        "cross-site", f"the {HEADER} header: none or {sites[-1]}", a, b, differs, shows, NOTE if differs else ""
    )


MAKERS: dict[str, Callable[[Inspection], Iterator[Comparison]]] = {
    "fetch-site": _same_origin,
    "cross-site": _cross_site,
}
