"""Finds the process behind an address that something stands in front of, and whether requests arrive there whole.

A login leaves a line in the log of the process that took it, so the log that gained one during this run is its. Nothing is
sent for that.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from qbdoctor.config import password_hash
from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.model.exchanges import Exchange
from qbdoctor.observe.base.observed_values import RefusedBefore
from qbdoctor.observe.listener_user import trusted_users
from qbdoctor.storage import files, private
from qbdoctor.target import log as server_log
from qbdoctor.target import log_rejections
from qbdoctor.target.address import Address, parse_ip
from qbdoctor.values import replace
from qbdoctor.webui.call import PROGRAM, VERSION_PATH, Call
from qbdoctor.webui.recognise import bears_marks

if TYPE_CHECKING:
    from qbdoctor.observe.base.inspection import Inspection
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.log_rejections import Rejection
    from qbdoctor.target.processes import Instance

NO_FORM = "text/plain"
WAIT_SECONDS = 0.6
"""A line is written before the answer goes out (traced, 4.2.5, 5.1.0 and 5.3.0): only a shared folder may show it later."""


def behind(inspection: Inspection) -> Instance | None:
    """Return the qBittorrent of this machine that takes what is sent to the address; None where none is known to.

    Of several whose logs are at hand others may take logins at the same moment. Then it is the one at which this run's session
    is good; else one request with an Origin that nobody else sends is refused, and the log that names it is the one.
    """
    seen, target = inspection.seen, inspection.target
    if target.instance is not None:
        return target.instance
    if seen.anonymous.status == 401:
        return seen.first_request_log.instance if seen.first_request_log is not None else None
    if not target.here or not inspection.log_marks or seen.anonymous.status not in {200, 403}:
        return None
    alone = len(inspection.log_marks) == 1
    if seen.asked.api_key is not None:
        found = [one for one, _ in inspection.log_marks if key_of(one) == seen.asked.api_key]
        return found[0] if len(found) == 1 else _by_origin(inspection)
    if seen.sign_in.exchange is None and seen.sign_in.why != "body-lost":
        return None
    if not alone and (one := _holds_session(inspection) or _by_origin(inspection)) is not None:
        return one if _may_have_session(inspection, one) else None
    found = _took_login(inspection) if seen.sign_in.exchange is not None else [one for one, _ in inspection.log_marks]
    return found[0] if len(found) == 1 and _may_have_session(inspection, found[0]) else None


def _may_have_session(inspection: Inspection, one: Instance) -> bool:
    """Return whether a process that its log alone makes the one behind may be sent this run's session, if there is one.

    Any user of the machine can run a program of that name and write into its log what he likes. A good login's server is
    one whose config knows the password.
    """
    seen = inspection.seen
    if seen.sign_in.outcome != "accepted" or is_trusted(inspection, one):
        return True
    known = seen.password is not None and _is_for(one, seen.asked.username or "admin", seen.password)
    return known and is_its_own(one)


def is_trusted(inspection: Inspection, one: Instance) -> bool:
    """Return whether a process belongs to somebody who may have the credentials anyway."""
    return not private.has_users() or one.user in {private.account(uid) for uid in trusted_users(inspection)}


def is_its_own(one: Instance) -> bool:
    """Return whether a process' config belongs to its user: any user may name another's on a command line."""
    owner = files.owner(one.config_file) if one.config_file is not None else None
    return owner is not None and one.user == private.account(owner)


def _holds_session(inspection: Inspection) -> Instance | None:
    """Return the process whose log tells of a login, and at which this run's session is good while a call without is refused."""
    login = inspection.seen.sign_in.exchange
    if login is None or inspection.seen.sign_in.outcome != "accepted":
        return None
    cookies = {one.name: one.value for one in login.cookies}
    asked: set[int] = set()
    end = time.monotonic() + WAIT_SECONDS
    while len(asked) < len(inspection.log_marks) and time.monotonic() < end:
        for one, lines in new_lines(inspection):
            if one.pid in asked or not server_log.login_addresses(lines):
                continue
            asked.add(one.pid)
            if not _may_have_session(inspection, one):
                continue
            where = address_of(one, None)
            call = Call("GET", VERSION_PATH, address=where, verify=False)
            if where is not None and inspection.wire.send(replace(call, cookies=cookies)).status == 200:
                return one if inspection.wire.send(call).status == 403 else None
        time.sleep(0.02)
    return None


def _took_login(inspection: Inspection) -> list[Instance]:
    """Return the processes whose log gained a line about a login during this run."""
    end = time.monotonic() + WAIT_SECONDS
    names = (
        {cookie.name for cookie in inspection.seen.sign_in.exchange.cookies}
        if inspection.seen.sign_in.exchange
        else {""}
    )
    ports = {int(name.rpartition("_")[2]) for name in names if re.fullmatch(r"QBT_SID_\d+", name)}
    while True:
        took = [one for one, lines in new_lines(inspection) if server_log.login_addresses(lines)]
        found = [one for one in took if not ports or ports & set(one.ports)]
        if found or time.monotonic() >= end:
            return found
        time.sleep(0.02)


def _by_origin(inspection: Inspection) -> Instance | None:
    mark = f"http://{os.urandom(6).hex()}{log_rejections.OWN_NAMES}"
    if inspection.wire.send(Call("GET", VERSION_PATH, headers={"Origin": mark})).status != 401:
        return None
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        for one, lines in new_lines(inspection):
            if any(each.received == mark for each in log_rejections.host_rejections(lines)):
                return one
        time.sleep(0.02)
    return None


def address_of(instance: Instance, port: int | None) -> Address | None:
    """Return where a process listens itself, at the port given or else at its config's; None where that is not known."""
    settings = _settings_of(instance)
    if settings is None:
        return None
    port = port or settings.integer("Port")
    host = _host(instance, port)
    if host is None or port is None:
        return None
    return Address("https" if settings.boolean("HTTPS\\Enabled") else "http", host, port)


def _host(instance: Instance, port: int | None) -> str | None:
    """Return the address it is bound to at that port, as it can be reached from here."""
    bound = [parse_ip(text) for text, number in instance.listening or () if number == port]
    if not bound or bound[0] is None:
        return None
    if not bound[0].is_unspecified:
        return str(bound[0])
    if instance.shares_network is False:
        return next(iter(instance.addresses), None)
    return "127.0.0.1"


def log_behind(inspection: Inspection) -> tuple[LogLine, ...]:
    """Return the lines that the log of the process behind gained during this run."""
    one = inspection.seen.behind
    return next((lines for each, lines in new_lines(inspection) if each is one), ())


def rejected_behind(inspection: Inspection) -> tuple[Rejection, ...]:
    """Return the requests that the process behind refused for their headers since its start, by its log as it is now."""
    one = inspection.seen.behind
    if one is None or one.log_file is None:
        return ()
    lines = server_log.since_start(server_log.read_tail(one.log_file).lines, one.started)
    return log_rejections.host_rejections(lines)


def refused_before(inspection: Inspection) -> RefusedBefore:
    """Return what the process behind refused since its start and before this run's first request."""
    one = inspection.seen.behind
    if one is None or one.log_file is None:
        return RefusedBefore()
    lines = server_log.since_start(server_log.read_tail(one.log_file).lines, one.started)
    new = next((lines for each, lines in new_lines(inspection) if each is one), ())
    before = lines[: len(lines) - len(new)]
    refused = log_rejections.of_others(log_rejections.host_rejections(before))
    return RefusedBefore(refused, tuple(filter(server_log.is_nameless_login, before)))


def new_lines(inspection: Inspection) -> tuple[tuple[Instance, tuple[LogLine, ...]], ...]:
    """Return what each log at hand gained since this run's first request."""
    return tuple((one, end.lines_since()) for one, end in inspection.log_marks)


def nameless_login(inspection: Inspection) -> LogLine | None:
    """Return the line about this run's refused login where it says that no user name arrived; else None."""
    if inspection.seen.sign_in.outcome != "refused" or inspection.target.direct:
        return None
    lines = log_behind(inspection)
    return next((line for line in reversed(lines) if server_log.is_nameless_login(line)), None)


MOST_HASHES = 4
"""Configs that a password is held against, each at the cost of a PBKDF2."""


def other_than_meant(inspection: Inspection) -> tuple[int, int, int | None] | None:
    """Return which process refused this run's login, and process and port of the other one here that it is for.

    Only where something stands in front, and one other fits alone; the factory password fits many.
    """
    seen = inspection.seen
    if seen.sign_in.outcome != "refused" or inspection.target.direct or inspection.target.instance is not None:
        return None
    given, taken = seen.password, seen.behind
    if given is None or given.reveal() == password_hash.FACTORY_PASSWORD or taken is None:
        return None
    others = [one for one, _ in inspection.log_marks if one is not taken][:MOST_HASHES]
    fitting = [one for one in others if _is_for(one, seen.asked.username or "admin", given)]
    if len(fitting) != 1:
        return None
    return taken.pid, fitting[0].pid, next(iter(fitting[0].ports), None)


def _is_for(one: Instance, username: str, password: Secret) -> bool:
    """Return whether user name and password are those of its config."""
    settings = _settings_of(one)
    if settings is None:
        return False
    stored = settings.secret("Password_PBKDF2")
    parsed = password_hash.parse_hash(stored) if stored is not None else None
    if (settings.text("Username") or "admin") != username or not isinstance(parsed, password_hash.StoredHash):
        return False
    return password_hash.verify(parsed, password)


def body_probe(inspection: Inspection) -> Exchange | None:
    """Send a body that is no form to a call that needs none: 400 where it arrives, in all releases; 403 where it does not.

    Only where something may stand in front. It is no login; releases up to 4.5 note it as a bad request.
    """
    if inspection.target.direct:
        return None
    return inspection.wire.send(no_form())


def no_form() -> Call:
    """Return that request."""
    return Call("POST", VERSION_PATH, headers={"Content-Type": NO_FORM}, content=b"qbdoctor", harmless=True)


def is_lost(probe: Exchange | None) -> bool:
    """Return whether the answer to that request shows that its body did not arrive."""
    return probe is not None and probe.status in {200, 403} and bears_marks(probe)


NO_TORRENT = "0" * 40


def whole_calls(inspection: Inspection) -> tuple[Exchange, ...]:
    """Ask for a torrent that cannot exist, by a query and by a form; none where nothing stands between, or without session."""
    seen = inspection.seen
    call = seen.session_call
    if inspection.target.direct or (call.status if call is not None else seen.anonymous.status) != 200:
        return ()
    asked = tuple(map(inspection.wire.send, calls_to_compare(inspection)))
    if seen.version is None or seen.preferences is not None:
        return asked
    # An answer of some length that could not be read: asked once more, for the evidence.
    long, found = inspection.session.read_preferences()
    return (*asked, long) if long.status == 200 and found is None else asked


def calls_to_compare(inspection: Inspection) -> tuple[Call, Call]:
    """Return those two calls, with the session as it is: a 403 of something in front must cost no second login.

    They are sent under the name of a common library: rules against robots let a program of an unknown name pass. A second
    cookie comes along, as other applications of the same host set it: HTTP/2 may split them into two lines, of which
    qBittorrent reads the last.
    """
    path, form = "/api/v2/torrents/properties", {"hash": NO_TORRENT}
    cookies, key = dict(inspection.session.cookies), inspection.session.api_key
    if cookies:
        cookies["qbdoctor"] = Secret("1")
    return (
        Call("GET", f"{path}?hash={NO_TORRENT}", headers=PROGRAM, cookies=cookies, bearer=key),
        Call("POST", path, headers=PROGRAM, form=form, cookies=cookies, bearer=key, harmless=True),
    )


def key_of(one: Instance) -> Secret | None:
    """Return the API key in a process' config; None where there is none to be read."""
    settings = _settings_of(one)
    return settings.secret("APIKey") if settings is not None else None


def _settings_of(one: Instance) -> Settings | None:
    if one.config_file is None:
        return None
    try:
        return Settings.load(one.config_file)
    except UserError:
        return None
