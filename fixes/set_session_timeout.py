"""Sets SessionTimeout: how many seconds without a call a session lasts."""

from collections.abc import Mapping

from qbdoctor.api import Edit, Effectiveness, Fix, Input, Observations, inputvalues

SETTING = "SessionTimeout"
SHORTEST, USUAL, LONGEST = 60, 3600, 365 * 86_400


def plan(_seen: Observations, _cause: str | None, given: Mapping[str, str]) -> tuple[Edit, ...]:
    """Return the one edit."""
    return (Edit(SETTING, int(given["seconds"])),)


def judge(_before: Observations, _after: Observations, given: Mapping[str, str]) -> Effectiveness:
    """Judge nothing: it would take that long to see."""
    return Effectiveness(None, f"only {given['seconds']} s of waiting could show it")


FIX = Fix(
    id="set-session-timeout",
    title="Sessions last longer without a call",
    order=60,
    answers=("session-too-short",),
    effect="keeps",
    plan=plan,
    judge=judge,
    inputs=(
        Input(
            "seconds",
            "how many seconds without a call a session lasts",
            inputvalues.number(SHORTEST, LONGEST),
            default=str(USUAL),
        ),
    ),
    changes="SessionTimeout=3600, or as told (app/preferences: web_ui_session_timeout)",
    about=(
        "Sets the time without a call after which a session ends: 3600 seconds, qBittorrent's default, or what --set "
        "seconds=N says (60 to a year). Each call starts the time anew, so it must be longer than the longest pause of a "
        "client that keeps its session. Releases before 4.2 have no such setting."
    ),
)
