"""Defines what a reader finds in one file, whatever the language: the rules see nothing else.

Texts are constants folded as far as the file shows. What is not known stands in them as :data:`HOLE`; a variable whose
default is known (``os.getenv("QB", "http://localhost:8080")``) as :data:`DEFAULT` before that default.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from qbdoctor.lint.facts.outcome import Expr
from qbdoctor.patterns import regex
from qbdoctor.values import field, frozen, slotted

HOLE = "\0"
DEFAULT = "\1"

Body = Literal["form", "json", "text", "none", "octets", "unknown"]
"""What a request's body is; "octets": a text that goes out without the content type of a form."""
SidKind = Literal["lookup", "compare", "pattern", "build"]
Host = Literal["ip", "name", "default-name", "variable", "relative"]

ENDPOINT = regex(
    r"(?:^|[/\x00\x01])((?:auth|app|torrents|transfer|sync|log|rss|search|torrentcreator|clientdata)/[a-zA-Z]{3,})\b"
)
_OTHER_API = regex(r"/api/(?!v2/)[a-z0-9]")  # /api/v1/auth/login is some other program's
_HOST = regex(r"^(\x01?)https?://(\x01?)(?:[^/@:]*@)?(\[[^\]]*\]|[^/:?#]*)")
_IP = regex(r"\[|[0-9]{1,3}(\.[0-9]{1,3}){3}\Z")


class Place(NamedTuple):
    """Where something stands: line and column of its first character, both from 1; the line and column that it ends before."""

    line: int
    column: int
    last_line: int = 0
    last_column: int = 0


class MendedLines(NamedTuple):
    """Lines as they would be right: ``line`` to ``last_line`` (0: the one line). ``text`` may hold more, and has no line end."""

    line: int
    text: str
    last_line: int = 0


@frozen
class Request:
    """One HTTP request in the source, or the call of a helper that makes it."""

    place: Place
    scope: int
    scope_name: str
    url: str
    method: str = ""  # "" where the code does not say
    library: str = ""  # requests, httpx, aiohttp, urllib, fetch, axios, curl, wget, ...; "" for unknown
    client: str = ""  # the session object's name; "" where the library itself is called, "?" where that is not known
    body: Body = "unknown"
    carries: bool = False  # a cookie or an authorization of its own, or arguments that cannot be seen through
    looped: bool = False  # within a loop's body, without a condition around it
    mended: tuple[MendedLines, ...] = ()  # for the rule that fits: the carrying of the cookie, the form, the method
    mended_form: tuple[MendedLines, ...] = ()
    mended_method: tuple[MendedLines, ...] = ()
    owner: str = ""  # the class around it
    guarded: bool = False  # only under a condition: within an if, or after one that may have left the function
    in_query: bool = False  # a POST whose fields stand in the address

    @property
    def endpoint(self) -> str:
        """``auth/login`` and the like; "" where the path is not known or not one of qBittorrent's."""
        return _endpoint(self.url)

    @property
    def is_login(self) -> bool:
        """Whether this is the login."""
        return self.endpoint == "auth/login"

    @property
    def is_call(self) -> bool:
        """Whether this is a call that needs a session."""
        return bool(self.endpoint) and not self.endpoint.startswith("auth/")

    @property
    def host(self) -> Host:
        """What kind of host the address has."""
        return host_kind(self.url)


@lru_cache(maxsize=4096)
def _endpoint(url: str) -> str:
    url = url.split("?", maxsplit=1)[0]
    found = ENDPOINT.findall(url)
    if not found or _OTHER_API.search(url):
        return ""
    return str(found[-1])


def host_kind(url: str) -> Host:
    """Tell what stands as the host of an address: an IP address, a name, a variable."""
    found = _HOST.match(url)
    if found is None:
        return "relative" if url.startswith("/") else "variable"
    optional, inner, host = bool(found[1]), bool(found[2]), found[3].strip(DEFAULT)
    if not host or HOLE in host:
        return "variable"
    if _IP.match(host):
        return "ip"
    return "default-name" if optional or inner or DEFAULT in found[3] else "name"


@frozen
class SidUse:
    """A place that knows the session cookie by the name ``SID`` alone."""

    place: Place
    kind: SidKind
    text: str
    scope: int = 0
    mended: tuple[MendedLines, ...] = ()


@frozen
class Guard:
    """A condition on an answer. ``about`` says which: the login's, another call's, or one that cannot be told."""

    place: Place
    scope: int
    scope_name: str
    expr: Expr
    about: Literal["login", "other", "unknown"]


@frozen
class Form:
    """A login form put together as text from values that nothing encodes."""

    place: Place
    text: str
    mended: tuple[MendedLines, ...] = ()


@frozen
class Field:
    """A field of torrents/add that is set, such as ``paused``."""

    place: Place
    name: str
    scope: int = 0
    mended: tuple[MendedLines, ...] = ()


@frozen
class Header:
    """A header that the program sends."""

    place: Place
    name: str
    value: str
    scope: int = 0


@frozen
class SessionUse:
    """An aiohttp session; ``jar`` is what is known of its cookie jar."""

    place: Place
    scope: int
    jar: Literal["default", "unsafe", "dummy", "unknown"]
    base: str = ""
    owner: str = ""  # the class around it
    client: str = ""  # as in Request; "" where it is not bound to a name


@frozen
class Site:
    """A call of a function of the same file."""

    place: Place
    scope_name: str
    callee: str
    looped: bool  # as in Request
    guarded: bool


class Loop(NamedTuple):
    """A loop without an end: its lines, and the seconds between two rounds where they are written out."""

    first: int
    last: int
    pause: float | None


@frozen
class Refusal:
    """A branch taken on 403 that gives up: it neither logs in again nor goes on."""

    place: Place
    scope: int
    scope_name: str


@frozen
class KeptLogin:
    """A login that is made once: guarded by a name that nothing clears (``name``), or at the start ("").

    ``unreached``: it is made again behind a test for 403 that no 403 comes to, since another error was made of it before.
    """

    place: Place
    name: str
    unreached: bool = False
    brief: bool = False
    """Whether a class of the file is one for a `with` block: its sessions may all be short."""


class FilterWord(NamedTuple):
    """A word by which torrents/info is asked for some torrents."""

    place: Place
    word: str


@slotted
class Facts:
    """Everything that was found in one file."""

    language: str
    requests: list[Request] = field(default_factory=list)
    sids: list[SidUse] = field(default_factory=list)
    checks: list[Guard] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)
    sessions: list[SessionUse] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)  # the constants of the code, without comments and docstrings
    names: set[str] = field(default_factory=set)  # identifiers of the code
    code: str = ""  # the text with its comments blanked, at the same places
    faults: int = 0  # places that the parser could make nothing of
    endless: bool = False  # a loop without an end that waits between its rounds
    loops: list[Loop] = field(default_factory=list)  # the loops without an end
    sites: list[Site] = field(default_factory=list)
    asks_any: set[int] = field(default_factory=set)  # scopes that make a request whose address is not known
    any_path: set[str] = field(default_factory=set)  # functions that make a request for whatever path they are given
    login_through: set[str] = field(default_factory=set)  # functions of other files that make the login
    login_helpers: set[int] = field(default_factory=set)  # scopes of the functions that a login goes through
    kept_logins: list[KeptLogin] = field(default_factory=list)
    filter_words: list[FilterWord] = field(default_factory=list)
    relogin: set[int] = field(default_factory=set)  # scopes that hold or call a login
    relogin_at: list[tuple[int, int]] = field(default_factory=list)  # scope and line of each of these
    ends_here: bool = True  # False where the cookie may be carried by something that this file does not show

    @property
    def logins(self) -> list[Request]:
        """The requests that log in."""
        return [each for each in self.requests if each.is_login]

    @property
    def calls(self) -> list[Request]:
        """The requests that need a session."""
        return [each for each in self.requests if each.is_call]

    def loop_around(self, line: int) -> Loop | None:
        """Return the innermost loop without an end that a line is in."""
        around = [loop for loop in self.loops if loop.first <= line <= loop.last]
        return min(around, key=lambda loop: loop.last - loop.first, default=None)

    def logs_in_at(self, scope: int, line: int) -> None:
        """Note that a scope holds or calls a login there."""
        self.relogin.add(scope)
        self.relogin_at.append((scope, line))

    def knows_new_name(self) -> bool:
        """Whether the code, not a comment, knows the cookie's name of 5.2 and later."""
        return any("QBT_SID" in text or ("QBT_" in text and "SID" in text) for text in self.strings)

    def mentions(self, *words: str) -> bool:
        """Whether a constant or an identifier of the code holds one of the words, in any case."""
        lower = [word.lower() for word in words]
        return any(word in text.lower() for text in (*self.strings, *self.names) for word in lower)


ENCODED = "\2"
"""Stands in a folded text for a value that a call has encoded for a form or a URL."""
_RAW_FIELD = regex(r"(?:^|[?&;])pass(?:word)?=[\0\1]")


def is_raw_login_form(text: str) -> bool:
    """Return whether a text is a login form that is put together by hand, with a password that nothing encodes."""
    return "user" in text and _RAW_FIELD.search(text) is not None
