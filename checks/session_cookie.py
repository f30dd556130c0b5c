"""Checks the session cookie: its name, its flags, and what each means for the caller."""

from qbdoctor.api import (
    Check,
    Comparison,
    Confidence,
    Evidence,
    Finding,
    Judgement,
    Observations,
    SetCookie,
    Severity,
    Withheld,
    releases,
    session_cookie,
)

CAUSES = {
    "Expires": "cookie-expired-on-arrival",
    "Path": "cookie-path-mismatch",
    "Domain": "cookie-domain-mismatch",
    "Prefix": "cookie-refused-by-browsers",
    "SameSite": "cookie-refused-by-browsers",
}
APART = 60.0
"""Seconds by which clocks may differ without a word."""


def judge(seen: Observations) -> Judgement:
    """Judge the cookie that the login (or the bypass) set; ask for the same value under the old name from 5.2 on."""
    cookie = session_cookie(seen)
    if cookie is None:
        return Judgement("skip", "No session cookie to judge", "no login was made and no bypass set one")
    findings: list[Finding] = []
    renamed = cookie.name.startswith("QBT_SID_")
    if renamed:
        if "cookie-name" not in seen.comparisons:
            return Judgement("pass", _described(cookie), wants=("cookie-name",))
        findings.append(_renamed(cookie, seen.compared("cookie-name")))
    if cookie.same_site is not None and cookie.same_site.lower() == "strict":
        findings.append(_strict(seen, cookie))
    elif cookie.same_site is not None and cookie.same_site.lower() == "lax" and _refuses_links(seen):
        findings.append(_linked(cookie))
    if cookie.secure and seen.target.address.scheme == "http" and seen.anonymous.status == 403:
        findings.insert(0, _secure(seen, cookie))
        return Judgement("fail", findings[0].summary, findings=tuple(findings))
    cleared = _cleared(seen, cookie)
    if cleared is not None:
        findings.insert(0, cleared)
        return Judgement("warn", cleared.summary, findings=tuple(findings))
    kept_back = [_kept_back(seen, cookie, one) for one in seen.withheld if one.attribute in CAUSES]
    if kept_back:
        failed = any(one.severity == "error" for one in kept_back)
        return Judgement("fail" if failed else "warn", kept_back[0].summary, findings=(*kept_back, *findings))
    return Judgement("pass", _described(cookie), findings=tuple(findings))


def _described(cookie: SetCookie) -> str:
    """Say what each flag means for somebody who calls the API."""
    same_site = {
        None: "no SameSite (browsers treat it as Lax; programs do not look at it)",
        "strict": "SameSite=Strict (browsers withhold it on links from other sites; programs do not look at it)",
        "lax": "SameSite=Lax (browsers withhold it in embedded pages of other sites; programs do not look at it)",
        "none": "SameSite=None",
    }.get(cookie.same_site.lower() if cookie.same_site else None, f"SameSite={cookie.same_site}")
    parts = [
        "HttpOnly (scripts in a page cannot read it)"
        if cookie.http_only
        else "not HttpOnly (scripts in a page can read it)",
        "Secure (sent over https only)" if cookie.secure else "not Secure (sent over http as well)",
        same_site,
        f"path {cookie.path}" if cookie.path else "no path (kept for /api/v2/auth only by some clients)",
        f"expires {cookie.expires}" if cookie.expires else "no expiry (gone when the client ends)",
    ]
    return f"{cookie.name}: " + ", ".join(parts)


def _renamed(cookie: SetCookie, compared: Comparison | None) -> Finding:
    text = f"The session cookie is named {cookie.name}: clients that look for SID log in and then get 403"
    values = {"cookie_name": cookie.name}
    if compared is not None and compared.differs:
        return Finding("cookie-renamed", "proven", text, (Evidence.experiment(compared),), values=values)
    return Finding("cookie-renamed", "likely", text, (_set(cookie),), values=values)


def _strict(seen: Observations, cookie: SetCookie) -> Finding:
    what = "may show the login page again after the right password"
    if _refuses_links(seen):
        what = f"gets 401 Unauthorized for its Referer or, where it sends none, {what}; a typed address works"
    text = (
        f"The cookie {cookie.name} is SameSite=Strict: a browser that arrives by a link from another site, such as a "
        f"dashboard, {what}; programs are not affected"
    )
    return Finding("samesite-browser-loop", "possible", text, (_set(cookie),), values={"cookie_name": cookie.name})


def _refuses_links(seen: Observations) -> bool:
    """Return whether the start page itself is refused to a browser whose Referer is another site's; the attribute SameSite of
    the cookie says that the protection is on.
    """
    return all("/" not in paths for paths in releases.possible("csrf.exempt_paths", seen.releases))


def _linked(cookie: SetCookie) -> Finding:
    text = (
        "CSRF protection is on: a browser that arrives by a link from another site, such as a dashboard, gets 401 Unauthorized "
        "for its Referer; a typed address works, and programs are not affected"
    )
    return Finding("referer-mismatch", "possible", text, (_set(cookie),), severity="info")


def _set(cookie: SetCookie) -> Evidence:
    return Evidence("response", f"the answer sets {cookie.shown()}", {"set_cookie": cookie.shown()})


def _kept_back(seen: Observations, cookie: SetCookie, one: Withheld) -> Finding:
    """Judge an attribute for which a standard client does not send the cookie back."""
    who = "browsers" if one.browsers else "ordinary clients"
    text = (
        f"{_why(seen, cookie, one)}: {who} log in, keep the cookie to themselves or drop it, and get 403 on every call"
    )
    values = {"cookie_name": cookie.name, "proxy": "yes" if seen.in_front else "no"}
    shown, confidence = _with_and_without(seen)
    evidence = (*shown, _set(cookie))
    if one.attribute == "Expires" and seen.clock.ahead is not None:
        said = f"the answer's Date is {seen.clock.date}, which is {_apart(seen.clock.ahead)}"
        evidence = (*evidence, Evidence("response", said, {"date": seen.clock.date}))
    severity: Severity = "warning" if one.browsers else "error"
    return Finding(CAUSES[one.attribute], confidence, text, evidence, severity=severity, values=values)


def _cleared(seen: Observations, cookie: SetCookie) -> Finding | None:
    """Return an answer that makes browsers delete all cookies of the host: they heed it over https and on their own machine.

    No release of qBittorrent sends that header (W3C, Clear Site Data; seen with Chromium).
    """
    address = seen.target.address
    if address.scheme != "https" and not address.is_loopback:
        return None
    asked = (seen.session_call, seen.sign_in.exchange, seen.front_page if seen.has("front_page") else None)
    for one in asked:
        sent = one.header("clear-site-data") if one is not None else None
        if one is not None and sent is not None and ("cookies" in sent or "*" in sent):
            text = (
                f"The answer to {one.method} {one.url} bears Clear-Site-Data: {sent}: browsers delete {cookie.name} with it and "
                "show the login page again; programs keep it. qBittorrent sends no such header: something in front adds it"
            )
            values = {"cookie_name": cookie.name, "proxy": "yes"}
            evidence = (Evidence.response(one),)
            return Finding("cookie-refused-by-browsers", "likely", text, evidence, severity="warning", values=values)
    return None


def _why(seen: Observations, cookie: SetCookie, one: Withheld) -> str:
    name, url = cookie.name, seen.target.address.url
    match one.attribute:
        case "Expires":
            ahead = seen.clock.ahead
            late = ahead is not None and ahead < -APART
            clocks = f"; the server's clock is {_apart(ahead or 0.0)}" if late else "; the clocks of both agree"
            return f"The cookie {name} had ended before it came (it expires {one.value}){clocks}"
        case "Path" if one.value:
            return f"The cookie {name} is for the path {one.value}, which is not that of the calls at {url}"
        case "Path":
            return f"The cookie {name} has no path any more, so that it is for /api/v2/auth alone"
        case "Domain":
            return f"The cookie {name} is for the domain {one.value}, which {seen.target.address.host} is not in"
        case "Prefix":
            return f"The name {name} begins with a prefix that browsers accept on a Secure cookie alone"
        case _:
            return f"The cookie {name} is SameSite=None without Secure"


def _apart(ahead: float) -> str:
    minutes = round(abs(ahead) / 60)
    if minutes == 0:
        return "that of this machine"
    much = f"{minutes} minutes" if minutes < 120 else f"{abs(ahead) / 3600:.3g} hours"
    return f"{much} {'behind' if ahead < 0 else 'ahead of'} this machine's"


def _with_and_without(seen: Observations) -> tuple[tuple[Evidence, ...], Confidence]:
    """Return the same call with the cookie and without it, as a client sends it that keeps the cookie back."""
    call = seen.session_call
    if call is None or call.status != 200 or seen.anonymous.status != 403:
        return (), "likely"
    shows = (
        "With the cookie the call works; without it, as a client sends it that keeps it back, the same call is refused"
    )
    factor = "the session cookie sent or left out"
    return (Evidence.experiment(Comparison("cookie-kept", factor, call, seen.anonymous, True, shows)),), "proven"


def _secure(seen: Observations, cookie: SetCookie) -> Finding:
    text = (
        f"The cookie {cookie.name} is marked Secure, but this address is plain http: ordinary clients log in, keep the "
        "cookie to themselves and get 403 on every call"
    )
    call = seen.session_call
    values = {"cookie_name": cookie.name, "proxy": "yes" if seen.in_front else "no"}
    evidence = [_set(cookie)]
    settings = seen.settings
    if settings is not None and settings.boolean("HTTPS\\Enabled"):
        found = settings.found("HTTPS\\Enabled")
        line = found.line if found else None
        said = "HTTPS is enabled in the config, yet this port speaks plain http: its setup failed and the flag stayed"
        file = str(seen.target.config_file) if seen.target.config_file else None
        evidence.append(Evidence.setting("HTTPS\\Enabled", "true", said, file=file, line=line))
    if call is None or call.status != 200:
        return Finding("secure-cookie-over-http", "likely", text, tuple(evidence), values=values)
    compared = Comparison(
        "cookie-kept",
        "the session cookie sent or left out",
        call,
        seen.anonymous,
        differs=True,
        shows=(
            "With the cookie the call works; without it, as a client sends it that keeps Secure cookies off plain http, "
            "the same call is refused"
        ),
    )
    evidence.insert(0, Evidence.experiment(compared))
    return Finding("secure-cookie-over-http", "proven", text, tuple(evidence), values=values)


CHECK = Check(
    id="session-cookie",
    title="The session cookie",
    order=110,
    judge=judge,
    causes=(
        "secure-cookie-over-http",
        *dict.fromkeys(CAUSES.values()),
        "cookie-renamed",
        "samesite-browser-loop",
        "referer-mismatch",
    ),
    about=(
        "Takes apart the Set-Cookie header of the login: name, HttpOnly, Secure, SameSite, path and expiry, and says what "
        "each means for a caller. A standard cookie jar is then asked whether it sends the cookie back to this very address: "
        "an expiry that is past by this machine's clock, a path or domain of another place and what browsers refuse are "
        "causes of their own. SameSite matters to browsers only; no program's cookie jar that was tried looks at it. "
        "A Secure cookie over plain http is proven by the same call with and without the cookie. From 5.2 on the same "
        "value is sent once under the old name SID: its 403 proves cookie-renamed."
    ),
)
