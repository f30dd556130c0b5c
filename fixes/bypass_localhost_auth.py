"""Sets LocalHostAuth=false: callers from the server's own machine get in without the password."""

from qbdoctor.api import Edit, Effectiveness, Fix, Observations, opened

SETTING = "LocalHostAuth"


def plan(_seen: Observations, _cause: str | None) -> tuple[Edit, ...]:
    """Return the one edit."""
    return (Edit(SETTING, False),)


def judge(before: Observations, after: Observations) -> Effectiveness:
    """Judge by a call without a cookie: let in now, refused before."""
    return opened(before, after, SETTING)


FIX = Fix(
    id="bypass-localhost-auth",
    title="Callers from the server's own machine need no password",
    order=110,
    answers=("client-relies-on-bypass",),
    effect="loosens",
    plan=plan,
    judge=judge,
    changes="LocalHostAuth=false (app/preferences: bypass_local_auth=true)",
    about=(
        "For a helper on the same machine that cannot log in, such as a port forwarding hook of a VPN container. Give it the "
        "password or an API key instead wherever it can take one. Where the bypass turns out to hold through a proxy as "
        "well, the change is undone at once."
    ),
    exposes=(
        "the Web UI, and with it a program run as qBittorrent's user, to every program and user on that machine, and "
        "through a reverse proxy there to everybody who reaches it."
    ),
)
