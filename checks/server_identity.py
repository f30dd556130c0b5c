"""Is what answers qBittorrent?"""

from qbdoctor.api import Check, Evidence, Exchange, Finding, Judgement, Observations


def judge(seen: Observations) -> Judgement:
    """Judge by the answer's shape: qBittorrent redirects nowhere and sends neither Server nor WWW-Authenticate."""
    first = seen.anonymous
    address = seen.target.address
    if first.failure is not None:
        if first.failure.kind in {"too-large", "not-http"}:
            return _not_ours(first, f"What listens at {address.url} is not qBittorrent: {first.failure.text}")
        return Judgement("skip", "Nothing to identify", "no answer came")
    if seen.serves_qbittorrent:
        behind = f", behind {seen.in_front}" if seen.in_front else ""
        return Judgement("pass", f"The answers are qBittorrent's{behind}")
    if first.header("www-authenticate"):
        summary = "Something in front of qBittorrent asks for a login of its own (WWW-Authenticate, never sent by qBittorrent)"
        found = Finding("foreign-auth-in-front", "likely", summary, (Evidence.response(first),))
        return Judgement("fail", summary, findings=(found,))
    if first.status is not None and 300 <= first.status < 400:
        to = first.header("location") or "another address"
        summary = (
            f"{address.url} redirects to {to}: a redirected login loses its form, qBittorrent itself never redirects"
        )
        found = Finding("redirected", "likely", summary, (Evidence.response(first),), values={"location": to})
        return Judgement("fail", summary, findings=(found,))
    if first.status in {502, 503, 504}:
        summary = f"A proxy answers at {address.url} ({first.status}), but no qBittorrent behind it"
        found = Finding("not-running", "likely", summary, (Evidence.response(first),))
        return Judgement("fail", summary, findings=(found,))
    if seen.serves_qbittorrent is None:
        reason = f"the answer {first.outcome()} could be qBittorrent's or another program's"
        return Judgement("unknown", "Whose answers these are cannot be told", reason)
    who = f" ({seen.in_front})" if seen.in_front else ""
    return _not_ours(first, f"What answers at {address.url} is not qBittorrent{who}")


def _not_ours(first: Exchange, summary: str) -> Judgement:
    found = Finding("not-qbittorrent", "likely", summary, (Evidence.response(first),))
    return Judgement("fail", summary, findings=(found,))


CHECK = Check(
    id="server-identity",
    title="What answers",
    order=30,
    judge=judge,
    causes=("not-qbittorrent", "foreign-auth-in-front", "redirected", "not-running"),
    about=(
        "Reads the first answer's status, body and headers, and GET / where those do not decide. qBittorrent marks every "
        "answer with x-content-type-options and x-xss-protection, sends no Server or WWW-Authenticate header and never "
        "redirects. Another program on the port, a proxy without a server behind it and a login page in front are told "
        "apart; all of them at most likely, since a proxy can imitate anything."
    ),
)
