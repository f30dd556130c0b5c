"""Sets AuthSubnetWhitelistEnabled=false: no subnet gets in without the password any more."""

from qbdoctor.api import Edit, Effectiveness, Fix, Observations, closed, ways_exposed, ways_for_us

SETTING = "AuthSubnetWhitelistEnabled"
WAY = "AuthSubnetWhitelist"


def plan(seen: Observations, cause: str | None) -> tuple[Edit, ...]:
    """Return the one edit; for a cause only where the whitelist is on and plays a part in it."""
    edits = (Edit(SETTING, False),)
    if cause is None:
        return edits
    ways = ways_exposed(seen) if cause == "exposed-bypass" else ways_for_us(seen)
    return edits if WAY in ways else ()


def judge(before: Observations, after: Observations) -> Effectiveness:
    """Judge by a call without a cookie: refused now, let in before."""
    return closed(before, after, WAY)


FIX = Fix(
    id="disable-subnet-whitelist",
    title="No subnet gets in without the password",
    order=20,
    answers=("exposed-bypass", "bypass-active"),
    effect="hardens",
    plan=plan,
    judge=judge,
    changes="AuthSubnetWhitelistEnabled=false (app/preferences: bypass_auth_subnet_whitelist_enabled=false)",
    about=(
        "While AuthSubnetWhitelistEnabled is true, everybody in a subnet of AuthSubnetWhitelist gets in without a "
        "password. The fix switches the list off and leaves its entries alone. Sessions that a bypass opened go on until "
        "they time out. Clients in those subnets that never logged in get 403 from then on: give them the password or an "
        "API key, or put one small subnet back by hand."
    ),
)
