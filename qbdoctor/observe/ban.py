"""Reads from the server's log whether our address is banned now, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qbdoctor.observe.login_budget import ban_rules, server_and_source
from qbdoctor.observe.observed_values import Ban
from qbdoctor.target import log as server_log

if TYPE_CHECKING:
    from qbdoctor.observe.inspection import Inspection


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
