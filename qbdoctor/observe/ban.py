"""Reads from the server's log whether our address is banned now, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qbdoctor.observe.login_budget import ban_rules, server_and_source
from qbdoctor.target import log as server_log

if TYPE_CHECKING:
    from qbdoctor.observe.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban of our address by the log: ``failures`` logins reached ``limit``. ``until`` is local time without a zone."""

    address: str
    failures: int
    limit: int
    until: datetime

    def end(self, now: datetime | None = None) -> str:
        """Return the end for people, to the minute and never too early, with the day where it is not today."""
        late = self.until.replace(second=0, microsecond=0) + timedelta(minutes=1 if self.until.second else 0)
        today = (now or datetime.now()).date()  # the log has local time
        return late.strftime("%H:%M" if late.date() == today else "%H:%M on %Y-%m-%d")


def logged_ban(inspection: Inspection) -> Ban | None:
    """Return the ban that the log shows; None for none, and where it does not say so of the address that we have."""
    seen, target = inspection.seen, inspection.target
    if target.instance is None or not target.direct or not seen.log:
        return None
    _, source = server_and_source(inspection)
    limit, seconds = ban_rules(inspection)
    now = datetime.now()  # the log's times are local and have no zone
    failures = server_log.login_failures(seen.log, source, limit=limit, ban_seconds=seconds, now=now)
    last = server_log.last_failure(seen.log, source)
    if not 0 < limit <= failures or last is None:
        return None
    return Ban(source, failures, limit, last + timedelta(seconds=seconds))
