"""Sets SecureCookie=false: the session cookie is not marked Secure."""

from qbdoctor.api import Edit, Effectiveness, Fix, Observations

SETTING = "SecureCookie"


def plan(_seen: Observations, _cause: str | None) -> tuple[Edit, ...]:
    """Return the one edit."""
    return (Edit(SETTING, False),)


def judge(before: Observations, after: Observations) -> Effectiveness:
    """Judge by the mark of a cookie that was set since, where one was."""
    was, now = _marked(before), _marked(after)
    if now is None or after.anonymous is before.anonymous:
        return Effectiveness(None, "no new cookie was set to show it")
    if now:
        return Effectiveness(False if after.target.direct else None, "a new cookie is still marked Secure")
    if was:
        return Effectiveness(True, "the cookie was marked Secure before and is not now")
    return Effectiveness(None, "the cookie is not marked Secure")


def _marked(seen: Observations) -> bool | None:
    """Return whether the cookie of a call that was let in without one is marked Secure."""
    cookies = [one for one in seen.anonymous.cookies if one.value]
    return any(one.secure for one in cookies) if cookies else None


FIX = Fix(
    id="unset-secure-cookie",
    title="The session cookie is not marked Secure",
    order=130,
    answers=("secure-cookie-over-http",),
    effect="loosens",
    plan=plan,
    judge=judge,
    changes="SecureCookie=false (app/preferences: web_ui_secure_cookie_enabled=false)",
    about=(
        "With HTTPS switched on (from 5.1.3 also behind a proxy that says https) the session cookie is marked Secure, and "
        "clients that speak http to qBittorrent do not send it back. The fix leaves the mark off. Better let those clients use "
        "https, or switch HTTPS off where it is not served. Sessions that are open keep their cookie. Releases before 4.2.2 "
        "have no such setting."
    ),
    exposes="the session cookie, which is as good as the password, to anybody who can listen on an http part of the way.",
)
