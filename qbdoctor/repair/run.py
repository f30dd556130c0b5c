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
    from qbdoctor.target.description import Target


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
        return self.observer.target.runs or self.serves

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
        if path is None and self.observer.target.handed is not None:
            raise out_of_reach(self.observer.target)
        if path is None:
            raise UserError("no-config", "the config of this target is not known: name it with --config.", 3)
        return path

    def stopped(self) -> str | None:
        """Return a sentence if a qBittorrent uses the file now: asked again right before each write."""
        from qbdoctor.target import containers  # noqa: PLC0415 - seldom needed

        return containers.running_with(self.config())

    def target(self) -> TargetRecord:
        """Return what a record says of the target."""
        target = self.observer.target
        return TargetRecord(
            url=target.address.url,
            config_file=str(target.config_file) if target.config_file else None,
            profile=str(target.profile) if target.profile else None,
            container=f"{target.container.engine} {target.container.name}" if target.container is not None else None,
            config_inside=self._inside(),
        )

    def _inside(self) -> str | None:
        """Return what the target's container calls its config."""
        one, file = self.observer.target.container, self.observer.target.config_file
        found = None if one is None or file is None else one.inside_path(file)
        return None if found is None else str(found)


def out_of_reach(target: Target) -> Refused:
    """Return the refusal to write a config that its container's engine alone hands out."""
    handed = target.handed
    assert handed is not None  # noqa: S101 - for the type checker: it was asked for that
    mount = handed.container.mount_of(handed.config_inside)
    name, engine = handed.container.name, handed.container.engine
    if mount is None:
        text = (
            f"The config {handed.shown} lies in the container itself, in no volume, and is gone when it is made anew: mount a "
            "folder at its place first, or change it live (--via api)."
        )
    else:
        what = f"volume {mount.name}" if mount.kind == "volume" and mount.name else f"folder {mount.source}"
        text = (
            f"The config {handed.shown} lies in the {what} of container {name} ({engine}), where this user may not write: "
            "change it live (--via api), or run this as root."
        )
    return Refused(text, "config-out-of-reach")


class NotHelped(Refused):
    """The set was applied and did not do what it should. ``records`` are as they stand after it was taken back."""

    def __init__(self, reason: str, records: Sequence[Record] = ()) -> None:
        super().__init__(reason, "verification-failed")
        self.records = tuple(records)
