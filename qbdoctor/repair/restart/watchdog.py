"""Ends what a run began where the run itself cannot, in a process of its own: killed, or its connection lost.

It is started before anything is changed, with a session of its own and no streams but the pipes to the run, and is told
over them what it needs; environment and session cookie thus stay in memory. While the run lives it does nothing. Where
the run ends without a word, a qBittorrent that was stopped is started again. With ``--confirm-within`` it then keeps the
time (monotonic: clock jumps do not count) and takes the change back unless the run was confirmed.

Messages are JSON, one a line: the order first; then ``stopping``, ``done``, ``armed`` or ``undo``.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.errors import UserError
from qbdoctor.repair.journal import confirmations, redo
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Record, RollbackRequest
from qbdoctor.repair.restart import restart
from qbdoctor.target import containers
from qbdoctor.target.address import parse_url
from qbdoctor.webui.call import VERSION_PATH
from qbdoctor.webui.masks import Deadline, Masks
from qbdoctor.webui.session import SessionClient
from qbdoctor.webui.wire import Wire

LOCK_SECONDS = 600.0
UNSAID = "the run ended before it was confirmed"
GONE_SECONDS = 1800.0
"""qBittorrent's own unit gives it this long to stop."""
KEEP_SECONDS = 20.0
"""The session must outlast the wait: a call now and then keeps it."""
LOOK_SECONDS = 0.2
UNDO_SECONDS = 30.0


def main() -> int:
    """Serve one run."""
    watchdog_client = Watchdog(_Lines(sys.stdin.fileno()))
    with suppress(OSError):
        watchdog_client.serve()
    return 0


class _Lines:
    """Messages from a pipe, waited for no longer than asked."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._held = b""
        self.ended = False

    def next(self, seconds: float | None) -> dict[str, Any] | None:
        """Return the next message; None where none came in time, or the pipe has ended."""
        ready = select.poll()
        ready.register(self._stream, select.POLLIN)
        while b"\n" not in self._held and not self.ended:
            if not ready.poll(None if seconds is None else seconds * 1000):
                return None
            data = os.read(self._stream, 65536)
            self._held += data
            self.ended = not data
        line, newline, self._held = self._held.partition(b"\n")
        return dict(json.loads(line)) if newline else None


class Watchdog:
    """What one run has ordered."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        order = lines.next(None) or {}
        self.journal = Journal(Path(order["state"]), lock_seconds=LOCK_SECONDS)
        self.run: str = order["run"]
        self.config = None if order["config"] is None else Path(order["config"])
        self.how = None if order["how"] is None else restart.RestartPlan.from_spec(order["how"])
        self.confirm: float | None = order["confirm"]
        self.may_restart: bool = order["may_restart"]
        self.api: Mapping[str, Any] | None = order["api"]
        self.again: list[str] = order["again"]
        self._client: SessionClient | None = None

    def serve(self) -> None:
        """Do what the run says, and what must be done if it says nothing more."""
        self._say(ready=True)
        stopping = False
        while True:
            order = self._lines.next(None)
            match order and order["do"]:
                case None:  # the run is gone
                    return self._rescue(stopping=stopping)
                case "done":
                    return None
                case "stopping":
                    stopping = True
                case "armed":
                    self.api = order["api"] if order is not None else None
                    return self._wait()

    # --- the run is gone ------------------------------------------------------------------------------------------

    def _rescue(self, *, stopping: bool) -> None:
        if stopping and self.how is not None:
            self._wait_until_gone(self.how)
        with self.journal.locked():
            if stopping and self.how is not None:
                self.journal.recover()
                if containers.using(self.how.config) is None:
                    if self.confirm is not None:
                        self._in_file(self.how.config, UNSAID)
                    self._up(self.how)
                    return
            self.journal.recover()
            if self.confirm is not None:
                self._undo(UNSAID)

    def _wait_until_gone(self, how: restart.RestartPlan) -> None:
        """Wait for a qBittorrent that the run may have asked to stop."""
        end = time.monotonic() + GONE_SECONDS
        while restart.is_there(how) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)

    def _up(self, how: restart.RestartPlan) -> None:
        """Start it; with the old settings if it does not come up with the new ones."""
        try:
            restart.start(how, restart.START_SECONDS, _quiet)
        except UserError:
            with suppress(UserError):
                one = containers.using(how.config)
                if one is not None:
                    restart.stop(restart.plan(one, how.config), restart.STOP_SECONDS, _quiet)
            self._in_file(how.config, "qBittorrent did not come up with it")
            with suppress(UserError):
                restart.start(how, restart.START_SECONDS, _quiet)

    # --- waiting to be confirmed ------------------------------------------------------------------------------------

    def _wait(self) -> None:
        seconds = self.confirm or 0.0
        end = time.monotonic() + seconds
        ids = self.again or [record.id for record in self._concerned()]
        waiting = confirmations.expect(self.journal, self.run, seconds, ids)
        self._say(until=waiting.until)
        kept = time.monotonic()
        while (left := end - time.monotonic()) > 0:
            if self._lines.ended:
                time.sleep(min(left, LOOK_SECONDS))
            elif (order := self._lines.next(min(left, LOOK_SECONDS))) is not None and order["do"] == "undo":
                break
            if not confirmations.waits(self.journal, self.run):
                return self._end()
            if time.monotonic() - kept > KEEP_SECONDS and self.api is not None:
                kept = time.monotonic()
                self._session(10.0).call("GET", VERSION_PATH)
        with self.journal.locked():
            if confirmations.settle(self.journal, self.run):
                self._say(left=self._undo(f"not confirmed within {seconds:g} s"))
        return self._end()

    def _undo(self, note: str) -> list[str]:
        """Take back what stands of the run; returns what could not be and why."""
        problems: list[str] = []
        if self.api is not None:
            problems = self._each(lambda record: self._by_api(record, note))
        left = self._concerned()
        running = None if self.config is None else containers.using(self.config)
        if left and self.config is not None and (self.api is None or self.may_restart or running is None):
            problems = self._in_file(self.config, note)
        for record in self._concerned():
            with suppress(UserError):
                self.journal.note(record, f"{note}, and could not be undone: {' '.join(problems)}")
        return problems

    def _concerned(self) -> list[Record]:
        """Return what is to be undone: what stands of a fix; of a rollback, what it took back and is not there again."""
        if not self.again:
            return confirmations.of_run(self.journal, self.run)
        made = " ".join(
            step.note or "" for record in confirmations.of_run(self.journal, self.run) for step in record.states
        )
        taken = confirmations.of_ids(self.journal, self.again)
        return [record for record in reversed(taken) if record.state == "rolled-back" and record.id not in made]

    def _each(self, undo: Callable[[Record], object]) -> list[str]:
        problems = []
        for record in self._concerned():
            try:
                undo(record)
            except UserError as error:
                problems.append(f"{record.fix}: {error.message}")
        return problems

    def _in_file(self, config: Path, note: str) -> list[str]:
        """Take the run back in the file; what runs with it is stopped for that, and started again."""
        how: restart.RestartPlan | None = None
        try:
            one = containers.using(config)
            if one is not None:
                how = restart.plan(one, config)
                restart.stop(how, restart.STOP_SECONDS, _quiet)
        except UserError as error:
            return [error.message]
        problems = self._each(lambda record: self._by_file(record, config, note))
        if how is not None:
            try:
                restart.start(how, restart.START_SECONDS, _quiet)
            except UserError as error:
                problems.append(error.message)
        return problems

    def _by_file(self, record: Record, config: Path, note: str) -> None:
        def guard() -> str | None:
            return containers.running_with(config)

        if self.again:
            redo.redo(self.journal, [record], config, run=self.run, guard=guard, why=note)
        else:
            self.journal.rollback(record, RollbackRequest(via="file", guard=guard, path=config, note=note))

    # --- the Web API --------------------------------------------------------------------------------------------------

    def _session(self, seconds: float) -> SessionClient:
        held = self.api or {}
        if self._client is None:
            wire = Wire(parse_url(held["url"]), Deadline(seconds), Masks(), verify=held["verify"])
            self._client = SessionClient(wire, api_key=Secret(held["key"]) if held["key"] else None)
            self._client.cookies = {name: Secret(value) for name, value in held["cookies"].items()}
        self._client.wire.deadline = Deadline(seconds)
        return self._client

    def _by_api(self, record: Record, note: str) -> None:
        session = self._session(UNDO_SECONDS)

        def read() -> Mapping[str, Json]:
            found = session.read_preferences()[1]
            if found is None:
                raise UserError("api-failed", "the preferences could not be read.", 4)
            return found

        def write(values: Mapping[str, Json]) -> None:
            if session.write_preferences(values).status != 200:
                raise UserError("api-failed", "the preferences could not be written.", 4)

        if self.again:
            redo.redo_live(self.journal, [record], write, read, run=self.run, why=note)
        else:
            self.journal.rollback(record, RollbackRequest(via="api", write=write, read=read, note=note))

    def _end(self) -> None:
        """Log out: the session was left open for this process alone."""
        if self.api is not None and self.api["cookies"]:
            self._session(5.0).log_out()

    def _say(self, **message: Any) -> None:
        with suppress(OSError):  # the run is gone
            os.write(1, json.dumps(message).encode() + b"\n")


def _quiet(_: str) -> None:
    """There is nobody to read it."""
