"""Compares calls that differ in the session cookie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Comparison
from qbdoctor.webui.call import VERSION_PATH, Call

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection


def _cookie_name(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the same session under the cookie's own name and under SID, which older clients look for."""
    call = inspection.seen.session_call or inspection.seen.anonymous
    kept = inspection.session.cookies
    name = next((one for one in kept if one.startswith("QBT_SID_")), None)
    if name is None or call.status != 200 or inspection.seen.anonymous.status == 200:
        return
    b = inspection.wire.send(Call("GET", VERSION_PATH, cookies={"SID": kept[name]}))
    shows = f"The session counts under the name {name} only"
    yield Comparison("cookie-name", "the name of the session cookie", call, b, b.status == 403, shows)


MAKERS: dict[str, Callable[[Inspection], Iterator[Comparison]]] = {
    "cookie-name": _cookie_name,
}
