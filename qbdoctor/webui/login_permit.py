"""Defines what the login ledger is asked and what it answers: whether one more login may be sent."""

from __future__ import annotations

from typing import Literal

from qbdoctor.values import frozen

Offline = Literal["match", "mismatch", "unknown"]


Kind = Literal["login", "authorization"]


LoginOutcome = Literal["accepted", "refused", "banned", "not-counted", "unknown"]


DEFAULT_LIMIT = 5


DEFAULT_BAN_SECONDS = 3600


class LedgerUnavailable(Exception):
    """The ledger cannot be read, locked or written: no login may be sent."""


@frozen
class Question:
    """What :meth:`Ledger.allow` is asked.

    ``server`` is the ip:port connected to, ``source`` the address that the server sees. ``limit`` and ``ban_seconds`` are
    its MaxAuthenticationFailCount and BanDuration; ``since`` its start in seconds since 1970, None where it is not known.
    ``log_failures`` is what its log counts for us (None: no log), which can make the number of failures larger, never
    smaller, as a client can put lines into a log.
    """

    server: str
    source: str
    kind: Kind = "login"
    limit: int = DEFAULT_LIMIT
    log_failures: int | None = None
    since: float | None = None
    offline: Offline = "unknown"
    ban_seconds: float = DEFAULT_BAN_SECONDS


@frozen
class Permit:
    """Whether it may be sent. ``reason`` is for people; ``failures`` are those known, ``left`` how many more may go."""

    allowed: bool
    reason: str
    failures: int
    left: int
    question: Question


class NotPermitted(Exception):
    """Between the permit and the attempt another run used what was left; ``permit`` says how it stands now."""

    def __init__(self, permit: Permit) -> None:
        super().__init__(permit.reason)
        self.permit = permit


@frozen
class Attempt:
    """One attempt that is on disk."""

    id: str
    server: str
    source: str
    kind: Kind


def make_permit(question: Question, failures: int, left: int, reason: str) -> Permit:
    """Return the permit."""
    said = reason or f"{failures} failed logins known, {left} more may be sent"
    return Permit(left > 0, said, failures, left, question)


def banned_text(question: Question, wait: float) -> str:
    """Say that the address is banned."""
    minutes = max(1, round(wait / 60))
    return (
        f"{question.server} said that the address {question.source} is banned. Wait {minutes} min, "
        "or restart qBittorrent; until then even the right password is refused."
    )
