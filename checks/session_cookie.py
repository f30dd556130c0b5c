"""The session cookie: its name, its flags, and what each means for the caller."""

from qbdoctor.api import Check, Comparison, Evidence, Finding, Judgement, Observations, SetCookie


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
        findings.append(_strict(cookie))
    if cookie.secure and seen.target.address.scheme == "http" and seen.anonymous.status == 403:
        findings.insert(0, _secure(seen, cookie))
        return Judgement("fail", findings[0].summary, findings=tuple(findings))
    return Judgement("pass", _described(cookie), findings=tuple(findings))


def session_cookie(seen: Observations) -> SetCookie | None:
    """Return the session cookie among those set: qBittorrent's names first, else the only one there."""
    exchange = seen.sign_in.exchange if seen.sign_in.outcome == "accepted" else seen.anonymous
    cookies = [cookie for cookie in exchange.cookies if cookie.value] if exchange is not None else []
    ours = [cookie for cookie in cookies if cookie.name == "SID" or cookie.name.startswith("QBT_SID_")]
    return next(iter(ours or cookies), None)


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


def _strict(cookie: SetCookie) -> Finding:
    text = (
        f"The cookie {cookie.name} is SameSite=Strict: a browser that arrives by a link from another site may show the login "
        "page again after the right password; programs are not affected"
    )
    return Finding("samesite-browser-loop", "possible", text, (_set(cookie),), values={"cookie_name": cookie.name})


def _set(cookie: SetCookie) -> Evidence:
    return Evidence("response", f"the answer sets {cookie.shown()}", {"set_cookie": cookie.shown()})


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
    causes=("secure-cookie-over-http", "cookie-renamed", "samesite-browser-loop"),
    about=(
        "Takes apart the Set-Cookie header of the login: name, HttpOnly, Secure, SameSite, path and expiry, and says what "
        "each means for a caller. SameSite matters to browsers only; no program's cookie jar that was tried looks at it. "
        "A Secure cookie over plain http is proven by the same call with and without the cookie. From 5.2 on the same "
        "value is sent once under the old name SID: its 403 proves cookie-renamed."
    ),
)
