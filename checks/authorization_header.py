"""Checks whether something on the way adds an Authorization header, which qBittorrent reads from 5.2 on."""

from qbdoctor.api import Check, Evidence, Finding, Judgement, Observations, bears_marks, releases


def judge(seen: Observations) -> Judgement:
    """Judge a 401 by the failed login it left in the log, a 403 by pages and logins that an API key shuts out."""
    first = seen.anonymous
    if not first.answered:
        return Judgement("skip", "Not judged", "no answer came")
    if seen.serves_qbittorrent is False:
        return Judgement("skip", "Not judged", "what answers is not qBittorrent")
    if seen.target.direct:
        return Judgement("pass", "Nothing stands between that could add an Authorization header")
    if releases.possible("auth.basic", seen.releases) == (False,):
        return Judgement("pass", "This release does not look at the Authorization header")
    if first.status == 401:
        return _after_401(seen)
    if first.status == 403:
        return _after_403(seen)
    return Judgement("pass", f"Calls without an Authorization header are answered with {first.status}")


def _after_401(seen: Observations) -> Judgement:
    """Through a proxy that adds a wrong Basic header each call is a failed login, so no further one is sent there."""
    told = seen.first_request_log
    if told is None or not told.failures:
        reason = "the calls are refused with 401, and no log at hand shows that one of them counted as a failed login"
        return Judgement("skip", "Not judged", reason)
    if "authorization" not in seen.comparisons:
        return Judgement("fail", "A login is added on the way", wants=("direct", "authorization"))
    url = seen.target.address.url
    summary = (
        f"What stands in front at {url} sends qBittorrent a login of its own (Authorization: Basic), which it refuses: "
        "every call through there is a failed login, and a few of them ban the proxy's address"
    )
    text = f"{told.file}: this run's request, which held no credentials, was logged as a failed login"
    log = Evidence("log", text, {"file": str(told.file), "count": told.failures})
    return _found(seen, summary, (log, Evidence.response(seen.anonymous)))


def _after_403(seen: Observations) -> Judgement:
    """Find whether an API key shuts out logins (403, even for GET); a wrong one is never counted or logged.

    Only after a login or a key of ours was answered so: a login by GET is no request for every run. The start page, 404
    then, is not asked: a broken alternative Web UI is switched off by the first visit.
    """
    if not _shut_out(seen):
        return Judgement("pass", "No sign of an Authorization header that is added on the way")
    by_get = seen.login_by_get
    if by_get is None or by_get.status != 403 or not bears_marks(by_get):
        return Judgement("pass", "No sign of an Authorization header that is added on the way")
    if "authorization" not in seen.comparisons:
        return Judgement("fail", "An API key is added on the way", wants=("authorization",))
    summary = (
        f"What stands in front at {seen.target.address.url} sends qBittorrent a token of its own (Authorization: Bearer), "
        "which it takes for an API key: pages are 404, calls and logins 403"
    )
    evidence = (Evidence.response(by_get, f"a login by GET answers {by_get.outcome()}; without an API key it is 405"),)
    return _found(seen, summary, evidence)


def _shut_out(seen: Observations) -> bool:
    """Return whether a login got the plain refusal of a call without a session, or a key of ours was refused."""
    if seen.asked.api_key is not None:
        call = seen.session_call if seen.has("session_call") else None
        return call is not None and call.status == 403
    login = seen.sign_in.exchange if seen.has("sign_in") else None
    return login is not None and login.status == 403 and login.body.strip() == "Forbidden"


def _found(seen: Observations, summary: str, evidence: tuple[Evidence, ...]) -> Judgement:
    made = [seen.compared(name) for name in ("authorization", "direct")]
    experiments = tuple(Evidence.experiment(one) for one in made if one is not None and one.differs)
    sure = made[0] is not None and made[0].differs
    found = Finding(
        "authorization-header-collision",
        "proven" if sure else "likely",
        summary,
        (*experiments, *evidence),
        values={"proxy": "yes"},
    )
    return Judgement("fail", summary, findings=(found,))


CHECK = Check(
    id="authorization-header",
    title="The Authorization header",
    order=122,
    judge=judge,
    causes=("authorization-header-collision",),
    about=(
        "From 5.2 on qBittorrent tries an Authorization: Basic header as a login, on every path, and takes Bearer for an "
        "API key. A proxy that adds one therefore breaks everything, and a wrong Basic header counts towards a ban with "
        "each call. After a 401 nothing more is sent that way: a log on this machine that shows the call as a failed "
        "login is the witness. Where a login of ours "
        "gets a plain 403, or an API key of ours is refused, one login by GET is tried (at 4.5 and later, where it is none): "
        "403 instead of 405 gives a Bearer header away. Where the process itself can be asked, the same call with and "
        "without such a header, of a kind that is never counted, proves it."
    ),
)
