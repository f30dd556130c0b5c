"""Checks LocalHostAuth: what the file says, and how the server acts."""

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, covers, releases


def judge(seen: Observations) -> Judgement:
    """Judge the setting against the answer to a call without a cookie from a loopback address."""
    settings = seen.settings
    if settings is None:
        return _without_file(seen)
    needed = settings.boolean("LocalHostAuth")
    found = settings.found("LocalHostAuth")
    where = f"line {found.line}" if found else "not set: the default"
    raw = settings.value_text("LocalHostAuth")
    says = f"LocalHostAuth={raw} ({where})"
    acts = _acts_open(seen)
    if needed and acts is True and not _whitelisted(seen):
        return _differs(seen, f"{says} asks for a password, but a call from this machine without one got in")
    if not needed and acts is False:
        return _differs(seen, f"{says} lets callers from this machine in, but such a call was refused")
    if needed:
        return Judgement(
            "pass",
            f"{says}: callers from this machine need a password, and the server acts so"
            if acts is False
            else f"{says}: callers from this machine need a password",
        )
    one = seen.target.instance
    whose = "in its container's own network" if one is not None and one.shares_network is False else "from this machine"
    return Judgement("warn", f"{says} is false for qBittorrent: callers {whose} need no password")


def _without_file(seen: Observations) -> Judgement:
    if seen.preferences is not None and "bypass_local_auth" in seen.preferences:
        if seen.preferences["bypass_local_auth"]:
            return Judgement("warn", "app/preferences: callers from the server's own machine need no password")
        return Judgement("pass", "app/preferences: callers from the server's own machine need a password")
    return Judgement("skip", "Not read", seen.settings_problem or "the config is not at hand")


def _acts_open(seen: Observations) -> bool | None:
    """Return how the server treats a loopback caller without a cookie; None where we are none or cannot tell."""
    first = seen.anonymous
    if not first.answered or not seen.target.direct or first.local is None:
        return None
    if not releases.is_loopback_for(seen.release, first.local):
        return None
    return {200: True, 403: False}.get(first.status or 0)


def _whitelisted(seen: Observations) -> bool:
    settings = seen.settings
    local = seen.anonymous.local
    if settings is None or local is None or not settings.boolean("AuthSubnetWhitelistEnabled"):
        return False
    return covers(settings.whitelist()[0], local)


def _differs(seen: Observations, text: str) -> Judgement:
    settings = seen.settings
    found = settings.found("LocalHostAuth") if settings else None
    raw = settings.value_text("LocalHostAuth") if settings else None
    file = str(seen.target.config_file) if seen.target.config_file else None
    evidence = (
        Evidence.setting("LocalHostAuth", raw, text, file=file, line=found.line if found else None),
        Evidence.response(seen.anonymous),
    )
    summary = f"The file and the running server differ: {text}"
    values = {"setting": "LocalHostAuth"}
    cause = Finding("edited-while-running", "likely", summary, evidence, severity="warning", values=values)
    return Judgement("warn", summary, findings=(cause,))


CHECK = Check(
    id="localhost-auth",
    title="LocalHostAuth",
    order=70,
    judge=judge,
    causes=("edited-while-running",),
    about=(
        "Reads LocalHostAuth from the config as Qt does (no, off and maybe are true; empty is false) in the section that "
        "this release reads, or from app/preferences where the file is not at hand, and holds it against what the "
        "server does to a call without a cookie from a loopback address. Up to 5.0.5 only 127.0.0.1 and ::1 count as "
        "loopback, from 5.1.0 on all of 127.0.0.0/8."
    ),
)
