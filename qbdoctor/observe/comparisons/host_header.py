"""Compares calls by headers that are refused before any login."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Comparison, Exchange
from qbdoctor.observe.base.login_budget import send_unauthorised
from qbdoctor.webui.call import VERSION_PATH, Call

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection

HOST_NOTE = "each refused Host header leaves a warning in qBittorrent's log"
DEFAULT_PORT = 8080


def _host_header(inspection: Inspection) -> Iterator[Comparison]:
    """After a 401: another port in the Host header, then another name.

    The order and the number matter: through a way that we do not know, every request might carry a Basic header that a
    proxy adds, which from 5.2 on counts as a failed login each. So at most two more go out after the first 401, and the
    ledger knows of them. An answer other than 401 excludes that, and asking on is free.
    """
    address = inspection.address
    first = inspection.seen.anonymous
    host = address.authority.rsplit(":", 1)[0] if address.authority.endswith(f":{address.port}") else address.authority
    has_port = host != address.authority

    def ask(value: str) -> Exchange:
        return send_unauthorised(inspection, Call("GET", VERSION_PATH, headers={"Host": value}))

    def compare(a: Exchange, b: Exchange, factor: str, shows: str) -> Comparison:
        differs = b.answered and b.status != 401
        said = shows if differs else f"{factor[0].upper()}{factor[1:]} makes no difference"
        return Comparison("host-header", factor, a, b, differs, said, HOST_NOTE)

    port = inspection.target.server_port or _port_by_log(inspection)
    bare = first
    if has_port:
        known = port is not None and port != address.port
        b = ask(f"{host}:{port}" if known else host)
        factor = "the port in the Host header"
        one = compare(first, b, factor, "qBittorrent refuses the port in the Host header, and nothing else")
        yield one
        if one.differs:
            if not known and address.port != DEFAULT_PORT:
                guess = ask(f"{host}:{DEFAULT_PORT}")
                if guess.status not in {None, 401}:
                    shows = f"qBittorrent listens on {DEFAULT_PORT}: with that port in the Host header it answers"
                    yield compare(first, guess, factor, shows)
            return
        bare = b
    name = _other_name(inspection, host)
    if name is None:
        return
    sent = dict(bare.sent)["Host"]
    suffix = sent.removeprefix(host)
    b = ask(f"{name}{suffix}")
    named = compare(bare, b, "the name in the Host header", "qBittorrent refuses the name in the Host header")
    yield named
    if named.differs and has_port and suffix != f":{address.port}":
        # The port was taken out of the way above: is it refused as well? Nothing on the way adds a Basic header, or the
        # answer could not have been other than 401: so this one counts nowhere.
        a = inspection.wire.send(Call("GET", VERSION_PATH, headers={"Host": f"{name}:{address.port}"}))
        if a.status == 401:
            shows = "qBittorrent refuses the port in the Host header as well"
            yield compare(a, b, "the port in the Host header", shows)


def _port_by_log(inspection: Inspection) -> int | None:
    """Return the port that qBittorrent said it listens on as it refused our first request, in a log of this machine."""
    told = inspection.seen.first_request_log
    found = [one.expected for one in told.rejections if one.kind == "port"] if told is not None else []
    return int(found[0]) if found and found[0] is not None else None


def _other_name(inspection: Inspection, host: str) -> str | None:
    """Return a name that qBittorrent ought to accept: the address the connection arrived at, or one of ServerDomains."""
    peer = inspection.seen.anonymous.peer
    settings = inspection.seen.settings
    for domain in settings.server_domains() if settings is not None and not inspection.target.direct else ():
        if not any(mark in domain for mark in "*?[]") and domain.lower() != host.lower():
            return domain
    if peer is None:
        return None
    bare = peer.partition("%")[0]
    written = f"[{bare}]" if ":" in bare else bare
    return written if written != host else None


MAKERS: dict[str, Callable[[Inspection], Iterator[Comparison]]] = {
    "host-header": _host_header,
}
