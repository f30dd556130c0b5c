"""Compares how the server is reached: scheme, certificate, proxy variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Comparison
from qbdoctor.observe import machine
from qbdoctor.target.address import WEB_UI_PORT
from qbdoctor.values import replace
from qbdoctor.webui.call import VERSION_PATH, Call

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.observe.base.observed_values import ProbableProcess
    from qbdoctor.target.address import Address

MOST_PORTS = 3
"""A desktop build has one or two ports open besides the Web UI's."""
PORT_SECONDS = 3.0
TLS_SECONDS = 1.5
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is asked where a process listens at all addresses


def _other_scheme(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the same request over http and https; the certificate does not matter for that question."""
    first = inspection.seen.anonymous
    address = inspection.address
    other = replace(address, scheme="https" if address.scheme == "http" else "http")
    b = inspection.wire.send(
        Call("GET", VERSION_PATH, address=other, verify=False, headers={"Host": address.authority})
    )
    # nginx and Go answer plain http on a TLS port with a 400 of their own: that is no answer to the question.
    told_off = b.status == 400 and "https" in b.body.lower()
    differs = b.answered and not told_off
    shows = f"The port speaks {other.scheme}, not {address.scheme}" if differs else "Neither scheme gets an answer"
    yield Comparison("scheme", "the scheme, http or https", first, b, differs, shows)


def _plain_http(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the request that plain http answered, over https: TLS to a plain port hangs, so it gets a short time."""
    first = inspection.seen.anonymous
    other = replace(inspection.address, scheme="https")
    call = Call("GET", VERSION_PATH, address=other, verify=False, seconds=TLS_SECONDS)
    a = inspection.wire.send(replace(call, headers={"Host": inspection.address.authority}))
    differs = first.answered and not a.answered
    shows = "Plain http is spoken here, and no TLS" if differs else "TLS is spoken here as well"
    yield Comparison("plain-http", "the scheme, https or http", a, first, differs, shows)


def _certificate(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the free question with the certificate looked at and not, as both were sent."""
    refused, b = inspection.seen.untrusted, inspection.seen.anonymous
    if refused is None:
        return
    shows = "Only the certificate stands in the way" if b.answered else "The certificate is not the only fault"
    yield Comparison("certificate", "the certificate verified or not", refused, b, b.answered, shows)


def _proxy_environment(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the same request directly and through the environment's proxy."""
    first = inspection.seen.anonymous
    for variable in inspection.seen.proxy_variables[:1]:
        b = inspection.wire.send(Call("GET", VERSION_PATH, proxy=variable.url.reveal()))
        differs = (first.status, first.body) != (b.status, b.body)
        shows = (
            f"{variable.variable} changes the outcome: clients that obey it do not reach this server as it is"
            if differs
            else "The proxy makes no difference"
        )
        factor = f"directly or through the proxy of {variable.variable}"
        yield Comparison("proxy-environment", factor, first, b, differs, shows)


def _port(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the same request at the ports that the process which is meant has open; the certificate does not matter here."""
    one = inspection.seen.suspect
    address = inspection.address
    if one is None:
        return
    host, apart = address.host, one.instance.shares_network is False
    if apart:
        if not one.instance.addresses:
            return
        host = one.instance.addresses[0]  # unless a port of this machine leads there
    published = machine.Published()
    scheme = "https" if one.settings is not None and one.settings.boolean("HTTPS/Enabled") else "http"
    first = inspection.seen.anonymous
    for at, port in _places(one, address, host, published if apart else None):
        other = replace(address, scheme=scheme, host=at, port=port, path="")
        b = inspection.wire.send(Call("GET", VERSION_PATH, address=other, verify=False, seconds=PORT_SECONDS))
        differs = b.answered and b.status in {200, 401, 403} and b.header("x-content-type-options") == "nosniff"
        where = f"port {port}" if at == address.host or apart else f"{at}, port {port}"
        shows = (
            f"qBittorrent answers on {where}"
            if differs
            else f"{where[0].upper()}{where[1:]} does not answer as qBittorrent does"
        )
        factor = "address and port" if apart else "the port" if port != address.port else "the address"
        yield Comparison("port", factor, first, b, differs, shows)
        if differs:
            return


def _places(
    one: ProbableProcess, address: Address, host: str, published: machine.Published | None
) -> Iterator[tuple[str, int]]:
    """Yield hosts and ports at which the process may serve; ``published``: where it has a network of its own.

    The sockets of another user's process may not be seen: then its option's port, the usual one, and the other loopback.
    """
    if one.ports is None:
        if address.host == "::1":
            yield "127.0.0.1", address.port
        guessed = (one.instance.options.webui_port, WEB_UI_PORT)
        yield from ((host, port) for port in dict.fromkeys(guessed) if port is not None and port != address.port)
        return
    for inner in one.ports[:MOST_PORTS]:
        bound = sorted(_ANY.get(ip, ip) for ip, port in one.instance.listening or () if port == inner == address.port)
        there = published.place(one.instance, inner) if published is not None else None
        yield there or (bound[0] if bound and published is None else host, inner)


def _container_port(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the same request through the published port and at the container's own address; the certificate does not matter."""
    target = inspection.target
    one, port = target.publisher, target.server_port
    own = (target.instance.addresses if target.instance is not None else ()) or (
        one.addresses if one is not None else ()
    )
    if not own or port is None:
        return
    settings = inspection.seen.settings
    scheme = "https" if settings is not None and settings.boolean("HTTPS/Enabled") else "http"
    other = replace(inspection.address, scheme=scheme, host=own[0], port=port, path="")
    b = inspection.wire.send(Call("GET", VERSION_PATH, address=other, verify=False, seconds=PORT_SECONDS))
    differs = b.answered and b.status in {200, 401, 403} and b.header("x-content-type-options") == "nosniff"
    shows = f"On port {port} inside it answers; this address does not lead there"
    text = "the way in, by this machine or to the container itself,"
    yield Comparison(
        "container-port", text, inspection.seen.anonymous, b, differs, shows if differs else "Neither answers"
    )


MAKERS: dict[str, Callable[[Inspection], Iterator[Comparison]]] = {
    "scheme": _other_scheme,
    "plain-http": _plain_http,
    "port": _port,
    "certificate": _certificate,
    "container-port": _container_port,
    "proxy-environment": _proxy_environment,
}
