"""Checks whether the way through the address changes what qBittorrent says, or what it is told."""

from qbdoctor.api import (
    Check,
    Comparison,
    Evidence,
    Finding,
    Judgement,
    Observations,
    Rejection,
    Severity,
    blocks_scripts,
    differing_headers,
    releases,
)

POLICY = "referrer-policy"
EXPECTED = {"server", "via", "x-powered-by", "alt-svc", "strict-transport-security", POLICY}
"""Headers of the way that explain themselves, or are judged here."""
NAMED = 4


def judge(seen: Observations) -> Judgement:
    """Judge the differences between both ways as a whole, and what the log says of what arrived."""
    if not seen.anonymous.answered or seen.serves_qbittorrent is False:
        return Judgement("skip", "Not compared", "no answer of qBittorrent's came")
    findings = [one for one in (_policy(seen, None), _content(seen, None)) if one is not None]
    if seen.target.direct or not _signed_in(seen):
        if findings:
            return _judged(findings)
        if seen.target.direct:
            return Judgement("pass", "Nothing stands between: the address leads to the process itself")
        return Judgement("skip", "Not compared", "without a session nothing tells which process is behind")
    if "two-ways" not in seen.comparisons:
        return Judgement("pass", "Compared with the process itself", wants=("two-ways",))
    made = seen.comparisons["two-ways"]
    if not made:
        hostless = _hostless_by_log(seen)
        findings += [hostless] if hostless is not None else []
        return _judged(findings) if findings else Judgement("skip", "Not compared", "the process behind is not known")
    by_name = {one.factor: one for one in made}
    page = by_name.get("the start page")
    found = (
        _policy(seen, page),
        _content(seen, page),
        _hostless(seen, by_name.get("a browser's Origin")),
        _rewritten(seen, page),
    )
    findings = [one for one in found if one is not None]
    if findings:
        return _judged(findings)
    unexplained = sorted({name for one in made for name, _, _ in differing_headers(one.a, one.b)} - EXPECTED)
    shown = f"; headers that differ, unexplained: {', '.join(unexplained)}" if unexplained else ""
    return Judgement("pass", f"{len(made)} requests end alike through the address and directly{shown}")


def _judged(findings: list[Finding]) -> Judgement:
    failed = any(one.severity == "error" for one in findings)
    return Judgement("fail" if failed else "warn", findings[0].summary, findings=tuple(findings))


def _signed_in(seen: Observations) -> bool:
    """A login leaves the line that tells which process is behind; a given config and its process tell it as well."""
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
    """A policy for the page's content that keeps its own scripts from running: the page shows, and nothing works."""
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
    """Requests of others that had an Origin and arrived without any Host, by the log since the start."""
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
    """An Origin met an empty goal, or the Host that was refused is empty itself."""
    return (one.kind in {"origin", "referer", "cross-site"} and one.expected == "") or (
        one.kind == "host" and one.received == ""
    )


def _hostless(seen: Observations, origin: Comparison | None) -> Finding | None:
    """A browser's Origin is refused through the address, and the log says that no Host arrived with it."""
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
    if page is None or page.a.status != 200 or page.b.status != 200 or page.a.body == page.b.body:
        return None
    text = f"The start page that comes through {seen.target.address.url} is not the one that qBittorrent sends"
    return Finding("page-rewritten", "proven", text, (Evidence.experiment(page),), values={"proxy": "yes"})


CHECK = Check(
    id="two-ways",
    title="Through the address and directly",
    order=128,
    judge=judge,
    causes=("referrer-policy-overridden", "content-policy-overridden", "host-header-missing", "page-rewritten"),
    about=(
        "Where something stands in front and the process behind it is known (its log gained the line about this run's login), "
        "the same few requests go both ways: the start page, one with the Origin that a browser sends and, where a key is "
        "used, one with a key that cannot exist. Every header and body that differs is explained or listed. What the log says "
        "of requests that arrived without a Host counts as well. A browser's Origin that is refused leaves a warning in the log."
    ),
)
