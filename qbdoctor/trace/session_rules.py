"""Judges what clients did: a trace in, findings for each conversation out. Pure: a saved trace can be judged again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from qbdoctor import releases
from qbdoctor.model.basics import Confidence
from qbdoctor.model.findings import Finding
from qbdoctor.trace import request_rules, user_agents
from qbdoctor.trace.conversations import Conversation, bare, refused_bare, session_over, split, unkept_logins
from qbdoctor.trace.evidence import Context, context, experiment, proof
from qbdoctor.trace.exchange import ADD, WRITING, Seen, Trace

CAUSES = (
    "client-drops-cookie",
    "client-sends-no-cookie",
    "client-relies-on-bypass",
    "client-wants-sid-name",
    "client-wants-ok-body",
    "client-never-logs-in-again",
    "client-logs-in-each-call",
    "secure-cookie-over-http",
    "server-cannot-write-there",
    "nothing-added",
    "request-too-large",
    *request_rules.CAUSES,
)
"""The ids that a trace can find."""

NEEDLESS = 3
"""Logins in a row, each followed by at most one call, that make a habit."""
_SHOWN = 4
_PROBES = frozenset({"app/version", "app/webapiVersion", "app/buildInfo", "app/preferences", "auth/logout"})
"""What programs ask to see whether they are logged in."""

SessionRule = Callable[[Context, Conversation, Sequence[Conversation]], Iterator[Finding]]


def judge(trace: Trace) -> tuple[tuple[Conversation, tuple[Finding, ...]], ...]:
    """Return every conversation of the trace with what was found in it."""
    known = context(trace)
    parts = split(trace)
    return tuple((part, _of(known, part, parts)) for part in parts)


def _of(known: Context, part: Conversation, parts: Sequence[Conversation]) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for rule in _RULES:
        found.extend(rule(known, part, parts))
    found.extend(request_rules.judge(known, part))
    return tuple(found)


# --- the session is not kept --------------------------------------------------------------------------------------


def _not_kept(known: Context, part: Conversation, parts: Sequence[Conversation]) -> Iterator[Finding]:
    """Yield a good login with a cookie, and refused calls that carry none, or carry something else under its old name."""
    logins = unkept_logins(part.seen, known.trace.seen)
    for login in logins:
        given = login.session_given
        later = [each for each in part.seen if each.n > login.n and each.kind == "call" and each.status == 403]
        wrong = [each for each in later if _looks_for_sid(each, given.name if given else "")]
        calls = [each for each in later if bare(each)]
        if wrong:
            yield _wants_sid(part, login, wrong)
            return
        if not calls or given is None:
            continue
        if given.secure and known.trace.scheme == "http":
            yield Finding(
                "secure-cookie-over-http",
                "likely",
                f"{part.who} is right not to send the cookie {given.name}: the server marked it Secure, and the address is http",
                (proof(login), proof(calls[0])),
            )
            return
        yield from _drops(known, part, parts, login, calls)
        return


def _drops(
    known: Context, part: Conversation, parts: Sequence[Conversation], login: Seen, calls: list[Seen]
) -> Iterator[Finding]:
    hint = user_agents.hint(part.agent, part.host_kind)
    why = hint.why if hint else "it has no cookie jar, or a new one for each call"
    if known.renamed and not (part.host_kind == "ip" and "aiohttp/" in part.agent):
        why += ", or the program looks for a cookie named SID"
    what = f"carries no Cookie, though the login (request {login.n}) answered with one"
    summary = f"Request {calls[0].n} of {part.who} {what}: {why}"
    evidence = [proof(login), *map(proof, calls[:_SHOWN])]
    confidence: Confidence = "likely"
    if part.host_kind == "ip" and known.trace.host_kind == "name":
        confidence = "possible"  # it may be the trace's own doing
        summary += "; the target's own address has a name, by which it may keep it"
    twin = _twin(part, parts)
    if twin is not None:
        ip, name = (calls[0], twin) if part.host_kind == "ip" else (twin, calls[0])
        evidence.insert(
            0,
            experiment(
                "the host in the address (an IP address, a name)",
                ip,
                name,
                f"the same client ({part.agent}) sends the cookie back to {twin.host}, and not to {part.host}",
            ),
        )
        confidence = "proven"
    yield Finding(
        "client-drops-cookie",
        confidence,
        summary,
        tuple(evidence),
        remedies=user_agents.remedy(hint),
    )
    symptom: Confidence = "possible" if confidence == "possible" else "likely"
    yield Finding("client-sends-no-cookie", symptom, summary, (proof(calls[0]),))


def _twin(part: Conversation, parts: Sequence[Conversation]) -> Seen | None:
    """Return a call of the same library at a host of the other kind that did carry its login's session."""
    for other in parts:
        if part.agent and other.agent == part.agent and {other.host_kind, part.host_kind} == {"ip", "name"}:
            given = {each.session_given.value for each in other.seen if each.good_login and each.session_given}
            for each in other.calls:
                if given & set(each.sessions) and each.status is not None and each.status < 400:
                    return each
    return None


def _looks_for_sid(each: Seen, given: str) -> bool:
    """Whether a call carries a cookie named SID alone, where the server gave one of another name."""
    names = {cookie.name for cookie in each.cookies}
    return bool(given) and given not in names and given != "SID" and "SID" in names


def _wants_sid(part: Conversation, login: Seen, wrong: Sequence[Seen]) -> Finding:
    name = login.session_given.name if login.session_given else "another name"
    return Finding(
        "client-wants-sid-name",
        "likely",
        f"Request {wrong[0].n} of {part.who} carries a cookie named SID, though the login (request {login.n}) gave {name}",
        (proof(login), *map(proof, wrong[:_SHOWN])),
        values={"cookie_name": name},
    )


def _other_name(known: Context, part: Conversation, _: Sequence[Conversation]) -> Iterator[Finding]:
    """Yield the session's value under another name than the one it was given, or altered on its way."""
    names = {given.value: given for each in known.trace.seen for given in each.given if given.value}
    for each in part.calls:
        for cookie in each.cookies if each.status == 403 else ():
            label = cookie.value.removesuffix(" altered")
            given = names.get(label)
            if given is None:
                continue
            login = next(one for one in known.trace.seen if given in one.given)
            if cookie.name != given.name and _looks_for_sid(each, given.name):
                yield _wants_sid(part, login, [each])
                return
            if cookie.value.endswith("altered"):
                yield Finding(
                    "client-sends-no-cookie",
                    "likely",
                    f"Request {each.n} of {part.who} carries the cookie {cookie.name} with another value than it was given: "
                    "it is encoded or cut on its way, so the server does not know it",
                    (proof(login), proof(each)),
                )
                return


def _bare(_: Context, part: Conversation, __: Sequence[Conversation]) -> Iterator[Finding]:
    """Find calls that carry nothing: beside others that carry a session, or from a client that never logs in."""
    calls = [each for each in part.calls if refused_bare(each)]
    hint = user_agents.hint(part.agent, part.host_kind)
    kept = any(each.sessions for each in part.base)
    last = max((each.n for each in part.base if each.kind == "login"), default=0)
    beside = [each for each in calls if each.n > last and not session_over(each, part.base)]
    if kept and part.role != "unkept" and beside:
        first = beside[0]
        yield Finding(
            "client-sends-no-cookie",
            "likely",
            f"Request {first.n} of {part.who} carries no Cookie, while others from there carry their session"
            + (f": {hint.why}" if hint else ""),
            tuple(map(proof, beside[:_SHOWN])),
            remedies=user_agents.remedy(hint),
        )
    elif calls and not kept and not last:
        yield Finding(
            "client-relies-on-bypass",
            "likely",
            f"{part.who} never logs in: request {calls[0].n} carries no cookie and no key, and nothing lets it in without",
            tuple(map(proof, calls[:_SHOWN])),
        )


# --- the login --------------------------------------------------------------------------------------------------------


def _stops(known: Context, part: Conversation, _: Sequence[Conversation]) -> Iterator[Finding]:
    """Yield a login answered 204 with a cookie, and nothing after it; or the call that it was made for is not made again."""
    if any(each.sessions for each in part.base):
        yield from _not_repeated(part)
        return
    logins = [each for each in unkept_logins(part.seen, known.trace.seen) if each.status == 204]
    if not logins or any(each.n > logins[0].n and each.kind in ("call", "logout") for each in part.base):
        return
    ended = ", and then fails" if known.trace.run_exit else ""
    given = logins[0].session_given
    evidence = tuple(map(proof, logins[:_SHOWN]))
    if known.trace.run_exit == 0:
        text = f"{part.who} logs in (request {logins[0].n}: 204 and a cookie) and does nothing more: it may take only 200 `Ok.`"
        yield Finding("client-wants-ok-body", "possible", f"{text} for a good login", evidence, severity="warning")
        return
    yield Finding(
        "client-wants-ok-body",
        "likely",
        f"{part.who} stops after a login that was accepted (request {logins[0].n}: 204 and a cookie){ended}: "
        "it takes only 200 `Ok.` for a good login, or looks for a cookie named SID",
        evidence,
    )
    if given is not None and given.name != "SID":
        yield Finding(
            "client-wants-sid-name",
            "possible",
            f"{part.who} may be looking for a cookie named SID: the login gave one named {given.name}",
            evidence,
            values={"cookie_name": given.name},
        )


def _not_repeated(part: Conversation) -> Iterator[Finding]:
    """Yield a call that was refused, its login answered 204, and that is not made again: what asks for a version aside."""
    for login in part.seen:
        if not login.good_login or login.status != 204:
            continue
        before = [each for each in part.seen if each.n < login.n and refused_bare(each) and each.action not in _PROBES]
        if before and not any(each.n > login.n and each.path == before[-1].path for each in part.base):
            yield Finding(
                "client-wants-ok-body",
                "possible",
                f"{part.who} is refused (request {before[-1].n}), logs in (request {login.n}: 204 and a cookie), and does not "
                "make the call again: it may take only 200 `Ok.` for a good login",
                (proof(before[-1]), proof(login)),
                severity="warning",
            )
            return


def _never_again(known: Context, part: Conversation, _: Sequence[Conversation]) -> Iterator[Finding]:
    """Find calls refused with a session that is dead, or after its end, and no login after them."""
    if part.role:
        return
    end = max((each.n for each in part.base if each.kind == "login"), default=0)
    if end in {each.n for each in unkept_logins(part.base, known.trace.seen)}:
        return  # it did log in again; what came of it is another matter
    late = [each for each in part.calls if each.n > end and each.status == 403]
    names = {given.value: given.name for each in known.trace.seen for given in each.given if given.value}
    dead = [
        each
        for each in late
        if _under_its_name(each, names, known) and not alive_after(each, part) and each.answer != "other"
    ]
    out = [each for each in part.seen if each.kind == "logout" and each.n > end and each.status in (200, 204)][-1:]
    if out and (gone := [each for each in late if each.n > out[0].n]):
        why, calls = f"after its logout (request {out[0].n})", gone
    elif any(each.at >= dead[0].at + dead[0].took for each in dead[1:]):
        why, calls = "with a session that the server does not know any more", dead
    elif dead and known.trace.run_exit:
        why, calls = "with a session that the server does not know any more (and then fails)", dead
    elif end and (bare_calls := [each for each in late if refused_bare(each) and session_over(each, part.base)]):
        why, calls = "after its session's time was over", bare_calls
    else:
        return
    good = [each for each in part.calls if each.n < calls[0].n and each.status is not None and each.status < 400]
    yield Finding(
        "client-never-logs-in-again",
        "likely",
        f"{part.who} is refused (request {calls[0].n}) {why}, and does not log in again",
        (*map(proof, good[-1:]), *map(proof, out), *map(proof, calls[:_SHOWN])),
    )


def _not_the_session(_known: Context, part: Conversation, _: Sequence[Conversation]) -> Iterator[Finding]:
    """Yield a 403, 409 or 413 of an action, with a session that goes on to be good: it is about what was asked for."""
    refused = [each for each in part.calls if each.status == 403 and _is_about_a_folder(each, part)]
    if refused:
        first = refused[0]
        later = alive_after(first, part)
        yield Finding(
            "server-cannot-write-there",
            "likely",
            f"Request {first.n} of {part.who} ({first.path}) is refused with 403, though its session is good"
            + (f" (request {later.n})" if later else "")
            + ": qBittorrent's user may not write to the folder that is asked for",
            (*map(proof, refused[:_SHOWN]), *((proof(later),) if later else ())),
        )
    large = [each for each in part.seen if each.status == 413]
    if large:
        yield Finding(
            "request-too-large",
            "likely",
            f"Request {large[0].n} of {part.who} ({large[0].path}) is refused for its size (413), not for the login",
            tuple(map(proof, large[:_SHOWN])),
        )
    nothing = [
        each for each in part.calls if each.action == ADD and (each.status in {409, 415} or each.answer == "fails")
    ]
    if nothing:
        yield Finding(
            "nothing-added",
            "likely",
            f"Request {nothing[0].n} of {part.who} adds nothing ({nothing[0].status}): the torrent is there already, or "
            "what was sent is none; "
            "the connection and the login are in order",
            tuple(map(proof, nothing[:_SHOWN])),
            severity="warning",
        )


def _is_about_a_folder(each: Seen, part: Conversation) -> bool:
    """Whether the answer's own text says so, or the session that it carried was good afterwards."""
    return each.action in WRITING and (each.answer == "other" or alive_after(each, part) is not None)


def alive_after(each: Seen, part: Conversation) -> Seen | None:
    """Return a later call with the same session that was answered well, which shows that the session was good."""
    return next(
        (
            later
            for later in part.seen
            if later.n > each.n
            and later.kind == "call"
            and later.status is not None
            and later.status < 300
            and set(later.sessions) & set(each.sessions)
        ),
        None,
    )


def _under_its_name(each: Seen, names: Mapping[str, str], known: Context) -> bool:
    """Whether a call carries a session under the name it was given; one from before the trace counts as such."""
    unread = each.authorization == "basic" and known.surely(lambda one: not releases.basic_auth_supported(one))
    if (each.authorization and not unread) or each.key_aside:
        return False
    return any(
        names.get(cookie.value, cookie.name) == cookie.name and releases.session_name_rank(cookie.name) > 0
        for cookie in each.cookies
        if cookie.value in each.sessions
    )


def _each_call(known: Context, part: Conversation, _: Sequence[Conversation]) -> Iterator[Finding]:
    """As many logins as calls, and no refusal that asked for them."""
    unkept = unkept_logins(part.base, known.trace.seen)
    needless: list[Seen] = []
    calls, asked = 0, False
    for each in part.seen:
        if each.good_login and each not in unkept:
            if not needless or not asked:
                needless.append(each)
            asked = False
        elif each.kind == "call":
            calls += each.status is not None and each.status < 400
            asked = asked or each.status in (401, 403)
    if len(needless) >= NEEDLESS and NEEDLESS <= calls <= len(needless):
        yield Finding(
            "client-logs-in-each-call",
            "likely",
            f"{part.who} logs in before every call: {len(needless)} logins for {calls} calls, none of them asked for",
            tuple(map(proof, needless[:_SHOWN])),
        )


_RULES: tuple[SessionRule, ...] = (_not_kept, _other_name, _bare, _stops, _never_again, _not_the_session, _each_call)
