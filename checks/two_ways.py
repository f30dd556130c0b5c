"""Checks whether the way through the address changes what qBittorrent says, or what it is told."""

from urllib.parse import urlsplit

from qbdoctor.api import (
    Check,
    Comparison,
    Evidence,
    Exchange,
    Finding,
    Judgement,
    Observations,
    Rejection,
    Remedy,
    Severity,
    bears_marks,
    blocks_scripts,
    differing_headers,
    explains_itself,
    is_broken,
    is_login_page,
    refusals,
    releases,
)

POLICY = "referrer-policy"
PORT = Remedy(
    "proxy",
    "The address names a port, and so does a browser's Origin there: let it arrive beside the Host. For nginx, in qBittorrent's "
    f"location; from {releases.change_of('csrf.forwarded_host').since} it counts only with the proxy among the trusted ones:",
    ("proxy_set_header Host $host;\nproxy_set_header X-Forwarded-Host $host:$server_port;",),
)
NOTHING_BETWEEN = "Nothing stands between: the address leads to the process itself"
JUDGED = {POLICY, "content-security-policy"}
"""Headers whose difference is judged here by what it does."""


def judge(seen: Observations) -> Judgement:
    """Judge the differences between both ways as a whole, and what the log says of what arrived."""
    if not seen.anonymous.answered or seen.serves_qbittorrent is False:
        return Judgement("skip", "Not compared", "no answer of qBittorrent's came")
    findings = [one for one in (_policy(seen, None), _content(seen, None)) if one is not None]
    if seen.target.direct:
        return _judged(findings) if findings else Judgement("pass", NOTHING_BETWEEN)
    if not _signed_in(seen):
        return _one_way(seen, findings, "without a session nothing tells which process is behind")
    if "two-ways" not in seen.comparisons:
        return Judgement("pass", "Compared with the process itself", wants=("two-ways", "own-origin"))
    made = seen.comparisons["two-ways"]
    told = tuple(one for one in made if not (one.a.too_late or one.b.too_late))
    if made and not told:
        return Judgement(
            "unknown", "No answer in time", made[0].a.outcome() if made[0].a.too_late else made[0].b.outcome()
        )
    made = told
    if not made:
        found = (*findings, _hostless_by_log(seen), _nameless_by_log(seen))
        return _one_way(seen, [one for one in found if one is not None], "the process behind is not known")
    return _compared(seen, made)


def _one_way(seen: Observations, findings: list[Finding], reason: str) -> Judgement:
    """Judge where the process behind cannot be asked: by what this way says to a browser that uses this very address."""
    if "own-origin" not in seen.comparisons:
        return Judgement("pass", "Asked as a browser of this address", wants=("own-origin",))
    refused = _browser(seen, seen.compared("own-origin"))
    found = [*findings, *([refused] if refused is not None else [])]
    return _judged(found) if found else Judgement("skip", "Not compared", reason)


def _compared(seen: Observations, made: tuple[Comparison, ...]) -> Judgement:
    """Explain each difference, or list it: what fails here alone is a cause, explained or not."""
    by_name = {one.factor: one for one in made}
    page, browser = by_name.get("the start page"), by_name.get("a browser's Origin")
    hostless = _hostless(seen, browser)
    found = (
        _policy(seen, page),
        _content(seen, page),
        hostless,
        _browser(seen, browser) if hostless is None else None,
        _rewritten(seen, page),
        _let_in(seen, browser),
        _part_lost(seen, by_name.get("what the page needs")),
        *(
            _worse(seen, one)
            for one in made
            if one.factor not in {"an API key that cannot exist", "what the page needs"}
        ),
        _nameless_by_log(seen),
        *_others_by_log(seen),
    )
    findings = [one for one in found if one is not None]
    differing = {name for one in made for name, _, _ in differing_headers(one.a, one.b)} - JUDGED
    unexplained = sorted(name for name in differing if not explains_itself(name))
    shown = f"; headers that differ, unexplained: {', '.join(unexplained)}" if unexplained else ""
    failing = _refused_for_host(seen)
    if unexplained and failing and not any(one.severity in {None, "error"} for one in findings):
        reason = (
            f"the server's log has {failing} refused requests with this way's Host since its start, and these headers differ "
            f"on this way, unexplained: {', '.join(unexplained)}"
        )
        return Judgement(
            "unknown", "Calls fail on this way, and its differences do not explain it", reason, tuple(findings)
        )
    if findings:
        return _judged(findings)
    alike = [one for one in made if one.a.status == one.b.status]
    if len(alike) < len(made):
        shown = f"; with an Origin and no Sec-Fetch-Site, which browsers send, a call gets 401 here{shown}"
    return Judgement("pass", f"{len(alike)} of {len(made)} requests end alike through the address and directly{shown}")


def _worse(seen: Observations, one: Comparison) -> Finding | None:
    """Judge a call that fails through the address and not directly, for whatever reason; qBittorrent's own 401 stands above."""
    # 401 is judged above; 404 of the start page, from 5.2 on, is what comes to an Authorization header with a key.
    refused_itself = one.a.status in {401, 404} and bears_marks(one.a)
    failed = not one.a.answered or (one.a.status or 0) >= 400
    alike = (one.a.status, bears_marks(one.a)) == (one.b.status, bears_marks(one.b))
    if not failed or alike or refused_itself or not one.b.answered or (one.b.status or 0) >= 500:
        return None
    what = "the start page, asked for as a browser does," if one.factor == "the start page" else "a browser's call"
    how = f"is answered with {one.a.status}" if one.a.answered else f"gets no answer ({one.a.outcome()})"
    own = "qBittorrent's own answer comes" if bears_marks(one.b) else "another one comes"
    text = (
        f"Through {seen.target.address.url} {what} {how}, and directly {own} ({one.b.status}): something in front refuses or "
        "breaks it"
    )
    return Finding("call-changed-on-the-way", "proven", text, (Evidence.experiment(one),), values={"proxy": "yes"})


def _browser(seen: Observations, origin: Comparison | None) -> Finding | None:
    """Find whether a call with the Origin of this very address is refused here, and directly with that one's own it is not.

    A warning: the address given may be one that only programs use; --public-url names the one that browsers do. Where the log
    has such requests of others, browsers do use it.
    """
    if origin is None or seen.asked.public_url is not None or origin.a.status != 401 or origin.b.status == 401:
        return None
    address = seen.target.address
    sent = f"{address.scheme}://{address.authority}"
    says_whence = address.scheme == "https" or address.is_loopback
    if says_whence and False not in releases.possible("csrf.sec_fetch_wins", seen.releases):
        return None
    text = (
        f"Browsers that use {address.url} are refused: qBittorrent compares their Origin, {sent}, with the Host that arrives, "
        "and what stands in front of it replaced that; programs, which send no Origin, get through"
    )
    values = {"proxy": "yes", "origin": sent}
    met = [one for one in seen.refused_before.rejections if one.kind == "origin" and one.received == sent]
    evidence = [Evidence.experiment(origin)]
    if met:
        evidence.append(
            Evidence("log", f"since its start it refused {refusals.times(met)} with that Origin", {"count": len(met)})
        )
    severity: Severity = "error" if met else "warning"
    ways = (PORT,) if address.authority.endswith(f":{address.port}") else ()
    return Finding("origin-mismatch", "proven", text, tuple(evidence), severity, values, remedies=ways)


def _let_in(seen: Observations, browser: Comparison | None) -> Finding | None:
    """Return a call without a session that is let in here after one with a session was, and directly is not: a cache's answer."""
    if browser is None or browser.a.status != 200 or browser.b.status not in {401, 403} or seen.anonymous.status == 200:
        return None
    text = (
        f"Through {seen.target.address.url} a call without a session gets the answer to the one before it, which had one: a "
        "cache in front keeps answers, and gives them to whoever asks"
    )
    return Finding("answers-cached", "proven", text, (Evidence.experiment(browser),), values={"proxy": "yes"})


def _others_by_log(seen: Observations) -> list[Finding]:
    """Find requests of others that were refused for their Origin, Referer or Sec-Fetch-Site before this run, by the log.

    Where the process is the target's own, the check of the Origin has read the same log.
    """
    if seen.target.instance is not None:
        return []
    address = seen.target.address
    own = f"{address.scheme}://{address.authority}"
    groups: dict[tuple[str, str], list[Rejection]] = {}
    for one in seen.refused_before.rejections:
        site = refusals.site(one.received)
        if one.kind in refusals.NAMES and one.expected != "" and site != own:
            groups.setdefault((one.kind, site), []).append(one)
    found = []
    for (kind, site), lines in sorted(groups.items())[:3]:
        text = (
            f"Since its start qBittorrent refused {refusals.times(lines)} with the {refusals.NAMES[kind]} {site}, addressed to "
            f"{lines[-1].expected or 'another host'}"
            f"{refusals.who(site) or '; --public-url URL, with the address that browsers use, tries it'}"
        )
        evidence = (Evidence("log", text, {"count": len(lines)}),)
        values = {"proxy": "yes"} | refusals.facts(site, {name for _, name in groups})
        cause, ways = refusals.cause(kind, site), refusals.ways(site)
        found.append(Finding(cause, refusals.sure(site), text, evidence, "warning", values, remedies=ways))
    return found


def _nameless_by_log(seen: Observations) -> Finding | None:
    """Logins of others to which no user name had come, while this run's own arrived."""
    lines = seen.refused_before.nameless
    if not lines or seen.sign_in.outcome != "accepted":
        return None
    text = (
        f"Since its start qBittorrent refused {refusals.times(lines)} to log in that came without a user name, while this "
        "run's form arrived: some client sends its form in pieces (Transfer-Encoding: chunked), or something on its way does"
    )
    return Finding("login-body-lost", "likely", text, (Evidence("log", f"the log says: {lines[-1].shown}"),), "warning")


def _refused_for_host(seen: Observations) -> int:
    """Return how many requests were refused for the Host that arrived, before this run, at this way's end."""
    mine = {one for one in (seen.client.address,) if one}
    return sum(1 for one in seen.refused_before.rejections if one.kind in {"host", "port"} and one.source in mine)


def _judged(findings: list[Finding]) -> Judgement:
    failed = any(one.severity in {None, "error"} for one in findings)
    return Judgement("fail" if failed else "warn", findings[0].summary, findings=tuple(findings))


def _signed_in(seen: Observations) -> bool:
    """Take the line that a login leaves, which tells what process is behind; a given config and its process tell it as well."""
    return seen.sign_in.outcome == "accepted" or seen.target.instance is not None


def _policy(seen: Observations, page: Comparison | None) -> Finding | None:
    """With no-referrer a browser's forms carry Origin: null, which releases up to 5.2.3 refuse with 401."""
    sent = (seen.front_page if seen.has("front_page") else seen.anonymous).header(POLICY) or ""
    if sent.rpartition(",")[2].strip().lower() != "no-referrer":
        return None
    refused = True in releases.possible("csrf.sec_fetch_wins", seen.releases)
    severity: Severity = "warning" if refused and seen.releases.lowest >= seen.releases.highest else "error"
    shown = page is not None and (page.b.header(POLICY) or "").lower() != "no-referrer"
    whose = (
        f"on the way to {seen.target.address.url}; qBittorrent itself says {page.b.header(POLICY) or 'nothing'}"
        if page is not None and shown
        else "by something in front, or by a header of its own that is set in qBittorrent"
    )
    text = (
        f"Referrer-Policy is set to no-referrer {whose}: browsers then send forms with Origin: null, so that adding torrents "
        "is refused with 401 while all else works"
    )
    base = seen.front_page if seen.has("front_page") else seen.anonymous
    evidence = (*((Evidence.experiment(page),) if page is not None and shown else ()), Evidence.response(base))
    values = {"proxy": "no" if seen.target.direct else "yes"}
    return Finding("referrer-policy-overridden", "proven" if shown else "likely", text, evidence, severity, values)


def _content(seen: Observations, page: Comparison | None) -> Finding | None:
    """Return a policy for the page's content that keeps its own scripts from running: the page shows, and nothing works."""
    base = seen.front_page if seen.has("front_page") else None
    if base is None or base.status != 200 or not blocks_scripts(base):
        return None
    shown = page is not None and page.factor == "the start page" and not blocks_scripts(page.b)
    whose = "on the way" if shown else "by something in front, or by a header of its own that is set in qBittorrent"
    text = (
        f"The Content-Security-Policy that comes with the page at {seen.target.address.url} forbids the page's own scripts: "
        f"browsers show it, and nothing on it works; it is set {whose}"
    )
    evidence = (*((Evidence.experiment(page),) if page is not None and shown else ()), Evidence.response(base))
    values = {"proxy": "no" if seen.target.direct else "yes"}
    return Finding("content-policy-overridden", "proven" if shown else "likely", text, evidence, values=values)


def _hostless_by_log(seen: Observations) -> Finding | None:
    """Find requests of others that had an Origin and arrived without any Host, by the log since the start."""
    lines = [one for one in seen.rejected_behind if _without_host(one)]
    if not lines:
        return None
    text = (
        f"Since its start qBittorrent refused {len(lines)} request{'s' if len(lines) > 1 else ''} that arrived without any Host "
        "header: something on the way drops it, at least for some"
    )
    evidence = (Evidence("log", f"the log says: Target origin: '', {len(lines)} times", {"count": len(lines)}),)
    return Finding("host-header-missing", "likely", text, evidence, "error", {"proxy": "yes"})


def _without_host(one: Rejection) -> bool:
    """Find whether an Origin met an empty goal, or the Host that was refused is empty itself."""
    return (one.kind in {"origin", "referer", "cross-site"} and one.expected == "") or (
        one.kind == "host" and one.received == ""
    )


def _hostless(seen: Observations, origin: Comparison | None) -> Finding | None:
    """Find whether a browser's Origin is refused through the address, and the log says that no Host arrived with it."""
    by_log = _hostless_by_log(seen)
    if by_log is None or origin is None or origin.b.status == 401:
        return by_log
    text = (
        f"Requests to {seen.target.address.url} reach qBittorrent without any Host header, so that whatever a browser sends "
        "with its Origin is refused with 401: something on the way drops it"
    )
    evidence = (Evidence.experiment(origin), *by_log.evidence)
    return Finding("host-header-missing", "proven", text, evidence, "error", {"proxy": "yes"})


def _rewritten(seen: Observations, page: Comparison | None) -> Finding | None:
    if page is None or page.a.status != 200 or page.b.status != 200:
        return None
    if is_login_page(page.a) != is_login_page(page.b) and _is_page(page.a):
        return None  # one of the two ways has a bypass: pages of both kinds are qBittorrent's own
    if page.a.body == page.b.body and _is_page(page.a) == _is_page(page.b):
        return None
    shown, own = _is_page(page.a), _is_page(page.b)
    text = f"The start page that comes through {seen.target.address.url} is not the one that qBittorrent sends"
    if own and not shown:
        text += ", and no page at all: its type or its encoding is lost, so that browsers show it as text or not at all"
    severity: Severity = "error" if own and not shown else "warning"
    return Finding("page-rewritten", "proven", text, (Evidence.experiment(page),), severity, {"proxy": "yes"})


def _part_lost(seen: Observations, part: Comparison | None) -> Finding | None:
    """Find a script or style that no browser can use as it comes through the address, and that comes right directly."""
    if part is None or not part.b.answered or is_broken(part.b):
        return None
    text = (
        f"The start page at {seen.target.address.url} needs {urlsplit(part.a.url).path}, which browsers cannot use as it comes "
        "there; directly it comes right"
    )
    values = {"proxy": "yes", "another_type": "no"}
    return Finding("page-assets-missing", "proven", text, (Evidence.experiment(part),), values=values)


def _is_page(exchange: Exchange) -> bool:
    return "html" in (exchange.header("content-type") or "html") and "<html" in exchange.body.lower()


CHECK = Check(
    id="two-ways",
    title="Through the address and directly",
    order=128,
    judge=judge,
    causes=(
        "referrer-policy-overridden",
        "content-policy-overridden",
        "host-header-missing",
        "page-rewritten",
        "page-assets-missing",
        "call-changed-on-the-way",
        "answers-cached",
        "login-body-lost",
        *refusals.CAUSES,
    ),
    about=(
        "Where something stands in front and the process behind it is known (its log gained the line about this run's login), "
        "the same few requests go both ways: the start page, one with the Origin that a browser sends and, where a key is "
        "used, one with a key that cannot exist. Where that process is not known, a call with the Origin of the address given is "
        "made. Every header and body that differs is explained or listed. What the log says "
        "of requests that arrived without a Host counts as well. A browser's Origin that is refused leaves a warning in the log."
    ),
)
