"""The comparisons: two exchanges that differ in one factor. They are the only source of "proven".

Each maker gets the observer and returns what it made, the most telling one last; an empty result means that the
comparison cannot be made here. None costs a login, changes a setting or sends anything outside the target; what a
request leaves in the server's log is said in ``notes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.model import Comparison, Exchange, Secret
from qbdoctor.wire import Call

if TYPE_CHECKING:
    from qbdoctor.observe import Observer

VERSION_PATH = "/api/v2/app/version"
HOST_NOTE = "each refused Host header leaves a warning in qBittorrent's log"
NO_SUCH_KEY = Secret("qbdoctor-asks-whether-a-bypass-lets-it-in")
"""Never valid (a key is qbt_ and 28 characters), never counted as a failed login, never logged (measured, 5.2.3, 5.3.0)."""
FOREIGN_CLIENT = "203.0.113.9"
"""TEST-NET-3 (RFC 5737): an address of the Internet that is nobody's."""


def make(name: str, observer: Observer) -> tuple[Comparison, ...]:
    """Make the comparison of that name. Raises :class:`KeyError` for a name that no maker has."""
    return tuple(MAKERS[name](observer))


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


def _host_header(observer: Observer) -> Iterator[Comparison]:
    """After a 401: another port in the Host header, then another name.

    The order and the number matter: through a way that we do not know, every request might carry a Basic header that a
    proxy adds, which from 5.2 on counts as a failed login each. So at most two more go out after the first 401, and the
    ledger knows of them. An answer other than 401 excludes that, and asking on is free.
    """
    address = observer.address
    first = observer.seen.anonymous
    host = address.authority.rsplit(":", 1)[0] if address.authority.endswith(f":{address.port}") else address.authority
    has_port = host != address.authority

    def ask(value: str) -> Exchange:
        return observer.unauthorised(Call("GET", VERSION_PATH, headers={"Host": value}))

    def compare(a: Exchange, b: Exchange, factor: str, shows: str) -> Comparison:
        differs = b.answered and b.status != 401
        said = shows if differs else f"{factor[0].upper()}{factor[1:]} makes no difference"
        return Comparison("host-header", factor, a, b, differs, said, HOST_NOTE)

    port = observer.target.server_port
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
    name = _other_name(observer, host)
    if name is None:
        return
    sent = dict(bare.sent)["Host"]
    suffix = sent.removeprefix(host)
    b = ask(f"{name}{suffix}")
    yield compare(bare, b, "the name in the Host header", "qBittorrent refuses the name in the Host header")


DEFAULT_PORT = 8080


def _other_name(observer: Observer, host: str) -> str | None:
    """Return a name that qBittorrent ought to accept: the address the connection arrived at, or one of ServerDomains."""
    peer = observer.seen.anonymous.peer
    settings = observer.seen.settings
    for domain in settings.server_domains() if settings is not None and not observer.target.direct else ():
        if not any(mark in domain for mark in "*?[]") and domain.lower() != host.lower():
            return domain
    if peer is None:
        return None
    bare = peer.partition("%")[0]
    written = f"[{bare}]" if ":" in bare else bare
    return written if written != host else None


def _bypass(observer: Observer) -> Iterator[Comparison]:
    """The call that a bypass let in, made once more in a way that no bypass lets in."""
    first = observer.seen.anonymous
    version = observer.seen.version
    if version is None:
        return
    if releases.api_key_supported(version):
        b = observer.wire.send(Call("GET", VERSION_PATH, bearer=NO_SUCH_KEY))
        shows = "With an API key, even a wrong one, no bypass is tried: without it, only the bypass had let the call in"
        yield Comparison("bypass", "an API key that cannot exist", first, b, b.status == 403, shows)
    elif (
        first.peer == "127.0.0.1" and first.local == "127.0.0.1" and not releases.is_loopback_for(version, "127.0.0.2")
    ):
        b = observer.wire.send(Call("GET", VERSION_PATH, source="127.0.0.2"))
        if b.answered:
            shows = "From 127.0.0.2, which this release does not count as its own machine, the same call is refused"
            yield Comparison("bypass", "the address we come from", first, b, b.status == 403, shows)


def _public_url(observer: Observer) -> Iterator[Comparison]:
    """The call as it would come through --public-url from somebody on the Internet."""
    public = observer.seen.asked.public_url
    if public is None:
        return
    # No Origin or Referer: a browser sends neither when the address is typed, and their check is another question.
    headers = {"X-Forwarded-For": FOREIGN_CLIENT, "X-Forwarded-Proto": public.scheme}
    first = observer.seen.anonymous
    b = observer.wire.send(Call("GET", VERSION_PATH, headers=headers))
    differs = first.status != b.status
    shows = (
        "A visitor from the Internet is treated differently" if differs else "A visitor from the Internet gets the same"
    )
    yield Comparison("public-url", "as it comes through --public-url", first, b, differs, shows)


def _cookie_name(observer: Observer) -> Iterator[Comparison]:
    """The same session under the cookie's own name and under SID, which older clients look for."""
    call = observer.seen.session_call or observer.seen.anonymous
    kept = observer.session.cookies
    name = next((one for one in kept if one.startswith("QBT_SID_")), None)
    if name is None or call.status != 200 or observer.seen.anonymous.status == 200:
        return
    b = observer.wire.send(Call("GET", VERSION_PATH, cookies={"SID": kept[name]}))
    shows = f"The session counts under the name {name} only"
    yield Comparison("cookie-name", "the name of the session cookie", call, b, b.status == 403, shows)


MAKERS: dict[str, Callable[[Observer], Iterator[Comparison]]] = {
    "scheme": _other_scheme,
    "certificate": _certificate,
    "proxy-environment": _proxy_environment,
    "host-header": _host_header,
    "bypass": _bypass,
    "public-url": _public_url,
    "cookie-name": _cookie_name,
}
