"""Defines what was seen of a target: the typed set of observations that checks judge.

An observation is taken when a check first asks for it, once, by the observer that the engine hands in; a set without an
observer holds what was saved and can be judged again. Nothing here reads, sends or judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from qbdoctor.model.exchanges import Comparison, Exchange
from qbdoctor.observe.base.observed_values import (
    Asked,
    Ban,
    Client,
    Clock,
    ContainerOutput,
    FirstRequestLog,
    Neighbour,
    Offline,
    PortOwner,
    PortShared,
    ProbableProcess,
    Proof,
    ProxyVariable,
    RefusedBefore,
    SignIn,
    WriteProbe,
)

if TYPE_CHECKING:
    from pathlib import Path

    from qbdoctor.config.settings import Settings
    from qbdoctor.model.basics import Secret
    from qbdoctor.model.changes import UndoneChange
    from qbdoctor.model.exchanges import Withheld
    from qbdoctor.observe.base.config_place import ConfigPlace
    from qbdoctor.observe.base.instance_lock import InstanceLock
    from qbdoctor.releases import Version, VersionRange
    from qbdoctor.target.description import Target
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.log_rejections import Rejection
    from qbdoctor.target.processes import Instance


class NotObserved(LookupError):
    """A saved set does not hold the observation that a check asks for."""


class Observations:
    """A set of observations; ``take`` makes those that are not there yet, None makes it a saved set."""

    def __init__(self, taken: Mapping[str, Any] | None = None, take: Callable[[str], Any] | None = None) -> None:
        self._taken: dict[str, Any] = dict(taken or {})
        self._take = take
        self.comparisons: dict[str, tuple[Comparison, ...]] = {}

    def see(self, name: str) -> Any:
        """Return the observation, taking it if need be. A failure to take it is kept and raised each time."""
        if name not in self._taken:
            if self._take is None:
                raise NotObserved(name)
            try:
                self._taken[name] = self._take(name)
            except Exception as error:
                self._taken[name] = error
        seen = self._taken[name]
        if isinstance(seen, Exception):
            raise seen
        return seen

    def put(self, name: str, observation: Any) -> None:
        """Keep an observation that was taken elsewhere."""
        self._taken[name] = observation

    def forget(self, *names: str) -> None:
        """Drop observations that something new has made stale: they are taken again when asked for."""
        for name in names:
            self._taken.pop(name, None)

    def has(self, name: str) -> bool:
        """Return True if this observation was taken already."""
        return name in self._taken and not isinstance(self._taken[name], Exception)

    @property
    def live(self) -> bool:
        """Whether what is not there yet can be taken: not in a saved set."""
        return self._take is not None

    def taken(self) -> dict[str, Any]:
        """Return the observations that were taken, by name, without those whose taking failed."""
        return {name: value for name, value in self._taken.items() if not isinstance(value, Exception)}

    def compared(self, name: str) -> Comparison | None:
        """Return the last comparison made under this name, or None: the most telling one is made last."""
        made = self.comparisons.get(name, ())
        return made[-1] if made else None

    @property
    def asked(self) -> Asked:
        """What the person asked for."""
        return cast("Asked", self.see("asked"))

    @property
    def target(self) -> Target:
        """The target: address, config file, process."""
        return cast("Target", self.see("target"))

    @property
    def settings(self) -> Settings | None:
        """The config as this release reads it, or None where it is not at hand."""
        return cast("Settings | None", self.see("settings"))

    @property
    def settings_problem(self) -> str:
        """Why the config is not at hand, one sentence, or an empty text."""
        return cast("str", self.see("settings_problem"))

    @property
    def config_place(self) -> ConfigPlace | None:
        """Where the config lies, whose it is and what lies beside it; None where it is not on this machine."""
        return cast("ConfigPlace | None", self.see("config_place"))

    @property
    def left_behind(self) -> Path | None:
        """The new file beside the config that a save left behind: it is still there after an answer; None for none."""
        return cast("Path | None", self.see("left_behind"))

    @property
    def compose_text(self) -> str:
        """The text of the compose file of the container that publishes the target's port; "" where it cannot be read."""
        return cast("str", self.see("compose_text"))

    @property
    def container_output(self) -> ContainerOutput:
        """Which telling lines the target's container printed."""
        return cast("ContainerOutput", self.see("container_output"))

    @property
    def instance_lock(self) -> InstanceLock | None:
        """The lock beside the config of a server that is not to be seen; None where one runs or there is no lock."""
        return cast("InstanceLock | None", self.see("instance_lock"))

    @property
    def other_server(self) -> Instance | None:
        """The local process that serves the target's address with another config than the given one; None if none."""
        return cast("Instance | None", self.see("other_server"))

    @property
    def fitting_config(self) -> Path | None:
        """A config at a usual place that no process uses and whose password is the given one; None if there is none."""
        return cast("Path | None", self.see("fitting_config"))

    @property
    def anonymous(self) -> Exchange:
        """``GET app/version`` without cookie or credentials: the free question that splits the cases."""
        return cast("Exchange", self.see("anonymous"))

    @property
    def untrusted(self) -> Exchange | None:
        """The free question as it failed for its certificate, else None; what followed went unverified, without a secret."""
        return cast("Exchange | None", self.see("untrusted"))

    @property
    def first_request_log(self) -> FirstRequestLog | None:
        """What a log at hand says of the first request, or None where it is silent; asked only after a 401."""
        return cast("FirstRequestLog | None", self.see("first_request_log"))

    @property
    def rejected(self) -> tuple[Rejection, ...]:
        """What the running server refused for its headers, by its log, but for a Sec-Fetch-Site of our own; else empty."""
        return cast("tuple[Rejection, ...]", self.see("rejected"))

    @property
    def login_by_get(self) -> Exchange | None:
        """``GET auth/login``, which from 4.4.4 on is no login: 405, or 403 where an API key came along; else None."""
        return cast("Exchange | None", self.see("login_by_get"))

    @property
    def front_page(self) -> Exchange:
        """``GET /`` without cookie: asked only where the API's answer does not say whose it is."""
        return cast("Exchange", self.see("front_page"))

    @property
    def serves_qbittorrent(self) -> bool | None:
        """True if the answers are qBittorrent's, False if another program's, None if that cannot be told."""
        return cast("bool | None", self.see("serves_qbittorrent"))

    @property
    def proof(self) -> Proof:
        """Whether credentials may go to what answers."""
        return cast("Proof", self.see("proof"))

    @property
    def port_shared(self) -> PortShared | None:
        """Two programs at the target's port, of which its host means the wrong one or both; else None."""
        return cast("PortShared | None", self.see("port_shared"))

    @property
    def bearer_root(self) -> Exchange:
        """``GET /`` with an API key that cannot exist: 404 from 5.2 on where the header arrives, the page before."""
        return cast("Exchange", self.see("bearer_root"))

    @property
    def behind(self) -> Instance | None:
        """The qBittorrent of this machine that takes what is sent to the address; None where none is known to."""
        return cast("Instance | None", self.see("behind"))

    @property
    def log_behind(self) -> tuple[LogLine, ...]:
        """What the log of the process behind the address gained during this run."""
        return cast("tuple[LogLine, ...]", self.see("log_behind"))

    @property
    def rejected_behind(self) -> tuple[Rejection, ...]:
        """The requests that the process behind the address refused for their headers, by its log, read late in the run."""
        return cast("tuple[Rejection, ...]", self.see("rejected_behind"))

    @property
    def refused_before(self) -> RefusedBefore:
        """What the log of the process behind the address says of requests of others that it refused, before this run."""
        return cast("RefusedBefore", self.see("refused_before"))

    @property
    def body_probe(self) -> Exchange | None:
        """A POST whose body is no form, where something may stand in front: 400 if the body arrives, 403 if it does not."""
        return cast("Exchange | None", self.see("body_probe"))

    @property
    def limited(self) -> tuple[tuple[Exchange, Exchange], ...]:
        """Return calls that something in front refused because too many came, each with the answer to the same call later."""
        return cast("tuple[tuple[Exchange, Exchange], ...]", self.see("limited"))

    @property
    def whole_calls(self) -> tuple[Exchange, ...]:
        """Calls by a query and by a form, through what may stand in front; without a session, or nothing there, none."""
        return cast("tuple[Exchange, ...]", self.see("whole_calls"))

    @property
    def nameless_login(self) -> LogLine | None:
        """The log's line about this run's refused login, if it says that no user name arrived."""
        return cast("LogLine | None", self.see("nameless_login"))

    @property
    def withheld(self) -> tuple[Withheld, ...]:
        """For which attributes standard clients keep this run's session cookie to themselves, at this very address."""
        return cast("tuple[Withheld, ...]", self.see("withheld"))

    @property
    def clock(self) -> Clock:
        """The server's clock, by the Date of the login's answer or the first one, beside ours."""
        return cast("Clock", self.see("clock"))

    @property
    def page_parts(self) -> tuple[Exchange, ...]:
        """The scripts and styles that the start page names, each asked for without a session."""
        return cast("tuple[Exchange, ...]", self.see("page_parts"))

    @property
    def in_front(self) -> str | None:
        """What shows itself between us and qBittorrent (a Server or Via header), or None."""
        return cast("str | None", self.see("in_front"))

    @property
    def offline(self) -> Offline:
        """The password held against the config's hash."""
        return cast("Offline", self.see("offline"))

    @property
    def ban(self) -> Ban | None:
        """The ban of our address that the server's log shows now, or None."""
        return cast("Ban | None", self.see("ban"))

    @property
    def password(self) -> Secret | None:
        """The password as it was given or, where a login needs one, is typed now; None where none was given or is needed."""
        return cast("Secret | None", self.see("password"))

    @property
    def sign_in(self) -> SignIn:
        """The one login of this run, or why none was sent."""
        return cast("SignIn", self.see("sign_in"))

    @property
    def session_call(self) -> Exchange | None:
        """``GET app/version`` with the session (or API key); None where there is none."""
        return cast("Exchange | None", self.see("session_call"))

    @property
    def version(self) -> Version | None:
        """The release as the server itself said it, or None."""
        return cast("Version | None", self.see("version"))

    @property
    def webapi_version(self) -> str | None:
        """The Web API's version as the server said it, or None."""
        return cast("str | None", self.see("webapi_version"))

    @property
    def releases(self) -> VersionRange:
        """The releases that fit all that is known: exact after a call with a session, wider before."""
        return cast("VersionRange", self.see("releases"))

    @property
    def release(self) -> Version:
        """The release to judge by: the exact one, else the oldest that fits, whose rules are the narrower ones."""
        told = self.has("version") or self.anonymous.status == 200
        return (self.version if told else None) or self.releases.lowest

    @property
    def preferences(self) -> Mapping[str, Any] | None:
        """The Web UI's part of app/preferences without secrets, or None where it cannot be asked."""
        return cast("Mapping[str, Any] | None", self.see("preferences"))

    @property
    def proxy_variables(self) -> tuple[ProxyVariable, ...]:
        """Proxies of the environment that an ordinary client would use for this target."""
        return cast("tuple[ProxyVariable, ...]", self.see("proxy_variables"))

    @property
    def neighbours(self) -> tuple[Neighbour, ...]:
        """The other qBittorrents that run on this machine with a Web UI, as far as their configs can be read."""
        return cast("tuple[Neighbour, ...]", self.see("neighbours"))

    @property
    def other_than_meant(self) -> tuple[int, int, int | None] | None:
        """The process that refused our login; process and port of the other one here that it is for. None if not so."""
        return cast("tuple[int, int, int | None] | None", self.see("other_than_meant"))

    @property
    def write_probe(self) -> WriteProbe | None:
        """The write probe of --write-probe; None where it was not asked for or there is no session to make it with."""
        return cast("WriteProbe | None", self.see("write_probe"))

    @property
    def log(self) -> tuple[LogLine, ...]:
        """The server's log since its process started; empty where it is not at hand."""
        return cast("tuple[LogLine, ...]", self.see("log"))

    @property
    def suspect(self) -> ProbableProcess | None:
        """The process of this machine that the target means, whether or not it serves the address."""
        return cast("ProbableProcess | None", self.see("suspect"))

    @property
    def last_run(self) -> tuple[LogLine, ...]:
        """The log of the last run of a server that is gone, since its start; empty where one runs or there is none."""
        return cast("tuple[LogLine, ...]", self.see("last_run"))

    @property
    def port_owner(self) -> PortOwner | None:
        """Who listens at the target's port on this machine, as far as this user may see."""
        return cast("PortOwner | None", self.see("port_owner"))

    @property
    def certificate_fault(self) -> str | None:
        """What is wrong with the server's certificate and key; "" for nothing, None where that is not known."""
        return cast("str | None", self.see("certificate_fault"))

    @property
    def self_signed_certificate(self) -> str | None:
        """The file of the server's certificate, as it opens here, if it is self-signed: clients can trust it as it is."""
        return cast("str | None", self.see("self_signed_certificate"))

    @property
    def alternative_ui_fault(self) -> str | None:
        """What is wrong with the alternative Web UI's folder; "" for nothing, None where that is not known."""
        return cast("str | None", self.see("alternative_ui_fault"))

    @property
    def old_api(self) -> Exchange:
        """``GET /version/api``, which releases before 4.2 answer without a login."""
        return cast("Exchange", self.see("old_api"))

    @property
    def start_page(self) -> Exchange:
        """``GET /`` as a person's browser asks for it, with the session if there is one."""
        return cast("Exchange", self.see("start_page"))

    @property
    def client(self) -> Client:
        """Whom the server takes us for."""
        return cast("Client", self.see("client"))

    @property
    def believes_forwarded(self) -> bool | None:
        """Whether the server takes clients' addresses from X-Forwarded-For at all; None where that is not known."""
        return cast("bool | None", self.see("believes_forwarded"))

    @property
    def undone_changes(self) -> tuple[UndoneChange, ...]:
        """The verified changes of qbdoctor's own, by its records, that no longer hold at this target."""
        return cast("tuple[UndoneChange, ...]", self.see("undone_changes"))

    @property
    def late_log(self) -> tuple[LogLine, ...]:
        """The log read once more, late in the run: with what the server wrote about this run's login."""
        return cast("tuple[LogLine, ...]", self.see("late_log"))
