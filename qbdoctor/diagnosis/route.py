"""Draws the way of a request from what was seen already: nothing is sent or read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor.diagnosis.catalogue import pages as catalogue
from qbdoctor.model.route import Break, Hop, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qbdoctor.model.report import Cause, TargetInfo
    from qbdoctor.observe.base.observations import Observations

_MAPPERS = {
    "docker-proxy": "docker-proxy",
    "firewall": "the firewall's port map",
    "userland": "the engine's port forwarding",
}


def route(seen: Observations, info: TargetInfo, causes: Sequence[Cause]) -> Route | None:
    """Return the way to the target, with the place where the first error breaks it; None where nothing was asked yet."""
    if not seen.has("anonymous"):
        return None
    worst = next((cause for cause in causes if cause.severity == "error"), None)
    place = catalogue.page(worst.id).breaks if worst is not None else ""
    between = _between(seen, worst)
    if place == "address":
        place = "front" if between else "client"
    if place in {"front", "passage"} and seen.target.direct and not between:
        place = ""  # what such a cause calls the way is the server itself here
    if place in {"front", "passage"} and not between:
        between = [Hop("unknown", "something in front")]
    hops = (_client(seen), *between, _server(seen, info))
    hosts = [seen.target.address.authority, *[None] * (len(hops) - 2)]
    hosts[-1] = _arriving(seen, [hop.kind for hop in between])
    return Route(hops, tuple(hosts), _break(place, worst, len(hops)) if worst is not None else None)


def _client(seen: Observations) -> Hop:
    local = seen.anonymous.local or (seen.client.ours if seen.has("client") else None)
    name = "this container" if seen.target.from_container else "this machine"
    return Hop("client", name, (local,) if local else ())


def _between(seen: Observations, worst: Cause | None) -> list[Hop]:
    """Return what is known to stand between, from the client's side on."""
    target = seen.target
    hops: list[Hop] = []
    told = worst.values.get("server_port", "") if worst is not None and worst.id == "host-port-mismatch" else ""
    server_port = str(target.published.port if target.published else target.server_port or told)
    ports = (f"{target.address.port} → {server_port}",) if server_port not in {"", str(target.address.port)} else ()
    if worst is not None and worst.id == "http-proxy-env" and seen.has("proxy_variables"):
        hops += [Hop("proxy", one.shown, (f"by {one.variable}",)) for one in seen.proxy_variables[:1]]
    if seen.has("in_front") and seen.in_front:
        hops.append(Hop("proxy", seen.in_front, (target.address.authority, *(() if target.mapped_by else ports))))
    if target.mapped_by is not None:
        hops.append(Hop("mapping", _MAPPERS[target.mapped_by], ports))
    elif not hops and (told or (target.direct is False and target.instance is not None and not _unpublished(seen))):
        hops.append(Hop("mapping", "a port map or proxy", ports))
    elif not hops and seen.anonymous.answered and seen.has("client") and seen.client.through:
        hops.append(Hop("unknown", seen.client.through))
    return hops


def _unpublished(seen: Observations) -> bool:
    """Whether nothing leads into the target's container at this address, so that nothing stands between."""
    target = seen.target
    return target.container is not None and target.published is None and not seen.anonymous.answered


def _server(seen: Observations, info: TargetInfo) -> Hop:
    target = seen.target
    if not seen.anonymous.answered:
        refused = seen.anonymous.failure is not None and seen.anonymous.failure.kind == "refused"
        name = "qBittorrent" if target.instance is not None else "nothing listens" if refused else "no answer"
    elif seen.has("serves_qbittorrent") and seen.serves_qbittorrent is False:
        name = "not qBittorrent"
    else:
        name = " ".join(filter(None, ("qBittorrent", info.version or info.version_range)))
    facts = []
    own = target.instance.addresses if target.instance is not None else ()
    port = target.server_port
    if own:
        facts.append(f"{own[0]}:{port}" if port else own[0])
    elif port and target.instance is not None:
        facts.append(f"port {port}")
    elif not target.here or target.direct is None:
        facts.append(target.address.authority)
    if target.instance is not None and target.instance.container:
        facts.append(target.instance.container)
    if seen.has("client") and seen.client.address:
        facts.append(f"sees {seen.client.address}")
    return Hop("server", name, tuple(facts))


def _arriving(seen: Observations, between: list[str]) -> str | None:
    """Return the Host header that arrives at the server, as far as that is known.

    The log's line about our own request says it; what is no HTTP proxy leaves the header as it is.
    """
    told = seen.first_request_log if seen.has("first_request_log") else None
    for one in told.rejections if told is not None else ():
        host = one.received if one.kind in {"host", "port"} else one.expected
        if host is not None:
            return host or "none"
    if not between or (between == ["mapping"] and seen.target.mapped_by is not None):
        return seen.target.address.authority
    return None


def _break(place: str, worst: Cause, hops: int) -> Break:
    last = hops - 1
    at = {
        "client": ("hop", 0),
        "entrance": ("leg", 0),
        "front": ("hop", 1),
        "passage": ("leg", last - 1),
    }.get(place, ("hop", last))
    return Break("leg" if at[0] == "leg" else "hop", at[1], worst.id)
