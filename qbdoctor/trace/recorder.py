"""Makes facts of the bytes of an exchange: every secret is replaced by a label, or left out.

Values are compared by a digest with a key that lives as long as the trace; the digests are never written anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, unquote_plus, urlsplit

from qbdoctor.forwarding.rewriting import Names, is_chunked, kind_of, shown_source, split_authority
from qbdoctor.patterns import regex
from qbdoctor.trace.exchange import (
    ADD,
    INFO,
    LOGIN,
    VERSION,
    WRITING,
    Carried,
    Content,
    Given,
    LoginAnswer,
    Scheme,
    Seen,
    Whose,
)
from qbdoctor.trace.forms import AddFields, read_login

BODY_KEPT = 8192
"""Bytes of a body with a login or a filter, or of an answer's beginning, that are looked at."""

_KEY = regex(r"qbt_[A-Za-z0-9]{28}")
_ODD = regex(r"[^\x20-\x7e]")
_USERINFO = regex(r"//[^/@\s]+@")
_VERSION = regex(rb"v\d+\.\d+(\.\d+){0,2}[A-Za-z0-9.]{0,12}")
_FILTER = regex(r"(?:^|&)filter=([A-Za-z_]{1,24})(?:&|$)")
_TOKEN = regex(r"[A-Za-z0-9_.\[\]-]{1,40}")
_BAN_SIZE = 20  # a 403 for want of a session has an empty body, or "Forbidden"; the ban's sentence is longer

Headers = Sequence[tuple[str, str]]


def shown(text: str, longest: int = 120) -> str:
    """Text of a client as it may be shown: one line, short, no API key, no user:password of a URL."""
    return _USERINFO.sub("//***@", _KEY.sub("qbt_***", _ODD.sub("?", text)))[:longest]


def shown_path(target: str) -> str:
    """Return a request's path with the names of its parameters, never their values."""
    path, mark, query = target.partition("?")
    if "://" in path.partition("/")[0] + path[:8]:  # the absolute form, which a client sends to a proxy
        path = urlsplit(target).path
    names = [part.partition("=")[0] for part in query.split("&") if part]
    kept = [name if _TOKEN.fullmatch(name) else "…" for name in names[:12]]
    return shown(path, 200) + (f"?{'&'.join(kept)}" if mark and kept else "")


def filter_word(query: str) -> str:
    """Return the word of ``filter=`` in a query, "" for none or one that is no plain word."""
    found = _FILTER.search(query)
    return found[1] if found is not None else ""


def _filter_of(draft: Draft, query: str, content: Content) -> str:
    """Return the word that torrents/info was asked by, in the address or in a form."""
    if draft.action != INFO:
        return ""
    form = bytes(draft.body).decode("ascii", "replace") if content == "form" else ""
    return filter_word(query) or filter_word(form)


@dataclass
class Draft:
    """An exchange under way: what the proxy notes while it passes. ``headers`` are the client's own, untranslated."""

    n: int
    address: str
    connection: int
    method: str
    target: str
    headers: Headers
    began: float
    status: int | None = None
    answer_headers: Headers = ()
    body: bytearray = field(default_factory=bytearray)
    answer: bytearray = field(default_factory=bytearray)
    add: AddFields | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def action(self) -> str:
        """As :attr:`Seen.action`."""
        return self.target.partition("?")[0].partition("/api/v2/")[2]

    def sent(self, chunk: bytes) -> None:
        """Take a piece of the request's body."""
        if self.add is not None:
            self.add.feed(chunk)
        elif self.action in {LOGIN, INFO} and len(self.body) < BODY_KEPT:
            self.body += chunk[: BODY_KEPT - len(self.body)]

    def came(self, chunk: bytes) -> None:
        """Take a piece of the answer's body."""
        if self.action in {LOGIN, VERSION, ADD, *WRITING} and len(self.answer) < BODY_KEPT:
            self.answer += chunk[: BODY_KEPT - len(self.answer)]


class Notebook:
    """Keeps the labels of one trace."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.began = time.monotonic()
        self._key = secrets.token_bytes(32)
        self._sessions: dict[bytes, str] = {}
        self._passwords: dict[bytes, str] = {}
        self._count = 0

    def start(self, address: str, connection: int, method: str, target: str, headers: Headers) -> Draft:
        """Begin an exchange."""
        self._count += 1
        draft = Draft(self._count, address, connection, method, target, headers, time.monotonic() - self.began)
        if draft.action == ADD and method == "POST":
            draft.add = AddFields(content_of(headers))
        return draft

    def finish(self, draft: Draft) -> Seen:
        """Return the facts of an exchange that is over."""
        headers = {name.lower(): value for name, value in draft.headers}
        content = content_of(draft.headers)
        if draft.action == LOGIN and content in ("", "other") and bytes(draft.body).lstrip().startswith(b"{"):
            content = "json"  # whatever it says that it is
        host = headers.get("host", "")
        origin, referer, source = self._sources(headers)
        form = None
        query = draft.target.partition("?")[2]
        if draft.action == LOGIN and (content == "form" or (not content and not draft.body and query)):
            form = read_login(bytes(draft.body) or query.encode(), self._password)
        return Seen(
            n=draft.n,
            at=round(draft.began, 3),
            address=draft.address,
            agent=shown(headers.get("user-agent", "")),
            connection=draft.connection,
            host=shown(host, 100),
            host_kind=kind_of(split_authority(host)[0]),
            method=shown(draft.method, 16),
            path=shown_path(draft.target),
            status=draft.status,
            took=round(max(0.0, time.monotonic() - self.began - draft.began), 4),
            content=content,
            cookies=self._carried(draft.headers),
            authorization=_authorization(headers.get("authorization", "")),
            key_aside=_key_aside(headers, query),
            origin=origin,
            referer=referer,
            source=source,
            fetch_site=shown(headers.get("sec-fetch-site", ""), 20),
            foreign_host=bool(host) and not (self.names.names_proxy(host) or self.names.names_target(host)),
            form=form,
            stopped=draft.add.result() if draft.add is not None else (),
            filter=_filter_of(draft, query, content),
            chunked=is_chunked(draft.headers),
            answer=self._answer(draft),
            given=tuple(self._given(draft.answer_headers)),
            version=_version(draft),
            notes=tuple(draft.notes),
        )

    # --- labels ----------------------------------------------------------------------------------------------------

    def _digest(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()

    def _password(self, text: str) -> str:
        return self._passwords.setdefault(self._digest(text), f"password-{len(self._passwords) + 1}")

    def _session(self, value: str) -> str:
        return self._sessions.setdefault(self._digest(value), f"session-{len(self._sessions) + 1}")

    def _known(self, value: str) -> str | None:
        return self._sessions.get(self._digest(value))

    # --- parts -----------------------------------------------------------------------------------------------------

    def _carried(self, headers: Headers) -> tuple[Carried, ...]:
        """Return the cookies as the server reads them: of several Cookie lines the last, of equal names the last."""
        lines = [value for name, value in headers if name.lower() == "cookie"]
        found: dict[str, Carried] = {}
        for part in (lines or [""])[-1].split(";"):
            name, equals, value = part.strip().partition("=")
            if not name or not equals:
                continue
            kept = name if _TOKEN.fullmatch(name) else "…"
            found[name] = Carried(kept, self._value(value.strip()))
        return tuple(found.values())

    def _value(self, value: str) -> str:
        bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
        if label := self._known(bare):
            return label
        for other in (unquote(bare), unquote_plus(bare), bare.replace(" ", "+"), bare.strip("'")):
            if label := self._known(other):
                return f"{label} altered"
        return "empty" if bare.lower() in ("", "none", "null", "undefined", "false") else "unknown"

    def _given(self, headers: Headers) -> Iterable[Given]:
        for name, value in headers:
            if name.lower() != "set-cookie":
                continue
            pair, *attributes = [part.strip() for part in value.split(";")]
            cookie, _, text = pair.partition("=")
            named = {key.lower(): rest for key, _, rest in (each.partition("=") for each in attributes)}
            bare = text.strip('"')
            yield Given(
                cookie if _TOKEN.fullmatch(cookie) else "…",
                self._session(bare) if bare else "",
                "secure" in named,
                _seconds_until(named),
            )

    def _sources(self, headers: dict[str, str]) -> tuple[Whose, Whose, str]:
        host = headers.get("host", "")
        found: list[Whose] = []
        for name in ("origin", "referer"):
            text = headers.get(name, "")
            own = bool(text) and self.names.source(text, host)[1]
            found.append("" if not text else "own" if own else "foreign")
        foreign = [
            headers[name] for name, whose in zip(("origin", "referer"), found, strict=True) if whose == "foreign"
        ]
        return found[0], found[1], shown_source(foreign[0]) if foreign else ""

    @staticmethod
    def _answer(draft: Draft) -> LoginAnswer:
        text = bytes(draft.answer).strip()
        if draft.action == ADD:
            return "fails" if draft.status == 200 and text == b"Fails." else ""
        if draft.action in WRITING:
            return "other" if draft.status == 403 and text not in {b"", b"Forbidden"} else ""
        if draft.action != LOGIN or draft.status is None:
            return ""
        if draft.status == 200:
            return "ok" if text == b"Ok." else "fails" if text == b"Fails." else "other"
        if draft.status == 403 and len(text) > _BAN_SIZE:
            return "banned"
        return ""


def content_of(headers: Headers) -> Content:
    """Return what a request's body says that it is."""
    kinds = [value.partition(";")[0].strip().lower() for name, value in headers if name.lower() == "content-type"]
    if not kinds or not kinds[-1]:
        return ""
    kind = kinds[-1]
    if kind == "application/x-www-form-urlencoded":
        return "form"
    if kind == "multipart/form-data":
        return "multipart"
    return "json" if kind.endswith(("/json", "+json")) else "other"


def _authorization(text: str) -> Scheme:
    match text.strip().partition(" ")[0].lower():
        case "":
            return ""
        case "basic":
            return "basic"
        case "bearer":
            return "bearer"
    return "other"


def _key_aside(headers: dict[str, str], query: str) -> bool:
    names = {part.partition("=")[0].lower() for part in query.split("&")}
    return (
        "x-api-key" in headers
        or bool(names & {"apikey", "api_key"})
        or bool(re.fullmatch(r"qbt_\S+", headers.get("authorization", "").strip()))
    )


def _seconds_until(attributes: dict[str, str]) -> float | None:
    if attributes.get("max-age", "").lstrip("-").isdigit():
        return float(attributes["max-age"])
    if "expires" not in attributes:
        return None
    try:
        return round(parsedate_to_datetime(attributes["expires"]).timestamp() - time.time(), 1)
    except (ValueError, TypeError, OverflowError):
        return None


def _version(draft: Draft) -> str:
    text = bytes(draft.answer).strip()
    return text.decode() if draft.action == VERSION and draft.status == 200 and _VERSION.fullmatch(text) else ""
