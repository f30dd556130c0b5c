"""Checks that qBittorrent accepts the Origin, Referer and Host that a browser sends through --public-url."""

from qbdoctor.api import (
    Check,
    Comparison,
    Confidence,
    Evidence,
    Finding,
    FirstRequestLog,
    Judgement,
    Observations,
    Rejection,
    Severity,
    bears_marks,
    refusals,
)


def judge(seen: Observations) -> Judgement:
    """Judge by calls with the public address's Host, then its Origin and Referer as well; the log is the witness."""
    first = seen.anonymous
    if not first.answered:
        return Judgement("skip", "Not judged", "no answer came")
    if seen.serves_qbittorrent is False:
        return Judgement("skip", "Not judged", "what answers is not qBittorrent")
    if first.status == 401:
        added = _added_on_the_way(seen)
        if added is not None:
            return added
        if not any(one.differs for one in seen.comparisons.get("host-header", ())):
            return Judgement("skip", "Not judged", "calls are refused with 401 before an Origin comes into it")
    if seen.asked.public_url is None:
        return _by_log(seen)
    made = seen.comparisons.get("origin")
    if made is None:
        return Judgement("pass", "Asked as through --public-url", wants=("origin", "fetch-site", "cross-site"))
    return _public(seen, made)


def _public(seen: Observations, made: tuple[Comparison, ...]) -> Judgement:
    url = seen.asked.public_url.url if seen.asked.public_url else ""
    for one in made:
        if one.differs and one.factor.startswith("the Host"):
            return _host_refused(seen, one, made[-1])
        if one.differs:
            return _header_refused(seen, one)
        if bears_marks(one.a) and one.b.answered and not bears_marks(one.b) and one.a.status in {200, 403}:
            return _refused_in_front(seen, one)
    last = made[-1] if made else None
    if last is None or last.b.status not in {200, 403}:
        said = last.b.outcome() if last else "no request was made"
        reason = f"{seen.target.address.url} does not serve the name of {url} ({said})"
        return Judgement("skip", "Not judged", reason)
    by_log = _by_log(seen)
    if by_log.findings:
        return by_log
    how = ", if the proxy hands the Host header on" if seen.target.direct else ""
    return Judgement("pass", f"What a browser sends through {url} is accepted{how}")


def _refused_in_front(seen: Observations, compared: Comparison) -> Judgement:
    """Something in front answers itself where a request bears that header, and lets the same one without it through."""
    name = next(one for one in ("Referer", "Origin", "Host") if one in compared.factor)
    text = (
        f"Something in front of qBittorrent answers {compared.b.outcome()} itself to what bears the {name} of "
        f"{seen.asked.public_url.url if seen.asked.public_url else ''}, as a browser's requests do; without it qBittorrent "
        f"answers {compared.a.status}"
    )
    found = Finding("call-changed-on-the-way", "proven", text, (Evidence.experiment(compared),), values=_values(seen))
    return Judgement("fail", text, findings=(found,))


def _values(seen: Observations) -> dict[str, str]:
    public = seen.asked.public_url
    known = {"proxy": "yes"}
    if public is not None:
        known |= {"public_url": public.url, "origin": f"{public.scheme}://{public.authority}"}
    return known


def _header_refused(seen: Observations, compared: Comparison) -> Judgement:
    """Find whether the Host was the public one and yet does not match: something on the way has replaced it."""
    name = "Referer" if "Referer" in compared.factor else "Origin"
    value = dict(compared.b.sent).get(name, "")
    value = value.replace(value.partition("://")[0], value.partition("://")[0].lower(), 1)  # as a browser writes it
    url = seen.asked.public_url.url if seen.asked.public_url else ""
    why = (
        f"with the Host that arrives, and what stands in front of it replaced that; without the {name} the same call "
        f"answers {compared.a.status}"
    )
    browsers = _let_through(seen)
    if browsers and _says_whence(seen):
        summary = (
            f"Clients that send the {name} of {url} and no Sec-Fetch-Site are refused: qBittorrent compares it {why}; "
            f"browsers of today add Sec-Fetch-Site: same-origin, and with that it answers {browsers.b.status}"
        )
    else:
        summary = f"Browsers that use {url} are refused: qBittorrent compares their {name}, {value}, {why}"
        if browsers:
            summary += "; over https they would add Sec-Fetch-Site: same-origin, which lets them through"
    evidence = tuple(Evidence.experiment(one) for one in (compared, browsers) if one)
    found = Finding(refusals.cause(name.lower(), value), "proven", summary, evidence, values=_values(seen))
    return Judgement("fail", f"{name}: {value} is refused with 401", findings=(found,))


def _let_through(seen: Observations) -> Comparison | None:
    """Return the comparison that shows that Sec-Fetch-Site: same-origin lets in what is refused without it."""
    made = seen.compared("fetch-site")
    return made if made is not None and made.differs else None


def _says_whence(seen: Observations) -> bool:
    """Return whether browsers send Sec-Fetch-Site to --public-url: to https and to this machine only (Fetch Metadata)."""
    public = seen.asked.public_url
    return public is not None and (public.scheme == "https" or public.is_loopback)


def _host_refused(seen: Observations, compared: Comparison, forwarded: Comparison) -> Judgement:
    """Whether the public Host is refused: an error where a proxy handed it on, else only one of two ways to set a proxy up."""
    public = seen.asked.public_url
    url, host = (public.url, public.authority) if public else ("", "")
    port = host.rpartition(":")[2] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else ""
    wrong_port = bool(port) and port != str(seen.target.server_port or seen.target.address.port)
    cause = "host-port-mismatch" if wrong_port else "host-not-allowed"
    values = _values(seen) | ({"port": port} if wrong_port else {"name": public.host if public else ""})
    if seen.in_front and not seen.target.direct:
        summary = (
            f"Browsers that use {url} are refused: the Host they send, {host}, reaches qBittorrent and is not accepted; "
            f"with the Host {seen.target.address.authority} the same call answers {compared.a.status}"
        )
        found = Finding(cause, "proven", summary, (Evidence.experiment(compared),), values=values)
        return Judgement("fail", f"Host: {host} is refused with 401", findings=(found,))
    if forwarded is not compared and not forwarded.differs:
        said = f"{url} works if the proxy sends the inner Host, and the public one as X-Forwarded-Host"
        return Judgement("pass", said)
    browsers = _let_through(seen)
    shown = dict.fromkeys((compared, forwarded, *([browsers] if browsers else [])))
    summary = (
        f"A proxy for {url} that hands the Host on is refused ({host}), and so is one that sends the inner Host with "
        "X-Forwarded-Host"
    )
    if browsers and _says_whence(seen):
        summary += ", but for browsers of today, which add Sec-Fetch-Site"
    evidence = tuple(Evidence.experiment(one) for one in shown)
    found = Finding(cause, "possible", summary, evidence, severity="warning", values=values)
    return Judgement("warn", summary, findings=(found,))


def _added_on_the_way(seen: Observations) -> Judgement | None:
    """Our own first request held none of these headers, yet the log says that one of them was refused."""
    told = seen.first_request_log
    refused = next((one for one in told.rejections if one.kind in refusals.NAMES), None) if told else None
    if told is None or refused is None:
        return None
    if "direct" not in seen.comparisons:
        return Judgement("fail", "A header is added on the way", wants=("direct", "cross-site"))
    name = refusals.NAMES[refused.kind]
    summary = (
        f"Something between {seen.target.address.url} and qBittorrent adds {name}: {refusals.site(refused.received)}, which "
        f"qBittorrent refuses, since the request is addressed to {refused.expected or 'another host'}"
    )
    evidence = [_line(told, refused), Evidence.response(seen.anonymous)]
    direct = seen.compared("direct")
    if direct is not None and direct.differs:
        evidence.append(Evidence.experiment(direct))
    shown = _shown(seen) if refused.kind == "cross-site" else None
    if shown is not None:
        evidence.append(Evidence.experiment(shown))
    confidence: Confidence = "proven" if shown is not None else "likely"
    found = Finding(
        refusals.cause(refused.kind, refused.received),
        confidence,
        summary,
        tuple(evidence),
        values=_added_values(seen, refused),
    )
    return Judgement(
        "fail", f"{name}: {refusals.site(refused.received)} is added on the way and refused", findings=(found,)
    )


def _shown(seen: Observations) -> Comparison | None:
    """Return the comparison that shows that this server refuses a call for its Sec-Fetch-Site alone."""
    made = seen.compared("cross-site")
    return made if made is not None and made.differs else None


def _added_values(seen: Observations, refused: Rejection) -> dict[str, str]:
    return _values(seen) | ({"origin": refusals.site(refused.received)} if "://" in refused.received else {})


def _line(told: FirstRequestLog, refused: Rejection) -> Evidence:
    name, site = refusals.NAMES[refused.kind], refusals.site(refused.received)
    text = f"{told.file}: {name} {site!r} was refused, addressed to {refused.expected!r}"
    return Evidence("log", text, {"file": str(told.file), "header": name})


def _by_log(seen: Observations) -> Judgement:
    """Judge by what the running server's log says of others' requests: a warning, since it may be mended since."""
    groups: dict[tuple[str, str], list[Rejection]] = {}
    for one in seen.rejected:
        if one.kind in refusals.NAMES and one.expected != "" and not _settled(seen, one):
            groups.setdefault((one.kind, refusals.site(one.received)), []).append(one)
    if not groups:
        if seen.target.instance is None or not seen.log:
            return Judgement("skip", "Not judged", "without --public-url no Origin is sent, and no log is at hand")
        return Judgement("pass", "The log shows no Origin or Referer that was refused since the start")
    sites = {site for _, site in groups}
    findings = tuple(_logged(seen, kind, site, lines, sites) for (kind, site), lines in sorted(groups.items())[:5])
    return Judgement("warn", findings[0].summary, findings=findings, wants=("cross-site",))


def _logged(seen: Observations, kind: str, site: str, lines: list[Rejection], sites: set[str]) -> Finding:
    last = lines[-1]
    when = f", the last at {last.when:%Y-%m-%d %H:%M:%S}" if last.when else ""
    text = (
        f"Since its start qBittorrent refused {refusals.times(lines)} with the {refusals.NAMES[kind]} {site}, addressed to "
        f"{last.expected or 'another host'}{when}"
    )
    file = str(seen.target.log_file)
    evidence = [Evidence("log", f"{file}: {text}", {"file": file, "header": refusals.NAMES[kind], "count": len(lines)})]
    severity: Severity = "warning"
    confidence: Confidence = refusals.sure(site)
    values = refusals.facts(site, sites)
    shown = _shown(seen) if kind == "cross-site" else None
    if shown is not None and shown.factor.endswith(f" {site}"):
        confidence = "proven"
        evidence.append(Evidence.experiment(shown))
    if kind == "cross-site":
        text += "; that is what browsers say of a call out of a page of another site, which this protection keeps out"
    text += refusals.who(site)
    if refusals.cause(kind, site) == "origin-mismatch" and "origin" in values:
        text += (
            "; a proxy at that address replaces the Host, or a page there calls qBittorrent itself, as dashboards do"
        )
    cause, ways = refusals.cause(kind, site), refusals.ways(site)
    return Finding(cause, confidence, text, tuple(evidence), severity=severity, values=values, remedies=ways)


def _settled(seen: Observations, one: Rejection) -> bool:
    """Return whether the wire has just shown that what the log complains of works now."""
    if one.kind == "cross-site":
        tried = seen.compared("cross-site")
        return tried is not None and not tried.differs and tried.b.answered
    public = seen.asked.public_url
    made = seen.comparisons.get("origin", ())
    asked = [each for each in made if each.factor.startswith(("the Origin", "the Referer"))]
    if public is None or seen.target.direct or not asked or any(each.differs for each in asked):
        return False
    return refusals.site(one.received).partition("://")[2] == public.authority


CHECK = Check(
    id="origin",
    title="Origin and Referer",
    order=55,
    judge=judge,
    causes=(*refusals.CAUSES, "host-port-mismatch", "host-not-allowed", "call-changed-on-the-way"),
    about=(
        "With --public-url the check asks as a browser does that uses that address: with its Host, then with its Origin as "
        "well, then with its Referer. A 401 to one of the last two proves that something replaced the Host on the way; "
        "asked directly at qBittorrent they pass, as they do behind a proxy that hands the Host on. A public Host that is "
        "refused is tried once more as X-Forwarded-Host. Where the release may be 5.3, what was refused is sent once more "
        "with Sec-Fetch-Site: same-origin, as browsers of today send it to https addresses: there it decides alone. "
        "Without --public-url no Origin is sent; then the log of the running server is the witness, for the headers that "
        "were refused since its start (likely). Where it tells of a Sec-Fetch-Site, one call with the same one shows what "
        "that does (proven). Each refused request leaves a warning in that log."
    ),
)
