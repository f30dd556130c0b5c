"""Comparisons about reaching the server: scheme, certificate, proxy variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from qbdoctor.model import Comparison
from qbdoctor.wire import VERSION_PATH, Call

if TYPE_CHECKING:
    from qbdoctor.observe import Observer


def _other_scheme(observer: Observer) -> Iterator[Comparison]:
    """The same request over http and https; the certificate does not matter for that question."""
    first = observer.seen.anonymous
    address = observer.address
    other = replace(address, scheme="https" if address.scheme == "http" else "http")
    b = observer.wire.send(Call("GET", VERSION_PATH, address=other, verify=False, headers={"Host": address.authority}))
    # nginx and Go answer plain http on a TLS port with a 400 of their own: that is no answer to the question.
    told_off = b.status == 400 and "https" in b.body.lower()
    differs = b.answered and not told_off
    shows = f"The port speaks {other.scheme}, not {address.scheme}" if differs else "Neither scheme gets an answer"
    yield Comparison("scheme", "the scheme, http or https", first, b, differs, shows)


def _certificate(observer: Observer) -> Iterator[Comparison]:
    """The same request with the certificate looked at and not; no credentials go with it."""
    b = observer.wire.send(Call("GET", VERSION_PATH, verify=False))
    shows = "Only the certificate stands in the way" if b.answered else "The certificate is not the only fault"
    yield Comparison("certificate", "the certificate verified or not", observer.seen.anonymous, b, b.answered, shows)


def _proxy_environment(observer: Observer) -> Iterator[Comparison]:
    """The same request directly and through the environment's proxy."""
    first = observer.seen.anonymous
    for variable in observer.seen.proxy_variables[:1]:
        b = observer.wire.send(Call("GET", VERSION_PATH, proxy=variable.url.reveal()))
        differs = (first.status, first.body) != (b.status, b.body)
        shows = (
            f"{variable.variable} changes the outcome: clients that obey it do not reach this server as it is"
            if differs
            else "The proxy makes no difference"
        )
        factor = f"directly or through the proxy of {variable.variable}"
        yield Comparison("proxy-environment", factor, first, b, differs, shows)


MAKERS: dict[str, Callable[[Observer], Iterator[Comparison]]] = {
    "scheme": _other_scheme,
    "certificate": _certificate,
    "proxy-environment": _proxy_environment,
}
