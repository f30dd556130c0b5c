"""Keeps the attempt ledger: every login sent, and what may count as a failed one, across runs.

qBittorrent counts failed logins for each client address since its start (five ban by default) and forgets them only
after a success, a restart or the end of a ban. So the ledger never lets time alone forget: a failure counts until an
accepted login, a later start of the server, or a ban that has run out. It holds addresses, times and outcomes; never
a user name, a password, a hash or anything made from one.

**Unknown path.** A proxy may add a Basic header of its own, and from 5.2 each cookie-less request with a wrong one is
a failed login, answered 401 (measured). Such a request is an ``authorization`` entry. Answered otherwise, it shows
that this path adds no wrong Basic header now, so that the 401s of the same run were refusals of Host or Origin, which
do not count; they are settled with it. What stays 401 counts as a failed login, since nobody can tell. The first is
put down as well; after its 401 two more go, and only where the limit has room for them. Where the next failure could be
the one that bans, not even a run's first request is sent (:mod:`qbdoctor.observe.base.login_budget`).

**Damage.** A file that cannot be read is kept aside, and the budget of every address counts as used up: no more than
that can have been sent, as the ledger that was lost held to the same rule. The server's own log, where it can be read,
speaks in its place; an accepted login or a restart end it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from qbdoctor.model.errors import Refused
from qbdoctor.storage import foreign, locks, private, trust
from qbdoctor.target.address import account, plain_address
from qbdoctor.values import replace
from qbdoctor.webui import login_entries
from qbdoctor.webui.login_entries import CLEARING, KEPT_PER_KEY, Entry, needed, read_entry
from qbdoctor.webui.login_permit import (
    Attempt,
    LedgerUnavailable,
    LoginOutcome,
    NotPermitted,
    Permit,
    Question,
    banned_text,
    make_permit,
)

SCHEMA = "qbdoctor.ledger/1"
LOCK_SECONDS = 2.0
_MOST_BYTES = 16 << 20
_MARGIN = 2  # what a failure must leave of the limit
_AUTHORIZATIONS = 3  # the first request and two more after its 401
_SLACK_SECONDS = 2.0  # starts are known to the second
_ANY = "*"


_OWN: dict[Path, threading.Lock] = {}


class Ledger:
    """The ledger in one JSON file, shared by all runs of this user. ``clock`` gives seconds since 1970."""

    def __init__(self, path: Path, *, others: Sequence[Path] = (), clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._others = others
        self._clock = clock
        self._run = os.urandom(6).hex()

    def allow(self, question: Question) -> Permit:
        """Return whether a login (or a request that may carry a foreign Basic header) may be sent now.

        Raises :class:`LedgerUnavailable`.
        """
        question = replace(question, server=_server(question.server), source=account(question.source))
        with self._locked():
            entries = self._load()
            return self._judge(entries, question)

    def begin(self, permit: Permit) -> Attempt:
        """Put an attempt on disk, before anything is sent; until it is finished it counts as failed.

        The permit is judged again under the lock, so that of two runs only one gets the last one. Raises
        :class:`NotPermitted` and :class:`LedgerUnavailable`.
        """
        question = permit.question
        with self._locked():
            entries = self._load()
            now = self._judge(entries, question)
            if not now.allowed:
                raise NotPermitted(now)
            entry = self._entry(entries, question.server, question.source, question.kind, "begun", question.since)
            self._save([*entries, entry])
        return Attempt(entry.id, entry.server, entry.source, question.kind)

    def record(self, permit: Permit, outcome: LoginOutcome) -> None:
        """Put down a request that was sent without a permit, as a run's first one is. Raises :class:`LedgerUnavailable`."""
        question = permit.question
        with self._locked():
            entries = self._load()
            entry = self._entry(entries, question.server, question.source, question.kind, outcome, question.since)
            self._save([*entries, entry])

    def finish(self, attempt: Attempt, outcome: LoginOutcome) -> bool:
        """Record how an attempt ended; False if that could not be written (it goes on counting as failed).

        ``not-counted``: the answer shows that no failure was counted. ``unknown``: no answer came; it counts.
        """
        try:
            with self._locked():
                entries = self._load()
                self._settle(entries, attempt, outcome)
                self._save(entries)
        except LedgerUnavailable:
            return False
        return True

    def _settle(self, entries: list[Entry], attempt: Attempt, outcome: LoginOutcome) -> None:
        """Set the outcome, and with it those of the same run's requests that it explains."""
        for index, entry in enumerate(entries):
            if entry.id == attempt.id:
                entries[index] = replace(entry, outcome=outcome)
            elif (
                attempt.kind == "authorization"
                and outcome in {"not-counted", "accepted"}
                and entry.kind == "authorization"
                and (entry.server, entry.source, entry.run) == (attempt.server, attempt.source, self._run)
                and entry.outcome in {"begun", "refused", "unknown"}
            ):
                entries[index] = replace(entry, outcome="not-counted")

    def _judge(self, entries: list[Entry], question: Question) -> Permit:
        """Apply the rules to what is known."""
        live = self._live(entries, question)
        bans = [entry for entry in live if entry.outcome == "banned"]
        if bans and (wait := bans[-1].at + question.ban_seconds - self._clock()) > 0:
            return make_permit(question, 0, 0, banned_text(question, wait))
        if bans:  # it has run out, and the server has forgotten with it
            live = live[live.index(bans[-1]) + 1 :]
        failures = self._failures(live, question)
        if question.offline == "mismatch" and question.kind == "login":
            return make_permit(question, failures, 0, _MISMATCH)
        if question.limit <= 0:
            return make_permit(question, failures, KEPT_PER_KEY, "")
        room = min(question.limit, KEPT_PER_KEY) - _margin(question)
        if question.kind == "authorization":
            # one goes always, as anything sent that way is the same request
            room = max(1, min(room, _AUTHORIZATIONS))
        elif room <= 0 and question.offline == "match":
            room = 1
        left = max(0, room - failures)
        return make_permit(question, failures, left, "" if left else self._refusal(question, failures, live))

    def _live(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Return the entries of this address that the running server may still remember, oldest first."""
        live: list[Entry] = []
        for entry in entries:
            # Compared as they are counted now: an older qbdoctor wrote 127.0.0.2 and ::1 apart
            if _server(entry.server) not in {question.server, _ANY} or account(entry.source) not in {
                question.source,
                _ANY,
            }:
                continue
            if entry.outcome in CLEARING:
                live.clear()
            elif entry.outcome != "not-counted" and not self._before(entry, question.since):
                live.append(entry)
        return live

    def _before(self, entry: Entry, since: float | None) -> bool:
        """Return whether an entry is surely older than the server's start.

        A clock that was set makes one of these disagree: the times, the ages (which the time since boot gives whatever
        the clock says), the start as it was told when the entry was made; or the start lies in the future.
        """
        if since is None or entry.at >= since - _SLACK_SECONDS:
            return False
        if since > self._clock() + _SLACK_SECONDS or (
            entry.since is not None and abs(entry.since - since) <= _SLACK_SECONDS
        ):
            return False
        boot, uptime = login_entries.this_boot()
        if boot is not None and boot == entry.boot and uptime is not None and entry.uptime is not None:
            return uptime - entry.uptime > self._clock() - since + _SLACK_SECONDS
        return True

    def _failures(self, live: list[Entry], question: Question) -> int:
        """Return how many failures the server may have counted."""
        known = sum(1 for entry in live if entry.server != _ANY) + self._failures_of_others(question)
        if question.log_failures is not None:
            return max(known, question.log_failures)
        lost = any(entry.server == _ANY for entry in live)
        return max(known, question.limit - _margin(question), 1) if lost else known

    def _failures_of_others(self, question: Question) -> int:
        """Return how many failures the ledgers of other users of this machine know of: more than ours, never fewer."""
        number = 0
        for path in self._others:
            try:
                entries = self._parsed(foreign.read(path, _MOST_BYTES))
            except (OSError, LedgerUnavailable):
                continue
            number += len([one for one in self._live(entries or [], question) if one.outcome != "banned"])
        return number

    def _refusal(self, question: Question, failures: int, live: list[Entry]) -> str:
        """Say why nothing is sent, and what to do."""
        where = f"{question.server} (from {question.source})"
        if question.kind == "authorization":
            what = (
                f"{failures} requests to {where} were answered 401 or may have failed a login, which something on the "
                f"way may have caused with an Authorization header of its own; another could get this address banned"
            )
        elif question.log_failures is None and any(entry.server == _ANY for entry in live):
            what = f"The attempt ledger was damaged, so nobody knows how many logins to {where} have failed"
        elif question.limit <= _margin(question) and question.offline != "match":
            what = (
                f"{question.server} bans an address after {question.limit} failed login(s), so a login is sent only "
                "after the password has been checked against the hash in the config file; give --config"
            )
            if not failures:
                return f"{what}."
        else:
            what = f"{failures} failed login(s) to {where} are known, and {question.limit} get the address banned"
        if question.log_failures:
            return f"{what}. Restart qBittorrent, which clears its count: no line in a log proves that a login did."
        return (
            f"{what}. Restart qBittorrent, or log in once in a browser on this machine with the right password: either "
            f"clears the server's count. After the login, or where its process cannot be seen from here, also delete {self.path}."
        )

    def _entry(
        self, entries: list[Entry], server: str, source: str, kind: str, outcome: str, since: float | None
    ) -> Entry:
        """Return a new entry, stamped no earlier than any before it."""
        boot, uptime = login_entries.this_boot()
        at = max([self._clock(), *(entry.at for entry in entries)])
        return Entry(os.urandom(8).hex(), self._run, server, source, kind, outcome, at, since, boot, uptime)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock. Every error of the file system is :class:`LedgerUnavailable`."""
        try:
            trust.check_ours(self.path.parent)
        except Refused as refused:
            raise LedgerUnavailable(refused.reason) from None
        try:
            private.make_private_path(self.path.parent)
            # A fleet's threads queue here, and are not told that "another run" holds it; a file lock is polled for.
            with (
                _OWN.setdefault(self.path, threading.Lock()),
                locks.hold_file(self.path, self.path.with_name(f"{self.path.name}.lock"), LOCK_SECONDS),
            ):
                yield
        except Refused as refused:
            raise LedgerUnavailable(
                f"another run holds the attempt ledger {self.path} for more than {LOCK_SECONDS:g} s; try again"
            ) from refused
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise LedgerUnavailable(
                f"the attempt ledger {self.path} cannot be used ({why}); give --state-dir a folder that can be written"
            ) from error

    def _load(self) -> list[Entry]:
        """Read the entries; a damaged file is put aside, and an entry in its place stands for all it may have held."""
        try:
            data = foreign.read(self.path, _MOST_BYTES, follow=False)
        except FileNotFoundError:
            return []
        entries = self._parsed(data)
        if entries is not None:
            return entries
        mark = self._entry([], _ANY, _ANY, "login", "damaged", None)
        aside = self.path.with_name(f"{self.path.name}.damaged-{mark.id}")
        # A copy, not a rename: whatever ends us here, the file is never simply gone, which would read as "no failures".
        private.replace_private(aside, data)
        self._save([mark])
        return [mark]

    def _parsed(self, data: bytes) -> list[Entry] | None:
        """Return the entries, or None if the file is damaged."""
        try:
            held = json.loads(data)
        except (ValueError, RecursionError):
            return None
        if not isinstance(held, dict):
            return None
        schema = held.get("schema")
        if isinstance(schema, str) and schema.startswith("qbdoctor.ledger/") and schema != SCHEMA:
            raise LedgerUnavailable(f"the attempt ledger {self.path} was written by a newer qbdoctor; use that one")
        rows = held.get("entries")
        if schema != SCHEMA or not isinstance(rows, list):
            return None
        entries = [read_entry(row) for row in rows]
        return None if None in entries else cast("list[Entry]", entries)

    def _save(self, entries: list[Entry]) -> None:
        """Write what still matters."""
        held = {"schema": SCHEMA, "entries": [entry.to_json() for entry in needed(entries)]}
        private.replace_private(self.path, json.dumps(held, indent=1).encode())


_MISMATCH = (
    "The password does not match the hash in the config file, so it would fail and count towards a "
    "ban. Give the right password, or set a new one with `qbdoctor fix set-password`."
)


def _margin(question: Question) -> int:
    """Return what a failure must leave of the limit.

    All users of the server's own machine are one address to it. Their ledgers cannot be seen from here, so that where
    the log does not count for them, too, one more is left: two users who send what they may do not ban each other.
    """
    shared = question.source == "127.0.0.1" and question.log_failures is None and question.kind == "login"
    return _MARGIN + shared


def _server(text: str) -> str:
    """Return ``ip:port`` in one spelling."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isdigit():
        return plain_address(text)
    address = account(host)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
