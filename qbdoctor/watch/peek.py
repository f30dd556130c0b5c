"""Takes one cheap look: a single call without a login, and the signs that this machine shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from qbdoctor.looks import certificate
from qbdoctor.model.exchanges import Exchange
from qbdoctor.releases import Version
from qbdoctor.watch.base.clock import Clock
from qbdoctor.watch.base.glances import Glance, Kind
from qbdoctor.webui.call import REQUEST_SECONDS, VERSION_PATH, Call
from qbdoctor.webui.masks import Deadline
from qbdoctor.webui.wire import Wire

if TYPE_CHECKING:
    from qbdoctor.watch.signs import LocalSigns
    from qbdoctor.webui.session import SessionClient

_NO_ANSWER = frozenset(
    {"refused", "unreachable", "dns", "connect-timeout", "timeout", "closed", "deadline", "proxy"}
)  # fmt: skip


def peek(session: SessionClient, signs: LocalSigns, clock: Clock, seconds: float) -> Glance:
    """Ask for the version with the session that is held, if one is, and never log in. ``seconds`` is the most it takes.

    Each look has a wire of its own, so that a name is looked up anew and nothing is kept.
    """
    held = session.wire
    wire = Wire(held.address, Deadline(min(seconds, REQUEST_SECONDS)), held.masks, verify=held.verify)
    wire.untrusted = held.untrusted
    sent = dict(session.cookies)
    exchange = wire.send(Call("GET", VERSION_PATH, cookies=sent, bearer=session.api_key))
    now = clock.wall()
    given = {cookie.name: cookie.value for cookie in exchange.cookies if cookie.value}
    glance = _read(exchange, at=now, mono=clock.mono(), with_session=bool(sent) or session.api_key is not None)
    refreshed = any(sent.get(name) == value for name, value in given.items())
    if glance.kind == "ok":
        held.opened += [one for one in wire.opened if sent.get(one[0].name) != one[0].value]
        session.adopt(exchange)
    until = None
    der = wire.certificate
    if der is not None:
        end = certificate.end(der)
        until = datetime.fromisoformat(end).timestamp() if end else None
    return replace(
        glance,
        refreshed=refreshed,
        certificate=certificate.digest(der) if der is not None else "",
        certificate_until=until,
        signs=signs.read(now),
    )


def _read(exchange: Exchange, *, at: float, mono: float, with_session: bool) -> Glance:
    release = ""
    if exchange.failure is not None:
        kind: Kind = "down" if exchange.failure.kind in _NO_ANSWER else "odd"
    elif exchange.status == 200 and (found := Version.parse(exchange.body)) is not None:
        kind, release = "ok", str(found)
    else:
        kind = "asks-login" if exchange.status == 403 else "refused" if exchange.status == 401 else "odd"
    return Glance(
        at,
        mono,
        kind,
        ms=exchange.ms,
        status=exchange.status,
        text=exchange.outcome(),
        with_session=with_session,
        release=release,
        peer=exchange.peer or "",
        local=exchange.local or "",
    )
