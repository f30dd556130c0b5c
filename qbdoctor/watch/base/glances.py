"""Defines what one cheap look saw, and what a full check came to, as values that can be judged without a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from qbdoctor.looks.look import Look
from qbdoctor.model.basics import State
from qbdoctor.model.changes import FailingClient
from qbdoctor.model.report import Cause

Kind = Literal["ok", "asks-login", "refused", "odd", "down"]
"""``ok``: the version came; ``asks-login``: 403, as without a session; ``refused``: 401; ``down``: no answer at all."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What this machine shows of the server without asking it; "" for what it does not show.

    ``process`` tells one run of the server from another and is "gone" where the known one ended; ``config`` is a digest of
    the settings in its file. ``ban_until`` is when the ban of our address ends by its log (Unix time), None for none.
    ``failing`` are those whom this run of the server refuses, by its log, the latest first.
    """

    process: str = ""
    config: str = ""
    ban_until: float | None = None
    failing: tuple[FailingClient, ...] = ()


@dataclass(frozen=True, slots=True)
class Glance:
    """One cheap look. ``at`` is Unix time, ``mono`` seconds of a clock that nobody sets and that also goes while asleep.

    ``with_session`` says that a session's cookie or key was sent, ``refreshed`` that the server set that cookie anew.
    ``certificate`` is a digest, ``certificate_until`` its end as Unix time.
    """

    at: float
    mono: float
    kind: Kind
    ms: float = 0.0
    status: int | None = None
    text: str = ""
    with_session: bool = False
    refreshed: bool = False
    release: str = ""
    peer: str = ""
    local: str = ""
    certificate: str = ""
    certificate_until: float | None = None
    signs: Signs = field(default_factory=Signs)


@dataclass(frozen=True, slots=True)
class FullLook:
    """What a full check came to. ``launched`` is the server's start by itself (Unix time; 5.2 and later say it).

    ``session`` says that a session is held; ``banned`` that the server refuses our logins, as it said itself.
    """

    at: float
    look: Look
    state: State
    headline: str
    causes: tuple[Cause, ...] = ()
    session: bool = False
    banned: bool = False
    launched: float | None = None


@dataclass(frozen=True, slots=True)
class Between:
    """What happened between two full looks: whether the session was refused, seconds since it was last good, seconds down."""

    session_lost: bool = False
    idle: float = 0.0
    down: float | None = None
