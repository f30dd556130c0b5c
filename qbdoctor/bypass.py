"""Which settings let an address in without a password, by the rules of the release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.model import Effectiveness
from qbdoctor.subnets import covers, parse_subnets

if TYPE_CHECKING:
    from qbdoctor.observations import Observations


def ways_in(seen: Observations, address: str | None) -> tuple[str, ...]:
    """Return the settings that let this client address in: ``LocalHostAuth``, ``AuthSubnetWhitelist``, both or none.

    The file is what was asked for where it is at hand, else app/preferences; with neither the result is empty.
    """
    if address is None:
        return ()
    found: list[str] = []
    settings, preferences = seen.settings, None
    if settings is not None:
        local_open = not settings.boolean("LocalHostAuth")
        subnets = settings.whitelist()[0] if settings.boolean("AuthSubnetWhitelistEnabled") else ()
    else:
        preferences = seen.preferences or {}
        local_open = bool(preferences.get("bypass_local_auth"))
        listed = str(preferences.get("bypass_auth_subnet_whitelist", "")).replace(",", "\n").splitlines()
        subnets = parse_subnets(listed)[0] if preferences.get("bypass_auth_subnet_whitelist_enabled") else ()
    if local_open and releases.is_loopback_for(seen.release, address):
        found.append("LocalHostAuth")
    if covers(subnets, address):
        found.append("AuthSubnetWhitelist")
    return tuple(found)


def closed(before: Observations, after: Observations, way: str) -> Effectiveness:
    """Judge by a call without a cookie whether closing this way in (as :func:`ways_in` names it) worked.

    It is shown only where our own address was let in before; what still gets in by another way shows nothing.
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
    return Effectiveness(False, f"a call without a cookie from {where} still gets in")
