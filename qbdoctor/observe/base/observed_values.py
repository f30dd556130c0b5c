"""Defines the values that observations have."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from qbdoctor.model.basics import Secret
from qbdoctor.model.exchanges import Exchange
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from qbdoctor.config.settings import Settings
    from qbdoctor.target.address import Address
    from qbdoctor.target.listeners import Listener
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.log_rejections import Rejection
    from qbdoctor.target.processes import Instance


@frozen
class Asked:
    """What the person asked for, as far as a judgement depends on it."""

    no_login: bool = False
    username: str | None = None
    api_key: Secret | None = None
    public_url: Address | None = None
    verify: bool | str = True
    write_probe: bool = False
    trusted_user: str | None = None


OfflineOutcome = Literal["match", "mismatch", "malformed", "not-set", "factory", "unknown"]


@frozen
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
    "banned",
    "not-qbittorrent",
    "not-proven",
    "body-lost",
]


@frozen
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


@frozen
class Ban:
    """A ban of our address by the log: ``failures`` logins reached ``limit``. ``until`` is local time without a zone."""

    address: str
    failures: int
    limit: int
    until: datetime

    def end(self, now: datetime | None = None) -> str:
        """Return the end for people, to the minute and never too early, with the day where it is not today."""
        late = self.until.replace(second=0, microsecond=0) + timedelta(minutes=1 if self.until.second else 0)
        today = (now or datetime.now()).date()  # the log has local time
        return late.strftime("%H:%M" if late.date() == today else "%H:%M on %Y-%m-%d")


@frozen
class Neighbour:
    """Another qBittorrent of this machine: its Web UI's port and the names that its session cookie may have."""

    pid: int
    port: int
    cookie_names: tuple[str, ...]


@frozen
class WriteProbe:
    """What came of adding a torrent that can never start and removing it again.

    ``counts`` are the numbers of torrents before, with it, and after; ``problem`` says what did not work, or is empty.
    ``sizes`` are the answers to one call that changes nothing, of the size of a torrent file and small; () where nothing
    stands in front.
    """

    counts: tuple[int | None, int | None, int | None]
    ms: float
    problem: str = ""
    exchange: Exchange | None = None
    sizes: tuple[Exchange, ...] = ()


@frozen
class ProxyVariable:
    """A proxy of the environment that an ordinary client would use for this target; ``shown`` hides credentials."""

    variable: str
    url: Secret
    shown: str


@frozen
class FirstRequestLog:
    """What a log of this machine says of this run's own first request: the witness of a 401, which itself says nothing.

    ``instance`` is the process that wrote it; where that is not the target's own, the log shows that it is the one behind
    the target's address. ``rejections`` are refused headers, ``failures`` the failed logins that were counted meanwhile:
    the request held no credentials, so something on the way added them.
    """

    file: Path
    instance: Instance
    rejections: tuple[Rejection, ...] = ()
    failures: int = 0


@frozen
class RefusedBefore:
    """What a process refused to others since its start: for their headers, and logins to which no user name had come."""

    rejections: tuple[Rejection, ...] = ()
    nameless: tuple[LogLine, ...] = ()


@frozen
class ProbableProcess:
    """The process of this machine that the target means. ``named`` is False where only the lack of another one says so.

    ``ports`` are those that may be its Web UI's, () where it has none open, None where its sockets may not be seen.
    """

    instance: Instance
    settings: Settings | None
    log: tuple[LogLine, ...]
    ports: tuple[int, ...] | None
    named: bool


@frozen
class PortOwner:
    """The process that listens at a port of this machine, by its name alone.

    ``wanted_by`` are other qBittorrents that could not open that port and run without a Web UI since.
    """

    pid: int
    name: str
    wanted_by: tuple[int, ...] = ()


@frozen
class Clock:
    """The ``Date`` of an answer and how many seconds it is ahead of this machine's clock; None where there is none."""

    date: str
    ahead: float | None


@frozen
class Proof:
    """Whether credentials may go to what answers, and why: ``text`` is a clause.

    ``by`` is "process" where the socket that answers is a qBittorrent's of this machine, "answers" or "page" where the
    answers show it.
    """

    holds: bool
    text: str
    by: Literal["process", "answers", "page", ""] = ""


@frozen
class PortShared:
    """Two programs listen at one port, each at an address of its own, and the target's host means both or the wrong one.

    ``ours`` is qBittorrent's socket. ``answers`` are what the free call gets at each of the two, ours last.
    """

    ours: Listener
    other: Listener
    answers: tuple[Exchange, Exchange]


@frozen
class Client:
    """Whom the server takes us for.

    ``address`` is the one it sees, None where that cannot be known; ``source`` says how: "socket" (we speak to the
    process itself), "log" (its line about our login), "log-others" (all logins it has noted came from there), "network"
    (the gateway of its own network). ``ours`` is the address that we come from; ``through`` says what stands between.
    """

    address: str | None
    source: Literal["socket", "log", "log-others", "network", ""]
    ours: str | None
    through: str | None

    @property
    def changed(self) -> bool:
        """True if the server sees another address than the one that we come from."""
        return self.address is not None and self.ours is not None and self.address != self.ours

    @property
    def supposed(self) -> str | None:
        """The address that it sees, ours where nothing is known to stand between; None where that changes it unseen."""
        return self.address or (self.ours if self.through is None else None)


@frozen
class ContainerOutput:
    """What the container printed, as far as it tells something; the lines themselves are not kept.

    ``temporary_password``: a line gives the temporary password. ``second_instance``: a line of one that takes itself for a
    second instance. ``cannot_write``: a line says that it may not make a folder below its config's.
    """

    read: bool = False
    temporary_password: bool = False
    second_instance: bool = False
    cannot_write: bool = False
