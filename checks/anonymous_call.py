"""Checks whether a call without a cookie gets in."""

from qbdoctor.api import (
    Check,
    Confidence,
    Evidence,
    Finding,
    Judgement,
    Observations,
    Remedy,
    covers,
    doors,
    ways_for_us,
)


def judge(seen: Observations) -> Judgement:
    """Judge by the free request; a 200 means that no password was looked at."""
    first = seen.anonymous
    if not first.answered:
        return Judgement("skip", "Not judged", "no answer came")
    if seen.serves_qbittorrent is False:
        return Judgement("skip", "Not judged", "what answers is not qBittorrent")
    if first.status == 403:
        text = "A call without a cookie is refused with 403: a login is needed"
        return _believes_anybody(seen) or Judgement("pass", text, wants=_by_header(seen))
    if first.status == 401:
        return Judgement("skip", "Not judged", "the request was refused before any login (401)")
    if first.status != 200:
        return Judgement("unknown", f"A call without a cookie gets {first.status}", f"answer: {first.outcome()}")
    wants = tuple(name for name in _wanted(seen) if name not in seen.comparisons)
    if wants:
        return Judgement("warn", "A call without a cookie gets in", wants=wants)
    return _believes_anybody(seen) or _bypassed(seen)


def _wanted(seen: Observations) -> tuple[str, ...]:
    fresh = () if seen.target.direct else ("fresh",)
    return (*fresh, "bypass", "public-url" if seen.asked.public_url else "bypass", *_by_header(seen))


def _by_header(seen: Observations) -> tuple[str, ...]:
    """Return the comparison that shows whether a proxy hands made-up addresses on, where one stands in between."""
    between = bool(seen.in_front) or seen.target.direct is False
    # Without the file it is asked of the server later on, with a session, and must not be settled before.
    read = seen.settings is None or seen.believes_forwarded
    return ("made-up-address",) if between and read else ()


def _believes_anybody(seen: Observations) -> Judgement | None:
    """Return that whoever names the right address is let in, if the comparison has shown it."""
    made_up = seen.compared("made-up-address")
    if made_up is None or not made_up.differs:
        return None
    text = (
        f"Whoever calls {seen.target.address.url} with a made-up X-Forwarded-For is let in without a password: what stands "
        "in front hands the header on, and the server believes it"
    )
    found = Finding(
        "exposed-bypass", "proven", text, (Evidence.experiment(made_up),), values={**doors(seen), "proxy": "yes"}
    )
    return Judgement("fail", text, findings=(found,))


def reason_for_bypass(seen: Observations) -> tuple[str, list[Evidence]]:
    """Return which setting lets us in, as far as the file or the server says, and the evidence."""
    settings = seen.settings
    said: list[Evidence] = []
    reasons: list[str] = []
    file = str(seen.target.config_file) if seen.target.config_file else None
    if settings is not None:
        ways, address = ways_for_us(seen), seen.client.supposed
        if "LocalHostAuth" in ways:
            found = settings.found("LocalHostAuth")
            raw = settings.value_text("LocalHostAuth")
            text = f"LocalHostAuth={raw} is false for qBittorrent: callers from this machine need no password"
            said.append(Evidence.setting("LocalHostAuth", raw, text, file=file, line=found.line if found else None))
            reasons.append("LocalHostAuth=false")
        if "AuthSubnetWhitelist" in ways:
            nets = settings.whitelist()[0]
            held = ", ".join(str(net) for net in nets if address is None or covers((net,), address))
            found = settings.found("AuthSubnetWhitelist")
            whose = "our address" if address == seen.client.ours else "the address that the server sees for us,"
            text = f"AuthSubnetWhitelist holds {held}, which contains {whose} {address}"
            if address is None:
                text = f"AuthSubnetWhitelist holds {held}; which address the server sees for us is not known"
            line = found.line if found else None
            said.append(Evidence.setting("AuthSubnetWhitelist", held, text, file=file, line=line))
            reasons.append(f"{held} in AuthSubnetWhitelist")
    elif seen.preferences is not None:
        if seen.preferences.get("bypass_local_auth"):
            said.append(Evidence.setting("bypass_local_auth", "true", "app/preferences says bypass_local_auth=true"))
        if seen.preferences.get("bypass_auth_subnet_whitelist_enabled"):
            value = ", ".join(str(seen.preferences.get("bypass_auth_subnet_whitelist", "")).split())
            text = f"app/preferences says the subnet whitelist is on: {value}"
            said.append(Evidence.setting("bypass_auth_subnet_whitelist", value, text))
    known = settings is None or seen.client.supposed is not None
    return (" and " if known else " or ").join(reasons), said


def _bypassed(seen: Observations) -> Judgement:
    first = seen.anonymous
    made = seen.compared("fresh")
    if made is not None and made.differs:
        text = (
            f"Through {seen.target.address.url} a call without a cookie gets what a cache in front kept from one that had a "
            "session: with a query of its own the same call is refused"
        )
        found = Finding("answers-cached", "proven", text, (Evidence.experiment(made),), values={"proxy": "yes"})
        return Judgement("fail", text, findings=(found,))
    why, said = reason_for_bypass(seen)
    local = first.local or "our address"
    because = f" ({why})" if why else ""
    answered = Evidence.response(first, f"a call without a cookie from {local} answered {first.outcome()}")
    if not seen.target.direct and _has_no_bypass(seen):
        return _logged_in_by_front(seen, answered)
    evidence = [answered, *said]
    bypass = seen.compared("bypass")
    confidence: Confidence = "likely"
    if bypass is not None and bypass.differs:
        evidence.insert(0, Evidence.experiment(bypass))
        confidence = "proven"
    summary = f"Calls from {local} get in without a password{because}: a login test from here proves nothing"
    values = {"address": local, **doors(seen)}
    through = _through(seen)
    if through:
        text = f"The login bypass{because} also holds for {through}: whoever reaches that gets in without a password"
        public = seen.compared("public-url")
        if public is not None:
            evidence.append(
                Evidence.response(public.b, f"the request as it comes from {through}: {public.b.outcome()}")
            )
        found = Finding("exposed-bypass", "likely", text, tuple(evidence), values=values)
        return Judgement("fail", text, findings=(found,))
    found = Finding("bypass-active", confidence, summary, tuple(evidence), values=values)
    return Judgement("warn", summary, findings=(found,))


def _has_no_bypass(seen: Observations) -> bool:
    """Return whether the running server itself says that both settings are off which let callers in without a password."""
    running = seen.preferences or {}
    return not any(running.get(f"bypass_{name}", True) for name in ("local_auth", "auth_subnet_whitelist_enabled"))


def _logged_in_by_front(seen: Observations, answered: Evidence) -> Judgement:
    """Warn of a front that adds a session, a key or credentials: some are made for that (qui), and none asks for a password."""
    text = (
        f"Calls through {_through(seen) or seen.target.address.url} get in without a password, though qBittorrent asks "
        "everybody for one: what stands in front logs in itself for whoever reaches it (it adds a session, a key or "
        "user name and password)"
    )
    off = Evidence.setting("bypass_local_auth", "false", "app/preferences: neither way around the login is on")
    way = Remedy(
        "proxy",
        "Where that is meant, keep strangers from that address. Else take out there what it adds to the calls, the headers "
        "Cookie and Authorization, or have it ask its visitors for a login of its own.",
    )
    values = {"address": seen.anonymous.local or "", "local": "no", "subnet": "no", "bypass": "no"}
    found = Finding("exposed-bypass", "likely", text, (answered, off), "warning", values, remedies=(way,))
    return Judgement("warn", text, findings=(found,))


def _through(seen: Observations) -> str | None:
    """Return through what the bypass holds for more than our own address, or None."""
    public = seen.compared("public-url")
    if public is not None and public.b.status == 200 and seen.asked.public_url is not None:
        return seen.asked.public_url.url
    if not seen.in_front or seen.believes_forwarded:
        # A server that goes by X-Forwarded-For tells the proxy's visitors apart: then this one of them is let in.
        return None
    return f"the proxy at {seen.target.address.url} ({seen.in_front})"


CHECK = Check(
    id="anonymous-call",
    title="A call without a cookie",
    order=60,
    judge=judge,
    causes=("bypass-active", "exposed-bypass", "answers-cached"),
    about=(
        "GET /api/v2/app/version without cookie: 403 is the healthy answer, 200 means that a bypass (LocalHostAuth=false "
        "or the subnet whitelist) let this address in and no password was looked at; no login is sent then. From 5.2 on "
        "the same request with an API key that cannot exist is refused where only the bypass had let it in, which proves "
        "it; up to 5.0 the same request from 127.0.0.2 does. Behind a proxy the request is made once more with an "
        "X-Forwarded-For of our own making: an answer that changes by it proves that any visitor can name an address that is "
        "let in; and once with a query that no cache has an answer for. With --public-url the request is repeated as it "
        "would come through that address."
    ),
)
