"""Defines what is kept of one exchange: facts without a secret, enough to judge by, the same in memory and saved.

Values that must not be shown (cookies, passwords) are replaced by labels that are only good for comparing: equal values
have equal labels within one trace.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from qbdoctor.forwarding.rewriting import HostKind
from qbdoctor.model.basics import Json
from qbdoctor.releases import session_name_rank

Content = Literal["", "form", "multipart", "json", "other"]
Whose = Literal["", "own", "foreign"]
WRITING = frozenset({"torrents/setSavePath", "torrents/setDownloadPath", "torrents/setLocation"})
"""Actions that answer 403 where qBittorrent may not write (torrentscontroller.cpp 4.1.2 to 5.2.3)."""
LoginAnswer = Literal["", "ok", "fails", "banned", "other"]
Kind = Literal["login", "logout", "call", "page"]
Scheme = Literal["", "basic", "bearer", "other"]

LOGIN, LOGOUT, VERSION, ADD = "auth/login", "auth/logout", "app/version", "torrents/add"
INFO, DELETE = "torrents/info", "torrents/delete"


@dataclass(frozen=True, slots=True)
class Carried:
    """A cookie that a request carried. ``value``: a session's label, ``session-1 altered``, ``unknown`` or ``empty``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Given:
    """A cookie that an answer set; ``value`` is its session's label, "" where the cookie was taken away.

    ``expires_in``: seconds from the answer, None where it has no date. ``secure``: as the client received it.
    """

    name: str
    value: str
    secure: bool = False
    expires_in: float | None = None


@dataclass(frozen=True, slots=True)
class LoginForm:
    """The fields of a login. ``doubts`` are signs that nothing was encoded: see :mod:`qbdoctor.trace.forms`.

    ``raw`` and ``meant`` are labels of the password as it was sent and as the server decodes it.
    """

    fields: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    raw: str = ""
    meant: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One exchange. ``at``: seconds since the trace began, ``took``: how long it lasted.

    ``status`` is None where the target gave no answer. ``host`` is the Host header as the client sent it, ``path`` has
    the names of the query's parameters alone.
    ``foreign_host`` is true where Host names neither the proxy nor the target. ``key_aside``: an API key in a place
    that no release reads (X-Api-Key, the query, Authorization without Bearer). ``filter`` is the word by which
    torrents/info was asked for some torrents. ``chunked``: the request's body came in chunks.
    """

    n: int
    at: float
    address: str
    agent: str
    connection: int
    host: str
    host_kind: HostKind
    method: str
    path: str
    status: int | None
    took: float = 0.0
    content: Content = ""
    cookies: tuple[Carried, ...] = ()
    authorization: Scheme = ""
    key_aside: bool = False
    origin: Whose = ""
    referer: Whose = ""
    source: str = ""
    fetch_site: str = ""
    foreign_host: bool = False
    form: LoginForm | None = None
    stopped: tuple[str, ...] = ()
    filter: str = ""
    chunked: bool = False
    answer: LoginAnswer = ""
    given: tuple[Given, ...] = ()
    version: str = ""
    notes: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """``app/version`` of ``…/api/v2/app/version``, "" for anything else."""
        path = self.path.partition("?")[0]
        return path.partition("/api/v2/")[2] if "/api/v2/" in path else ""

    @property
    def kind(self) -> Kind:
        """What it is, by its path."""
        if not self.action:
            return "page"
        return "login" if self.action == LOGIN else "logout" if self.action == LOGOUT else "call"

    @property
    def sessions(self) -> tuple[str, ...]:
        """The labels of the cookies that it carried whole; ``unknown`` is one that no answer in the trace gave."""
        return tuple(
            each.value for each in self.cookies if each.value != "empty" and not each.value.endswith("altered")
        )

    @property
    def session_given(self) -> Given | None:
        """The session cookie that the answer set, if any."""
        found = [each for each in self.given if each.value and session_name_rank(each.name)]
        return max(reversed(found), key=lambda each: session_name_rank(each.name), default=None)

    @property
    def good_login(self) -> bool:
        """Whether it is a login that was accepted."""
        if self.kind != "login" or self.status is None:
            return False
        return self.status == 204 or (self.status == 200 and self.answer == "ok")

    @property
    def refused_login(self) -> bool:
        """Whether it is a login that was refused for its credentials, or for a reason that looks the same."""
        return self.kind == "login" and ((self.status == 200 and self.answer == "fails") or self.status == 401)

    def to_json(self) -> Json:
        """Return the facts as they are saved; what is empty is left out."""
        return {name: value for name, value in asdict(self).items() if value not in ("", (), None, False)}


def from_json(saved: Json) -> Seen:
    """Read facts back. Raises TypeError, ValueError or KeyError for what is none."""
    given: dict[str, Any] = {"status": None, **saved}
    for name in ("n", "connection"):
        if not isinstance(given[name], int):
            raise TypeError(f"{name} is no number")
    for name in ("address", "agent", "host", "method", "path", "host_kind"):
        if not isinstance(given.setdefault(name, "none" if name == "host_kind" else ""), str):
            raise TypeError(f"{name} is no text")
    given["at"] = float(given.get("at", 0.0))
    given["cookies"] = tuple(Carried(**each) for each in given.get("cookies", ()))
    given["given"] = tuple(Given(**each) for each in given.get("given", ()))
    for name in ("stopped", "notes"):
        given[name] = tuple(map(str, given.get(name, ())))
    form: dict[str, Any] | None = given.get("form")
    if form is not None:
        given["form"] = LoginForm(**{**form, **{name: tuple(form.get(name, ())) for name in ("fields", "doubts")}})
    return Seen(**given)


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole trace: what is judged. ``run_exit``: how the command of ``--run`` ended, None without one."""

    url: str
    scheme: str
    host: str
    port: int
    host_kind: HostKind
    seen: tuple[Seen, ...] = ()
    run_exit: int | None = None
    notes: tuple[str, ...] = field(default=())
