"""Harmless questions through a way that may add credentials of its own.

From 5.2 on each cookie-less request with a wrong Basic header is a failed login, answered 401, and five of them ban an
address. A proxy that adds such a header makes even our first request one. So a run's first 401 through an unknown way
is put in the ledger, and where the next failure could be the one that bans, no request goes out at all.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.model.exchanges import Exchange, Failure
from qbdoctor.target.address import parse_ip
from qbdoctor.target.resolve import look_up
from qbdoctor.webui.call import Call

if TYPE_CHECKING:
    from datetime import datetime

    from qbdoctor.observe.observer import Observer
    from qbdoctor.webui.login_ledger import Attempt, Permit


def ban_rules(observer: Observer) -> tuple[int, int]:
    """Return how many failures ban an address and for how many seconds, by the config or else the defaults."""
    settings = observer.seen.settings
    if settings is None:
        return releases.default_ban_limit(releases.NEWEST), 3600
    return settings.integer("MaxAuthenticationFailCount"), settings.integer("BanDuration")


def permit(observer: Observer, server: str, source: str) -> Permit:
    """Return whether one more request that might count may go to ``server`` (ip:port); raises LedgerUnavailable."""
    limit, seconds = ban_rules(observer)
    since: datetime | None = observer.target.instance.started if observer.target.instance else None
    return observer.ledger.allow(server, source, limit=limit, since=since, ban_seconds=seconds, kind="authorization")


def no_room(observer: Observer, path: str) -> Exchange | None:
    """Return the first request as withheld where it could be the failure that bans; None where it may go."""
    from qbdoctor.webui.login_ledger import LedgerUnavailable  # noqa: PLC0415

    if not observer.ledger.path.exists():
        return None
    for server, source in _ways(observer):
        with contextlib.suppress(LedgerUnavailable):
            asked = permit(observer, server, source)
            if not asked.allowed and asked.failures >= asked.question.limit - 1:
                where = observer.address.join(path)
                return Exchange("GET", where, failure=Failure("withheld", f"not sent: {asked.reason}"))
    return None


def note_first(observer: Observer, exchange: Exchange) -> None:
    """Put the first request's 401 in the ledger; another answer on the same way settles it as not counted."""
    from qbdoctor.webui.login_ledger import LedgerUnavailable  # noqa: PLC0415

    server = f"{exchange.peer or observer.address.host}:{observer.address.port}"
    with contextlib.suppress(LedgerUnavailable):
        observer.ledger.record(permit(observer, server, exchange.local or "unknown"), "refused")


def _ways(observer: Observer) -> list[tuple[str, str]]:
    """Return the server's addresses and ours as the ledger knows them, without sending a packet."""
    address = observer.address
    ip = parse_ip(address.host)
    ways: list[tuple[str, str]] = []
    for one in [ip] if ip is not None else look_up(address.host):
        family = socket.AF_INET if one.version == 4 else socket.AF_INET6
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(one), address.port))  # chooses a route; UDP sends nothing for that
            ways.append((f"{one}:{address.port}", str(probe.getsockname()[0])))
    return ways


MOST_REFUSED = 2


def server_and_source(observer: Observer) -> tuple[str, str]:
    """Return the server as we reached it and the address we come from: what qBittorrent counts by."""
    first = observer.seen.anonymous
    return f"{first.peer or observer.address.host}:{observer.address.port}", first.local or "unknown"


def noted(observer: Observer, call: Call) -> Exchange:
    """Send a request after a 401 on a way that may add credentials: only with a permit, and in the ledger."""
    from qbdoctor.webui.login_ledger import LedgerUnavailable, NotPermitted  # noqa: PLC0415

    ledger = observer.ledger
    attempt: Attempt | None = None
    try:
        attempt = ledger.begin(permit(observer, *server_and_source(observer)))
    except (LedgerUnavailable, NotPermitted) as error:
        return Exchange(
            call.method, observer.address.join(call.path), failure=Failure("withheld", f"not sent: {error}")
        )
    exchange = observer.wire.send(call)
    with contextlib.suppress(LedgerUnavailable):
        ledger.finish(
            attempt, "refused" if exchange.status == 401 else "not-counted" if exchange.answered else "unknown"
        )
    return exchange
