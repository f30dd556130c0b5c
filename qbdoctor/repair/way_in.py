"""Decides whether anybody is known to get in once a plan's bypass is closed: else the fix would close the only way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor.diagnosis.bypass import LOCAL, SUBNETS, doors
from qbdoctor.model.edits import Edit, NewPassword

if TYPE_CHECKING:
    from qbdoctor.observe.base.observations import Observations
    from qbdoctor.repair.plan import Plan

_ENABLED = "AuthSubnetWhitelistEnabled"
_DOORS = {LOCAL: ("local", False), _ENABLED: ("subnet", True)}


def closes_the_last(plan: Plan, seen: Observations) -> str:
    """Return why nobody is known to get in after the plan, a clause; "" where somebody is, or it closes nothing.

    What is known: a bypass that stays open, a password whose hash stands in the config or that was given, an API key.
    """
    edits = [edit for step in plan.steps for edit in step.edits]
    if any(isinstance(edit, Edit) and isinstance(edit.value, NewPassword) for edit in edits):
        return ""
    before = doors(seen)
    after = dict(before)
    for edit in edits:
        if isinstance(edit, Edit) and edit.setting in _DOORS and isinstance(edit.value, bool):
            door, opens = _DOORS[edit.setting]
            after[door] = "yes" if edit.value is opens and before.get(door) == "yes" else "no"
        elif isinstance(edit, Edit) and edit.setting in {LOCAL, SUBNETS}:
            return ""  # opens one
    if "yes" not in before.values() or "yes" in after.values():
        return ""
    return _without_credentials(seen)


def closers(plan: Plan) -> tuple[str, ...]:
    """Return the ids of the plan's fixes that close a bypass."""
    return tuple(
        step.fix.id
        for step in plan.steps
        if any(isinstance(edit, Edit) and edit.setting in _DOORS for edit in step.edits)
    )


def _without_credentials(seen: Observations) -> str:
    """Return why no credentials are known that would let anybody in; "" where some are."""
    if seen.asked.api_key is not None or (seen.has("sign_in") and seen.sign_in.outcome == "accepted"):
        return ""
    settings = seen.settings
    if settings is None:
        return "" if seen.password is not None else "no password was given, and the config is not at hand to see one in"
    if settings.secret("APIKey"):
        return ""
    if settings.found("Username") is not None and not settings.text("Username"):
        return "the config's user name is empty, so that no login succeeds"
    offline = seen.offline
    if offline.outcome == "malformed":
        return "the config's password hash can never match"
    if offline.outcome == "not-set":
        return "no password is set, and this release makes one up at each start"
    return ""
