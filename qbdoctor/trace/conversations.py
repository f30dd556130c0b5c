"""Tells clients apart: whose request is whose, by address, user agent, Host, connection and session.

Two programs with one library look alike but for what they carry. So where one of them keeps its session, what carries
none is taken for another's: a right client is never blamed for its neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from qbdoctor.forwarding.rewriting import HostKind
from qbdoctor.trace.exchange import Seen, Trace

Role = Literal["", "unkept", "stranger"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one client said. ``base`` is everything under the same address, user agent and Host.

    ``role``: where ``base`` holds a client that keeps its session, "unkept" are the logins whose session was not, with
    the calls after them, and "stranger" the calls that carry nothing and follow no such login.
    """

    address: str
    agent: str
    host: str
    host_kind: HostKind
    seen: tuple[Seen, ...]
    base: tuple[Seen, ...]
    role: Role = ""

    @property
    def who(self) -> str:
        """The client as a sentence names it."""
        return f"{self.address} ({self.agent})" if self.agent else f"{self.address} (no user agent)"

    @property
    def calls(self) -> tuple[Seen, ...]:
        """API calls but logins and logouts."""
        return tuple(each for each in self.seen if each.kind == "call")


def bare(each: Seen) -> bool:
    """Whether an exchange carries nothing that could authenticate it."""
    return not each.sessions and not each.authorization and not each.key_aside and not _altered(each)


def refused_bare(each: Seen) -> bool:
    """Whether it is an API call that was refused for want of a session."""
    return each.kind == "call" and each.status == 403 and bare(each)


def tried(seen: Sequence[Seen]) -> frozenset[str]:
    """Return the labels of all sessions that were sent back, altered ones included."""
    return frozenset(cookie.value.partition(" ")[0] for each in seen for cookie in each.cookies)


def unkept_logins(base: Sequence[Seen], everything: Sequence[Seen]) -> tuple[Seen, ...]:
    """Find accepted logins whose session nobody ever sent back."""
    used = tried(everything)
    return tuple(
        each for each in base if each.good_login and each.session_given and each.session_given.value not in used
    )


def split(trace: Trace) -> tuple[Conversation, ...]:
    """Return the conversations of a trace, in the order of their first exchange."""
    bases: dict[tuple[str, str, str], list[Seen]] = {}
    for each in trace.seen:
        bases.setdefault((each.address, each.agent, each.host), []).append(each)
    made = [part for base in bases.values() for part in _parts(tuple(base), trace.seen)]
    return tuple(sorted(made, key=lambda one: one.seen[0].n))


def _parts(base: tuple[Seen, ...], everything: Sequence[Seen]) -> list[Conversation]:
    roles = _roles(base, everything) if any(each.sessions for each in base) else {}
    parts: list[Conversation] = []
    for role in ("", "unkept", "stranger"):
        seen = tuple(each for each in base if roles.get(each.n, "") == role)
        if seen:
            first = base[0]
            parts.append(Conversation(first.address, first.agent, first.host, first.host_kind, seen, base, role))
    return parts


def _roles(base: tuple[Seen, ...], everything: Sequence[Seen]) -> dict[int, Role]:
    unkept = unkept_logins(base, everything)
    keepers = {each.connection for each in base if each.sessions or (each.good_login and each not in unkept)}
    roles: dict[int, Role] = {}
    for each in filter(refused_bare, base):
        logins = [login for login in unkept if login.n < each.n]
        if logins:
            roles[each.n] = "unkept"
            roles.update({login.n: "unkept" for login in logins})
        elif each.connection not in keepers and not _excused(each, base):
            roles[each.n] = "stranger"
    return roles


def _excused(each: Seen, base: Sequence[Seen]) -> bool:
    """Whether a client that keeps its session has a reason to carry none here: before its login, or after its end."""
    return any(other.kind == "login" for other in base if other.n > each.n) or session_over(each, base)


def session_over(each: Seen, base: Sequence[Seen]) -> bool:
    """Whether the client had a session and knew it to be over by then: a logout, or the cookie's own date."""
    before = [other for other in base if other.n < each.n]
    last = [other for other in before if other.kind in ("login", "logout")][-1:]
    if last and last[0].kind == "logout":
        return True
    dates = [other.at + given.expires_in for other in before for given in other.given if given.expires_in is not None]
    return bool(dates) and max(dates) <= each.at


def _altered(each: Seen) -> bool:
    return any(cookie.value.endswith("altered") for cookie in each.cookies)
