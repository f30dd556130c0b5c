"""Compares who gets in without a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.model.exchanges import Comparison
from qbdoctor.webui.call import VERSION_PATH, Call
from qbdoctor.webui.session import NO_SUCH_KEY

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection

FOREIGN_CLIENT = "203.0.113.9"
"""TEST-NET-3 (RFC 5737): an address of the Internet that is nobody's."""


def _bypass(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the call that a bypass let in, made once more in a way that no bypass lets in."""
    first = inspection.seen.anonymous
    version = inspection.seen.version
    if version is None:
        return
    if releases.api_key_supported(version):
        b = inspection.wire.send(Call("GET", VERSION_PATH, bearer=NO_SUCH_KEY))
        shows = "With an API key, even a wrong one, no bypass is tried: without it, only the bypass had let the call in"
        yield Comparison("bypass", "an API key that cannot exist", first, b, b.status == 403, shows)
    elif (
        first.peer == "127.0.0.1" and first.local == "127.0.0.1" and not releases.is_loopback_for(version, "127.0.0.2")
    ):
        b = inspection.wire.send(Call("GET", VERSION_PATH, source="127.0.0.2"))
        if b.answered:
            shows = "From 127.0.0.2, which this release does not count as its own machine, the same call is refused"
            yield Comparison("bypass", "the address we come from", first, b, b.status == 403, shows)


def _public_url(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the call as it would come through --public-url from somebody on the Internet."""
    public = inspection.seen.asked.public_url
    if public is None:
        return
    # No Origin or Referer: a browser sends neither when the address is typed, and their check is another question.
    headers = {"X-Forwarded-For": FOREIGN_CLIENT, "X-Forwarded-Proto": public.scheme}
    first = inspection.seen.anonymous
    b = inspection.wire.send(Call("GET", VERSION_PATH, headers=headers))
    differs = first.status != b.status
    shows = (
        "A visitor from the Internet is treated differently" if differs else "A visitor from the Internet gets the same"
    )
    yield Comparison("public-url", "as it comes through --public-url", first, b, differs, shows)


def _made_up_address(inspection: Inspection) -> Iterator[Comparison]:
    """Yield the call with an X-Forwarded-For of the caller's own making: only who is let in differs by it, so no login is made.

    Refused so far, it claims an address that the settings let in; let in so far, one of the Internet.
    """
    first = inspection.seen.anonymous
    claimed = FOREIGN_CLIENT if first.status == 200 else _let_in(inspection)
    b = inspection.wire.send(Call("GET", VERSION_PATH, headers={"X-Forwarded-For": claimed}))
    differs = {first.status, b.status} == {200, 403}
    shows = (
        "The server believes the made-up address: what stands in front hands it on"
        if differs
        else "The made-up address changes nothing"
    )
    yield Comparison("made-up-address", f"X-Forwarded-For: {claimed}, made up by the caller", first, b, differs, shows)


def _let_in(inspection: Inspection) -> str:
    """Return an address that needs no password, as far as the settings are known; else localhost's."""
    settings = inspection.seen.settings
    if settings is not None and settings.boolean("AuthSubnetWhitelistEnabled"):
        for net in settings.whitelist()[0]:
            return str(net[min(1, net.num_addresses - 1)])
    return "127.0.0.1"


MAKERS: dict[str, Callable[[Inspection], Iterator[Comparison]]] = {
    "bypass": _bypass,
    "public-url": _public_url,
    "made-up-address": _made_up_address,
}
