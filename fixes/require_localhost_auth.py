"""Sets LocalHostAuth=true: callers from the server's own machine need the password again."""

from qbdoctor.api import Edit, Effectiveness, Fix, Observations, closed, ways_exposed, ways_for_us

SETTING = "LocalHostAuth"


def plan(seen: Observations, cause: str | None) -> tuple[Edit, ...]:
    """Return the one edit; for a cause only where this setting plays a part in it."""
    edits = (Edit(SETTING, True),)
    if cause is None:
        return edits
    ways = ways_exposed(seen) if cause == "exposed-bypass" else ways_for_us(seen)
    return edits if SETTING in ways else ()


def judge(before: Observations, after: Observations) -> Effectiveness:
    """Judge by a call without a cookie: refused now, let in before."""
    return closed(before, after, SETTING)


FIX = Fix(
    id="require-localhost-auth",
    title="Callers from the server's own machine need the password",
    order=10,
    answers=("bypass-active", "exposed-bypass"),
    effect="hardens",
    plan=plan,
    judge=judge,
    changes="LocalHostAuth=true (app/preferences: bypass_local_auth=false)",
    about=(
        "With LocalHostAuth=false qBittorrent lets every caller from this machine in (127.0.0.1 and ::1, from "
        "5.1.0 all of 127/8) without a password, and with a "
        "reverse proxy on the same machine that is everybody. The fix sets it to true, its default. Sessions that a bypass "
        "opened go on until they time out. Helpers on the same machine that call the API without logging in (port "
        "forwarding hooks of VPN containers, some dashboards) get 403 from then on: give them the password or an API key."
    ),
)
