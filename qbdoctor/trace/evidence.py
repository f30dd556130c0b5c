"""Provides what a judgement of a client is built from: the context of the whole trace, and exchanges as evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from qbdoctor import releases
from qbdoctor.model.basics import Json
from qbdoctor.model.exchanges import Evidence
from qbdoctor.releases import KNOWN, Version
from qbdoctor.trace.exchange import Seen, Trace

_ANY_PORT = 8080


@dataclass(frozen=True, slots=True)
class Context:
    """The trace, and the releases that its answers fit (all of them where nothing was told)."""

    trace: Trace
    candidates: tuple[Version, ...]

    def surely(self, rule: Callable[[Version], object]) -> bool:
        """Whether a rule holds for every release that the server can be."""
        return all(bool(rule(version)) for version in self.candidates)

    @property
    def renamed(self) -> bool:
        """Whether the session cookie has a name that is not SID."""
        return self.surely(lambda version: _cookie_name(version) != "SID")


def context(trace: Trace) -> Context:
    """Read the release from what was answered: the version itself, a login's status, a cookie's name."""
    found = KNOWN
    for each in trace.seen:
        if each.version and (version := Version.parse(each.version)) is not None:
            return Context(trace, (version,))
        if each.good_login:
            found = tuple(one for one in found if releases.login_accepted(one).status == each.status) or found
        given = each.session_given
        if given is not None:
            plain = given.name == "SID"
            found = tuple(one for one in found if (_cookie_name(one) == "SID") == plain) or found
    return Context(trace, found)


def _cookie_name(version: Version) -> str:
    return releases.cookie_name(version, _ANY_PORT)


def said(each: Seen) -> str:
    """One exchange as a sentence: ``request 2, GET /api/v2/app/version with no cookie: 403``."""
    return f"request {each.n}, {each.method} {each.path} with {carries(each)}: {outcome(each)}"


def carries(each: Seen) -> str:
    """Return what it carries that could authenticate it, in words."""
    words = {
        "basic": "Authorization: Basic",
        "bearer": "Authorization: Bearer",
        "other": "an Authorization header of another kind",
    }
    parts = [f"the cookie {cookie.name}{_remark(cookie.value)}" for cookie in each.cookies]
    if each.authorization:
        parts.append(words[each.authorization])
    if each.key_aside and each.authorization != "other":
        parts.append("an API key where none is read")
    return " and ".join(parts) or "no cookie"


def _remark(value: str) -> str:
    if value == "empty":
        return " (empty)"
    return " (altered)" if value.endswith("altered") else ""


def outcome(each: Seen) -> str:
    """Return what came back, in words."""
    if each.status is None:
        return "no answer"
    words = {"ok": " Ok.", "fails": " Fails.", "banned": ", banned"}
    gave = [given.name for given in each.given if given.value]
    return f"{each.status}{words.get(each.answer, '')}" + (f" and the cookie {', '.join(gave)}" if gave else "")


def proof(each: Seen) -> Evidence:
    """One exchange as evidence."""
    return Evidence("response", said(each), {"exchange": each.n, **side(each)})


def experiment(factor: str, a: Seen, b: Seen, shows: str) -> Evidence:
    """Two exchanges of the trace that differ in one factor."""
    return Evidence(
        "experiment",
        f"{factor}: {a.status} / {b.status}",
        {"factor": factor, "a": side(a), "b": side(b), "shows": shows},
    )


def side(each: Seen) -> Json:
    """Request and answer as the report's evidence has them, secrets left out."""
    return {
        "request": {"method": each.method, "url": each.path, "headers": dict(_headers(each))},
        "response": {"status": each.status, "headers": {"Set-Cookie": _set(each)} if each.given else {}},
    }


def _set(each: Seen) -> str:
    return ", ".join(f"{given.name}=***{'; secure' if given.secure else ''}" for given in each.given)


def _headers(each: Seen) -> Iterator[tuple[str, str]]:
    if each.host:
        yield "Host", each.host
    if each.agent:
        yield "User-Agent", each.agent
    if each.content:
        yield "Content-Type", each.content
    if each.cookies:
        yield "Cookie", "; ".join(f"{cookie.name}=***" for cookie in each.cookies)
    if each.authorization:
        yield "Authorization", f"{each.authorization.capitalize()} ***"
    if each.source:
        yield ("Origin" if each.origin == "foreign" else "Referer"), each.source
    if each.fetch_site:
        yield "Sec-Fetch-Site", each.fetch_site
