"""Adds a subnet that gets in without the password to AuthSubnetWhitelist."""

import ipaddress
from collections.abc import Mapping

from qbdoctor.api import (
    Added,
    Edit,
    Effectiveness,
    Fix,
    Input,
    Observations,
    covers,
    inputvalues,
    opened,
    whitelist_now,
)

ENABLED, LIST = "AuthSubnetWhitelistEnabled", "AuthSubnetWhitelist"


def plan(_seen: Observations, _cause: str | None, given: Mapping[str, str]) -> tuple[Edit, ...]:
    """Return both edits."""
    return (Edit(LIST, Added(given["subnet"])), Edit(ENABLED, True))


def forbids(seen: Observations, via: str, given: Mapping[str, str]) -> str:
    """Refuse to let in more than the one subnet: a list that is off may hold others, which would count again."""
    on, held = whitelist_now(seen, via)
    net = ipaddress.ip_network(given["subnet"])
    others = [str(one) for one in held if not (one.version == net.version and one.subnet_of(net))]  # type: ignore[arg-type]
    if on or not others:
        return ""
    return (
        f"the whitelist is off and holds {', '.join(others[:5])} as well, which would get in too: take out of it what is not "
        "wanted first."
    )


def judge(before: Observations, after: Observations, given: Mapping[str, str]) -> Effectiveness:
    """Judge by a call without a cookie, where our own address is in that subnet."""
    ours = after.anonymous.local
    if ours is None or not covers((ipaddress.ip_network(given["subnet"]),), ours):
        return Effectiveness(None, f"our own address {ours or ''} is not in {given['subnet']}, so no call shows it")
    return opened(before, after, LIST)


FIX = Fix(
    id="allow-subnet",
    title="One more subnet needs no password",
    order=120,
    answers=("whitelist-not-matching",),
    effect="loosens",
    plan=plan,
    judge=judge,
    forbids=forbids,
    inputs=(Input("subnet", "the subnet, such as 192.168.1.20/32", inputvalues.private_subnet, found="address"),),
    changes=(
        "AuthSubnetWhitelist gets one more entry, AuthSubnetWhitelistEnabled=true (app/preferences: "
        "bypass_auth_subnet_whitelist, bypass_auth_subnet_whitelist_enabled)"
    ),
    about=(
        "Adds one subnet to the whitelist, by default the one address that the server was seen to see, and switches the "
        "list on; other entries stay. Public addresses are refused, and so is a list that is off and holds other "
        "entries, since those would count again. What counts is the address that qBittorrent sees."
    ),
    exposes=(
        "the Web UI, and with it a program run as qBittorrent's user, to everybody who comes from an address in that "
        "subnet; behind a gateway's or a proxy's address that is everybody who comes through it."
    ),
)
