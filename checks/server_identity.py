"""Checks that what answers is qBittorrent."""

from urllib.parse import parse_qsl, urlsplit

from qbdoctor.api import (
    Check,
    Comparison,
    Confidence,
    Evidence,
    Exchange,
    Finding,
    Judgement,
    Observations,
    answers_call,
    bears_all_marks,
    bears_marks,
    finds_none_alive,
    is_login_page,
    regex,
)

SIGN_IN = ("login", "signin", "sign-in", "sign_in", "oauth2", "authorize", "sso", "saml", "outpost", "cdn-cgi/access")
"""What the address of a sign-on page holds: Authelia, Authentik, OAuth2 proxies, Cloudflare Access."""
SIGN_ONS = {
    "cf-access": "Cloudflare Access",
    "cloudflare access": "Cloudflare Access",
    "oauth2-proxy": "OAuth2 Proxy",
    "_oauth2_proxy": "OAuth2 Proxy",
    "/oauth2/start": "OAuth2 Proxy",
    "goauthentik": "Authentik",
    "authentik_proxy": "Authentik",
    "authelia": "Authelia",
}
"""What the refusals of sign-ons hold that redirect nobody, in their headers, cookies or page."""
WAY_BACK = frozenset(
    (
        "rd",
        "redirect",
        "redirect_uri",
        "redirect_url",
        "redirecturl",
        "return",
        "return_to",
        "returnurl",
        "next",
        "origin",
    )
)
"""Parameters by which a sign-on remembers where its visitor wanted to go; the last is Umbrel's."""
_LINK = regex(r"""href=["']?(https?://[^"'\s>]+)""")


def judge(seen: Observations) -> Judgement:
    """Judge by the answer's shape: qBittorrent redirects nowhere and sends neither Server nor WWW-Authenticate."""
    first = seen.anonymous
    address = seen.target.address
    if first.failure is not None:
        if first.failure.kind in {"too-large", "not-http"}:
            return _not_ours(first, f"What listens at {address.url} is not qBittorrent: {first.failure.text}")
        return Judgement("skip", "Nothing to identify", "no answer came")
    if first.status == 404 and not answers_call(first):
        lost = _base_path(seen)
        if lost is not None:
            return lost
    instead = _in_its_place(seen)
    if instead is not None:
        return instead
    if seen.serves_qbittorrent:
        behind = f", behind {seen.in_front}" if seen.in_front else ""
        return Judgement("pass", f"The answers are qBittorrent's{behind}")
    if _challenged(first):
        text = (
            f"Cloudflare, in front of {address.url}, wants a browser that passes its test (cf-mitigated: "
            f"{first.header('cf-mitigated')}): no program does"
        )
        return _on_the_way(seen, "foreign-auth-in-front", text, {}, "direct")
    how = _sign_on(seen)
    if how:
        return _foreign_login(seen, how)
    if first.status is not None and 300 <= first.status < 400:
        return _redirected(seen)
    if first.status in {502, 503, 504}:
        return _gateway(seen)
    if _is_no_request(first):
        return _garbled(seen)
    if seen.serves_qbittorrent is None:
        reason = f"the answer {first.outcome()} could be qBittorrent's or another program's"
        return Judgement("unknown", "Whose answers these are cannot be told", reason)
    who = f" ({seen.in_front})" if seen.in_front else ""
    lacks = ", and has nothing at this name and path (404)" if first.status == 404 else ""
    return _not_ours(first, f"What answers at {address.url} is not qBittorrent{who}{lacks}")


def _in_its_place(seen: Observations) -> Judgement | None:
    """Whether the start page is qBittorrent's, and its API's calls are answered by something else, without its marks."""
    first = seen.anonymous
    refused = first.status is not None and 400 <= first.status < 500 and not bears_marks(first)
    if seen.target.direct or first.header("www-authenticate") or not (refused or _is_other_page(first)):
        return None
    if not is_login_page(seen.front_page):
        return None
    if "as-browser" not in seen.comparisons:
        return Judgement("fail", "Something in front answers calls of the API", wants=("as-browser", "direct"))
    by_name = seen.compared("as-browser")
    url = seen.target.address.url
    if by_name is not None and by_name.differs:
        name = dict(by_name.a.sent).get("User-Agent", "")
        text = (
            f"Something in front of {url} refuses programs by the name that they give themselves ({name}: {first.status}); to a "
            "browser's name qBittorrent itself answers"
        )
        return _on_the_way(seen, "call-changed-on-the-way", text, {"proxy": "yes"}, "as-browser")
    text = f"The start page at {url} is qBittorrent's, and its API is answered by something in front, with {first.outcome()}"
    cause = "foreign-auth-in-front" if first.status in {401, 407} else "call-changed-on-the-way"
    return _on_the_way(seen, cause, text, {"proxy": "yes"}, "direct")


def _is_other_page(first: Exchange) -> bool:
    """Return whether the call was answered with 200 and no version: something in front puts a page where it was refused."""
    return first.status == 200 and not answers_call(first)


def _is_no_request(first: Exchange) -> bool:
    """Return whether this is how every release answers what is no HTTP request: 400 or 501, with these three headers alone.

    A proxy may have taken `connection` away.
    """
    names = {name.lower() for name, _ in first.headers} - {"connection"}
    return first.status in {400, 501} and not first.body and names == {"content-length", "date"}


def _garbled(seen: Observations) -> Judgement:
    """Return a request that arrived as none, because what stands in front puts a line ahead of it or speaks HTTP/2."""
    if "direct" not in seen.comparisons:
        return Judgement("fail", "What arrives is no HTTP request", wants=("direct",))
    text = (
        f"What arrives at qBittorrent from {seen.target.address.url} is no HTTP request for it ({seen.anonymous.status}): "
        "something in front speaks another protocol to it, such as the PROXY protocol's line ahead of each request"
    )
    return _on_the_way(seen, "proxy-protocol-mismatch", text, {"proxy": "yes"}, "direct")


def _gateway(seen: Observations) -> Judgement:
    """Return a proxy that gets no answer: is there a qBittorrent of this machine, and where does it listen?"""
    first, url, one = seen.anonymous, seen.target.address.url, seen.suspect
    none_alive = finds_none_alive(first)
    if one is None or not one.ports or (one.settings is not None and one.settings.integer("Port") not in one.ports):
        checked = ", or its health check fails (a path below /api/v2 is 403 for it)" if none_alive else ""
        summary = (
            f"A proxy answers at {url} ({first.status}), but no qBittorrent behind it{checked}{_running_here(seen)}"
        )
        found = Finding("not-running", "likely", summary, (Evidence.response(first),))
        return Judgement("fail", summary, findings=(found,))
    if "direct" not in seen.comparisons:
        return Judgement("fail", f"A proxy answers at {url} with {first.status}", wants=("direct",))
    secure = one.settings is not None and one.settings.boolean("HTTPS\\Enabled")
    port = one.settings.integer("Port") if one.settings is not None else one.ports[0]
    real = f"{'https' if secure else 'http'}://127.0.0.1:{port}"
    said = "takes no server behind it for alive" if none_alive else "gets no answer behind it"
    why = (
        "its health check fails, or it asks at another place"
        if none_alive
        else "it asks at another place, or by the other scheme"
    )
    summary = (
        f"The proxy at {url} {said} ({first.status}), though qBittorrent runs here, process {one.instance.pid}, and listens at "
        f"port {port}{' by https' if secure else ''}: {why}"
    )
    made = seen.compared("direct")
    shown = made is not None and made.differs
    confidence: Confidence = "proven" if shown else "likely" if one.named else "possible"
    evidence = (*((Evidence.experiment(made),) if made is not None and shown else ()), Evidence.response(first))
    values = {"real_url": real, "proxy": "yes", "none_alive": "yes" if none_alive else "no"}
    found = Finding("proxy-goal-wrong", confidence, summary, evidence, values=values)
    return Judgement("fail", summary, findings=(found,))


def _running_here(seen: Observations) -> str:
    """Return a clause on the servers of this machine, where there are several: the proxy may be meant to lead to one."""
    others = seen.target.others if seen.target.here else ()
    if len(others) < 2:
        return ""
    said = []
    for one in others[:4]:
        ports = sorted(set(one.ports or ()) - set(one.torrent_ports))
        said.append(f"process {one.pid}" + (f" at port {' or '.join(map(str, ports))}" if ports else ""))
    more = f" and {len(others) - 4} more" if len(others) > 4 else ""
    return f"; on this machine run {', '.join(said)}{more}: if it is one of them that is meant, the proxy asks at another place"


def _challenged(first: Exchange) -> bool:
    """Return whether a browser is asked to show that it is one (Cloudflare says so in a header)."""
    return first.header("cf-mitigated") is not None


def _base_path(seen: Observations) -> Judgement | None:
    """Judge a 404 by the same call under another path; qBittorrent knows no path of its own."""
    first, address = seen.anonymous, seen.target.address
    made = seen.comparisons.get("base-path")
    if made is None:
        return Judgement("fail", f"{address.url} answers 404", wants=("base-path", "direct"))
    telling = [one for one in made if one.differs]
    if telling:
        one = telling[-1]
        through = one.a is first
        works = one.b.url.removesuffix("/api/v2/app/version")
        what = f"at {works} it is answered" if through else "the proxy hands the path on instead of cutting it off"
        summary = f"{address.url} is 404 for qBittorrent, which knows no path before /api/v2: {what}"
        evidence = (Evidence.experiment(one), Evidence.response(first))
        found = Finding("base-path", "proven", summary, evidence, values={"real_url": works, **_base_values(seen)})
        return Judgement("fail", summary, findings=(found,))
    if address.path and bears_marks(first):
        summary = f"qBittorrent answers 404 at {address.url}: the path {address.path} reaches it, and it knows none"
        found = Finding("base-path", "likely", summary, (Evidence.response(first),), values=_base_values(seen))
        return Judgement("fail", summary, findings=(found,))
    if bears_all_marks(first) and seen.old_api.status != 200:
        summary = (
            f"qBittorrent answers 404 at {address.url}: what arrives is another path than the one that is asked for; a second "
            "slash, or a path of its own, is put there on the way"
        )
        found = Finding("base-path", "likely", summary, (Evidence.response(first),), values=_base_values(seen))
        return Judgement("fail", summary, findings=(found,))
    return None


def _base_values(seen: Observations) -> dict[str, str]:
    """Return what fills the page of base-path: where qBittorrent itself is asked, no proxy's lines are shown."""
    return {**_port(seen), "proxy": "no" if seen.target.direct else "yes"}


def _port(seen: Observations) -> dict[str, str]:
    return {"server_port": str(seen.target.server_port)} if seen.target.server_port else {}


def _sign_on(seen: Observations) -> str:
    """Return by what the answer is that of a login in front; nothing where it is none, as far as can be told."""
    first, host = seen.anonymous, seen.target.address.host
    if first.header("www-authenticate"):
        return "WWW-Authenticate"
    if first.status is not None and 300 <= first.status < 400:
        return "a redirect to its page" if _leads_to_sign_in(first.header("location") or "", host) else ""
    if first.status not in {401, 403, 407} or bears_marks(first):
        return ""
    said = " ".join((*(f"{name}: {value}" for name, value in first.headers), first.body)).lower()
    named = next((name for mark, name in SIGN_ONS.items() if mark in said), "")
    if named:
        return f"the refusal names {named}"
    # Another application sends its visitors to a login page of its own host: only another one is a sign-on.
    page = (seen.front_page.header("location") or "") if 300 <= (seen.front_page.status or 0) < 400 else ""
    for link in (*_LINK.findall(first.body), page):
        goal = urlsplit(link)
        if goal.hostname not in {None, host} and _leads_to_sign_in(link, host):
            return f"the refusal leads to {goal.hostname}"
    return ""


def _leads_to_sign_in(location: str, host: str) -> bool:
    """Return whether a link leads to a page that wants a person, not to the same call elsewhere."""
    goal = urlsplit(location)
    if goal.path.endswith("/api/v2/app/version"):
        return False
    if any(mark in f"{goal.hostname or ''}{goal.path}".lower() for mark in (*SIGN_IN, "auth")):
        return True
    elsewhere = goal.hostname not in {None, host}
    return elsewhere and any(name.lower() in WAY_BACK for name, _ in parse_qsl(goal.query))


def _foreign_login(seen: Observations, how: str) -> Judgement:
    """Something in front wants a login of its own; asked directly as well, the difference proves that it is in front."""
    first = seen.anonymous
    if "direct" not in seen.comparisons:
        return Judgement("fail", "A login that is not qBittorrent's is asked for", wants=("direct",))
    summary = f"Something in front of qBittorrent asks for a login of its own ({how}, never sent by qBittorrent)"
    to = first.header("location")
    return _on_the_way(seen, "foreign-auth-in-front", summary, {"location": to} if to else {}, "direct")


def _redirected(seen: Observations) -> Judgement:
    first, address = seen.anonymous, seen.target.address
    if "redirect-goal" not in seen.comparisons:
        return Judgement("fail", f"{address.url} redirects", wants=("redirect-goal", "direct"))
    to = first.header("location") or "another address"
    summary = f"{address.url} redirects to {to}: a redirected login loses its form, qBittorrent itself never redirects"
    values = {"location": to}
    goal = seen.compared("redirect-goal")
    if goal is not None and goal.differs:
        values["real_url"] = goal.b.url.removesuffix("/api/v2/app/version")
    return _on_the_way(seen, "redirected", summary, values, "redirect-goal", "direct")


def _on_the_way(seen: Observations, cause: str, summary: str, values: dict[str, str], *names: str) -> Judgement:
    """Name a cause of what answers in qBittorrent's place, proven where another way got qBittorrent's own answer."""
    made: list[Comparison] = [one for name in names if (one := seen.compared(name)) is not None and one.differs]
    evidence = (*(Evidence.experiment(one) for one in made), Evidence.response(seen.anonymous))
    found = Finding(cause, "proven" if made else "likely", summary, evidence, values=values | _port(seen))
    return Judgement("fail", summary, findings=(found,))


def _not_ours(first: Exchange, summary: str) -> Judgement:
    values = {"no_route": "yes" if first.status == 404 else "no"}
    found = Finding("not-qbittorrent", "likely", summary, (Evidence.response(first),), values=values)
    return Judgement("fail", summary, findings=(found,))


CHECK = Check(
    id="server-identity",
    title="What answers",
    order=30,
    judge=judge,
    causes=(
        "not-qbittorrent",
        "foreign-auth-in-front",
        "redirected",
        "base-path",
        "not-running",
        "proxy-goal-wrong",
        "call-changed-on-the-way",
        "proxy-protocol-mismatch",
    ),
    about=(
        "Reads the first answer's status, body and headers, and GET / where those do not decide; a refusal that names a "
        "sign-on, or leads to one of another host, is that one's. qBittorrent marks every "
        "answer with x-content-type-options and x-xss-protection, sends no Server or WWW-Authenticate header and never "
        "redirects. Another program on the port, a proxy without a server behind it and a login page in front are told "
        "apart. After a 404 the same call is made without the address's path; after a redirect to the same call on the "
        "same host, at its goal; and where the process behind the address is known, directly: an answer of qBittorrent "
        "there proves base-path, redirected or foreign-auth-in-front. The others are likely at most. Where the start page is "
        "qBittorrent's and the API's answer is not, the call is made once more under a browser's name."
    ),
)
