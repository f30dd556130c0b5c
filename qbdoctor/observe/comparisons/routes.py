"""Comparisons of ways to the server: directly and through the address given, with and without a path, a redirect's goal.

None sends a cookie or credentials, so the certificate does not matter for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from qbdoctor.config.settings import Settings
from qbdoctor.model.errors import UserError
from qbdoctor.model.exchanges import Comparison, Exchange
from qbdoctor.target.address import Address, parse_ip, parse_url
from qbdoctor.webui.call import VERSION_PATH, Call
from qbdoctor.webui.recognise import answers_call

if TYPE_CHECKING:
    from qbdoctor.observe.observer import Observer
    from qbdoctor.target.processes import Instance


def direct_address(observer: Observer) -> Address | None:
    """Return where the process behind the target listens itself; None where none is known.

    That process is the target's own, or the one whose log told of our refused request. A config without a running
    process is not enough: what listens on its port here may be anything.
    """
    target = observer.target
    instance = target.instance
    if instance is None and observer.seen.anonymous.status == 401 and observer.seen.first_request_log is not None:
        instance = observer.seen.first_request_log.instance
    if instance is None or instance.config_file is None:
        return None
    try:
        settings = Settings.load(instance.config_file)
    except UserError:
        return None
    port = target.server_port if instance is target.instance else settings.integer("Port")
    host = _host(instance, port)
    if host is None or port is None:
        return None
    return Address("https" if settings.boolean("HTTPS\\Enabled") else "http", host, port)


def _host(instance: Instance, port: int | None) -> str | None:
    """Return the address it is bound to at that port, as it can be reached from here."""
    bound = [parse_ip(text) for text, number in instance.listening or () if number == port]
    if not bound or bound[0] is None:
        return None
    if not bound[0].is_unspecified:
        return str(bound[0])
    if instance.shares_network is False:
        return next(iter(instance.addresses), None)
    return "127.0.0.1"


def _direct(observer: Observer) -> Iterator[Comparison]:
    """The same call through the address given and directly at the process."""
    where = None if observer.target.direct else direct_address(observer)
    if where is None or where == observer.address:
        return
    first = observer.seen.anonymous
    b = observer.wire.send(Call("GET", VERSION_PATH, address=where, verify=False))
    differs = answers_call(b) and (b.status != first.status or not answers_call(first))
    shows = (
        f"qBittorrent itself, asked at {where.url}, answers {b.outcome()}: the other answer is made on the way"
        if differs
        else "Both ways end alike"
    )
    yield Comparison("direct", "the way: through the address given, or directly", first, b, differs, shows)


def _base_path(observer: Observer) -> Iterator[Comparison]:
    """After a 404: the same call without the address's path, or with that of --public-url; then both directly."""
    first = observer.seen.anonymous
    address, public = observer.address, observer.seen.asked.public_url
    other = "" if address.path else (public.path if public is not None else "")
    if other == address.path:
        return
    b = observer.unauthorised(Call("GET", VERSION_PATH, address=replace(address, path=other)))
    one = _paths(first, b, address.path, other)
    yield one
    where = direct_address(observer)
    if one.differs or where is None or not address.path:
        return
    with_path = observer.wire.send(Call("GET", VERSION_PATH, address=replace(where, path=address.path), verify=False))
    bare = observer.wire.send(Call("GET", VERSION_PATH, address=where, verify=False))
    yield _paths(with_path, bare, address.path, "")


def _paths(a: Exchange, b: Exchange, path: str, other: str) -> Comparison:
    differs = a.status == 404 and answers_call(b)
    shows = f"With the path {other or '/'} qBittorrent answers the call, with {path or '/'} nothing is found"
    return Comparison(
        "base-path", "the path before /api/v2", a, b, differs, shows if differs else "Neither is answered"
    )


def _redirect_goal(observer: Observer) -> Iterator[Comparison]:
    """The redirect's goal asked directly, where it is the same call at the same host."""
    first = observer.seen.anonymous
    goal = urljoin(first.url, first.header("location") or "")
    if not goal.endswith(VERSION_PATH):
        return
    try:
        where = parse_url(goal.removesuffix(VERSION_PATH))
    except UserError:
        return
    if where.host != observer.address.host or where == observer.address:
        return
    b = observer.unauthorised(Call("GET", VERSION_PATH, address=where, verify=False))
    differs = answers_call(b)
    shows = f"qBittorrent answers at {where.url}" if differs else f"{where.url} is not answered by qBittorrent"
    yield Comparison("redirect-goal", "the address: the one given or the redirect's goal", first, b, differs, shows)


MAKERS: dict[str, Callable[[Observer], Iterator[Comparison]]] = {
    "direct": _direct,
    "base-path": _base_path,
    "redirect-goal": _redirect_goal,
}
