"""Judges one cheap look after the other: what to tell, and whether a full check has to find out more."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from qbdoctor.watch.base.events import Event
from qbdoctor.watch.base.glances import Glance, Signs
from qbdoctor.watch.base.lengths import spell

GRACE_SECONDS = 10.0
"""A restart takes the port away for some seconds: silence is told after this long, and at least two looks."""
SLOW_MS = 2000.0
QUICK_MS = 1000.0
STREAK = 3
"""So many looks in a row are slow, or quick, before it is told."""
STEP_SECONDS = 5.0
MOST_REFUSED = 200
QUIET_SECONDS = 86_400.0
"""A client that is refused is told again after so long without being refused."""
ENDING_SECONDS = 14 * 86_400.0


@dataclass(frozen=True, slots=True)
class Known:
    """What the last full check saw of those things that a cheap look sees as well."""

    kind: str = ""
    release: str = ""
    peer: str = ""
    local: str = ""
    certificate: str = ""
    signs: Signs = field(default_factory=Signs)


class Judge:
    """Keeps what was told already, so that each thing is told once. Neither reads a clock nor sends anything.

    ``wants`` is why a full check is wanted, "" for no reason; :meth:`settled` takes it back. ``last_good`` is when (by
    ``mono``) the session was last accepted, ``down_for`` how long the silence took that ended last.
    """

    def __init__(self) -> None:
        self.wants = ""
        self.reachable = True
        self.session_lost = False
        self.last_good: float | None = None
        self.down_for: float | None = None
        self.ban_until: float | None = None
        self.banned = False
        self.slow = False
        self._known: Known | None = None
        self._down_since: float | None = None
        self._down_looks = 0
        self._streak = 0
        self._offset: float | None = None
        self._certificate: tuple[str, float] | None = None
        self._certificate_told: set[tuple[str, str]] = set()
        self._refused: dict[tuple[str, str], tuple[int, float | None]] | None = None

    @property
    def hurries(self) -> bool:
        """Whether the next look should come soon: no answer came, and it is not told yet."""
        return self._down_since is not None and self.reachable

    def began(self, glance: Glance) -> None:
        """Take the first look of all: that no answer comes is told by the full check before it."""
        if glance.kind == "down":
            self.reachable, self._down_since, self._down_looks = False, glance.mono, 1

    def settled(self, glance: Glance) -> None:
        """Take a look right after a full check as what is known from now on."""
        self._known = Known(
            glance.kind, glance.release, glance.peer, glance.local, glance.certificate, glance.signs
        )  # fmt: skip
        self.wants = ""
        self.session_lost = False
        self.down_for = None

    def see(self, glance: Glance) -> list[Event]:
        """Return what a look shows that is to be told."""
        told = self._clock(glance)
        if glance.kind == "down":
            return told + self._silence(glance)
        told += self._answered(glance)
        told += self._speed(glance)
        told += self._ending(glance)
        told += self._others(glance)
        told += self.ban(glance.signs.ban_until, glance.at)
        if glance.kind == "ok" and glance.with_session:
            self.last_good = glance.mono
        self._compare(glance)
        return told

    def ban(self, until: float | None, at: float, *, said: bool = False, over: bool = False) -> list[Event]:
        """Take what is known of a ban: its end by the log, that the server ``said`` so itself, or that it is ``over``."""
        if until is not None:
            self.ban_until = until
        if (said or (until is not None and until > at)) and not self.banned:
            self.banned = True
            end = "" if self.ban_until is None else f" until {datetime.fromtimestamp(self.ban_until):%Y-%m-%d %H:%M}"
            self.wants = self.wants or "banned"
            return [Event("banned", at, f"The server refuses logins from this address{end}", explains=("ip-banned",))]
        if over and self.banned:
            self.banned, self.ban_until = False, None
            return [Event("ban-ended", at, "The ban of this address is over")]
        return []

    def _clock(self, glance: Glance) -> list[Event]:
        offset = glance.at - glance.mono
        step = 0.0 if self._offset is None else offset - self._offset
        self._offset = offset
        if abs(step) <= STEP_SECONDS:
            return []
        way = "forward" if step > 0 else "back"
        return [Event("clock-stepped", glance.at, f"The clock of this machine was set {abs(step):.0f} s {way}")]

    def _silence(self, glance: Glance) -> list[Event]:
        if self._down_since is None:
            self._down_since = glance.mono
        self._down_looks += 1
        if not self.reachable or self._down_looks < 2 or glance.mono - self._down_since < GRACE_SECONDS:
            return []
        self.reachable = False
        self.wants = "down"
        return [Event("unreachable", glance.at, f"No answer comes: {glance.text}", after=glance.text)]

    def _answered(self, glance: Glance) -> list[Event]:
        if self._down_since is None:
            return []
        self.down_for = glance.mono - self._down_since
        self._down_since, self._down_looks = None, 0
        self.wants = "back"
        if self.reachable:
            return []
        self.reachable = True
        return [Event("reachable", glance.at, f"Answers come again, after {spell(self.down_for)} without")]

    def _speed(self, glance: Glance) -> list[Event]:
        beyond = glance.ms > SLOW_MS if not self.slow else glance.ms < QUICK_MS
        self._streak = self._streak + 1 if beyond else 0
        if self._streak < STREAK:
            return []
        self.slow, self._streak = not self.slow, 0
        if self.slow:
            return [Event("slow", glance.at, f"Answers take long: {STREAK} in a row over {SLOW_MS / 1000:g} s")]
        return [
            Event(
                "quick-again", glance.at, f"Answers come in time again: {STREAK} in a row under {QUICK_MS / 1000:g} s"
            )
        ]

    def _ending(self, glance: Glance) -> list[Event]:
        """Tell the end of the certificate, also by the last one seen: one that ended is refused, and not shown."""
        if glance.certificate_until is not None:
            self._certificate = (glance.certificate, glance.certificate_until)
        if self._certificate is None or self._certificate[1] - glance.at > ENDING_SECONDS:
            return []
        digest, until = self._certificate
        kind = "certificate-ended" if until <= glance.at else "certificate-ending"
        shown = glance.certificate_until is not None or glance.kind == "odd"
        if (kind, digest) in self._certificate_told or not shown:
            return []
        self._certificate_told.add((kind, digest))
        day = f"{datetime.fromtimestamp(until):%Y-%m-%d %H:%M}"
        text = f"The certificate ends on {day}"
        if kind == "certificate-ended":
            text = f"The certificate ended on {day}"
            self.wants = self.wants or "certificate"
        return [Event(kind, glance.at, text, after=day, explains=("tls-untrusted",))]

    def _others(self, glance: Glance) -> list[Event]:
        """Tell who else is refused: each address once for each thing it does wrong, and not of what was before the watch.

        Of our own address one failed login may be the watch's own.
        """
        first, known = self._refused is None, self._refused or {}
        told: list[Event] = []
        for one in reversed(glance.signs.failing):
            name = (one.address, one.what)
            count, last = known.get(name, (0, None))
            if one.count == count or (one.own and one.what == "banned"):
                continue
            news = not first and (last is None or glance.mono - last > QUIET_SECONDS) and (not one.own or one.count > 1)
            known[name] = (one.count, glance.mono if news or last is not None else None)
            if news:
                told.append(Event("client-refused", glance.at, f"The server refuses another client: {one.told}"))
        self._refused = dict(list(known.items())[-MOST_REFUSED:])
        return told

    def _compare(self, glance: Glance) -> None:
        """See whether something is not as the last full check saw it."""
        known = self._known
        if glance.kind == "asks-login" and glance.with_session:
            self.session_lost = True
            self.wants = "session"
            return
        if self.wants or known is None:
            return
        seen = (
            ("process", known.signs.process != glance.signs.process),
            ("config", known.signs.config != glance.signs.config),
            ("answer", known.kind != glance.kind),
            ("release", bool(glance.release) and known.release not in {"", glance.release}),
            ("certificate", bool(glance.certificate) and known.certificate not in {"", glance.certificate}),
            ("address", bool(glance.peer) and known.peer not in {"", glance.peer}),
            ("address", bool(glance.local) and known.local not in {"", glance.local}),
            ("ban", self.ban_until is not None and glance.at >= self.ban_until),
        )
        self.wants = next((name for name, differs in seen if differs), "")
