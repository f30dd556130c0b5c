"""Judges requests one by one: what is wrong with them as they stand, whoever sent them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qbdoctor import releases
from qbdoctor.forwarding.rewriting import split_authority
from qbdoctor.model.basics import Confidence
from qbdoctor.model.findings import Finding, Remedy
from qbdoctor.trace import endpoint_rules
from qbdoctor.trace.conversations import Conversation
from qbdoctor.trace.evidence import Context, carries, experiment, proof
from qbdoctor.trace.exchange import Seen

CAUSES = (
    "client-json-login",
    "client-http-method",
    "client-foreign-origin",
    "cross-site-blocked",
    "host-port-mismatch",
    "host-not-allowed",
    "client-auth-header-unsupported",
    "api-key-rejected",
    "client-unencoded-form",
    "wrong-credentials",
    "ip-banned",
    *endpoint_rules.CAUSES,
)
_USUAL = ("GET", "HEAD", "POST")
_SHOWN = 4

RequestRule = Callable[[Context, Conversation], Iterator[Finding]]


def judge(known: Context, part: Conversation) -> tuple[Finding, ...]:
    """Everything that is wrong with a conversation's single requests."""
    found: list[Finding] = []
    for rule in (
        _json_login,
        _method,
        _in_address,
        _in_chunks,
        _source,
        _host,
        _header,
        _credentials,
        *endpoint_rules.RULES,
    ):
        found.extend(rule(known, part))
    return tuple(found)


def _json_login(known: Context, part: Conversation) -> Iterator[Finding]:
    others = {"json", "other"}
    bad = [each for each in part.seen if each.kind == "login" and each.content in others and not each.good_login]
    if not bad:
        return
    forms = [
        each
        for each in known.trace.seen
        if each.kind == "login" and each.content == "form" and each.status not in (None, 400)
    ]
    proven = bool(forms) and bad[0].status == 400
    what = "JSON" if bad[0].content == "json" else "another type of content"
    evidence = [proof(each) for each in bad[:_SHOWN]]
    if proven:
        shows = f"the login is read as a form, and refused as {what} before it is looked at"
        evidence.insert(0, experiment(f"the login's body ({what}, a form)", bad[0], forms[0], shows))
    yield Finding(
        "client-json-login",
        "proven" if proven else "likely",
        f"{part.who} sends the login as {what} (request {bad[0].n}): qBittorrent reads forms alone, and answers {bad[0].status}",
        tuple(evidence),
    )


def _method(known: Context, part: Conversation) -> Iterator[Finding]:
    def refused(each: Seen) -> bool:
        return each.status == 405 or (each.method not in _USUAL and each.status in (400, 501))

    bad = [each for each in part.seen if refused(each)]
    if not bad:
        return
    first = bad[0]
    others = [
        each
        for each in known.trace.seen
        if each.action == first.action and each.method != first.method and each.status not in (None, 400, 405, 501)
    ]
    alike = [each for each in others if bool(each.sessions) == bool(first.sessions)]
    evidence = [proof(each) for each in bad[:_SHOWN]]
    if alike:
        evidence.insert(
            0, experiment("the method", first, alike[0], f"the call takes {alike[0].method}, not {first.method}")
        )
    yield Finding(
        "client-http-method",
        "proven" if alike else "likely",
        f"{part.who} uses {first.method} for {first.path} (request {first.n}), which does not take it: {first.status}",
        tuple(evidence),
    )


def _in_address(_: Context, part: Conversation) -> Iterator[Finding]:
    """Yield a login by POST whose fields stand in the query: it is one without a name and a password."""
    bad = [each for each in part.seen if _fields_in_address(each)]
    if bad:
        yield Finding(
            "client-http-method",
            "likely",
            f"{part.who} sends the login's fields in the address (request {bad[0].n}), where they are not read: an empty login, "
            "which counts towards a ban",
            tuple(map(proof, bad[:_SHOWN])),
            remedies=(Remedy("client", "Send username and password as a form in the body of the POST."),),
        )


def _in_chunks(_: Context, part: Conversation) -> Iterator[Finding]:
    """Yield bodies that came in chunks, which no release reads (requestparser.cpp looks for Content-Length alone)."""
    bad = [
        each for each in part.seen if each.chunked and (each.status is None or each.status >= 400 or each.refused_login)
    ]
    if bad:
        login = next((each for each in bad if each.kind == "login"), None)
        told = "; the login came without a name and a password, which counts towards a ban" if login is not None else ""
        first = login or bad[0]
        yield Finding(
            "client-http-method",
            "likely",
            f"{part.who} sends a body in chunks (request {first.n}, Transfer-Encoding: chunked), which no release reads{told}",
            tuple(map(proof, bad[:_SHOWN])),
            remedies=(
                Remedy(
                    "client",
                    "Send the body with a Content-Length: as a text or a file of known size, not as a stream or a generator "
                    "(curl: -d or -F, not -T -).",
                ),
            ),
        )


def _fields_in_address(each: Seen) -> bool:
    names = set(each.path.partition("?")[2].split("&"))
    return (
        each.refused_login and each.method == "POST" and each.content == "" and bool(names & {"username", "password"})
    )


def _by_site(known: Context, each: Seen) -> set[bool | None]:
    """Whether its Sec-Fetch-Site lets it in, by each release that the server can be; None: that does not decide."""
    source = bool(each.origin or each.referer)
    return {releases.passes_by_sec_fetch(one, each.fetch_site, source=source) for one in known.candidates}


def _foreign(known: Context, each: Seen) -> bool:
    """Whether the header that may be looked at (Origin, else Referer) names another site."""
    names = each.origin == "foreign" or (not each.origin and each.referer == "foreign")
    return names and None in _by_site(known, each)


def _crossed(known: Context, each: Seen) -> bool:
    """Whether its Sec-Fetch-Site may keep it out."""
    return False in _by_site(known, each)


def _stopped(known: Context, each: Seen) -> bool:
    """Whether it may be refused for the site that it comes from."""
    return _foreign(known, each) or _crossed(known, each)


def _source(known: Context, part: Conversation) -> Iterator[Finding]:
    bad = [each for each in part.seen if each.status == 401 and _foreign(known, each)]
    passed = any(
        _foreign(known, each)
        and _by_site(known, each) == {None}
        and each.status not in (None, 401)
        and each.kind != "page"
        for each in known.trace.seen
    )
    if bad and not passed:
        first = bad[0]
        name = "Origin" if first.origin == "foreign" else "Referer"
        twins = _twins(known, first)
        evidence = [proof(each) for each in bad[:_SHOWN]]
        if twins:
            shows = f"the same call without that {name} is not refused with 401"
            evidence.insert(0, experiment(f"the {name} header", first, twins[0], shows))
        sure: Confidence = "possible" if True in _by_site(known, first) else "likely"
        yield Finding(
            "client-foreign-origin",
            "proven" if twins else sure,
            f"{part.who} sends {name}: {first.source}, which is not qBittorrent's own address (request {first.n}): 401",
            tuple(evidence),
            values={"origin": first.source},
        )
    yield from _cross_site(known, part)


def _twins(known: Context, first: Seen) -> list[Seen]:
    """Return the same call without what may have been refused, where it was let in."""
    return [
        each
        for each in known.trace.seen
        if (each.method, each.path) == (first.method, first.path)
        and not _stopped(known, each)
        and not each.foreign_host
        and (each.good_login if first.kind == "login" else each.status not in (None, 401))
    ]


def _cross_site(known: Context, part: Conversation) -> Iterator[Finding]:
    crossed = [each for each in part.seen if each.status == 401 and _crossed(known, each)]
    if not crossed:
        return
    first = crossed[0]
    evidence = [proof(each) for each in crossed[:_SHOWN]]
    confidence: Confidence = "likely" if _by_site(known, first) == {False} else "possible"
    twins = _twins(known, first)
    if twins and confidence == "likely":
        confidence = "proven"
        shows = "the same call without it, or with same-origin or none, is not refused with 401"
        evidence.insert(0, experiment("the Sec-Fetch-Site header", first, twins[0], shows))
    yield Finding(
        "cross-site-blocked",
        confidence,
        f"{part.who} calls from another site (Sec-Fetch-Site: {first.fetch_site}, request {first.n}): 401",
        tuple(evidence),
    )


def _host(known: Context, part: Conversation) -> Iterator[Finding]:
    bad = [each for each in part.seen if each.status == 401 and each.foreign_host and not _stopped(known, each)]
    if not bad:
        return
    name, port = split_authority(bad[0].host)
    wrong_port = port is not None and port != known.trace.port
    yield Finding(
        "host-port-mismatch" if wrong_port else "host-not-allowed",
        "likely",
        f"{part.who} calls the server {bad[0].host} in its Host header (request {bad[0].n}), which is not its address: 401",
        tuple(map(proof, bad[:_SHOWN])),
        values={"name": name},
    )


def _header(known: Context, part: Conversation) -> Iterator[Finding]:
    """Yield a header instead of a session: one that this release does not read, or a key or password that is wrong."""
    refused = [
        each
        for each in part.seen
        if each.kind == "call"
        and not each.sessions
        and (each.authorization or each.key_aside)
        and each.status in (401, 403)
    ]
    if any(each.kind == "call" and (each.authorization or each.key_aside) and each.status == 200 for each in part.seen):
        return
    for each in refused:
        cause: str | None = None
        confidence: Confidence = "likely"
        if each.authorization == "bearer":
            if known.surely(releases.api_key_supported):
                cause = "api-key-rejected"
            else:
                cause = "client-auth-header-unsupported"
                confidence = "likely" if known.surely(lambda one: not releases.api_key_supported(one)) else "possible"
                if confidence == "possible":
                    said = (
                        f"{part.who} may send a key that the server does not accept (request {each.n}: {each.status})"
                    )
                    yield Finding("api-key-rejected", "possible", said, tuple(map(proof, refused[:_SHOWN])))
        elif each.authorization == "basic" and each.status == 403:
            # Where it is read, a wrong one is 401; 403 with it is the usual refusal, so it was not
            cause = "client-auth-header-unsupported"
        elif each.authorization == "basic":
            if known.surely(releases.basic_auth_supported) and not _stopped(known, each) and not each.foreign_host:
                cause = "wrong-credentials"
        elif each.status == 403:
            cause = "client-auth-header-unsupported"
        if cause is not None:
            known_or_not = "does not read" if confidence == "likely" else "may not read"
            words = {
                "api-key-rejected": "sends an API key that the server does not accept",
                "wrong-credentials": "sends a user name or password in Authorization: Basic that the server does not accept",
            }.get(cause, f"authenticates by {carries(each)}, which this release {known_or_not}")
            yield Finding(
                cause,
                confidence,
                f"{part.who} {words} (request {each.n}: {each.status})",
                tuple(map(proof, refused[:_SHOWN])),
            )
            return


def _credentials(known: Context, part: Conversation) -> Iterator[Finding]:
    """Yield a login refused: its form was not encoded, or what it says is wrong."""
    logins = [each for each in part.seen if each.kind == "login"]
    banned = [each for each in logins if each.answer == "banned"]
    if banned:
        before = [each for each in logins if each.refused_login and each.n < banned[0].n]
        own = f", by its own failed logins: {len(before)} before that" if len(before) > 1 else ""
        yield Finding(
            "ip-banned",
            "likely",
            f"The server has banned the address that {part.who} comes from (request {banned[0].n}){own}",
            (*map(proof, before[-1:]), *map(proof, banned[:_SHOWN])),
        )
    refused = [
        each
        for each in logins
        if each.refused_login
        and not (_stopped(known, each) or each.foreign_host or _fields_in_address(each) or each.chunked)
    ]
    good = any(each.good_login for each in part.base)
    doubtful = [each for each in refused if each.form is not None and each.form.doubts]
    unsure = [each for each in doubtful if each.form is not None and set(each.form.doubts) == {"plus"}]
    if doubtful:
        found = _unencoded(known, part, [each for each in doubtful if each not in unsure] or unsure)
        if found.confidence != "possible" or not good:
            yield found
    plain = [each for each in refused if (each not in doubtful or each in unsure) and each.content != "json"]
    if plain and not good:
        first = plain[0]
        # An address passes the Host check where it is the server's own; a name must stand in ServerDomains
        sure = first.answer == "fails" or known.trace.host_kind == "ip"
        sure = sure or any(each.kind == "call" and each.status not in (None, 401) for each in part.base)
        yield Finding(
            "wrong-credentials",
            "likely" if sure else "possible",
            f"The login of {part.who} is refused (request {first.n}: {first.status}): user name or password are wrong"
            + ("" if sure else ", or its Host or Origin, which is answered alike"),
            tuple(map(proof, plain[:_SHOWN])),
        )


_DOUBTS = {
    "ampersand": "an & ends it",
    "escape": "a % stands for itself",
    "raw": "it holds characters that a form escapes",
    "plus": "its + means a blank",
}


def _unencoded(known: Context, part: Conversation, doubtful: list[Seen]) -> Finding:
    first = doubtful[0]
    form = first.form
    doubts = form.doubts if form is not None else ()
    twins = [
        each
        for each in known.trace.seen
        if each.good_login and form and each.form and form.raw != form.meant and each.form.meant == form.raw
    ]
    evidence = [proof(each) for each in doubtful[:_SHOWN]]
    confidence: Confidence = "possible" if set(doubts) == {"plus"} else "likely"
    if twins:
        confidence = "proven"
        shows = "the same password is accepted where its form is encoded; as it was sent here it means another one"
        evidence.insert(0, experiment("the encoding of the password", first, twins[0], shows))
    return Finding(
        "client-unencoded-form",
        confidence,
        f"{part.who} sends the password without encoding it (request {first.n}): {', '.join(_DOUBTS[each] for each in doubts)}",
        tuple(evidence),
    )
