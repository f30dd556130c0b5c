"""Proves that what answers is a qBittorrent, before credentials go there: a 403 alone proves nothing.

Either the process that listens on exactly the socket that answered is a qBittorrent of this machine, or the answers to
three harmless questions have the shape that all releases give them (measured on 4.2.5, 4.5.2, 5.1.0, 5.3.0): an unknown
scope of the API, a call with a slash too many, and the start page asked with an API key that cannot exist, which keeps 5.2
and later from looking at an alternative Web UI. None needs a session, counts as a login or leaves a line in the log.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Exchange
from qbdoctor.observe.base.observed_values import PortShared, Proof
from qbdoctor.observe.listener_user import stranger
from qbdoctor.releases import Version
from qbdoctor.target.address import parse_ip
from qbdoctor.target.listeners import Listener, is_alone, listeners, socket_for
from qbdoctor.target.name_lookup import look_up
from qbdoctor.webui.call import VERSION_PATH, Call
from qbdoctor.webui.recognise import bears_all_marks, bears_marks, is_login_page
from qbdoctor.webui.session import NO_SUCH_KEY

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.target.processes import Instance

PLAIN = {
    "403": frozenset({"", "Forbidden"}),
    "404": frozenset({"", "Not Found", "Endpoint does not exist"}),
    "500": frozenset(
        {
            "Unacceptable file type, only regular file is allowed.",
            "Symlinks inside alternative UI folder are forbidden.",
        }
    ),
}
UNKNOWN_SCOPE = "/api/v2/nope/x"


def prove(inspection: Inspection) -> Proof:
    """Return whether credentials may go to the address that is asked, and why or why not."""
    seen = inspection.seen
    first = seen.anonymous
    if not first.answered:
        return Proof(False, "no answer came")
    if seen.serves_qbittorrent is False:
        return Proof(False, "what answers is not qBittorrent")
    if seen.untrusted is not None:
        return Proof(False, "the certificate is not trusted (--ca-file FILE trusts it, --insecure takes any)")
    if seen.port_shared is not None:
        return Proof(False, "the address means two programs")
    one = inspection.target.container
    if one is not None and not one.state.running:
        return Proof(False, f"container {one.name} does not run: what answers at its address is another's")
    if whose := stranger(inspection):
        return Proof(False, whose)
    if another := _has_its_port(inspection):
        return Proof(False, another)
    target = inspection.target
    if target.direct and target.instance is not None:
        text = f"process {target.instance.pid}, a qBittorrent, listens on the very socket that answers"
        return Proof(True, text, "process")
    return prove_by_answers(inspection, first, seen.bearer_root)


def _has_its_port(inspection: Inspection) -> str:
    """Return who serves the address that a given config names, where that is a qBittorrent of another config; else ""."""
    other = inspection.seen.other_server if inspection.target.origin in {"config", "profile"} else None
    if other is None:
        return ""
    return f"{inspection.address.url} is served by process {other.pid}, a qBittorrent with another config than the one given"


def prove_by_answers(inspection: Inspection, first: Exchange, root: Exchange | None, peer: str | None = None) -> Proof:
    """Return whether the answers of one address have the shape of qBittorrent's; ``peer`` is asked where it is given."""
    if not _ours(first, "403", *(["200"] if Version.parse(first.body) is not None else [])):
        return _by_page(inspection, first, peer)
    scope = inspection.wire.send(Call("GET", UNKNOWN_SCOPE, peer=peer))
    slash = inspection.wire.send(Call("GET", f"{VERSION_PATH}/", bearer=NO_SUCH_KEY, peer=peer))
    if root is None:
        root = inspection.wire.send(Call("GET", "/", bearer=NO_SUCH_KEY, peer=peer))
    page = root.status == 200 and "html" in (root.header("content-type") or "")
    wordless = {not one.body for one in (first, scope, slash) if one.status != 200}
    if (
        len(wordless) == 1  # up to 4.2.5 refusals have no body, later ones always have
        and _ours(scope, "403", "404")
        and _ours(slash, "404", "500")  # 500: an alternative Web UI whose folder is broken
        and bears_all_marks(root)
        and (page or _ours(root, "404", "500"))
    ):
        return Proof(True, "four answers have the shape that only qBittorrent's have", "answers")
    return _by_page(inspection, first, peer)


def _ours(exchange: Exchange, *statuses: str) -> bool:
    """Return whether an answer has qBittorrent's headers, one of these statuses, and that status's body."""
    if not exchange.answered or str(exchange.status) not in statuses or not bears_all_marks(exchange):
        return False
    return exchange.body.strip() in PLAIN.get(str(exchange.status), frozenset()) or exchange.status == 200


def _by_page(inspection: Inspection, first: Exchange, peer: str | None) -> Proof:
    """Judge by the login page, where something on the way changed headers or puts pages of its own for errors."""
    if first.status in {200, 403} and (first.body.strip() in PLAIN["403"] or Version.parse(first.body) is not None):
        page = inspection.seen.front_page if peer is None else inspection.wire.send(Call("GET", "/", peer=peer))
        if is_login_page(page):
            return Proof(
                True, "the start page is qBittorrent's login page, and the API refuses calls as it does", "page"
            )
    text = f"its answers ({first.outcome()}) do not prove that it is qBittorrent"
    if bears_all_marks(first) and (page := inspection.seen.front_page).answered and not bears_marks(page):
        text += (
            f", and its start page comes from something in front ({page.status}): at its own address it can be proven"
        )
    return Proof(False, text)


def settle_listener(inspection: Inspection, first: Exchange) -> None:
    """Correct what was resolved by name and port alone: does the target's process own the socket that answered?"""
    target = inspection.target
    one = target.instance
    if not target.direct or one is None or one.shares_network is False or not one.listening or not first.peer:
        return
    if first.answered and not listens_at(inspection, one, first.peer):
        inspection.correct_target(served=False)


def listens_at(inspection: Inspection, one: Instance, peer: str) -> bool:
    """Return whether the connection that went to ``peer`` was taken by this process."""
    port = inspection.address.port
    own = [address for address, number in one.listening or () if number == port]
    if is_alone(inspection.listening, port, len(own)):
        return True  # whatever answered at that port of this machine was this process
    found = listeners(port)
    taker = socket_for(found, peer)
    return taker is None or taker.pid == one.pid or (taker.pid is None and taker.address in own)


def bearer_root(inspection: Inspection) -> Exchange:
    """Ask for the start page with an API key that cannot exist: 404 from 5.2 on, where the header arrives."""
    return inspection.wire.send(Call("GET", "/", bearer=NO_SUCH_KEY))


# --- two programs at one port

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
    if not mine or is_alone(inspection.listening, port, len(mine)):
        return None
    found = listeners(port)
    pids = {one.pid for one, _ in mine}
    ours = next((one for one in found if one.pid in pids), None)
    meant = _meant(target.address.host, inspection.seen.anonymous.peer)
    takers = {one: address for address in meant if (one := socket_for(found, address)) is not None}
    others = [one for one in takers if one.pid not in pids]
    if ours is None or not others:
        return None
    if parse_ip(target.address.host) is not None and bears_marks(inspection.seen.anonymous):
        return None  # a proxy in front, on qBittorrent's own port number
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
