"""Plans and applies a set of fixes as one transaction, live or in the file; the journal does the writing.

One fix refused, none applied. What was applied and did not help, or broke something, is taken back at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.diagnosis import engine
from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.model.findings import Check
from qbdoctor.model.report import Report
from qbdoctor.observe.observer import Observer
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Record, TargetRecord
from qbdoctor.repair.live_preferences import Live
from qbdoctor.target.processes import Instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qbdoctor.repair.journal.records import Record
    from qbdoctor.repair.restart.restart import RestartPlan
    from qbdoctor.repair.restart.restarter import Restarter
    from qbdoctor.repair.restart.watchdog_client import WatchdogClient


class FixRun:
    """One run of ``fix`` or ``rollback`` on one target.

    ``url_given``: the person named the address, so what answers there is what is meant. ``left`` are sentences about
    what should have been taken back and could not be. ``restart`` permits one that runs to be restarted for its
    file; ``how`` then says how. ``confirm_within`` is a time in seconds; ``waiting`` is what keeps it, and when it ends.
    ``observer_after_restart`` observes the target after its restart. ``say`` takes messages about progress.
    ``new_password`` is the one that counts once all is applied, ``values_before`` what was before where
    neither the Web API nor a record says it, by its name in app/preferences.
    """

    def __init__(
        self,
        observer: Observer,
        journal: Journal,
        checks: Sequence[Check],
        *,
        url_given: bool,
        restart: bool = False,
        confirm_within: float | None = None,
        seconds: float = 0.0,
        say: Callable[[str], None] = print,
    ) -> None:
        self.observer = observer
        self.journal = journal
        self.live = Live(observer)
        self.checks = checks
        self.url_given = url_given
        self.run = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + uuid.uuid4().hex[:6]
        self.before: Report | None = None
        self.after: Report | None = None
        self.left: list[str] = []
        self.restart = restart
        self.confirm_within = confirm_within
        self.seconds = seconds
        self.say = say
        self.how: RestartPlan | None = None
        self.restarter: Restarter | None = None
        self.observer_after_restart: Observer | None = None
        self.waiting: tuple[WatchdogClient, str] | None = None
        self.new_password: Secret | None = None
        self.values_before: dict[str, Json] = {}

    def close(self) -> None:
        """Log out what was opened, before a restart and after it. Never raises."""
        for observer in (self.observer, self.observer_after_restart):
            if observer is not None:
                observer.close()

    def other(self) -> Instance | None:
        """Return the local process that answers at the address though it uses another config than the target's."""
        target = self.observer.target
        if self.url_given or target.instance is not None or target.config_file is None:
            return None
        for one in target.others:
            here = one.shares_network is not False and target.address.port in one.ports
            if here and one.config_file is not None:
                return one
        return None

    @property
    def serves(self) -> bool:
        """Whether the target itself answers, as qBittorrent does."""
        seen = self.observer.seen
        return self.other() is None and seen.anonymous.answered and bool(seen.serves_qbittorrent)

    @property
    def runs(self) -> bool:
        """Whether a qBittorrent holds the settings in memory, as far as can be seen."""
        return self.observer.target.instance is not None or self.serves

    def diagnose(self) -> Report:
        """Run the checks, once, and keep the session for what follows. Raises Refused where they would see another."""
        other = self.other()
        if other is not None:
            raise Refused(
                f"{self.name_other(other)}, so a diagnosis would be of that one: name the fixes, which are then made in "
                f"{self.config()}, or give --profile {other.profile or other.config_file}.",
                "another-answers",
            )
        if self.before is None:
            self.before = engine.run(self.observer, self.checks, close=False)
        return self.before

    def name_other(self, other: Instance) -> str:
        """Return the beginning of a sentence that names the process that answers instead of the target."""
        address = self.observer.address.url
        return f"Another qBittorrent (process {other.pid}, with {other.config_file}) answers at {address}"

    def config(self) -> Path:
        """Return the target's config file. Raises UserError where it is not known."""
        path = self.observer.target.config_file
        if path is None:
            raise UserError("no-config", "the config of this target is not known: name it with --config.", 3)
        return path

    def stopped(self) -> str | None:
        """Return a sentence if a qBittorrent uses the file now: asked again right before each write."""
        from qbdoctor.target import processes  # noqa: PLC0415 - seldom needed

        return processes.running_with(self.config())

    def target(self) -> TargetRecord:
        """Return what a record says of the target."""
        target = self.observer.target
        return TargetRecord(
            url=target.address.url,
            config_file=str(target.config_file) if target.config_file else None,
            profile=str(target.profile) if target.profile else None,
        )


class NotHelped(Refused):
    """The set was applied and did not do what it should. ``records`` are as they stand after it was taken back."""

    def __init__(self, reason: str, records: Sequence[Record] = ()) -> None:
        super().__init__(reason, "verification-failed")
        self.records = tuple(records)
