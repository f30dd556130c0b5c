"""Asks harmless questions through a way that may add credentials of its own.

From 5.2 on each cookie-less request with a wrong Basic header is a failed login, answered 401, and five of them ban an
address. A proxy that adds such a header makes even our first request one. So a run's first 401 through an unknown way
is put in the ledger, and where the next failure could be the one that bans, no request goes out at all.
"""

from __future__ import annotations

import contextlib
import socket
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.model.exchanges import Exchange, Failure
from qbdoctor.observe.base.observed_values import Ban
from qbdoctor.target.address import parse_ip
from qbdoctor.target.name_lookup import look_up
from qbdoctor.webui.call import Call
from qbdoctor.webui.login_permit import Question

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.webui.login_permit import Attempt, Permit

MOST_REFUSED = 2
"""401s after the first one on a way that may add credentials."""


def ban_rules(inspection: Inspection) -> tuple[int, int]:
    """Return how many failures ban an address and for how many seconds, by the config or else the defaults."""
    settings = inspection.seen.settings
    if settings is None:
        return releases.default_ban_limit(releases.NEWEST), 3600
    return settings.integer("MaxAuthenticationFailCount"), settings.integer("BanDuration")


def permit(inspection: Inspection, server: str, source: str) -> Permit:
    """Return whether one more request that might count may go to ``server`` (ip:port); raises LedgerUnavailable."""
    limit, seconds = ban_rules(inspection)
    started = inspection.target.instance.started if inspection.target.instance else None
    since = started.timestamp() if started else None
    return inspection.ledger.allow(Question(server, source, "authorization", limit, since=since, ban_seconds=seconds))


def no_room(inspection: Inspection, path: str) -> Exchange | None:
    """Return the first request as withheld where it could be the failure that bans; None where it may go."""
    from qbdoctor.webui.login_permit import LedgerUnavailable  # noqa: PLC0415

    if not inspection.ledger.path.exists():
        return None
    for server, source in _ways(inspection):
        with contextlib.suppress(LedgerUnavailable):
            asked = permit(inspection, server, source)
            if not asked.allowed and asked.failures >= asked.question.limit - 1:
                where = inspection.address.join(path)
                return Exchange("GET", where, failure=Failure("withheld", f"not sent: {asked.reason}"))
    return None


def note_first(inspection: Inspection, exchange: Exchange) -> None:
    """Put the first request's 401 in the ledger; another answer on the same way settles it as not counted."""
    from qbdoctor.webui.login_permit import LedgerUnavailable  # noqa: PLC0415

    server = f"{exchange.peer or inspection.address.host}:{inspection.address.port}"
    with contextlib.suppress(LedgerUnavailable):
        inspection.ledger.record(permit(inspection, server, exchange.local or "unknown"), "refused")


def _ways(inspection: Inspection) -> list[tuple[str, str]]:
    """Return the server's addresses and ours as the ledger knows them, without sending a packet."""
    address = inspection.address
    ip = parse_ip(address.host)
    ways: list[tuple[str, str]] = []
    for one in [ip] if ip is not None else look_up(address.host):
        family = socket.AF_INET if one.version == 4 else socket.AF_INET6
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(one), address.port))  # chooses a route; UDP sends nothing for that
            ways.append((f"{one}:{address.port}", str(probe.getsockname()[0])))
    return ways


def server_and_source(inspection: Inspection) -> tuple[str, str]:
    """Return the server as we reached it and the address we come from: what qBittorrent counts by."""
    first = inspection.seen.anonymous
    return f"{first.peer or inspection.address.host}:{inspection.address.port}", first.local or "unknown"


def _send_noted(inspection: Inspection, call: Call) -> Exchange:
    """Send a request after a 401 on a way that may add credentials: only with a permit, and in the ledger."""
    from qbdoctor.webui.login_permit import LedgerUnavailable, NotPermitted  # noqa: PLC0415

    ledger = inspection.ledger
    attempt: Attempt | None = None
    try:
        attempt = ledger.begin(permit(inspection, *server_and_source(inspection)))
    except (LedgerUnavailable, NotPermitted) as error:
        return Exchange(
            call.method, inspection.address.join(call.path), failure=Failure("withheld", f"not sent: {error}")
        )
    exchange = inspection.wire.send(call)
    with contextlib.suppress(LedgerUnavailable):
        ledger.finish(
            attempt, "refused" if exchange.status == 401 else "not-counted" if exchange.answered else "unknown"
        )
    return exchange


def send_unauthorised(inspection: Inspection, call: Call) -> Exchange:
    """Send a request that may end with another 401, in the ledger where the way to the server is not known.

    A proxy that adds a Basic header makes each such request a failed login from 5.2 on. On a direct path nothing of
    ours holds credentials, so nothing counts there.
    """
    if inspection.target.direct:
        return inspection.wire.send(call)
    if inspection.refused_authorisations >= MOST_REFUSED:
        text = "not sent: two more requests after a 401 are the most on a way that may add credentials"
        return Exchange(call.method, inspection.address.join(call.path), failure=Failure("withheld", text))
    exchange = _send_noted(inspection, call)
    if exchange.status == 401:
        inspection.refused_authorisations += 1
    return exchange


def logged_ban(inspection: Inspection) -> Ban | None:
    """Return the ban that the log shows; None for none, and where it does not say so of the address that we have."""
    from qbdoctor.target import log as server_log  # noqa: PLC0415

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
