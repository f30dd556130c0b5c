"""Changes that wait to be confirmed: one file a run in the state folder, ``confirm/RUN.json``.

Whoever takes that file away, under the journal's lock, decides: ``fix --confirm RUN`` (the change stays) or the
watchdog, when the time is over (it is undone). Nothing in it is a secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from qbdoctor.model.errors import Refused, UserError
from qbdoctor.patterns import regex
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Record
from qbdoctor.storage import foreign, private, trust
from qbdoctor.values import frozen

UNSETTLED = "to be confirmed"
"""Stands in the history of what a run takes back that will wait, until its watchdog has written down that it does."""

_MOST_BYTES = 1 << 20
_RUN = regex(r"\d{8}T\d{6}Z-[0-9a-f]{6}")


@frozen
class Waiting:
    """One run that waits. ``until`` is for people (UTC); ``pid`` and ``began`` are the watchdog, which keeps the time."""

    run: str
    seconds: float
    until: str
    pid: int
    began: str
    records: tuple[str, ...] = ()

    @property
    def watched(self) -> bool:
        """Whether its watchdog lives."""
        return _began(self.pid) == self.began

    def text(self) -> str:
        """Return how it is confirmed, or that nothing will undo it any more."""
        if self.watched:
            return f"undone at {self.until} unless confirmed: qbdoctor fix --confirm {self.run}"
        return f"never confirmed, and what should have undone it is gone: qbdoctor fix --confirm {self.run} keeps it"


def expect(journal: Journal, run: str, seconds: float, records: Sequence[str]) -> Waiting:
    """Write down that a run, which made or took back these records, waits for this process. Raises Refused."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    waiting = Waiting(
        run, seconds, until.strftime("%Y-%m-%dT%H:%M:%SZ"), os.getpid(), _began(os.getpid()), tuple(records)
    )
    path = _file(journal, run)
    with journal.locked():
        trust.check_ours(path.parent)
        try:
            private.make_private(path.parent)
            private.replace_private(path, json.dumps(asdict(waiting)).encode())
        except OSError as error:
            raise Refused(f"{path} could not be written ({error.strerror}).", "state-unusable") from None
        for record in of_ids(journal, records):
            journal.note(record, f"to be confirmed within {seconds:g} s: qbdoctor fix --confirm {run}")
    return waiting


def all_waiting(journal: Journal) -> dict[str, Waiting]:
    """Return what waits, by its run."""
    found: dict[str, Waiting] = {}
    trust.check_ours(_file(journal, "").parent)
    with suppress(OSError):
        for path in sorted(_file(journal, "").parent.glob("*.json")):
            with suppress(OSError, ValueError, TypeError):
                held = json.loads(foreign.read(path, _MOST_BYTES, follow=False))
                waiting = Waiting(**{**held, "records": tuple(held["records"])})
                found[waiting.run] = waiting
    return found


def waits(journal: Journal, run: str) -> bool:
    """Whether this run still waits."""
    return _file(journal, run).exists()


def settle(journal: Journal, run: str) -> bool:
    """Take the decision; False if it was taken already. The journal must be locked."""
    try:
        _file(journal, run).unlink()
    except FileNotFoundError:
        return False
    return True


def confirm(journal: Journal, run: str) -> tuple[Record, ...]:
    """Keep what this run changed. Raises UserError where it does not wait (any more)."""
    if not _RUN.fullmatch(run):
        raise UserError("unknown-run", f"{run!r} is no run: qbdoctor history shows those that wait.")
    with journal.locked():
        waiting = all_waiting(journal).get(run)
        if settle(journal, run):
            records = of_ids(journal, waiting.records if waiting is not None else ())
            return tuple(journal.note(record, "confirmed") for record in records)
        states = {one.state for one in journal.records() if isinstance(one, Record) and one.run == run}
    if not states:
        raise UserError("unknown-run", f"There is no run {run}: qbdoctor history shows the records.")
    if states & {"rolled-back", "abandoned"}:
        raise Refused(f"{run} was taken back already: run the fix again.", "not-waiting")
    raise UserError("not-waiting", f"{run} does not wait to be confirmed: qbdoctor history shows what stands.")


def of_ids(journal: Journal, ids: Sequence[str]) -> list[Record]:
    """Return these records as they are now, those that can be read."""
    return [one for one in journal.records() if isinstance(one, Record) and one.id in ids]


def of_run(journal: Journal, run: str) -> list[Record]:
    """Return what stands of a run, the newest first."""
    return [one for one in journal.records() if isinstance(one, Record) and one.run == run and one.standing]


def _file(journal: Journal, run: str) -> Path:
    return journal.store.root.parent / "confirm" / f"{run}.json"


def _began(pid: int) -> str:
    """Return what tells a process from a later one with its number, across reboots; "" for one that is gone."""
    import psutil  # noqa: PLC0415 - history does without it where nothing waits

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return f"{process.create_time():.1f}"
    except psutil.Error:
        return ""
