"""The one login of a run, and what comes before it: the offline check and the attempt ledger.

A failed login counts towards a ban of our address, whatever the user name, and the count has no decay (qBittorrent
4.1.2 and later: five by default). So nothing is sent that the config already answers, that the ledger does not leave
room for, or that would check nothing because a bypass is active.
"""

from __future__ import annotations

import contextlib
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from qbdoctor import releases
from qbdoctor.config import password_hash
from qbdoctor.model.basics import Secret
from qbdoctor.model.exchanges import Exchange, Failure
from qbdoctor.observations import Observations, Offline, SignIn, SignInOutcome
from qbdoctor.unknownpath import ban_rules, permit
from qbdoctor.webui.call import Call

if TYPE_CHECKING:
    from qbdoctor.config.settings import Settings
    from qbdoctor.observe import Observer
    from qbdoctor.webui.login_ledger import Attempt, Ledger, Permit

LOGIN_PATH = "/api/v2/auth/login"
LOGIN_SECONDS = 15.0
"""PBKDF2 with 100,000 rounds takes 0.1 s on a desktop and some seconds on the smallest boards."""


def check_offline(seen: Observations) -> Offline:
    """Hold user name and password against the config. Nothing is sent."""
    settings = seen.settings
    if settings is None:
        return Offline("unknown", seen.settings_problem or "the config is not at hand")
    other = seen.other_server
    if other is not None:
        return Offline("unknown", f"process {other.pid}, which serves this address, uses another config")
    known = seen.releases
    keys = {releases.hash_key(known.lowest), releases.hash_key(known.highest)}
    if len(keys) > 1:
        # A release writes its own kind of hash: where only one stands in the file, that one is read.
        keys = {name for name in keys if settings.found(name) is not None} or keys
    if len(keys) > 1:
        return Offline("unknown", f"the release ({known}) is not known well enough to say which hash it reads")
    key = keys.pop()
    stored = settings.secret(key)
    found = settings.found(key)
    line = found.line if found else None
    if found is None:
        return _without_hash(seen, settings)
    parsed = password_hash.parse_hash(stored or Secret(""), "ha1" if key == "Password_ha1" else "pbkdf2")
    if isinstance(parsed, password_hash.Malformed):
        return Offline("malformed", f"{key} (line {line}) {parsed.reason}", line=line)
    factory = password_hash.is_factory(parsed)
    names = _wrong_name(seen, settings)
    if names:
        return Offline("mismatch", names, factory, line)
    given = seen.asked.password
    if given is None:
        return Offline("unknown", "no password was given to compare", factory, line)
    if password_hash.verify(parsed, given):
        return Offline("match", f"the password fits {key} (line {line})", factory, line)
    slip = _slip(parsed, given)
    return Offline("mismatch", f"the password does not fit {key} (line {line})", factory, line, slip)


def _slip(stored: password_hash.StoredHash, given: Secret) -> str:
    """Return which common slip explains a password that does not fit, or an empty text. Costs a PBKDF2 each."""
    text = given.reveal()
    for variant, what in (
        (text.strip(), "without the blanks around it"),
        (text[1:-1] if text[:1] == text[-1:] and text[:1] in {'"', "'"} else text, "without the quotes around it"),
        (unquote_plus(text), "with its %XX and + decoded, so it was URL-encoded once too often"),
        (text.replace("$$", "$"), "with $ for $$, as compose files write it"),
        (text.swapcase(), "with upper and lower case exchanged (Caps Lock)"),
        (unicodedata.normalize("NFC", text), "with its accents as single characters (NFC)"),
    ):
        if variant and variant != text and password_hash.verify(stored, Secret(variant)):
            return what
    return ""


def _without_hash(seen: Observations, settings: Settings) -> Offline:
    """Judge a config that sets no password: adminadmin up to 4.6.0, a new one at each start from 4.6.1 on."""
    defaults = set(releases.possible("password.when_unset", seen.releases))
    if defaults == {"temporary"}:
        return Offline("not-set", "the config sets no password, and this release then makes one up at each start")
    if defaults != {password_hash.FACTORY_PASSWORD}:
        return Offline("unknown", f"no password is set, and the release ({seen.releases}) is not known well enough")
    names = _wrong_name(seen, settings)
    if names:
        return Offline("mismatch", names, factory=True)
    given = seen.asked.password
    if given is None:
        return Offline("unknown", "no password was given to compare", factory=True)
    same = given.reveal() == password_hash.FACTORY_PASSWORD
    text = "the config sets no password, so the factory one, adminadmin, holds"
    return Offline("match" if same else "mismatch", text, factory=True)


def _wrong_name(seen: Observations, settings: Settings) -> str:
    """Return what is wrong with the user name, if anything; the server compares it to the letter."""
    asked, configured = seen.asked.username, settings.text("Username")
    empty = settings.found("Username") if not configured else None
    if empty is not None:
        return f"the config's user name is empty (line {empty.line}), so that no login succeeds"
    if asked is None or asked == configured:
        return ""
    found = settings.found("Username")
    where = f"line {found.line}" if found else "the default"
    return f"the user name {asked!r} is not the config's {configured!r} ({where}); the server compares it to the letter"


def sign_in(observer: Observer) -> SignIn:
    """Send the run's one login if it is needed, harmless and permitted; else say why not."""
    seen = observer.seen
    refused = _not_needed(seen)
    if refused is not None:
        return refused
    given = _credentials(observer)
    if given is None:
        text = "no credentials were given: set QBDOCTOR_PASSWORD or use --password-file (--no-login, if none should be sent)"
        return SignIn("not-sent", text, why="no-credentials")
    offline = seen.offline
    if offline.outcome in {"mismatch", "malformed"}:
        return SignIn("not-sent", f"the config already says that it would fail: {offline.text}", why="offline")
    from qbdoctor.webui.login_ledger import LedgerUnavailable, NotPermitted  # noqa: PLC0415

    ledger = observer.ledger
    try:
        permit = _permit(observer, ledger, offline)
        if not permit.allowed:
            question = permit.question
            logged = question.log_failures or 0
            return SignIn("not-sent", permit.reason, None, "ledger", permit.failures, question.limit, logged)
        attempt = ledger.begin(permit)
    except NotPermitted as late:
        return SignIn("not-sent", late.permit.reason, why="ledger", failures=late.permit.failures)
    except LedgerUnavailable as error:
        return SignIn("not-sent", f"no login without the attempt ledger: {error}", why="ledger")
    observer.login_attempts += 1
    return _send(observer, ledger, attempt, *given, failures=permit.failures)


def _not_needed(seen: Observations) -> SignIn | None:
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
    if seen.asked.no_login:
        return SignIn("not-sent", "--no-login was given", why="no-login")
    return None


def _credentials(observer: Observer) -> tuple[str, Secret] | None:
    """Return user name and password; a terminal is asked for the password where none was given."""
    asked = observer.seen.asked
    secret = asked.password
    if secret is None and observer.ask_password is not None:
        with observer.wire.deadline.pause():
            secret = observer.ask_password(asked.username or "admin")
        if secret is not None:
            observer.give_password(secret)
    if not secret:
        return None
    return asked.username or "admin", secret


def _where(observer: Observer) -> tuple[str, str]:
    """Return the server as we reached it and the address we come from: what qBittorrent counts by."""
    first = observer.seen.anonymous
    return f"{first.peer or observer.address.host}:{observer.address.port}", first.local or "unknown"


def _permit(observer: Observer, ledger: Ledger, offline: Offline) -> Permit:
    from qbdoctor.target import log as server_log  # noqa: PLC0415

    seen = observer.seen
    server, source = _where(observer)
    limit, seconds = ban_rules(observer)
    since = observer.target.instance.started if observer.target.instance else None
    logged = None
    if observer.target.instance is not None and seen.log:
        now = datetime.now()  # the log's times are local and have no zone
        # Behind a mapping or proxy the server counts by an address that is not ours: the one with most failures may be it.
        counted = {source} if observer.target.direct else {source, *server_log.login_addresses(seen.log)}
        logged = max(
            server_log.login_failures(seen.log, one, limit=limit, ban_seconds=seconds, now=now) for one in counted
        )
        success = server_log.last_success(seen.log, source) if observer.target.direct else None
        if success is not None:
            # The log has local time without a zone; the process that wrote it runs on this machine.
            since = max(since, success.astimezone()) if since else success.astimezone()
    return ledger.allow(
        server,
        source,
        limit=limit,
        log_failures=logged,
        since=since,
        offline="match" if offline.outcome == "match" else "unknown",
        ban_seconds=seconds,
    )


def _send(
    observer: Observer, ledger: Ledger, attempt: Attempt, username: str, secret: Secret, *, failures: int
) -> SignIn:
    form = {"username": username, "password": secret.reveal()}
    exchange = observer.wire.send(Call("POST", LOGIN_PATH, form=form, seconds=LOGIN_SECONDS))
    outcome = read_answer(exchange)
    noted = {"accepted": "accepted", "refused": "refused", "banned": "banned", "unexpected": "unknown"}
    if exchange.status == 403 and exchange.body.strip() == "Forbidden":
        noted["unexpected"] = "not-counted"  # an API key came along: no password was looked at (measured, 5.2.3, 5.3.0)
    ledger.finish(attempt, noted.get(outcome, "unknown"))  # type: ignore[arg-type]  # the values are ledger.Outcome's
    if outcome == "accepted":
        observer.session.adopt(exchange)
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


def noted(observer: Observer, call: Call) -> Exchange:
    """Send a request after a 401 on a way that may add credentials: only with a permit, and in the ledger."""
    from qbdoctor.webui.login_ledger import LedgerUnavailable, NotPermitted  # noqa: PLC0415

    ledger = observer.ledger
    attempt: Attempt | None = None
    try:
        attempt = ledger.begin(permit(observer, *_where(observer)))
    except (LedgerUnavailable, NotPermitted) as error:
        return Exchange(
            call.method, observer.address.join(call.path), failure=Failure("withheld", f"not sent: {error}")
        )
    exchange = observer.wire.send(call)
    with contextlib.suppress(LedgerUnavailable):
        ledger.finish(
            attempt, "refused" if exchange.status == 401 else "not-counted" if exchange.answered else "unknown"
        )
    return exchange
