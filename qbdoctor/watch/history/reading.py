"""Reads from the history what a page shows: time slots, events, sessions, verdicts and refusals of one server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qbdoctor.watch.base.events import Event
from qbdoctor.watch.history.database import read_only

MOST_EVENTS = 200
MOST_SESSIONS = 100


@dataclass(frozen=True, slots=True)
class Slot:
    """The looks of one stretch of time: ``start`` (Unix time), how many there were and came out how, milliseconds."""

    start: float
    looks: int = 0
    ok: int = 0
    asks_login: int = 0
    refused: int = 0
    odd: int = 0
    down: int = 0
    ms: float = 0.0
    ms_max: float = 0.0
    refreshes: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """One session that a watch held: when it began and was last good (Unix time), and what ended it, None while it lasts."""

    began: float
    last: float
    looks: int
    refreshes: int
    ended_by: str | None


@dataclass(frozen=True, slots=True)
class Span:
    """The history of one server in one stretch of time, cut into slots of equal length, oldest first."""

    begin: float
    end: float
    slots: tuple[Slot, ...]
    events: tuple[Event, ...] = ()
    states: tuple[tuple[float, str], ...] = ()
    refusals: tuple[tuple[int, str, int], ...] = ()
    sessions: tuple[Session, ...] = field(default=())


def read_span(state: Path, url: str, end: float, seconds: float, slots: int, size: int) -> Span:
    """Return the last ``seconds`` before ``end`` in so many slots, from buckets of ``size`` seconds. Raises sqlite3.Error."""
    begin, width = end - seconds, seconds / slots
    with read_only(state) as held:
        row = held.execute("SELECT id FROM targets WHERE url=?", (url,)).fetchone()
        target = row[0] if row else 0
        found: dict[int, Slot] = {}
        for start, *counts in held.execute(
            "SELECT start, looks, ok, asks_login, refused, odd, down, ms_sum, ms_max, refreshes FROM buckets WHERE target=? AND "
            "size=? AND start>? AND start<=? ORDER BY start",
            (target, size, begin - size, end),
        ):
            number = min(max(int((start + size / 2 - begin) // width), 0), slots - 1)
            found[number] = _added(found.get(number, Slot(begin + number * width)), counts)
        return Span(
            begin,
            end,
            tuple(_mean(found.get(number, Slot(begin + number * width))) for number in range(slots)),
            tuple(_events(held, target, begin, end)),
            tuple(_states(held, target, begin, end)),
            tuple(
                held.execute(
                    "SELECT status, cause, sum(count) FROM refusals WHERE target=? AND hour>? AND hour<=? GROUP BY status, cause "
                    "ORDER BY 3 DESC",
                    (target, begin - 3600, end),
                )
            ),
            tuple(_sessions(held, target, begin, end)),
        )


def _added(slot: Slot, counts: list[float]) -> Slot:
    looks, ok, asks_login, refused, odd, down, ms, ms_max, refreshes = counts
    return Slot(
        slot.start, slot.looks + int(looks), slot.ok + int(ok), slot.asks_login + int(asks_login), slot.refused + int(refused),
        slot.odd + int(odd), slot.down + int(down), slot.ms + ms, max(slot.ms_max, ms_max), slot.refreshes + int(refreshes),
    )  # fmt: skip


def _mean(slot: Slot) -> Slot:
    answered = slot.looks - slot.down
    ms = slot.ms / answered if answered else 0.0
    return Slot(
        slot.start, slot.looks, slot.ok, slot.asks_login, slot.refused, slot.odd, slot.down, ms, slot.ms_max, slot.refreshes
    )  # fmt: skip


def _events(held: sqlite3.Connection, target: int, begin: float, end: float) -> Iterator[Event]:
    for at, event, text, before, after, explains in held.execute(
        "SELECT at, event, text, before, after, explains FROM events WHERE target=? AND at>? AND at<=? ORDER BY at DESC, id DESC "
        "LIMIT ?",
        (target, begin, end, MOST_EVENTS),
    ):
        yield Event(event, at, text, before, after, tuple(map(str, json.loads(explains))))


def _states(held: sqlite3.Connection, target: int, begin: float, end: float) -> Iterator[tuple[float, str]]:
    """Yield when the verdict became which, the one that held at the beginning first."""
    query = "SELECT at, state FROM states WHERE target=? AND at<=? ORDER BY id DESC LIMIT 1"
    first = held.execute(query, (target, begin)).fetchone()
    if first:
        yield begin, first[1]
    yield from held.execute(
        "SELECT at, state FROM states WHERE target=? AND at>? AND at<=? ORDER BY id", (target, begin, end)
    )


def _sessions(held: sqlite3.Connection, target: int, begin: float, end: float) -> Iterator[Session]:
    for row in held.execute(
        "SELECT began, last, looks, refreshes, ended_by FROM sessions WHERE target=? AND last>? AND began<=? ORDER BY began DESC "
        "LIMIT ?",
        (target, begin, end, MOST_SESSIONS),
    ):
        yield Session(*row)
