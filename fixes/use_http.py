r"""Sets HTTPS\Enabled=false: plain http on the Web UI's port."""

from qbdoctor.api import Edit, Effectiveness, Fix, Observations

SETTING = "HTTPS/Enabled"
POLICY, MARK = "content-security-policy", "upgrade-insecure-requests"


def plan(_seen: Observations, _cause: str | None) -> tuple[Edit, ...]:
    """Return the one edit."""
    return (Edit(SETTING, False),)


def forbids(seen: Observations, via: str) -> str:
    """Refuse to cut the connection that the change is made over: nobody could verify it or take it back."""
    if via == "api" and seen.target.address.scheme == "https":
        return (
            "the change would end the https connection that it is made over: stop qBittorrent and use --via file, or "
            "have it restarted with --restart."
        )
    return ""


def judge(before: Observations, after: Observations) -> Effectiveness:
    """Judge by the policy of an answer over http: it asks for https as long as HTTPS is switched on."""
    if after.target.address.scheme != "http" or not after.anonymous.answered:
        return Effectiveness(None, "no answer over http was asked for")
    if MARK in (after.anonymous.header(POLICY) or ""):
        return Effectiveness(False if after.target.direct else None, "answers over http still ask for https")
    if MARK in (before.anonymous.header(POLICY) or ""):
        return Effectiveness(True, "answers over http asked for https before and do not now")
    return Effectiveness(None, "http is answered")


FIX = Fix(
    id="use-http",
    title="The Web UI speaks plain http",
    order=70,
    answers=("https-fallback",),
    effect="keeps",
    plan=plan,
    judge=judge,
    forbids=forbids,
    changes="HTTPS\\Enabled=false (app/preferences: use_https=false)",
    about=(
        "Where HTTPS is switched on and its certificate failed, qBittorrent serves plain http anyway and marks its "
        "cookies Secure all the same, so clients do not send them back. The fix switches HTTPS off, so that the setting "
        "says what is served; the paths of certificate and key stay. Where https works, this ends it: do that only if a "
        "proxy in front speaks TLS or nobody but this machine connects, since passwords travel in clear over http, and give "
        "all clients the new address. Over an https address it is not made live, which would cut its own connection."
    ),
)
