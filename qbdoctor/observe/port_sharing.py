"""Finds out whether the target's port belongs to two programs, one at an address each, of which only one is qBittorrent."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Exchange
from qbdoctor.observe.observed_values import PortShared
from qbdoctor.observe.proof import prove_by_answers
from qbdoctor.target.address import parse_ip
from qbdoctor.target.listeners import Listener, is_alone, listeners, socket_for
from qbdoctor.target.name_lookup import look_up
from qbdoctor.webui.call import VERSION_PATH, Call

if TYPE_CHECKING:
    from qbdoctor.observe.inspection import Inspection

LOOPBACK = ("127.0.0.1", "::1")
SECONDS = 3.0


def port_shared(inspection: Inspection) -> PortShared | None:
    """Return both programs where the host means the wrong one, or one or the other by the address family; else None.

    The second address is asked the free question only where another process than qBittorrent listens there.
    """
    target = inspection.target
    if not target.here or not inspection.seen.anonymous.peer:
        return None
    known = [one for one in (target.instance, *target.others) if one is not None and one.shares_network is not False]
    port = target.address.port
    mine = [(one, address) for one in known for address, number in one.listening or () if number == port]
    if not mine or is_alone(port, len(mine)):
        return None
    found = listeners(port)
    pids = {one.pid for one, _ in mine}
    ours = next((one for one in found if one.pid in pids), None)
    meant = _meant(target.address.host, inspection.seen.anonymous.peer)
    takers = {one: address for address in meant if (one := socket_for(found, address)) is not None}
    others = [one for one in takers if one.pid not in pids]
    if ours is None or not others:
        return None
    return _asked(inspection, ours, others[0], takers.get(ours) or _reachable(ours), takers[others[0]])


def _meant(host: str, peer: str) -> tuple[str, ...]:
    """Return the addresses that the host stands for: a client may take any of them."""
    if parse_ip(host) is not None:
        return (host,)
    if host.removesuffix(".").endswith("localhost"):
        return LOOPBACK  # programs and browsers put both there, whatever the hosts file says
    return tuple(dict.fromkeys((peer, *sorted(map(str, look_up(host))))))


def _reachable(one: Listener) -> str:
    ip = parse_ip(one.address)
    if ip is None or not ip.is_unspecified:
        return one.address
    return "::1" if isinstance(ip, ipaddress.IPv6Address) else "127.0.0.1"


def _asked(inspection: Inspection, ours: Listener, other: Listener, ours_at: str, other_at: str) -> PortShared | None:
    """Ask both; None where the other one's answers are qBittorrent's too, as those of a proxy in front of it are."""
    first = inspection.seen.anonymous

    def ask(address: str) -> Exchange:
        return (
            first
            if first.peer == address
            else inspection.wire.send(Call("GET", VERSION_PATH, peer=address, seconds=SECONDS))
        )

    b = ask(other_at)
    if not b.answered and b.failure is not None and b.failure.kind in {"refused", "unreachable"}:
        return None
    if prove_by_answers(inspection, b, None, other_at).holds:
        return None
    return PortShared(ours, other, (b, ask(ours_at)))
