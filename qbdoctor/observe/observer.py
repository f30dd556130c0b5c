"""Takes each observation when a check first asks for it, and judges nothing.

The order of the questions is the safety of the tool: the free request first; the offline check of the password before
any login; the ledger before that login; one login a run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbdoctor import releases
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.model.exchanges import Exchange
from qbdoctor.observe import machine, release, ways
from qbdoctor.observe.base.first_request_log import read_first_request_log, remember_log_ends
from qbdoctor.observe.base.inspection import Inspection
from qbdoctor.observe.base.login_budget import logged_ban, no_room, note_first
from qbdoctor.observe.base.observed_values import Asked, FirstRequestLog, Neighbour, WriteProbe
from qbdoctor.observe.client_address import believes_forwarded, client
from qbdoctor.observe.machine import proxy_variables
from qbdoctor.observe.pages import front_page, page_parts
from qbdoctor.observe.password_check import check_offline
from qbdoctor.observe.proof import bearer_root, port_shared, prove, settle_listener
from qbdoctor.observe.session_cookie import clock, withheld_for
from qbdoctor.observe.sign_in import not_needed, sign_in
from qbdoctor.releases import Version, VersionRange
from qbdoctor.values import replace
from qbdoctor.webui.call import LOGIN_PATH, VERSION_PATH, Call
from qbdoctor.webui.recognise import answers_call, bears_marks
from qbdoctor.webui.wire import Wire

if TYPE_CHECKING:
    from qbdoctor.config.settings import Settings
    from qbdoctor.observe.base.config_place import ConfigPlace
    from qbdoctor.target.description import Target
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.log_rejections import Rejection
    from qbdoctor.target.processes import Instance

# Only these leave the server's answer: app/preferences holds mail, proxy and DynDNS passwords and, from 5.2 on, the key.
PREFERENCES = ("bypass_", "web_ui_", "use_https", "alternative_webui_enabled")
NOT_THESE = ("password", "api_key", "ssl_", "_key")


QUICK_SECONDS = 1.5
"""The first try of https: TLS to a plain port hangs for 7 s."""


def _is_sound(name: str, value: object) -> bool:
    """Whether a preference has a value such as qBittorrent gives it: what answers may be something else."""
    number = next((one.kind == "int" for one in releases.KEYS if one.json == name), False)
    return type(value) is int if number else isinstance(value, bool | int | str)


class Observer(Inspection):
    """Takes the observations of one run, each when a check first asks for it."""

    def take(self, name: str) -> Any:
        """Take the observation of that name. Raises KeyError for an unknown one."""
        return TAKERS[name](self)

    def again(self) -> Observer:
        """Return an observer of the same target as it is now, with this one's session; no second login is made."""
        fresh = Observer(
            self.target,
            self._asked,
            self.wire,
            state=self.state,
            password=self._password,
            environment=self.environment,
        )
        fresh.session = self.session
        fresh.records = self.records
        fresh.login_attempts = self.login_attempts
        if self.login_attempts:
            fresh.seen.put("sign_in", self.seen.sign_in)
        if self.seen.has("version") and self.seen.version is not None:
            fresh.seen.put("version", self.seen.version)
        return fresh

    def after_restart(self, target: Target, wire: Wire) -> Observer:
        """Return an observer of the same server in another process: no session is left, and nothing known of it holds."""
        return Observer(
            target, self._asked, wire, state=self.state, password=self._password, environment=self.environment
        )

    def _take_asked(self) -> Asked:
        """Return what was asked, the user name completed from the config."""
        settings = self.seen.settings
        if self._asked.username is None and settings is not None:
            return replace(self._asked, username=settings.text("Username") or None)
        return self._asked

    def _take_settings(self) -> Settings | None:
        return self._settings()[0]

    def _take_settings_problem(self) -> str:
        return self._settings()[1]

    def _settings(self) -> tuple[Settings | None, str]:
        from qbdoctor.config.settings import Settings  # noqa: PLC0415

        path, handed = self.target.config_file, self.target.handed
        if path is None and handed is None:
            return None, "the config is not at hand: the target is not one of this machine's, and no --config was given"
        try:
            version = self._logged_version()
            if path is not None:
                settings = Settings.load(path, version)
            elif handed is not None:
                settings = Settings.parse(handed.config, version)
        except UserError as error:
            if self.target.config_given:
                raise
            return None, error.message
        stored = settings.secret("Password_PBKDF2")
        self.wire.masks.add(stored)
        self.wire.masks.add(settings.secret("APIKey"))
        return settings, ""

    def _take_config_place(self) -> ConfigPlace | None:
        from qbdoctor.observe.base.config_place import look  # noqa: PLC0415

        return look(self.target)

    def _take_left_behind(self) -> Path | None:
        from qbdoctor.observe.base.config_place import left_behind  # noqa: PLC0415

        # Something in front could answer in the process's place, and may count requests.
        asks = self.target.direct or self.target.mapped_by is not None
        call = Call("GET", VERSION_PATH)
        return left_behind(self.seen.config_place, self.target.instance, lambda: asks and self.wire.send(call).answered)

    def _take_other_server(self) -> Instance | None:
        from qbdoctor.observe.other_configs import other_server  # noqa: PLC0415

        if not self.target.config_given:
            return None  # and nothing is asked for that
        return other_server(self.target, self.seen.anonymous)

    def _take_fitting_config(self) -> Path | None:
        from qbdoctor.observe.other_configs import fitting_config  # noqa: PLC0415

        return fitting_config(self.target, self.seen.password, self.environment)

    def _take_anonymous(self) -> Exchange:
        self.log_marks = remember_log_ends(self.target)
        withheld = None if self.target.direct else no_room(self, VERSION_PATH)
        exchange = withheld or self._first()
        if exchange.failure is not None and exchange.failure.kind == "tls-untrusted":
            self.wire.distrust(exchange)
            exchange = self._first()
        if exchange.status == 401 and not self.target.direct:
            note_first(self, exchange)
        if exchange.status == 200:
            self.session.adopt(exchange)
        settle_listener(self, exchange)
        return exchange

    def _first(self) -> Exchange:
        """Send the free request. TLS to a plain port hangs for 7 s, so https gets a short first try."""
        call = Call("GET", VERSION_PATH)
        if self.address.scheme == "http":
            return self.wire.send(call)
        quick = self.wire.send(replace(call, seconds=QUICK_SECONDS))
        if quick.failure is None or quick.failure.kind != "timeout" or quick.failure.got:
            return quick
        plain = replace(self.address, scheme="http")
        if self.wire.send(replace(call, address=plain, seconds=QUICK_SECONDS)).answered:
            return quick
        return self.wire.send(call)

    def _take_untrusted(self) -> Exchange | None:
        _ = self.seen.anonymous  # which finds it out
        return self.wire.untrusted

    def _take_login_by_get(self) -> Exchange | None:
        """Up to 4.4.3 this would be a failed login, so it is sent only to what an unknown call shows to be newer."""
        unknown = self.wire.send(Call("GET", release.UNKNOWN_SCOPE))
        if unknown.status != releases.unknown_api_status(releases.NEWEST) or not bears_marks(unknown):
            return None
        return self.wire.send(Call("GET", LOGIN_PATH))

    def _take_serves_qbittorrent(self) -> bool | None:
        first = self.seen.anonymous
        if first.status == 200 and first.failure is None and Version.parse(first.body) is not None:
            return True
        if not first.answered or first.header("www-authenticate") or 300 <= (first.status or 0) < 400:
            return False
        if self.target.direct:
            return True
        marked = first.header("x-content-type-options") == "nosniff" and (first.header("x-xss-protection") or "") != ""
        plain = first.body.strip() in {"", "Forbidden", "Unauthorized"}
        if first.status in {401, 403} and plain and marked:
            return True
        page = self.seen.front_page
        if page.answered and "qbittorrent" in page.body.lower() and page.status == 200:
            # An alternative or cached front page alone would not answer the API; a 403 or 401 beside it does. A page in
            # place of the version is nobody's bypass: something in front puts it where qBittorrent refused.
            return True if first.status in {401, 403} else False if first.status == 200 else None
        return None if first.status in {401, 403} and plain else False

    def _take_in_front(self) -> str | None:
        first = self.seen.anonymous
        return first.header("via") or first.header("server")

    def _take_password(self) -> Secret | None:
        """Return the password given, else the one typed: here, so that no check can look before it is asked for."""
        if self._password is None and self.ask_password is not None and not_needed(self.seen) is None:
            with self.wire.deadline.pause():
                self._password = self.ask_password(self.seen.asked.username or "admin", self.address.url)
            self.wire.masks.add(self._password)
        return self._password

    def _take_session_call(self) -> Exchange | None:
        if self.seen.asked.api_key is not None:
            if self.seen.anonymous.status not in {200, 403} or not self.seen.proof.holds:
                return None
            self.session.api_key = self.seen.asked.api_key
            return self.session.call("GET", VERSION_PATH)
        if self.seen.anonymous.status == 200 and self.seen.serves_qbittorrent:
            return None
        if self.seen.sign_in.outcome != "accepted" or not self.session.cookies:
            return None
        return self.session.call("GET", VERSION_PATH)

    def _take_version(self) -> Version | None:
        if self.seen.anonymous.status == 200:
            return Version.parse(self.seen.anonymous.body)
        call = self.seen.session_call
        return Version.parse(call.body) if call is not None and call.status == 200 else None

    def _may_call(self) -> bool:
        return self.seen.version is not None

    def _take_webapi_version(self) -> str | None:
        if not self._may_call():
            return None
        call = self.session.call("GET", "/api/v2/app/webapiVersion")
        return call.body.strip()[:20] if call.status == 200 else None

    def _take_releases(self) -> VersionRange:
        """Return what the server says is exact; before that answers, log, program and config narrow it down."""
        if self.seen.has("version") and self.seen.version is not None:
            return VersionRange(self.seen.version, self.seen.version)
        return release.identify(self, self._logged_version())

    def _logged_version(self) -> Version | None:
        from qbdoctor.target import log as server_log  # noqa: PLC0415

        return Version.parse(server_log.version(self.seen.log)) if self.target.runs else None

    def _take_preferences(self) -> Mapping[str, Any] | None:
        if not self._may_call():
            return None
        found = self.session.read_preferences()[1]
        if found is None:
            return None
        return {
            key: value
            for key, value in found.items()
            if key.startswith(PREFERENCES) and not any(part in key for part in NOT_THESE) and _is_sound(key, value)
        }

    def _take_neighbours(self) -> tuple[Neighbour, ...]:
        """Read which other Web UIs run here; nothing is sent to them."""
        from qbdoctor.config.settings import Settings  # noqa: PLC0415

        published = machine.Published()
        found: list[Neighbour] = []
        for other in self.target.others:
            apart = published.ports(other) if other.shares_network is False else None
            if other.config_file is None or apart == {}:
                continue
            try:
                settings = Settings.load(other.config_file)
            except UserError:
                continue
            port = settings.integer("Port")
            if port not in other.ports:
                continue
            seen_at = port if apart is None else apart.get(port)
            if seen_at is None:
                continue
            names = releases.possible("cookie.name", settings.written_by)
            configured = settings.text("SessionCookieName")
            shown = tuple(configured if name == "SID" and configured else str(name).format(port=port) for name in names)
            found.append(Neighbour(other.pid, seen_at, shown))
        return tuple(found)

    def _take_write_probe(self) -> WriteProbe | None:
        from qbdoctor.observe.write_probe import probe  # noqa: PLC0415

        if not self.seen.asked.write_probe or self.seen.version is None:
            return None
        return probe(self.session, front=not self.target.direct)

    def _take_log(self) -> tuple[LogLine, ...]:
        return machine.log(self.target)

    def _take_rejected(self) -> tuple[Rejection, ...]:
        from qbdoctor.target import log_rejections  # noqa: PLC0415

        return log_rejections.of_others(log_rejections.host_rejections(self.seen.log))

    def _take_first_request_log(self) -> FirstRequestLog | None:
        first = self.seen.anonymous
        return read_first_request_log(self.log_marks) if first.status == 401 and answers_call(first) else None


TAKERS: Mapping[str, Callable[[Observer], Any]] = {
    "alternative_ui_fault": lambda observer: machine.alternative_ui_fault(
        observer.seen.settings, observer.target.instance
    ),
    "anonymous": Observer._take_anonymous,
    "asked": Observer._take_asked,
    "ban": logged_ban,
    "behind": ways.behind,
    "believes_forwarded": lambda observer: believes_forwarded(observer.seen),
    "bearer_root": bearer_root,
    "body_probe": ways.body_probe,
    "certificate_fault": lambda observer: machine.certificate_fault(observer.seen.settings, observer.target.instance),
    "client": lambda observer: client(observer.seen),
    "clock": clock,
    "compose_text": lambda observer: machine.compose_text(observer.target),
    "config_place": Observer._take_config_place,
    "container_output": lambda observer: machine.container_output(observer.target),
    "first_request_log": Observer._take_first_request_log,
    "fitting_config": Observer._take_fitting_config,
    "front_page": front_page,
    "in_front": Observer._take_in_front,
    "instance_lock": lambda observer: machine.instance_lock(observer.target),
    "last_run": lambda observer: machine.last_run(observer.target),
    "late_log": lambda observer: machine.log(observer.target),
    "left_behind": Observer._take_left_behind,
    "log": Observer._take_log,
    "log_behind": ways.log_behind,
    "login_by_get": Observer._take_login_by_get,
    "nameless_login": ways.nameless_login,
    "neighbours": Observer._take_neighbours,
    "other_than_meant": ways.other_than_meant,
    "offline": lambda observer: check_offline(observer.seen, observer.verifier),
    "old_api": lambda observer: observer.wire.send(Call("GET", "/version/api")),
    "other_server": Observer._take_other_server,
    "page_parts": page_parts,
    "password": Observer._take_password,
    "port_owner": lambda observer: machine.port_owner(observer.target),
    "port_shared": port_shared,
    "preferences": Observer._take_preferences,
    "proof": prove,
    "proxy_variables": lambda observer: proxy_variables(observer.address, observer.environment),
    "refused_before": ways.refused_before,
    "rejected_behind": ways.rejected_behind,
    "rejected": Observer._take_rejected,
    "releases": Observer._take_releases,
    "self_signed_certificate": lambda observer: machine.self_signed_certificate(
        observer.seen.settings, observer.target.instance
    ),
    "serves_qbittorrent": Observer._take_serves_qbittorrent,
    "session_call": Observer._take_session_call,
    "settings": Observer._take_settings,
    "settings_problem": Observer._take_settings_problem,
    "sign_in": sign_in,
    "start_page": lambda observer: observer.session.call("GET", "/"),
    "suspect": lambda observer: machine.suspect(observer.seen),
    "undone_changes": lambda observer: () if observer.records is None else observer.records(observer.seen),
    "untrusted": Observer._take_untrusted,
    "version": Observer._take_version,
    "webapi_version": Observer._take_webapi_version,
    "withheld": withheld_for,
    "limited": lambda inspection: tuple(inspection.wire.limited),
    "whole_calls": ways.whole_calls,
    "write_probe": Observer._take_write_probe,
}
"""How each observation is taken, by its name."""
