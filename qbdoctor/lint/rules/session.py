"""Judges whether the session cookie reaches the calls after the login."""

from __future__ import annotations

from collections.abc import Iterator

from qbdoctor.lint.facts.program import Facts, Loop, Place, Request, SessionUse, Site, host_kind
from qbdoctor.lint.findings import Hit

_JAR_REMEDY = (
    "Give the session a jar that takes cookies from IP addresses: "
    "aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)); or use a host name."
)
_ONE_SESSION = (
    "Use one session with a cookie jar for the login and all calls after it (requests.Session(), httpx.Client(), axios with "
    "tough-cookie, curl -c jar and -b jar), or send the login's cookie with each call."
)
_BY_NAME = (
    "Home Assistant's jar is not to be changed: call qBittorrent by a host name instead of the IP address, or send the login's "
    "cookie in the `headers` of each call."
)
_HANDED_ON = {
    "node-red": "Hand the login's cookies on: a function node before each call with msg.cookies = msg.responseCookies.",
    "n8n": "Have the login return the full response, and send the name=value of its set-cookie header as each call's Cookie.",
    "ansible": 'Register the login, and send its cookie with each call: headers: {Cookie: "{{ login.cookies_string }}"}.',
    "powershell": "Log in with -SessionVariable session, and give each call -WebSession $session.",
}
_PLAIN = frozenset(("", "instance"))
"""Clients that are no session object: the library itself, an instance of a kind that keeps no cookies."""
_RARELY = 240
"""Seconds. With a longer pause between its logins, a program never holds the 15 sessions that 5.3 keeps for the usual hour."""
# Libraries whose plain calls keep no cookie from one to the next (measured, or documented so).
_NO_JAR = frozenset(
    (
        "requests",
        "httpx",
        "aiohttp",
        "urllib",
        "fetch",
        "axios",
        "curl",
        "wget",
        "net/http",
        "php-curl",
        "php-file",
        "guzzle",
        "java",
        "okhttp",
        "ktor",
        "reqwest",
        "httpclient",
        "node-red",
        "n8n",
        "ansible",
        "powershell",
    )
)

_CALLED = {
    "node-red": "Node-RED's request node",
    "n8n": "n8n's request node",
    "ansible": "Ansible's uri",
    "powershell": "a web request without -WebSession",
    "httpclient": "this HttpClient",
    "net/http": "an http.Client without a Jar",
    "guzzle": "Guzzle without 'cookies'",
}


def aiohttp_jar(facts: Facts) -> Iterator[Hit]:
    """Yield an aiohttp session with the default jar, used for the login at an address that may be an IP."""
    logins = [each for each in facts.logins if each.library in {"aiohttp", ""}]
    if not logins or facts.mentions("update_cookies") or _cookies_by_hand(facts):
        return
    remedy = _BY_NAME if facts.language == "yaml" else _JAR_REMEDY
    for session in facts.sessions:
        used = [login for login in logins if _may_be_of(session, login)]
        if not used:
            continue
        if session.jar == "dummy":
            summary = "This session's jar keeps no cookie (DummyCookieJar), and nothing else carries the login's"
            yield Hit("client-drops-cookie", "likely", session.place, summary, remedy)
        if session.jar != "default":
            continue
        hosts = {host_kind(session.base) if login.host == "relative" and session.base else login.host for login in used}
        if "ip" in hosts:
            confidence, what = "likely", "The address is an IP, and"
        elif hosts & {"variable", "relative"}:
            confidence, what = "likely", "Where the address is an IP,"
        elif "default-name" in hosts:
            confidence, what = "possible", "Where the address is set to an IP,"
        else:
            continue
        yield Hit(
            "client-drops-cookie",
            "likely" if confidence == "likely" else "possible",
            session.place,
            f"{what} aiohttp's default cookie jar drops the session cookie: every call after the login is 403",
            remedy,
        )


def _may_be_of(session: SessionUse, login: Request) -> bool:
    """Whether a login goes through a session: by its name, or, where the login's is not known, by what they share."""
    if login.client not in {"?", ""}:
        return session.client == login.client and (login.client.startswith("new:") or session.owner == login.owner)
    return session.owner == login.owner and not session.client.startswith("new:")


def _cookies_by_hand(facts: Facts) -> bool:
    return any(request.carries for request in facts.calls if request.library in {"aiohttp", ""})


def sends_no_cookie(facts: Facts) -> Iterator[Hit]:
    """Find calls by a library that keeps no cookies, after a login in the same file."""
    if not facts.ends_here:
        return
    logins = list({(login.library, login.client): login for login in reversed(facts.logins)}.values())[::-1]
    of_logins = {login.client for login in logins}
    before: dict[tuple[str, str], Request | None] = {}
    for request in facts.calls:
        if request.carries or request.library not in _NO_JAR:
            continue
        made_here = request.client.startswith("new:") and request.client not in of_logins
        kind = request.library, "new:" if made_here else request.client if request.client in _PLAIN else "?"
        if kind not in before:
            before[kind] = _login_before(logins, *kind)
        login = before[kind]
        if login is None or _asked_before(login, request):
            continue
        plain = request.client in _PLAIN
        who = (
            f"{_CALLED.get(request.library, request.library)} keeps no cookies between two calls"
            if plain
            else "This session is another one than the login's"
        )
        yield Hit(
            "client-sends-no-cookie",
            "likely",
            request.place,
            f"This call goes without the session cookie that the login in line {login.place.line} was given: {who}",
            _HANDED_ON.get(request.library, _ONE_SESSION),
            (*request.mended, *login.mended) if plain else (),
        )


def _asked_before(login: Request, call: Request) -> bool:
    """Whether a call stands before the login in one run of lines: a probe."""
    return call.scope == login.scope and call.place.line < login.place.line and not call.looped and not login.looped


def _login_before(logins: list[Request], library: str, client: str) -> Request | None:
    """Return the login whose cookie a call should carry and does not; None where it may.

    ``client``: one of :data:`_PLAIN`, "new:" for a session that the call's own function makes and that logs in nowhere,
    "?" for any other.
    """
    for login in logins:
        if login.library and login.library != library:
            continue
        if client == "" or client == login.client == "instance":
            return login
        if login.client.startswith("new:") and client == "new:":  # the login's session, too, is one that no other sees
            return login
    return None


def logs_in_each_call(facts: Facts) -> Iterator[Hit]:
    """Yield a login in each round of a loop without an end that also calls, there or in a function that a round goes through."""
    rounds = _each_round(facts)
    if not any(call.looped or call.scope_name in rounds for call in facts.calls):
        return
    for login in facts.logins:
        if login.looped:
            yield _each_call(login.place, facts.loop_around(login.place.line))
        elif login.scope_name in rounds and not login.guarded:
            own = any(call.scope == login.scope for call in facts.calls)
            places = (
                [login.place]
                if own
                else [site.place for site in _sites(facts, rounds) if site.callee == login.scope_name]
            )
            for place in places:
                yield _each_call(place, rounds[login.scope_name])


def _sites(facts: Facts, rounds: dict[str, Loop | None]) -> list[Site]:
    """Return the calls of the file's own functions that each round comes by."""
    return [site for site in facts.sites if site.looped or (site.scope_name in rounds and not site.guarded)]


def _each_round(facts: Facts) -> dict[str, Loop | None]:
    """Return the functions that each round of a loop without an end goes through, and that loop."""
    reached: dict[str, Loop | None] = {
        site.callee: facts.loop_around(site.place.line) for site in facts.sites if site.looped
    }
    for _ in range(3):
        for site in facts.sites:
            if site.scope_name in reached and not site.guarded:
                reached.setdefault(site.callee, reached[site.scope_name])
    return reached


def _each_call(place: Place, loop: Loop | None) -> Hit:
    rare = loop is not None and loop.pause is not None and loop.pause >= _RARELY
    return Hit(
        "client-logs-in-each-call",
        "possible" if rare else "likely",
        place,
        "Each round of this loop logs in anew: slow, and from 5.3 on older sessions are thrown out at the 15th",
        "Log in once before the loop, keep the session, and log in again only after a 403.",
    )
