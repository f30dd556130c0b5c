"""Makes the one login of a run, after the offline check and the attempt ledger.

A failed login counts towards a ban of our address, whatever the user name, and the count has no decay (qBittorrent
4.1.2 and later: five by default). So nothing is sent that the config already answers, that the ledger does not leave
room for, or that would check nothing because a bypass is active.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from qbdoctor.model.basics import Secret
from qbdoctor.model.exchanges import Exchange
from qbdoctor.model.report import NO_CREDENTIALS
from qbdoctor.observe.base.login_budget import ban_rules, server_and_source
from qbdoctor.observe.base.observations import Observations
from qbdoctor.observe.base.observed_values import Offline, SignIn, SignInOutcome
from qbdoctor.observe.ways import is_lost
from qbdoctor.webui.call import LOGIN_PATH, Call
from qbdoctor.webui.login_permit import Question
from qbdoctor.webui.recognise import bears_marks

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.webui.login_ledger import Ledger
    from qbdoctor.webui.login_permit import Attempt, Permit

LOGIN_SECONDS = 15.0
"""PBKDF2 with 100,000 rounds takes 0.1 s on a desktop and some seconds on the smallest boards."""


def sign_in(inspection: Inspection) -> SignIn:
    """Send the run's one login if it is needed, harmless and permitted; else say why not."""
    seen = inspection.seen
    refused = not_needed(seen)
    if refused is not None:
        return refused
    offline = seen.offline
    if offline.outcome in {"mismatch", "malformed"}:
        return SignIn("not-sent", f"the config already says that it would fail: {offline.text}", why="offline")
    secret = seen.password
    if not secret:
        text = f"{NO_CREDENTIALS}: set QBDOCTOR_PASSWORD or use --password-file (--no-login, if none should be sent)"
        return SignIn("not-sent", text, why="no-credentials")
    if is_lost(seen.body_probe):
        return SignIn("not-sent", "the body of a request does not arrive, so the form would not", why="body-lost")
    from qbdoctor.webui.login_permit import LedgerUnavailable, NotPermitted  # noqa: PLC0415

    ledger = inspection.ledger
    try:
        permit = _permit(inspection, ledger, offline)
        if not permit.allowed:
            question = permit.question
            logged = question.log_failures or 0
            return SignIn("not-sent", permit.reason, None, "ledger", permit.failures, question.limit, logged)
        attempt = ledger.begin(permit)
    except NotPermitted as late:
        return SignIn("not-sent", late.permit.reason, why="ledger", failures=late.permit.failures)
    except LedgerUnavailable as error:
        return SignIn("not-sent", f"no login without the attempt ledger: {error}", why="ledger")
    inspection.login_attempts += 1
    return _send(inspection, ledger, attempt, seen.asked.username or "admin", secret, failures=permit.failures)


def not_needed(seen: Observations) -> SignIn | None:
    """Return why no login is needed or wanted, None where one is."""
    first = seen.anonymous
    if not first.answered:
        return SignIn("not-sent", "no answer came", why="no-answer")
    if seen.serves_qbittorrent is False:
        return SignIn("not-sent", "what answers is not qBittorrent", why="not-qbittorrent")
    if seen.asked.api_key is not None:
        return SignIn("not-sent", "an API key is used", why="api-key")
    if first.status == 200:
        return SignIn("not-sent", "a bypass is active", why="not-needed")
    if first.status != 403:
        return SignIn("not-sent", "refused before any login", why="refused-before")
    if seen.ban is not None:
        return SignIn("not-sent", f"the address is banned until {seen.ban.end()}", why="banned")
    if seen.asked.no_login:
        return SignIn("not-sent", "--no-login was given", why="no-login")
    if not seen.proof.holds:  # asked last: nobody types a password for what would not get it
        return SignIn("not-sent", f"{seen.proof.text}, so no password goes there", why="not-proven")
    return None


def _permit(inspection: Inspection, ledger: Ledger, offline: Offline) -> Permit:
    from qbdoctor.target import log as server_log  # noqa: PLC0415

    seen = inspection.seen
    server, source = server_and_source(inspection)
    limit, seconds = ban_rules(inspection)
    since = inspection.target.instance.started if inspection.target.instance else None
    logged = None
    if inspection.target.instance is not None and seen.log:
        now = datetime.now()  # the log's times are local and have no zone
        # Behind a mapping or proxy the server counts by an address that is not ours: the one with most failures may be it.
        counted = {source} if inspection.target.direct else {source, *server_log.login_addresses(seen.log)}
        logged = max(
            server_log.login_failures(seen.log, one, limit=limit, ban_seconds=seconds, now=now) for one in counted
        )
    return ledger.allow(
        Question(
            server,
            source,
            limit=limit,
            log_failures=logged,
            since=since.timestamp() if since else None,
            offline="match" if offline.outcome == "match" else "unknown",
            ban_seconds=seconds,
        )
    )


def _send(
    inspection: Inspection, ledger: Ledger, attempt: Attempt, username: str, secret: Secret, *, failures: int
) -> SignIn:
    form = {"username": username, "password": secret.reveal()}
    exchange = inspection.wire.send(Call("POST", LOGIN_PATH, form=form, seconds=LOGIN_SECONDS))
    outcome = read_answer(exchange)
    if outcome in {"banned", "refused"} and bears_marks(inspection.seen.anonymous) and not bears_marks(exchange):
        outcome = "unexpected"  # something in front answered in qBittorrent's place
    noted = {"accepted": "accepted", "refused": "refused", "banned": "banned", "unexpected": "unknown"}
    if exchange.status == 403 and exchange.body.strip() == "Forbidden":
        noted["unexpected"] = "not-counted"  # an API key came along: no password was looked at (measured, 5.2.3, 5.3.0)
    ledger.finish(attempt, noted.get(outcome, "unknown"))  # type: ignore[arg-type]  # the values are ledger.Outcome's
    if outcome == "accepted":
        inspection.session.adopt(exchange)
        return SignIn(outcome, "the login is accepted", exchange, failures=failures)
    text = {
        "refused": "the login is refused",
        "banned": "the login is refused: the address is banned",
        "unexpected": f"the login's answer is not one of qBittorrent's: {exchange.outcome()}",
    }.get(outcome, exchange.outcome())
    return SignIn(outcome, text, exchange, failures=failures)


def read_answer(exchange: Exchange) -> SignInOutcome:
    """Return what a login's answer means, on any release and in any language.

    The texts Ok. and Fails. are not translated, the one of a ban is; and a 403 that says just Forbidden comes to an
    Authorization header with an API key, never to a banned address (authcontroller.cpp 4.1.0 to 5.2.3).
    """
    if not exchange.answered:
        return "failed"
    body = exchange.body.strip()
    if exchange.status == 204 or (exchange.status == 200 and body == "Ok."):
        return "accepted"
    if exchange.status == 401 or (exchange.status == 200 and body == "Fails."):
        return "refused"
    if exchange.status == 403 and body not in {"", "Forbidden"}:
        return "banned"
    return "unexpected"
