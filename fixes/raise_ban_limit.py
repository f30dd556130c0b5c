"""Raises MaxAuthenticationFailCount: more failed logins before an address is banned."""

from collections.abc import Mapping

from qbdoctor.api import Edit, Effectiveness, Fix, Input, Observations, inputvalues, integer_now

SETTING = "MaxAuthenticationFailCount"


def plan(_seen: Observations, _cause: str | None, given: Mapping[str, str]) -> tuple[Edit, ...]:
    """Return the one edit."""
    return (Edit(SETTING, int(given["limit"])),)


def forbids(seen: Observations, via: str, given: Mapping[str, str]) -> str:
    """Refuse to lower it."""
    now = integer_now(seen, SETTING, via)
    if now is None or 0 < now <= int(given["limit"]):
        return ""
    return f"the limit is {now} already, and this fix only raises it." if now > 0 else "no address is ever banned now."


def judge(_before: Observations, _after: Observations, _given: Mapping[str, str]) -> Effectiveness:
    """Judge nothing: only failed logins could show it."""
    return Effectiveness(None, "only failed logins could show it, and none is made for that")


FIX = Fix(
    id="raise-ban-limit",
    title="More failed logins before an address is banned",
    order=140,
    answers=("ip-banned",),
    effect="loosens",
    plan=plan,
    judge=judge,
    forbids=forbids,
    inputs=(Input("limit", "how many failed logins lead to a ban", inputvalues.number(2, 100), default="10"),),
    changes="MaxAuthenticationFailCount=10, or as told (app/preferences: web_ui_max_auth_fail_count)",
    about=(
        "Raises the number of failed logins after which an address is banned, five by default, to ten or what --set "
        "limit=N says, at most 100. It does not lift a ban that is running: that ends with its time, or with a restart. Find the "
        "client that keeps failing first. Releases before 4.2.2 have no such setting."
    ),
    exposes="the password to as many more guesses from every address before each ban.",
)
