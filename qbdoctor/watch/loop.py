"""Runs a watch: cheap looks at their time, a full check where one is due, and who is told of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from qbdoctor.looks.look import Look
from qbdoctor.model.errors import UserError
from qbdoctor.releases import Version
from qbdoctor.watch import naming
from qbdoctor.watch.base.clock import Clock, Stopped
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.base.glances import Between, FullLook, Glance
from qbdoctor.watch.full_check import FullChecks
from qbdoctor.watch.judgement import Judge
from qbdoctor.watch.peek import peek
from qbdoctor.watch.signs import LocalSigns

if TYPE_CHECKING:
    from qbdoctor.model.report import Report

FULL_SECONDS = 3600.0
AGAIN_SECONDS = 300.0
"""After this long a full check is made again: of a server where all is well, and of one where something is not."""
GAP_SECONDS = 5.0
BUSY_GAP_SECONDS = 60.0
BUSY = 20
"""Full checks keep this distance; the longer one where there were so many within ten minutes."""
HURRY_SECONDS = 2.0
STILL_BANNED_SECONDS = 300.0


class Listener(Protocol):
    """Is told what a watch sees. None of these may raise or take long."""

    def looked(self, glance: Glance, cause: str, /) -> None:
        """Take one look; ``cause`` is why it was refused, "" where it was not or nobody knows."""

    def checked(self, look: FullLook, report: Report, /) -> None:
        """Take what a full check came to."""

    def happened(self, event: Event, state: str, /) -> None:
        """Take one event, with the verdict that holds after it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is looked, and for how long, in seconds; None: until stopped. ``longest`` is the most one look may take."""

    every: float = 60.0
    total: float | None = None
    longest: float = 30.0


class Watch:
    """One watch of one server. ``earlier`` is the last look that another watch kept, None for none."""

    def __init__(
        self,
        checks: FullChecks,
        clock: Clock,
        pace: Pace,
        listeners: Sequence[Listener],
        *,
        earlier: FullLook | None = None,
        trouble: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._checks = checks
        self._clock = clock
        self._pace = pace
        self._listeners = listeners
        self._trouble = trouble
        self._judge = Judge()
        self._base = earlier
        self._last: FullLook | None = None
        self._signs: LocalSigns | None = None
        self._good_told = False
        self._explained: set[str] = set()
        self._fulls: deque[float] = deque(maxlen=BUSY)

    def run(self) -> str:
        """Watch until it is time or the clock's ``stopping`` is set; return the verdict that holds then.

        Raises :class:`UserError` where the target cannot be made out at the start.
        """
        began = self._clock.mono()
        end = None if self._pace.total is None else began + self._pace.total
        try:
            self._start()
            due = self._clock.mono() + self._pace.every
            while not self._clock.stopping.is_set():
                wait = min(due - self._clock.mono(), HURRY_SECONDS if self._judge.hurries else self._pace.every)
                if end is not None:
                    wait = min(wait, end - self._clock.mono())
                self._clock.sleep(wait)
                now = self._clock.mono()
                if self._clock.stopping.is_set() or (end is not None and now >= end):
                    break
                self._round()
                due = max(due + self._pace.every, self._clock.mono()) if now >= due else due
        except Stopped:
            pass  # what a look that was cut short saw is told and kept by nobody
        finally:
            if self._last is not None:
                self._tell([Event("watch-stopped", self._clock.wall(), "The watch ended")])
            self._checks.close()
        return self._last.state if self._last is not None else "unknown"

    def _start(self) -> None:
        look, report = self._checks.run(session_lost=False, changed=True)
        self._fulls.append(self._clock.mono())
        self._last = look
        release = look.look.facts.get("release")
        verdict = look.headline if look.state != "healthy" else "all is well"
        said = f"{look.look.url}{f', qBittorrent {release}' if release else ''}: {verdict}"
        self._tell([Event("watch-started", look.at, f"Watching {said}", after=look.state)])
        for one in self._listeners:
            one.checked(look, report)
        self._judge.last_good = self._clock.mono() if look.session else None
        if self._base is not None:
            before = replace(self._base, state=look.state, causes=look.causes)
            self._tell(naming.name(before, look, Between(), self._checks.starts()))
        self._looked(self._settle(look, first=True), "")
        self._tell(self._judge.ban(None, look.at, said=look.banned))

    def _settle(self, look: FullLook, *, first: bool = False) -> Glance:
        """Take a full look as what is known, and return one cheap look after it."""
        self._last = look
        self._base = look if self._base is None else replace(look, look=_merged(self._base.look, look.look))
        observer = self._checks.observer
        assert observer is not None  # noqa: S101 - a full check was made
        self._signs = LocalSigns(observer, Version.parse(self._base.look.facts.get("release")))
        glance = self._peek()
        if first and not observer.seen.anonymous.answered:
            self._judge.began(glance)
        self._tell(self._judge.see(glance))
        self._judge.settled(glance)
        return glance

    def _peek(self) -> Glance:
        observer, signs = self._checks.observer, self._signs
        assert observer is not None  # noqa: S101 - a full check was made
        assert signs is not None  # noqa: S101 - as above
        with self._clock.looking():
            return peek(observer.session, signs, self._clock, self._pace.longest)

    def _round(self) -> None:
        """Look once, and check in full where that is due."""
        glance = self._peek()
        told = self._judge.see(glance)
        self._good_told = self._good_told or any(event.id == "reachable" for event in told)
        self._tell(told)
        cause = self._cause(glance)
        after: Glance | None = None
        if self._due(glance):
            named, after = self._full(glance)
            if self._is_refusal(glance):
                cause = next((event.id for event in named), cause)
        self._looked(glance, cause)
        if after is not None:
            self._looked(after, "")

    def _due(self, glance: Glance) -> bool:
        since = self._clock.mono() - self._fulls[-1]
        busy = len(self._fulls) == BUSY and self._clock.mono() - self._fulls[0] < 600
        if since < (BUSY_GAP_SECONDS if busy else GAP_SECONDS) or self._judge.hurries:
            return False
        if self._judge.wants:
            return True
        well = self._last is not None and self._last.state == "healthy"
        return since >= (FULL_SECONDS if well and glance.kind != "down" else AGAIN_SECONDS)

    def _full(self, glance: Glance) -> tuple[list[Event], Glance | None]:
        """Check in full and name what happened; the cheap look after it as well."""
        judge, last, base = self._judge, self._last, self._base
        assert last is not None  # noqa: S101 - a watch starts with one
        assert base is not None  # noqa: S101 - as above
        self._fulls.append(self._clock.mono())
        idle = 0.0 if judge.last_good is None else glance.mono - judge.last_good
        between = Between(judge.session_lost, idle, judge.down_for)
        try:
            look, report = self._checks.run(session_lost=judge.session_lost, changed=bool(judge.wants))
        except UserError as error:
            self._trouble(f"The full check could not be made: {error.message}")
            judge.settled(glance)
            return [], None
        before = replace(base, state=last.state, causes=last.causes)
        down = glance.kind == "down"
        named = [] if down else naming.name(before, look, between, self._checks.starts())
        bans = self._bans(look)
        if self._good_told or bans:  # what made it well again is told already
            named = [event for event in named if event.id != "healthy"]
        named = [event for event in named if event.id != "problem" or event.after not in self._explained]
        self._good_told = False
        self._last = look
        self._tell(named + bans)
        self._explained = set()
        for one in self._listeners:
            one.checked(look, report)
        if down:
            judge.settled(glance)
            return named, None
        return named, self._settle(look)

    def _bans(self, look: FullLook) -> list[Event]:
        """Return what a full check adds to what the log says of a ban."""
        judge = self._judge
        passed = judge.ban_until is None or judge.ban_until <= look.at
        if look.banned:
            until = look.at + STILL_BANNED_SECONDS if passed and judge.banned else None
            if until is not None:
                judge.ban_until = until  # asked again then
            return judge.ban(None, look.at, said=True)
        logged = None if self._checks.observer is None else self._checks.observer.seen.ban
        return judge.ban(None, look.at, over=logged is None)

    def _cause(self, glance: Glance) -> str:
        if not self._is_refusal(glance) or self._last is None or not self._last.causes:
            return ""
        return self._last.causes[0].id

    @staticmethod
    def _is_refusal(glance: Glance) -> bool:
        return glance.kind == "refused" or (glance.kind == "asks-login" and glance.with_session)

    def _tell(self, events: Sequence[Event]) -> None:
        state = self._last.state if self._last is not None else "unknown"
        for event in events:
            self._explained.update(event.explains)
            for one in self._listeners:
                one.happened(event, state)

    def _looked(self, glance: Glance, cause: str) -> None:
        for one in self._listeners:
            one.looked(glance, cause)


def _merged(before: Look, now: Look) -> Look:
    """Return a look with what only an earlier one saw, so that what is seen again later is compared with that."""
    if now.source:
        return replace(now, facts={**before.facts, **now.facts})
    return replace(now, facts={**before.facts, **now.facts}, settings=before.settings, source=before.source)
