"""What was seen of a target: the typed set of observations that checks judge.

An observation is taken when a check first asks for it, once, by the observer that the engine hands in
(:mod:`qbdoctor.observe`); a set without an observer holds what was saved and can be judged again. Nothing here reads,
sends or judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from qbdoctor.model import Comparison, Exchange, Secret

if TYPE_CHECKING:
    from qbdoctor.address import Address
    from qbdoctor.releases import Version, VersionRange
    from qbdoctor.settings import Settings
    from qbdoctor.target import Target
    from qbdoctor.witness import LogLine


class NotObserved(LookupError):
    """A saved set does not hold the observation that a check asks for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person asked for, as far as a judgement depends on it."""

    no_login: bool = False
    username: str | None = None
    password: Secret | None = None
    api_key: Secret | None = None
    public_url: Address | None = None
    verify: bool | str = True


OfflineOutcome = Literal["match", "mismatch", "malformed", "not-set", "factory", "unknown"]


@dataclass(frozen=True, slots=True)
class Offline:
    """The password held against the config's hash, without asking the server.

    ``match`` and ``mismatch`` compare the given password with a stored hash or with the release's factory password;
    ``malformed`` means that no password can ever match; ``not-set`` that this release makes up a temporary one at each
    start; ``unknown`` says why in ``text``. ``factory`` is True where the server's password is the factory one. ``slip``
    says what would have made a password that does not fit, fit: "without the blank at its end".
    """

    outcome: OfflineOutcome
    text: str
    factory: bool = False
    line: int | None = None
    slip: str = ""


SignInOutcome = Literal["accepted", "refused", "banned", "unexpected", "failed", "not-sent"]
NotSentReason = Literal[
    "",
    "no-answer",
    "not-needed",
    "refused-before",
    "no-login",
    "api-key",
    "no-credentials",
    "offline",
    "ledger",
    "not-qbittorrent",
]


@dataclass(frozen=True, slots=True)
class SignIn:
    """The one login of a run, or why none was sent; ``text`` is one sentence.

    ``failures`` is what is known to count at the server, and ``limit`` where it bans (0: never, or not known). ``logged``
    is how many of them the server's own log shows.
    """

    outcome: SignInOutcome
    text: str
    exchange: Exchange | None = None
    why: NotSentReason = ""
    failures: int = 0
    limit: int = 0
    logged: int = 0


@dataclass(frozen=True, slots=True)
class ProxyVariable:
    """A proxy of the environment that an ordinary client would use for this target; ``shown`` hides credentials."""

    variable: str
    url: Secret
    shown: str
    loopback_target: bool


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
    def anonymous(self) -> Exchange:
        """``GET app/version`` without cookie or credentials: the free question that splits the cases."""
        return cast("Exchange", self.see("anonymous"))

    @property
    def front_page(self) -> Exchange:
        """``GET /`` without cookie: asked only where the API's answer does not say whose it is."""
        return cast("Exchange", self.see("front_page"))

    @property
    def serves_qbittorrent(self) -> bool | None:
        """True if the answers are qBittorrent's, False if another program's, None if that cannot be told."""
        return cast("bool | None", self.see("serves_qbittorrent"))

    @property
    def in_front(self) -> str | None:
        """What shows itself between us and qBittorrent (a Server or Via header), or None."""
        return cast("str | None", self.see("in_front"))

    @property
    def offline(self) -> Offline:
        """The password held against the config's hash."""
        return cast("Offline", self.see("offline"))

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
    def log(self) -> tuple[LogLine, ...]:
        """The server's log since its process started; empty where it is not at hand."""
        return cast("tuple[LogLine, ...]", self.see("log"))
