"""Decides which options `qbdoctor fix` needs in the situation that a check found, so that the command printed works."""

from __future__ import annotations

from qbdoctor.model.errors import UserError
from qbdoctor.observe.base.inspection import Inspection
from qbdoctor.observe.base.observations import Observations


def fix_options(inspection: Inspection) -> tuple[str, ...] | None:
    """Return the options beside the target's; None where no fix can be made from here. Sends nothing.

    With a session, or while a person may still log in, a fix is made live. A running server that refuses us has to be
    restarted for an edit of its file; a stopped one has its file edited.
    """
    seen, target = inspection.seen, inspection.target
    if not seen.has("anonymous") or _may_log_in(seen):
        return ()
    if target.config_file is None:
        return None
    if target.instance is None:
        return None if seen.anonymous.answered else ()
    from qbdoctor.repair.restart import restart  # noqa: PLC0415 - only where something is wrong

    try:
        restart.plan(target.instance, target.config_file)
    except UserError:
        return ("--via", "file")  # once it was stopped by hand
    return ("--restart",)


def _may_log_in(seen: Observations) -> bool:
    if seen.anonymous.status == 200:
        return True
    if seen.has("session_call") and seen.session_call is not None:
        return seen.session_call.status == 200
    return seen.has("sign_in") and (
        seen.sign_in.outcome == "accepted" or seen.sign_in.why in {"no-credentials", "no-login"}
    )
