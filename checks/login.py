"""Checks that the login works."""

from qbdoctor.api import (
    Check,
    Evidence,
    Exchange,
    Finding,
    Judgement,
    Observations,
    SignIn,
    bears_marks,
    port_rivals,
    witness,
)

SKIPPED = {
    "no-answer": "no answer came",
    "not-qbittorrent": "what answers is not qBittorrent",
    "not-needed": "calls get in without a password, so a login would check nothing",
    "refused-before": "calls are refused before any login is looked at",
    "no-login": "--no-login was given",
    "api-key": "an API key is used, no login",
}


def judge(seen: Observations) -> Judgement:
    """Judge the one login of the run, or say why none was sent."""
    sign_in = seen.sign_in
    if sign_in.outcome == "not-sent":
        if sign_in.why == "banned" and seen.ban is not None:
            return _banned_by_log(seen, seen.ban.address, seen.ban.failures, seen.ban.limit)
        if sign_in.why in SKIPPED:
            return Judgement("skip", "No login was sent", SKIPPED[sign_in.why])
        if sign_in.why == "body-lost":
            return _body_lost(seen)
        if sign_in.why == "not-proven" and (seen.port_shared is not None or seen.untrusted is not None):
            return Judgement("skip", "No login was sent", seen.proof.text)
        if sign_in.why == "offline":
            return Judgement("skip", "No login was sent", sign_in.text)
        if sign_in.limit > 0 and sign_in.logged >= sign_in.limit:
            return _full_count(seen, sign_in)
        return Judgement("unknown", "No login was sent", sign_in.text)
    if sign_in.exchange is None or sign_in.outcome == "failed":
        return Judgement("unknown", "The login got no answer", sign_in.text)
    username = seen.asked.username or "admin"
    values = {"username": username}
    if sign_in.outcome == "accepted":
        return _accepted(seen, sign_in, values)
    if sign_in.outcome == "banned":
        return _banned(seen, sign_in, values)
    if sign_in.outcome == "refused" and seen.nameless_login is not None:
        return _body_lost(seen)
    if sign_in.outcome == "refused":
        return _refused(seen, sign_in, values)
    if sign_in.exchange.status == 400 and not sign_in.exchange.body and not seen.target.direct:
        return _body_lost(
            seen
        )  # up to 4.3.9 a POST without a length is answered so, and a form without its type always
    if not bears_marks(sign_in.exchange) and bears_marks(seen.anonymous):
        return _in_front(seen, sign_in.exchange)
    return Judgement(
        "unknown", "The login's answer is not one of qBittorrent's", f"answer: {sign_in.exchange.outcome()}"
    )


def _in_front(seen: Observations, answer: Exchange) -> Judgement:
    """Find whether the login has an answer without qBittorrent's marks, where another call has one with them."""
    to = answer.header("location") if 300 <= (answer.status or 0) < 400 else None
    what = f"redirects it to {to}, where a form is lost" if to else f"answers it with {answer.status}"
    text = f"The login at {seen.target.address.url} does not reach qBittorrent: something in front {what}"
    evidence = (
        Evidence.response(answer),
        Evidence.response(seen.anonymous, "qBittorrent's own answer to another call"),
    )
    found = Finding("call-changed-on-the-way", "likely", text, evidence, values={"proxy": "yes"})
    return Judgement("fail", text, findings=(found,))


def _said(sign_in: SignIn) -> tuple[Evidence, ...]:
    return (Evidence.response(sign_in.exchange),) if sign_in.exchange else ()


def _accepted(seen: Observations, sign_in: SignIn, values: dict[str, str]) -> Judgement:
    exchange = sign_in.exchange
    findings: list[Finding] = []
    password = seen.password
    if password is not None and password.reveal() == "adminadmin" and not seen.offline.factory:
        text = "The factory password adminadmin works"
        findings.append(Finding("default-credentials", "likely", text, _said(sign_in), values=values))
    if exchange is not None and not exchange.cookies:
        text = "The login is accepted, but no session cookie arrives: something on the way takes Set-Cookie out"
        stripped = Finding(
            "cookie-stripped", "likely", text, (*_said(sign_in), Evidence.response(seen.anonymous)), values=values
        )
        return Judgement("fail", text, findings=(stripped, *findings))
    answered = f"{exchange.status} in {exchange.ms:.0f} ms" if exchange else ""
    if findings:
        return Judgement("warn", f"{findings[0].summary} ({answered})", findings=tuple(findings))
    return Judgement("pass", f"The login as {values['username']} is accepted ({answered})")


def _banned(seen: Observations, sign_in: SignIn, values: dict[str, str]) -> Judgement:
    client = seen.client
    known = client.supposed
    local = known or f"the address that it sees for us (which is not known: between us stands {client.through})"
    right = ", also this one, which fits the config" if seen.offline.outcome == "match" else ""
    text = f"qBittorrent has banned {local} after too many failed logins: it refuses right passwords as well{right}"
    values |= {"address": known} if known else {}
    values |= _until(seen)
    found = Finding("ip-banned", "likely", text, _said(sign_in), values=values)
    return Judgement("fail", f"The login is answered with 403: {known or 'our address'} is banned", findings=(found,))


def _full_count(seen: Observations, sign_in: SignIn) -> Judgement:
    """Judge where the log counts enough failures to ban some address; behind something it need not be that of this way."""
    client = seen.client
    known = client.supposed
    if known is not None and witness.login_failures(seen.log, known) >= sign_in.limit:
        return _banned_by_log(seen, known, sign_in.logged, sign_in.limit)
    reason = (
        f"the server's log shows {sign_in.logged} failed logins from one address, which {sign_in.limit} ban, and whether it sees "
        f"that address for what comes through {client.through or 'this way'} is not known: no login was sent"
    )
    return Judgement("unknown", "No login was sent", reason)


def _banned_by_log(seen: Observations, local: str, logged: int, limit: int) -> Judgement:
    until = _until(seen)
    text = (
        f"qBittorrent has banned {local}{until.get('until', '')}: its log shows {logged} failed logins from there since the "
        f"last good one, and {limit} bring a ban; no login was sent"
    )
    log = str(seen.target.log_file)
    evidence = Evidence("log", f"{logged} failed logins from {local} in {log}", {"file": log, "count": logged})
    found = Finding("ip-banned", "likely", text, (evidence,), values={"address": local, **until})
    return Judgement("fail", f"{local} is banned{until.get('until', '')}", findings=(found,))


def _until(seen: Observations) -> dict[str, str]:
    """Return when the ban ends, where the log shows it, as it follows a word."""
    return {} if seen.ban is None else {"until": f" until {seen.ban.end()}"}


def _body_lost(seen: Observations) -> Judgement:
    """Whether the form does not arrive: seen by a harmless body, by the log's line about our own login, or by the answer 400."""
    sent = seen.sign_in.exchange is not None
    if not sent and "body" not in seen.comparisons:
        return Judgement("fail", "Bodies of requests do not arrive", wants=("body",))
    url = seen.target.address.url
    made = seen.compared("body")
    shown = made is not None and made.differs
    line = seen.nameless_login if sent else None
    evidence: tuple[Evidence, ...] = _said(seen.sign_in)
    if line is not None:
        how = "our own login was logged with an empty user name"
        evidence = (Evidence("log", f"the log says: {line.shown}"), *evidence)
    elif sent:
        how = "the login is answered with 400, as a form without its length or its type is"
    else:
        how = "a body that qBittorrent refuses for its type gets the answer of a request without one; no login was sent"
        probe = (Evidence.response(seen.body_probe),) if seen.body_probe is not None else ()
        evidence = (*((Evidence.experiment(made),) if made is not None and shown else ()), *probe)
    text = f"What is sent to {url} arrives at qBittorrent without its body, so no login form ever does: {how}"
    found = Finding("login-body-lost", "proven" if shown else "likely", text, evidence, values={"proxy": "yes"})
    return Judgement("fail", text, findings=(found,))


def _refused(seen: Observations, sign_in: SignIn, values: dict[str, str]) -> Judgement:
    offline = seen.offline
    username = values["username"]
    if offline.outcome == "match":
        text = (
            "The server refuses a password that fits the hash in the config: it runs with another one, so the file was "
            "changed while it ran, or it uses another file"
        )
        file = str(seen.target.config_file) if seen.target.config_file else None
        evidence = (*_said(sign_in), Evidence.setting("Password_PBKDF2", "***", offline.text, file=file))
        found = Finding("edited-while-running", "likely", text, evidence, severity="error", values=values)
    elif offline.outcome == "not-set":
        text = "The password is refused; none is set, so this release made up a temporary one when it started"
        file = str(seen.target.config_file) if seen.target.config_file else None
        evidence = (*_said(sign_in), Evidence.setting("Password_PBKDF2", None, offline.text, file=file))
        found = Finding("temporary-password", "likely", text, evidence, severity="error", values=values)
    elif seen.other_than_meant is not None:
        found = _elsewhere(seen, *seen.other_than_meant)
        return Judgement("fail", f"The login as {username} is refused by another server", findings=(found,))
    else:
        text = f"User name or password is wrong: qBittorrent refused the login as {username}, Host and origin being accepted"
        clause, witnesses, known = port_rivals(seen)
        evidence = (*_said(sign_in), Evidence.response(seen.anonymous), *witnesses)
        found = Finding("wrong-credentials", "likely", text + clause, evidence, values=values | known)
    return Judgement("fail", f"The login as {username} is refused", findings=(found,))


def _elsewhere(seen: Observations, taken: int, meant: int, port: int | None) -> Finding:
    """Name the other server of this machine that the login is right for, and the one that it was sent to."""
    text = (
        f"{seen.target.address.url} leads to process {taken}, whose log tells of this run's refused login; user name and "
        f"password are those of process {meant}"
    )
    text += f", which listens at port {port}: what stands in front asks the wrong one" if port else ""
    values = {"proxy": "yes"} | ({"real_url": f"http://127.0.0.1:{port}"} if port else {})
    evidence = (*_said(seen.sign_in), Evidence("log", f"the log of process {taken} gained a line about that login"))
    return Finding("proxy-goal-wrong", "likely", text, evidence, values=values)


CHECK = Check(
    id="login",
    title="The login",
    order=100,
    judge=judge,
    causes=(
        "wrong-credentials",
        "ip-banned",
        "temporary-password",
        "edited-while-running",
        "default-credentials",
        "cookie-stripped",
        "login-body-lost",
        "call-changed-on-the-way",
        "proxy-goal-wrong",
    ),
    about=(
        "Sends at most one POST /api/v2/auth/login a run: only after a call without a cookie got 403, only to "
        "what is proven to be qBittorrent (the very socket is its process's, or its answers have a shape that no other "
        "program's have), only if the offline "
        "check does not say no, and only if the attempt ledger and the server's log leave the failures two short of the "
        "ban. Up to 5.1 a right password gets 200 Ok. and a wrong one 200 Fails., from 5.2 on 204 and 401; 403 means that "
        "the address is banned, in whatever language the text is. One answer is no experiment: at most likely."
    ),
)
