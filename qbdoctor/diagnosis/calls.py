"""Decides whether this run saw calls fail that should work: what makes a warning about the config an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qbdoctor.observe.base.observations import Observations


def calls_work(seen: Observations) -> bool:
    """Return True if a call got in, by a session, a key or a bypass. Takes no observation that was not taken."""
    if seen.has("anonymous") and seen.anonymous.status == 200:
        return True
    call = seen.session_call if seen.has("session_call") else None
    if call is not None:
        return call.status == 200
    return seen.has("sign_in") and seen.sign_in.outcome == "accepted"


def calls_fail(seen: Observations) -> bool:
    """Return True if the server did not answer, refused the credentials, or is known to refuse them.

    Neither this nor :func:`calls_work` holds where no login was asked for. Takes no observation that was not taken.
    """
    if calls_work(seen):
        return False
    if seen.has("anonymous") and not seen.anonymous.answered:
        return True
    if seen.has("session_call") and seen.session_call is not None:
        return True
    if not seen.has("sign_in"):
        return False
    return seen.sign_in.outcome == "refused" or seen.sign_in.why == "offline"
