"""Finds which settings let an address in without a password, by the rules of the release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.config.subnets import Network, covers, is_public, parse_subnets
from qbdoctor.model.edits import Effectiveness

if TYPE_CHECKING:
    from qbdoctor.observe.base.observations import Observations

LOCAL, SUBNETS = "LocalHostAuth", "AuthSubnetWhitelist"


def ways_in(seen: Observations, address: str | None) -> tuple[str, ...]:
    """Return the settings that let this client address in: ``LocalHostAuth``, ``AuthSubnetWhitelist``, both or none.

    The file is what was asked for where it is at hand, else app/preferences; with neither the result is empty.
    """
    if address is None:
        return ()
    local_open, subnets = _open(seen)
    found = (LOCAL,) if local_open and releases.is_loopback_for(seen.release, address) else ()
    return (*found, SUBNETS) if covers(subnets, address) else found


def ways_for_us(seen: Observations) -> tuple[str, ...]:
    """Return the settings that may let us in: by the address that the server sees, each open one where that is not known."""
    address = seen.client.supposed
    return ways_open(seen) if address is None else ways_in(seen, address)


def ways_open(seen: Observations) -> tuple[str, ...]:
    """Return which of the two settings let anybody in at all."""
    local_open, subnets = _open(seen)
    return tuple(name for name, counts in ((LOCAL, local_open), (SUBNETS, bool(subnets))) if counts)


def ways_exposed(seen: Observations) -> tuple[str, ...]:
    """Return the settings that ``exposed-bypass`` may come from.

    A whitelist of public addresses is one whoever asks. Where the bypass holds through something in front, the server
    sees an address that we do not know, so whatever is open counts; else what lets our own address in.
    """
    if _through(seen):
        return ways_open(seen)
    public = any(is_public(net) for net in _open(seen)[1])
    return (SUBNETS,) if public else ways_for_us(seen)


def doors(seen: Observations) -> dict[str, str]:
    """Return which of the two settings are open at all, as conditions for remedies (``local``, ``subnet``)."""
    if seen.settings is None and seen.preferences is None:
        return {}
    local_open, subnets = _open(seen)
    return {"local": "yes" if local_open else "no", "subnet": "yes" if subnets else "no"}


def closed(before: Observations, after: Observations, way: str) -> Effectiveness:
    """Judge by a call without a cookie whether closing this way in (as :func:`ways_in` names it) worked.

    It is shown only where our own address was let in before; what still gets in by another way shows nothing, and
    neither does what comes to the server from an address that we do not know.
    """
    now = after.anonymous
    where = now.local or "here"
    if now.status == 403:
        if before.anonymous.status == 200:
            return Effectiveness(
                True, f"a call without a cookie from {where} got in before and is refused with 403 now"
            )
        return Effectiveness(None, f"a call without a cookie from {where} is refused with 403, as before")
    if now.status != 200:
        return Effectiveness(None, f"a call without a cookie from {where}: {now.outcome()}")
    others = [other for other in ways_in(after, now.local) if other != way]
    if others:
        return Effectiveness(None, f"a call without a cookie from {where} still gets in, by {others[0]}")
    still = f"a call without a cookie from {where} still gets in"
    return Effectiveness(False if after.target.direct else None, still)


def opened(before: Observations, after: Observations, way: str) -> Effectiveness:
    """Judge by a call without a cookie whether opening this way in (as :func:`ways_in` names it) worked.

    Only an address of ours that it is meant for can show it, and only where it did not get in before.
    """
    now, was = after.anonymous, before.anonymous
    where = now.local or "here"
    if now.status == 200:
        if was.status == 403:
            return Effectiveness(True, f"a call without a cookie from {where} was refused with 403 and gets in now")
        return Effectiveness(None, f"a call without a cookie from {where} gets in, as before")
    if now.status == 403 and after.target.direct and way in ways_in(after, now.local):
        return Effectiveness(False, f"a call without a cookie from {where} is still refused with 403")
    return Effectiveness(None, f"a call without a cookie from {where}: {now.outcome()}")


def _open(seen: Observations) -> tuple[bool, tuple[Network, ...]]:
    """Return whether callers from the server's own machine need no password, and the subnets that need none."""
    settings = seen.settings
    if settings is not None:
        subnets = settings.whitelist()[0] if settings.boolean("AuthSubnetWhitelistEnabled") else ()
        return not settings.boolean(LOCAL), subnets
    preferences = seen.preferences or {}
    listed = str(preferences.get("bypass_auth_subnet_whitelist", "")).replace(",", "\n").splitlines()
    subnets = parse_subnets(listed)[0] if preferences.get("bypass_auth_subnet_whitelist_enabled") else ()
    return bool(preferences.get("bypass_local_auth")), subnets


def _through(seen: Observations) -> bool:
    """Return whether a bypass holds through something that stands in front of the server."""
    public = seen.compared("public-url")
    return bool(seen.in_front) or (public is not None and public.b.status == 200)
