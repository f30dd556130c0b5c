"""Keeps what a watch sees: counts by minute and hour, events, sessions, states. What cannot be written waits in memory."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.looks import look as looks
from qbdoctor.model.errors import UserError
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.base.glances import FullLook, Glance
from qbdoctor.watch.history.database import open_history

if TYPE_CHECKING:
    from qbdoctor.model.report import Report

MINUTE, HOUR = 60, 3600
MOST = {MINUTE: 2 * 1440, HOUR: 400 * 24}
"""Buckets of each size that are kept: two days of minutes, 400 days of hours. By number: a clock that is set deletes nothing."""
MOST_ROWS = {"events": 5000, "sessions": 2000, "states": 5000}
MOST_REFUSALS = 10_000
MOST_WAITING = 5000
AT_ONCE = 50
PRUNE_EVERY = 500
OTHERS_SECONDS = 180.0
"""Of two watches of one server, both notice the same: what another one noted within this time is not noted again."""

_Work = tuple[str, Sequence[object]]


class History:
    """The history of one server. Nothing here raises after it was opened: ``trouble`` is told once what is wrong."""

    def __init__(self, state: Path, url: str, trouble: Callable[[str], None]) -> None:
        self.state = state
        self._url = url
        self._trouble = trouble
        self._watcher = os.urandom(6).hex()
        self._waiting: deque[Sequence[_Work]] = deque(maxlen=MOST_WAITING)
        self._made: sqlite3.Connection | None = None
        self._target = 0
        self._failing = False
        self._written = 0
        self._session = False
        self._state: tuple[str, str | None] | None = None

    def open(self) -> FullLook | None:
        """Open the file and return the last look that a watch of this server kept. Raises :class:`UserError`."""
        try:
            self._open()
        except (OSError, sqlite3.Error) as error:
            self._failed(error)
            return None
        assert self._made is not None  # noqa: S101 - opened
        row = self._made.execute("SELECT last_look FROM targets WHERE id=?", (self._target,)).fetchone()
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            return _read(row[0]) if row and row[0] else None
        return None

    def _open(self) -> None:
        self._made, amiss = open_history(self.state)
        if amiss:
            self._trouble(amiss)
        self._made.execute("INSERT OR IGNORE INTO targets (url) VALUES (?)", (self._url,))
        (self._target,) = self._made.execute("SELECT id FROM targets WHERE url=?", (self._url,)).fetchone()

    def looked(self, glance: Glance, cause: str) -> None:
        """Count one look, and note how the session fares."""
        kinds = tuple(int(glance.kind == kind) for kind in ("ok", "asks-login", "refused", "odd", "down"))
        ms = glance.ms if glance.kind != "down" else 0.0
        work: list[_Work] = [
            (
                "INSERT INTO buckets VALUES (:target, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET looks=looks+1, "
                "ok=ok+excluded.ok, asks_login=asks_login+excluded.asks_login, refused=refused+excluded.refused, "
                "odd=odd+excluded.odd, down=down+excluded.down, ms_sum=ms_sum+excluded.ms_sum, "
                "ms_max=max(ms_max, excluded.ms_max), refreshes=refreshes+excluded.refreshes",
                (size, int(glance.at // size) * size, *kinds, ms, ms, int(glance.refreshed)),
            )
            for size in MOST
        ]
        if glance.status in {401, 403} and (glance.with_session or glance.kind == "refused"):
            work.append(
                (
                    "INSERT INTO refusals VALUES (:target, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET count=count+1",
                    (int(glance.at // HOUR) * HOUR, glance.status, cause),
                )
            )
        self._write(work + self._sessions(glance, cause))

    def _sessions(self, glance: Glance, cause: str) -> list[_Work]:
        if glance.kind == "ok" and glance.with_session:
            if self._session:
                text = (
                    "UPDATE sessions SET last=max(last, ?), looks=looks+1, refreshes=refreshes+? WHERE id=(SELECT max(id) FROM "
                    "sessions WHERE target=:target AND watcher=:watcher)"
                )
                return [(text, (glance.at, int(glance.refreshed)))]
            self._session = True
            return [("INSERT INTO sessions VALUES (NULL, :target, ?, ?, 1, 0, NULL, :watcher)", (glance.at, glance.at))]
        if self._session and glance.kind == "asks-login" and glance.with_session:
            return self._ended(cause or "session-lost")
        return []

    def _ended(self, how: str) -> list[_Work]:
        self._session = False
        text = "UPDATE sessions SET ended_by=? WHERE id=(SELECT max(id) FROM sessions WHERE target=:target AND watcher=:watcher)"
        return [(text, (how,))]

    def checked(self, look: FullLook, _report: Report) -> None:
        """Keep the look for the next watch, and the verdict where it is another one."""
        work: list[_Work] = [("UPDATE targets SET last_look=? WHERE id=:target", (_written(look),))]
        state = (look.state, look.causes[0].id if look.causes and look.state == "problem" else None)
        if state != self._state:
            self._state = state
            work.append(("INSERT INTO states VALUES (NULL, :target, ?, ?, ?)", (look.at, *state)))
        self._write(work)

    def happened(self, event: Event, state: str) -> None:
        """Keep an event, unless another watch of this server has just kept it."""
        text = (
            "INSERT INTO events SELECT NULL, :target, ?, ?, ?, ?, ?, ?, ?, :watcher WHERE NOT EXISTS (SELECT 1 FROM events "
            "WHERE target=:target AND event=? AND abs(at-?)<? AND watcher<>:watcher AND event NOT LIKE 'watch-%')"
        )
        held = (event.at, event.id, event.text, event.before, event.after, json.dumps(event.explains), state)
        work: list[_Work] = [(text, (*held, event.id, event.at, OTHERS_SECONDS))]
        if event.id == "watch-stopped" and self._session:
            work += self._ended(event.id)
        self._write(work)
        if event.id == "watch-stopped":
            self.close()

    def _write(self, work: Sequence[_Work]) -> None:
        """Write what waits and this: each of them whole or not at all, so many at once that a full disk is seen early."""
        self._waiting.append(work)
        try:
            if self._made is None:
                self._open()
            assert self._made is not None  # noqa: S101 - opened
            while self._waiting:
                self._write_some(self._made, list(islice(self._waiting, AT_ONCE)))
        except (OSError, sqlite3.Error, UserError) as error:
            self._failed(error)
            return
        if self._failing:
            self._failing = False
            self._trouble("The history is written again.")

    def _write_some(self, made: sqlite3.Connection, some: Sequence[Sequence[_Work]]) -> None:
        made.execute("BEGIN IMMEDIATE")
        try:
            for text, values in chain.from_iterable(some):
                # the two names stand for numbers and hexadecimal digits of our own
                made.execute(self._filled(text), values)
            self._prune()
            made.execute("COMMIT")
        except BaseException:
            if made.in_transaction:
                made.execute("ROLLBACK")
            raise
        for _ in some:
            self._waiting.popleft()

    def _filled(self, text: str) -> str:
        return text.replace(":target", str(self._target)).replace(":watcher", f"'{self._watcher}'")

    def _prune(self) -> None:
        self._written += 1
        if self._written % PRUNE_EVERY == 0:
            self._prune_now()

    def _prune_now(self) -> None:
        """Remove the oldest rows beyond the most that are kept."""
        if self._made is None:
            return
        for size, most in MOST.items():
            self._made.execute(
                "DELETE FROM buckets WHERE target=? AND size=? AND start NOT IN (SELECT start FROM buckets WHERE target=? AND "
                "size=? ORDER BY start DESC LIMIT ?)",
                (self._target, size, self._target, size, most),
            )
        self._made.execute(
            "DELETE FROM refusals WHERE target=? AND hour NOT IN (SELECT hour FROM refusals WHERE target=? ORDER BY hour DESC "
            "LIMIT ?)",
            (self._target, self._target, MOST_REFUSALS),
        )
        for table, most in MOST_ROWS.items():
            self._made.execute(
                f"DELETE FROM {table} WHERE target=? AND id NOT IN (SELECT id FROM {table} WHERE target=? ORDER BY id DESC "  # noqa: S608
                "LIMIT ?)",
                (self._target, self._target, most),
            )

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            self._trouble(f"The history cannot be written ({error}); what comes is kept in memory until it can be.")

    def close(self) -> None:
        """Close the file. Never raises."""
        if self._made is not None:
            with suppress(sqlite3.Error):
                self._made.close()
            self._made = None


def _written(look: FullLook) -> str:
    held = {
        "at": look.at,
        "state": look.state,
        "headline": look.headline,
        "launched": look.launched,
        "look": look.look.to_json(),
    }
    return json.dumps(held)


def _read(text: str) -> FullLook:
    held = json.loads(text)
    launched = held["launched"]
    return FullLook(
        float(held["at"]),
        looks.parse(held["look"]),
        held["state"],
        str(held["headline"]),
        launched=None if launched is None else float(launched),
    )
