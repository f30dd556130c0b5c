"""Checks that a call with the session works where one without does not."""

from qbdoctor.api import Check, Comparison, Evidence, Exchange, Finding, Judgement, Observations, releases


def judge(seen: Observations) -> Judgement:
    """Judge one call with what the login set: the incident's "login 200, then 403", taken apart."""
    call = seen.session_call
    if call is None and seen.asked.api_key is not None and seen.anonymous.status in {200, 403}:
        if seen.serves_qbittorrent is False or seen.port_shared is not None or seen.untrusted is not None:
            return Judgement("skip", "The API key was not sent", seen.proof.text)
        return Judgement(
            "unknown", "The API key was not sent", f"{seen.proof.text}: name an address that leads there directly"
        )
    if call is None:
        return Judgement("skip", "No call with a session was made", "there is no session to call with")
    if not call.answered:
        return Judgement("unknown", "The call with the session got no answer", call.outcome())
    if call.status == 200:
        how = "API key" if seen.asked.api_key is not None else "session cookie"
        refused = ", one without is refused" if seen.anonymous.status == 403 else ""
        return Judgement("pass", f"A call with the {how} works ({call.ms:.0f} ms){refused}")
    if seen.asked.api_key is not None:
        stripped = _stripped(seen, call)
        if stripped is not None:
            return stripped
        read = releases.possible("auth.api_key", seen.releases)
        if read == (False,) and not _may_be_dropped(seen):
            text = "The API key does nothing here: this release is older than 5.2 and knows no keys; it wants a login"
        elif read == (True,):
            text = "The API key is refused: it is not the one that qBittorrent holds, or it does not arrive there whole"
        else:
            text = "The API key is refused: from 5.2 on that is the answer to a wrong one, older releases know none"
        # One end of the range will do for what to advise: where it is certain, both fall on the same side.
        values = {"version": str(seen.releases.lowest)} if len(read) == 1 and not _may_be_dropped(seen) else {}
        evidence = (Evidence.response(call), Evidence.response(seen.anonymous))
        return Judgement("fail", text, findings=(Finding("api-key-rejected", "likely", text, evidence, values=values),))
    if not (seen.sign_in.exchange and seen.sign_in.exchange.cookies):
        return Judgement("skip", "No call with a session cookie was made", "the login set none")
    dropped = _cookie_dropped(seen, call)
    if dropped is not None:
        return dropped
    limits = releases.possible("session.limit", seen.releases)
    if seen.target.direct and any(limit is not None for limit in limits):
        text = (
            "The session was good for less than one call: this release keeps a limited number of sessions, and others "
            "opened enough meanwhile to push it out"
        )
        evidence = (
            Evidence.response(call),
            *((Evidence.response(seen.sign_in.exchange),) if seen.sign_in.exchange else ()),
        )
        found = Finding("sessions-evicted", "likely" if None not in limits else "possible", text, evidence)
        return Judgement("fail", text, findings=(found,))
    reason = (
        f"the login set a cookie, and the very next call with it got {call.outcome()}: something on the way changes the "
        "Cookie header, answers come from different servers, or the session was evicted at once"
    )
    return Judgement("unknown", "The call with the session cookie is refused", reason)


def _cookie_dropped(seen: Observations, call: Exchange) -> Judgement | None:
    """Judge a session that is refused here and good at the server itself."""
    if seen.target.direct or call.status != 403:
        return None
    if "session-cookie" not in seen.comparisons:
        return Judgement("fail", "The call with the session cookie is refused", wants=("session-cookie",))
    made = seen.compared("session-cookie")
    if made is None or not made.differs:
        return None
    if made.factor.startswith("a query"):
        return _cached(seen, made)
    if made.factor == "the time":
        return _several(seen, made)
    text = (
        f"The login through {seen.target.address.url} is accepted, and the session cookie does not arrive with the calls that "
        "follow: something on the way drops or changes the Cookie header"
    )
    return _on_the_way("call-changed-on-the-way", text, made)


def _on_the_way(cause: str, text: str, made: Comparison) -> Judgement:
    """Return the judgement of what two calls proved of something in front."""
    found = Finding(cause, "proven", text, (Evidence.experiment(made),), values={"proxy": "yes"})
    return Judgement("fail", text, findings=(found,))


def _cached(seen: Observations, made: Comparison) -> Judgement:
    """Judge an answer that came from an earlier call, since the same one with a query of its own is let in."""
    text = (
        f"Through {seen.target.address.url} the call after the login gets an answer that a cache in front kept from an earlier "
        "one: with a query of its own the same call is let in"
    )
    return _on_the_way("answers-cached", text, made)


def _several(seen: Observations, made: Comparison) -> Judgement:
    text = (
        f"Through {seen.target.address.url} a session is good for one call and not for the next: something in front spreads the "
        "calls over several servers, and each knows its own sessions alone"
    )
    return _on_the_way("call-changed-on-the-way", text, made)


def _may_be_dropped(seen: Observations) -> bool:
    """Whether the header may not arrive at all: then the answer tells nothing of the release either."""
    return not seen.target.direct and seen.target.instance is None and seen.bearer_root.status != 404


def _stripped(seen: Observations, call: Exchange) -> Judgement | None:
    """Judge a key that is refused here and right at the server itself, or an Authorization header that does nothing."""
    if seen.target.direct or call.status != 403:
        return None
    if "api-key" not in seen.comparisons or "two-ways" not in seen.comparisons:
        return Judgement("fail", "The API key is refused", wants=("api-key", "two-ways"))
    url = seen.target.address.url
    made = [
        one
        for one in (*seen.comparisons["api-key"], *seen.comparisons["two-ways"])
        if (one.factor.startswith("the way") and one.a.status in {401, 403} and one.b.status == 200)
        or (one.factor.startswith("an API key") and one.a.status == 200 and one.b.status == 404)
    ]
    key = seen.asked.api_key
    same = seen.settings is not None and key is not None and seen.settings.secret("APIKey") == key
    dropped = seen.bearer_root.status == 200 and False not in releases.possible("auth.api_key", seen.releases)
    if (not made and not dropped) or True not in releases.possible("auth.api_key", seen.releases):
        return None
    why = (
        "at qBittorrent itself it is accepted"
        if made and made[0].b.status == 200
        else "no Authorization header arrives"
    )
    text = f"The API key does not arrive through {url}: something on the way drops the Authorization header ({why})"
    evidence = [*(Evidence.experiment(one) for one in made), Evidence.response(call)]
    if same:
        file = str(seen.target.config_file) if seen.target.config_file else None
        evidence.append(Evidence.setting("APIKey", "***", "the key is the one in the config", file=file))
    found = Finding("api-key-stripped", "proven" if made else "likely", text, tuple(evidence), values={"proxy": "yes"})
    return Judgement("fail", text, findings=(found,))


CHECK = Check(
    id="session-call",
    title="A call with the session",
    order=120,
    judge=judge,
    causes=("api-key-rejected", "api-key-stripped", "sessions-evicted", "call-changed-on-the-way", "answers-cached"),
    about=(
        "Sends GET /api/v2/app/version with exactly the cookies that the login set (or with the API key). If that works "
        "and the same call without is refused, the server is in order, and a client that gets 403 after its login does "
        "not send the cookie back. On a direct way to a release that keeps a limited number of sessions (5.3: 15), a session "
        "that is refused right after its login was pushed out by others: sessions-evicted, at most likely. A key that is refused "
        "through a proxy is tried once at the process behind it, if that one's config holds the very key; a session that is "
        "refused there is tried once with a query that no cache knows, and at the process whose log told of this run's login."
    ),
)
