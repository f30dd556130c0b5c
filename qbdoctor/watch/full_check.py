"""Makes a watch's full checks: all checks with the one session that is held, a login only where one is needed and allowed."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from qbdoctor.diagnosis import engine
from qbdoctor.looks import taking
from qbdoctor.looks.remembering import remember
from qbdoctor.looks.server_log import Start, starts
from qbdoctor.looks.store import Store, carried_over
from qbdoctor.model.basics import Secret
from qbdoctor.target import log as target_log
from qbdoctor.watch.base.clock import Clock, Stopped
from qbdoctor.watch.base.glances import FullLook
from qbdoctor.webui.masks import Deadline
from qbdoctor.webui.session import SessionClient, close_sessions

if TYPE_CHECKING:
    from qbdoctor.model.findings import Check
    from qbdoctor.model.report import Report
    from qbdoctor.observe.observer import Observer

MOST_LOGINS = 6
LOGINS_SECONDS = 3600.0
"""So many logins go in this time at most, whatever becomes of the sessions: a server that drops them is not flooded."""


class FullChecks:
    """Makes one full check after another. ``make`` makes an observer of the target as it is at that time."""

    def __init__(self, make: Callable[[], Observer], checks: Sequence[Check], clock: Clock) -> None:
        self._make = make
        self._checks = checks
        self._clock = clock
        self._logins: deque[float] = deque(maxlen=MOST_LOGINS)
        self.observer: Observer | None = None
        self.last: FullLook | None = None
        self.logins = 0

    def run(self, *, session_lost: bool, changed: bool) -> tuple[FullLook, Report]:
        """Check, and return what it came to. ``changed``: something differs, so that a refused login may be tried again.

        Raises :class:`UserError` where the target cannot be made out, and Stopped.
        """
        observer, earlier = self._make(), self.observer
        if earlier is not None:
            self._hand_on(earlier, observer, session_lost=session_lost, changed=changed)
        at = self._clock.wall()
        try:
            with self._clock.looking():
                report = engine.run(observer, self._checks, close=False)
        except Stopped:
            observer.close()
            raise
        if observer.login_attempts:
            self.logins += 1
            self._logins.append(self._clock.mono())
        with contextlib.suppress(Exception):  # whatever is wrong with the looks, the check stands as it was made
            report = remember(observer, report)
        self._tidy(observer, earlier)
        self.observer = observer
        self.last = self._full_look(observer, report, at)
        _give_memory_back()
        return self.last, report

    def _hand_on(self, earlier: Observer, observer: Observer, *, session_lost: bool, changed: bool) -> None:
        """Give the new observer what still holds: the password typed, the session, how the last login ended."""
        secret = earlier.given_password
        if secret is not None and earlier.ask_password is not None:
            observer.give_password(secret)
        observer.ask_password = None
        if not earlier.seen.has("sign_in"):
            return
        held = bool(earlier.session.cookies) and not session_lost
        if held:
            observer.session.cookies.update(earlier.session.cookies)
        same = _stored(earlier) == _stored(observer)
        last = earlier.seen.sign_in
        good = last.outcome == "accepted"
        keep = (good and held and same) or (last.outcome == "refused" and not changed)
        if keep or not self._may_log_in():
            observer.seen.put("sign_in", last)
            observer.wire.masks.add(secret)

    def _may_log_in(self) -> bool:
        full = len(self._logins) == MOST_LOGINS
        return not full or self._clock.mono() - self._logins[0] > LOGINS_SECONDS

    def _full_look(self, observer: Observer, report: Report, at: float) -> FullLook:
        seen = observer.seen
        key = Store(observer.state).key(make=True)
        before = self.last.look if self.last is not None else None
        look = taking.with_given_password(taking.take(observer, report, key), seen, key, before)
        if report.state == "healthy" and before is not None:
            look = carried_over(look, before)
        said = seen.has("sign_in") and seen.sign_in.outcome == "banned"
        session = bool(observer.session.cookies) or observer.session.api_key is not None
        launched = None
        if session and observer.target.instance is None and seen.has("version") and seen.version is not None:
            launched = _launched(observer.session)
        return FullLook(at, look, report.state, report.headline, report.causes, session, said, launched)

    def _tidy(self, observer: Observer, earlier: Observer | None) -> None:
        """Log out every session but the one that is kept: a check opens others, and 5.3 keeps 15 of them."""
        kept = {(name, value) for name, value in observer.session.cookies.items()}
        opened = [*(earlier.wire.opened if earlier is not None else ()), *observer.wire.opened]
        wire, deadline = observer.wire, observer.wire.deadline
        wire.opened = [one for one in opened if (one[0].name, one[0].value) not in kept]
        close_sessions(wire)
        wire.deadline = deadline
        wire.opened = [one for one in opened if (one[0].name, one[0].value) in kept]

    def starts(self) -> tuple[Start, ...]:
        """Return the starts that the log of the server shows."""
        if self.observer is None:
            return ()
        place = taking.find(self.observer.seen)
        if place.log_file is None or place.instance is None:
            return ()
        return starts(target_log.read_tail(place.log_file).lines, place.instance.started)

    def close(self) -> None:
        """Log out. Never raises."""
        if self.observer is not None:
            self.observer.close()


def _stored(observer: Observer) -> Secret | None:
    settings = observer.seen.settings
    return settings.secret("Password_PBKDF2") if settings is not None else None


def _launched(session: SessionClient) -> float | None:
    """Return when the server was started, as it says itself from 5.2 on; None where it does not."""
    session.wire.deadline = Deadline(5.0)
    exchange, raw = session.read("GET", "/api/v2/app/processInfo")
    if exchange.status != 200:
        return None
    try:
        return float(json.loads(raw)["launch_time"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _give_memory_back() -> None:
    """Free what a full check needed alone: a watch runs for months, and glibc keeps what was freed in pieces.

    Measured over 200 full checks: 53 to 54 MiB with it; 53 to 60 without, though no object more was kept.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
