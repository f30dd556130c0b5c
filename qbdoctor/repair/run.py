"""Plans and applies a set of fixes as one transaction, live or in the file; the journal does the writing.

One fix refused, none applied. What was applied and did not help, or broke something, is taken back at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbdoctor.config import conversions
from qbdoctor.config.settings import Settings
from qbdoctor.diagnosis import engine
from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.edits import AnyEdit, Edit, Fix, ReplaceFile
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.model.findings import Check
from qbdoctor.model.report import Report
from qbdoctor.observe.observer import Observer
from qbdoctor.observe.release import reader
from qbdoctor.repair import exposure, password_change, planner, transaction, verify
from qbdoctor.repair.edits import file_plan
from qbdoctor.repair.edits.file_plan import FilePlan
from qbdoctor.repair.edits.preference_plan import FileText, api_changes
from qbdoctor.repair.edits.values import json_value, written
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Record, TargetRecord
from qbdoctor.repair.live_preferences import Live
from qbdoctor.repair.plan import Plan, PlanStep, Via, no_contradiction
from qbdoctor.repair.verify import NotHelped
from qbdoctor.storage import atomic, private
from qbdoctor.target.processes import Instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qbdoctor.repair.journal.records import Record
    from qbdoctor.repair.restart.restart import RestartPlan
    from qbdoctor.repair.restart.restarter import Restarter
    from qbdoctor.repair.restart.watchdog_client import WatchdogClient

UNDO_SECONDS = 15.0
"""Taking back what failed may take this long even when the run's time is over."""
API_IS_NO_WAY = {"not-this-way", "no-session", "no-such-preference", "api-unavailable", "api-failed"}
"""What makes ``--via auto`` with ``--restart`` turn to the file."""


class FixRun:
    """One run of ``fix`` or ``rollback`` on one target.

    ``url_given``: the person named the address, so what answers there is what is meant. ``left`` are sentences about
    what should have been taken back and could not be. ``restart`` permits one that runs to be restarted for its
    file; ``how`` then says how. ``confirm_within`` is a time in seconds; ``waiting`` is what keeps it, and when it ends.
    ``observer_after_restart`` observes the target after its restart. ``new_password`` is the one that counts once all is applied,
    ``values_before`` what was before where neither the Web API nor a record says it, by its name in app/preferences.
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

    # --- looking ----------------------------------------------------------------------------------------------------

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
                f"{self._is_other(other)}, so a diagnosis would be of that one: name the fixes, which are then made in "
                f"{self.config()}, or give --profile {other.profile or other.config_file}.",
                "another-answers",
            )
        if self.before is None:
            self.before = engine.run(self.observer, self.checks, close=False)
        return self.before

    def way(self, asked: str) -> Via:
        """Return which way the settings are changed, or refuse. ``auto`` is live where it runs, else the file."""
        target = self.observer.target
        if asked == "file" or (asked == "auto" and (not self.runs or (self.restart and not self.serves))):
            if target.config_file is None:
                raise UserError(
                    "no-config",
                    f"{target.address.url} is not served and no config is known: start qBittorrent, or name the file with "
                    "--config.",
                    3,
                )
            if self.runs and not self.restart:
                raise self._running()
            self.how = self._how() if self.runs else None
            return "file"
        other = self.other()
        if other is not None:
            raise Refused(f"{self._is_other(other)}: use --via file for the target's own.", "another-answers")
        if not self.serves:
            what = "runs, but its Web UI does not answer" if self.runs else "does not answer"
            raise Refused(
                f"qBittorrent at {target.address.url} {what}, so nothing can be changed through the Web API: stop it and use "
                "--via file.",
                "api-unavailable",
            )
        return "api"

    def _is_other(self, other: Instance) -> str:
        address = self.observer.address.url
        return f"Another qBittorrent (process {other.pid}, with {other.config_file}) answers at {address}"

    def _running(self) -> Refused:
        instance = self.observer.target.instance
        who = f"process {instance.pid}" if instance else f"something answers at {self.observer.address.url}"
        return Refused(
            f"qBittorrent runs ({who}) and would overwrite an edit of its file when it saves: use --via api, or stop it "
            "first and run this again; or have it restarted for that with --restart.",
            "running",
        )

    def _how(self) -> RestartPlan:
        """Return how the running one is restarted. Raises Cannot."""
        from qbdoctor.repair.restart import restart  # noqa: PLC0415 - seldom needed

        instance = self.observer.target.instance
        if instance is None:
            raise restart.CannotRestart(
                f"the process behind {self.observer.address.url} is not to be seen here",
                "Stop it where it runs, run this without --restart, and start it again.",
            )
        return restart.plan(instance, self.config())

    # --- planning ---------------------------------------------------------------------------------------------------

    def plan_either_way(self, wanted: Sequence[tuple[Fix, str]], via: Via, asked: str) -> Plan:
        """Plan; where the Web API turns out to be no way, with a restart in the file."""
        try:
            return self.plan(wanted, via)
        except UserError as error:
            if via == "file" or asked != "auto" or not self.restart or error.code not in API_IS_NO_WAY:
                raise
        return self.plan(wanted, self.way("file"))

    def plan_again(self, plan: Plan) -> Plan:
        """Plan the same edits on the file as it is now: one that stops writes it once more. Raises Refused."""
        steps: list[PlanStep] = []
        for step in plan.steps:
            steps.append(self._file_step(step.fix, step.reason, step.edits, steps[-1].file if steps else None))
        return Plan("file", tuple(step for step in steps if step.changes), plan.already, plan.idle)

    def plan(self, wanted: Sequence[tuple[Fix, str]], via: Via) -> Plan:
        """Work out the edits of these fixes, each with its reason. Raises Refused and UserError; writes nothing."""
        steps: list[PlanStep] = []
        already: list[str] = []
        idle: list[str] = []
        file: FilePlan | None = None
        preferences = self.live.read() if via == "api" else {}
        for fix, reason, edits in self._edits(wanted):
            self._may(fix, via)
            step = (
                self._file_step(fix, reason, edits, file)
                if via == "file"
                else self._api_step(fix, reason, edits, preferences)
            )
            if not step.changes:
                (already if any(isinstance(edit, Edit) for edit in edits) else idle).append(fix.id)
                continue
            steps.append(step)
            file = step.file or file
            preferences = {**preferences, **step.after}
        if via == "api":
            planner.check_undoable(steps, timed=self.confirm_within is not None)
        if file is not None:  # what would be refused at the write is refused before anybody is asked
            real = file_plan.real_file(self.config())
            if not any(step.file is not None and step.file.beside is not None for step in steps):
                file_plan.check_no_new_file(real)
            atomic.check_replaceable(real)
        return Plan(via, tuple(steps), tuple(already), tuple(idle))

    def _edits(self, wanted: Sequence[tuple[Fix, str]]) -> list[tuple[Fix, str, tuple[AnyEdit, ...]]]:
        """Return the edits of each; what replaces the whole file comes first, since it would undo the others."""
        seen = self.observer.seen
        planned = [(fix, reason, fix.edits(seen, None if reason == "requested" else reason)) for fix, reason in wanted]
        no_contradiction(planned)
        return sorted(planned, key=lambda one: not any(isinstance(edit, ReplaceFile) for edit in one[2]))

    def _may(self, fix: Fix, via: Via) -> None:
        why = fix.refused(self.observer.seen, via)
        if why:
            raise Refused(f"{fix.id}: {why}", "not-this-way")

    def _file_step(self, fix: Fix, reason: str, edits: tuple[AnyEdit, ...], on: FilePlan | None) -> PlanStep:
        version = reader(self.observer)
        settings = Settings.load(self.config(), version) if on is None else Settings.parse(on.result, version)
        plan = self.journal.plan_file(self.config(), written(settings, edits), on=on, version=version)
        return PlanStep(fix, reason, edits, plan.changes, plan, exposure.of(fix, plan, version))

    def _api_step(self, fix: Fix, reason: str, edits: tuple[AnyEdit, ...], preferences: Mapping[str, Json]) -> PlanStep:
        version = self.observer.seen.version
        after: dict[str, Json] = {}
        values_before: dict[str, Json] = {}
        texts: dict[str, FileText] = {}
        for edit in edits:
            if isinstance(edit, Edit) and (secret := password_change.setting(self.observer, edit)) is not None:
                after[secret.name], texts[edit.setting] = secret.value, secret.text
                if secret.before is not None:
                    values_before[secret.name] = secret.before
                continue
            name = conversions.json_name(edit.setting)
            if name is None or name not in preferences or not isinstance(edit, Edit):
                raise Refused(
                    f"{fix.id}: this release's Web API has no {edit.setting}: stop qBittorrent and use --via file.",
                    "no-such-preference",
                )
            after[name] = json_value(edit, preferences[name], version)
        before = {**{name: preferences[name] for name in after if name in preferences}, **values_before}
        self.values_before |= values_before
        changes = api_changes(before, after, version, texts)
        return PlanStep(fix, reason, edits, changes, None, fix.exposes, before, after, texts)

    def config(self) -> Path:
        """Return the target's config file. Raises UserError where it is not known."""
        path = self.observer.target.config_file
        if path is None:
            raise UserError("no-config", "the config of this target is not known: name it with --config.", 3)
        return path

    # --- doing ------------------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan) -> tuple[Record, ...]:
        """Apply the plan and verify it, with a restart where one is needed. Raises Refused, NotHelped and UserError."""
        if self.confirm_within is None and (self.how is None or plan.via == "api"):
            return self.verify(plan, self.apply(plan))
        from qbdoctor.repair import execution  # noqa: PLC0415 - seldom needed

        return execution.carry_out(self, plan)

    def apply(self, plan: Plan) -> tuple[Record, ...]:
        """Apply all of the plan or nothing of it. Raises Refused and UserError."""
        done: list[Record] = []
        with self.journal.locked():
            plan = self._on_file_now(plan)
            try:
                for step in plan.steps:
                    record = self._apply_one(plan.via, step)
                    if record is not None:
                        done.append(record)
            except BaseException:
                self.take_back(plan.via, done, "another fix of the same run could not be applied")
                raise
        if self.new_password is not None:
            self.observer.give_password(self.new_password)
        return tuple(done)

    def _on_file_now(self, plan: Plan) -> Plan:
        """Return the plan for the file as it is now, if only other settings in it were changed since it was made."""
        files = [step.file for step in plan.steps if step.file is not None]
        if plan.via != "file" or not files or any(file.beside is not None for file in files):
            return plan
        if private.sha256(file_plan.config_bytes(self.config())) == files[0].sha256:
            return plan
        again = self.plan_again(plan)
        return again if again.same_in_file(plan) else plan  # which the journal then refuses

    def _apply_one(self, via: Via, step: PlanStep) -> Record | None:
        who: dict[str, Any] = {"fix": step.fix.id, "reason": step.reason, "run": self.run, "target": self.target()}
        who["diagnosis"] = transaction.kept(self.before, step.reason, step.fix.answers)
        if via == "api":
            return self._apply_live(step, who)
        assert step.file is not None  # noqa: S101 - for the type checker: a step of the file has one
        settings = Settings.parse(step.file.data, reader(self.observer))
        edits, sha256 = written(settings, step.edits), step.file.sha256
        return self.journal.apply_file(
            self.config(),
            edits,
            expect_sha256=sha256,
            expect_beside=step.file.beside,
            version=settings.version,
            guard=self.stopped,
            **who,
        )

    def _apply_live(self, step: PlanStep, who: dict[str, Any]) -> Record | None:
        present, version = self.live.read(), self.observer.seen.version
        before = {name: value for name, value in step.before.items() if not isinstance(value, Secret)}

        def texts() -> Mapping[str, FileText]:
            return password_change.texts(self.config(), step.texts, version)

        if any(present.get(name) != value for name, value in before.items()) or (step.texts and texts() != step.texts):
            raise Refused("The preferences were changed since the plan was made: look again.", "config-changed")
        return self.journal.apply_api(
            step.before,
            step.after,
            self.live.write,
            self.live.read,
            version=version,
            texts=texts if step.texts else None,
            **who,
        )

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

    def verify(self, plan: Plan, records: Sequence[Record]) -> tuple[Record, ...]:
        """See whether the set did what it should. Raises NotHelped after taking it back."""
        try:
            texts = verify.verify(self, plan)
        except UserError as failed:
            raise self.undone(plan.via, records, failed.message) from None
        except BaseException:
            self.take_back(plan.via, records, "the verification broke off")
            raise
        return tuple(self._verified(record, texts[record.fix]) for record in records)

    def _verified(self, record: Record, text: str) -> Record:
        try:
            return self.journal.mark_verified(record, text)
        except Refused as refused:  # it works and can be taken back all the same
            self.left.append(f"{record.fix} works, and its record could not be told so: {refused.reason}")
            return replace(record, verified_by=text)

    def undone(self, via: Via, records: Sequence[Record], why: str) -> NotHelped:
        """Take these back and return what to raise then."""
        records = self.take_back(via, records, why)
        end = " ".join(self.left) or "Everything was put back as it was."
        self.left.clear()
        return NotHelped(f"{why} {end}", records)

    def take_back(self, via: Via, records: Sequence[Record], why: str) -> tuple[Record, ...]:
        """Take these back the way they were made; returns them as they then are. What could not be is ``left``."""
        self.live.allow(UNDO_SECONDS)
        after: list[Record] = []
        for record in reversed(records):
            try:
                if via == "api":
                    write, read = self.live.write, self.live.read
                    after.append(
                        self.journal.undo(record, why=why, write=write, read=read, values_before=self.values_before)
                    )
                else:
                    if self.restarter is not None:
                        self.restarter.down()
                    after.append(self.journal.undo(record, why=why, guard=self.stopped))
            except UserError as error:
                after.append(record)
                self.left.append(
                    f"{record.fix} stays, since it could not be taken back ({error.message.rstrip('.')}): stop qBittorrent "
                    f"and run qbdoctor rollback {record.id} --via file."
                )
        return tuple(reversed(after))
