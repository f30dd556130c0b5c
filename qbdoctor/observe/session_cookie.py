"""Finds the session cookie among the answers, and says why standard clients would keep it to themselves."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import SetCookie
from qbdoctor.observe.base.observations import Observations
from qbdoctor.observe.base.observed_values import Clock
from qbdoctor.releases import session_name_rank

if TYPE_CHECKING:
    from qbdoctor.model.exchanges import Withheld
    from qbdoctor.observe.base.inspection import Inspection


def session_cookie(seen: Observations) -> SetCookie | None:
    """Return the session cookie among those that the login (or a bypass) set: qBittorrent's names first, else any.

    One that a call without a login gets as well is rather that of something in front.
    """
    exchange = seen.sign_in.exchange if seen.sign_in.outcome == "accepted" else seen.anonymous
    cookies = [cookie for cookie in exchange.cookies if cookie.value] if exchange is not None else []
    before = {cookie.name for cookie in seen.anonymous.cookies}
    return max(cookies, key=lambda cookie: (session_name_rank(cookie.name), cookie.name not in before), default=None)


def withheld_for(inspection: Inspection) -> tuple[Withheld, ...]:
    """Return why standard clients keep the session cookie to themselves; judged at once, since it is the clock that counts."""
    from qbdoctor.webui.cookie_rules import withheld  # noqa: PLC0415 - it is slow to load

    cookie = session_cookie(inspection.seen)
    if cookie is None or inspection.seen.sign_in.outcome != "accepted":
        return ()
    return withheld(cookie, inspection.address)


def clock(inspection: Inspection) -> Clock:
    """Return the server's clock beside ours, by the login's answer, which has just come."""
    date = (inspection.seen.sign_in.exchange or inspection.seen.anonymous).header("date") or ""
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        return Clock(date, None)
    return Clock(date, there.timestamp() - time.time())
