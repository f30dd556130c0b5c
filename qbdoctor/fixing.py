"""Plans, applies and verifies a set of fixes as one transaction, live or in the file; the journal does the writing.

One fix refused, none applied. What was applied and did not help, or broke something, is taken back at once.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from qbdoctor import engine, meanings, qtvalues, releases
from qbdoctor.atomic import Refused
from qbdoctor.instances import find_instances
from qbdoctor.journal import Journal
from qbdoctor.model import Check, Edit, Fix, Json, Report, UserError
from qbdoctor.observe import Observer
from qbdoctor.planning import FilePlan, SettingEdit, api_changes
from qbdoctor.records import Change, Record, Target
from qbdoctor.settings import Settings

Via = Literal["api", "file"]
SAVE_SECONDS = 8.0
"""qBittorrent saves at once after setPreferences, and some seconds after its start (measured, 4.2.5 to 5.3.0)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One fix of the plan: what it changes and why it is there ("requested", or the cause that it answers)."""

    fix: Fix
    reason: str
    edits: tuple[Edit, ...]
    changes: tuple[Change, ...]
    file: FilePlan | None = None
    before: Mapping[str, Json] = field(default_factory=dict)
    after: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and which way. ``already`` are fixes whose settings are so already."""

    via: Via
    steps: tuple[Step, ...]
    already: tuple[str, ...] = ()

    def diff(self) -> tuple[str, ...]:
        """Return the changes as lines that start with "-" and "+", secrets masked."""
        return tuple(line for step in self.steps for change in step.changes for line in change.diff())


class NotHelped(Refused):
    """The set was applied, did not do what it should, and was taken back."""


class Surgery:
    """One run of ``fix`` on one target."""

    def __init__(self, observer: Observer, journal: Journal, checks: Sequence[Check]) -> None:
        self.observer = observer
        self.journal = journal
        self.checks = checks
        self.run = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + uuid.uuid4().hex[:6]
        self.before: Report | None = None
        self.after: Report | None = None

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def serves(self) -> bool:
        """Whether the target answers as qBittorrent does."""
        seen = self.observer.seen
        return seen.anonymous.answered and bool(seen.serves_qbittorrent)

    @property
    def runs(self) -> bool:
        """Whether a qBittorrent holds the settings in memory, as far as can be seen."""
        return self.observer.target.instance is not None or self.serves

    def diagnose(self) -> Report:
        """Run the checks, once, and keep the session for what follows."""
        if self.before is None:
            self.before = engine.run(self.observer, self.checks, close=False)
        return self.before

    def way(self, asked: str) -> Via:
        """Return which way the settings are changed, or refuse. ``auto`` is live where it runs, else the file."""
        target = self.observer.target
        if asked == "file" or (asked == "auto" and not self.runs):
            if target.config_file is None:
                raise UserError(
                    "no-config",
                    f"{target.address.url} is not served and no config is known: start qBittorrent, or name the file with "
                    "--config.",
                    3,
                )
            if self.runs:
                raise self._running()
            return "file"
        if not self.serves:
            what = "runs, but its Web UI does not answer" if self.runs else "does not answer"
            raise Refused(
                f"qBittorrent at {target.address.url} {what}, so nothing can be changed through the Web API: stop it and use "
                "--via file.",
                "api-unavailable",
            )
        return "api"

    def _running(self) -> Refused:
        instance = self.observer.target.instance
        who = f"process {instance.pid}" if instance else f"something answers at {self.observer.address.url}"
        return Refused(
            f"qBittorrent runs ({who}) and would overwrite an edit of its file when it saves: use --via api, or stop it "
            "first and run this again.",
            "running",
        )

    # --- planning ---------------------------------------------------------------------------------------------------

    def plan(self, wanted: Sequence[tuple[Fix, str]], via: Via) -> Plan:
        """Work out the edits of these fixes, each with its reason. Raises Refused and UserError; writes nothing."""
        steps: list[Step] = []
        already: list[str] = []
        file: FilePlan | None = None
        preferences = self.preferences() if via == "api" else {}
        for fix, reason in wanted:
            edits = fix.plan(self.observer.seen, None if reason == "requested" else reason)
            step = (
                self._file_step(fix, reason, edits, file)
                if via == "file"
                else self._api_step(fix, reason, edits, preferences)
            )
            if not step.changes:
                already.append(fix.id)
                continue
            steps.append(step)
            file = step.file or file
            preferences = {**preferences, **step.after}
        return Plan(via, tuple(steps), tuple(already))

    def _file_step(self, fix: Fix, reason: str, edits: tuple[Edit, ...], on: FilePlan | None) -> Step:
        settings = self._settings()
        places = [(edit, settings.place(edit.setting)) for edit in edits]
        written = [SettingEdit(edit.setting, *place, raw_text(edit)) for edit, place in places]
        plan = self.journal.plan_file(self._config(), written, on=on, version=settings.version)
        return Step(fix, reason, edits, plan.changes, plan)

    def _api_step(self, fix: Fix, reason: str, edits: tuple[Edit, ...], preferences: Mapping[str, Json]) -> Step:
        version = self.observer.seen.version
        after: dict[str, Json] = {}
        for edit in edits:
            name = meanings.json_name(edit.setting)
            if name is None or name not in preferences:
                raise Refused(
                    f"{fix.id}: this release's Web API has no {edit.setting}: stop qBittorrent and use --via file.",
                    "no-such-preference",
                )
            after[name] = meanings.json_value(edit.setting, raw_text(edit), version)
        before = {name: preferences[name] for name in after}
        return Step(fix, reason, edits, api_changes(before, after, version), None, before, after)

    def _config(self) -> Path:
        path = self.observer.target.config_file
        if path is None:
            raise UserError("no-config", "the config of this target is not known: name it with --config.", 3)
        return path

    def _settings(self) -> Settings:
        return Settings.load(self._config())

    # --- the Web API ------------------------------------------------------------------------------------------------

    def preferences(self) -> Mapping[str, Json]:
        """Return app/preferences, whole: only named members ever leave this class. Raises UserError without a session."""
        session = self.observer.session
        if not session.cookies and session.api_key is None:
            raise self._no_session()
        exchange, raw = session.read("GET", "/api/v2/app/preferences", show_body=False)
        if exchange.status == 403:
            raise self._no_session()
        if exchange.status != 200:
            raise Refused(f"app/preferences answered {exchange.outcome()}, so nothing was changed.", "api-failed")
        try:
            found = json.loads(raw)
        except ValueError:
            raise Refused("app/preferences did not answer with JSON, so nothing was changed.", "api-failed") from None
        return dict(found)

    def _no_session(self) -> UserError:
        sign_in = self.observer.seen.sign_in
        why = sign_in.text if sign_in.outcome != "accepted" else "the session is not accepted"
        return UserError(
            "no-session",
            f"The Web API at {self.observer.address.url} needs a session: {why.rstrip('.')}; or stop qBittorrent and use "
            "--via file.",
            3,
        )

    def write(self, values: Mapping[str, Json]) -> None:
        """Send these preferences, and no others. Raises Refused."""
        form = {"json": json.dumps(dict(values))}
        exchange = self.observer.session.call("POST", "/api/v2/app/setPreferences", form, show_body=False)
        if exchange.status != 200:
            raise Refused(f"app/setPreferences answered {exchange.outcome()}.", "api-failed")

    # --- doing ------------------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> tuple[Record, ...]:
        """Apply all of the plan or nothing of it. Raises Refused and UserError."""
        done: list[Record] = []
        with self.journal.locked():
            try:
                for step in plan.steps:
                    record = self._apply_one(plan.via, step)
                    if record is not None:
                        done.append(record)
            except BaseException:
                self._take_back(plan.via, done, "another fix of the same run could not be applied")
                raise
        return tuple(done)

    def _apply_one(self, via: Via, step: Step) -> Record | None:
        who: dict[str, Any] = {"fix": step.fix.id, "reason": step.reason, "run": self.run, "target": self.target()}
        if via == "api":
            version = self.observer.seen.version
            return self.journal.apply_api(step.before, step.after, self.write, self.preferences, version=version, **who)
        assert step.file is not None  # noqa: S101 - for the type checker: a step of the file has one
        settings = Settings.parse(step.file.data)
        written = [SettingEdit(edit.setting, *settings.place(edit.setting), raw_text(edit)) for edit in step.edits]
        return self.journal.apply_file(
            self._config(), written, expect_sha256=step.file.sha256, version=settings.version, guard=self.stopped, **who
        )

    def stopped(self) -> str | None:
        """Return a sentence if a qBittorrent uses the file now: asked again right before each write."""
        return running_with(self._config())

    def target(self) -> Target:
        """Return what a record says of the target."""
        target = self.observer.target
        return Target(
            url=target.address.url,
            config_file=str(target.config_file) if target.config_file else None,
            profile=str(target.profile) if target.profile else None,
        )

    def _take_back(self, via: Via, records: Sequence[Record], why: str) -> None:
        for record in reversed(records):
            if via == "api":
                self.journal.undo(record, why=why, write=self.write, read=self.preferences)
            else:
                self.journal.undo(record, why=why, guard=self.stopped)

    # --- verifying --------------------------------------------------------------------------------------------------

    def verify(self, plan: Plan, records: Sequence[Record]) -> tuple[Record, ...]:
        """See whether the set did what it should, once, after all of it. Raises NotHelped after taking it back."""
        try:
            texts = self._verify_api(plan) if plan.via == "api" else self._verify_file(plan)
        except NotHelped as failed:
            self._take_back(plan.via, records, failed.reason)
            raise NotHelped(f"{failed.reason} Everything was put back as it was.", "verification-failed") from None
        except BaseException:
            self._take_back(plan.via, records, "the verification broke off")
            raise
        return tuple(self.journal.mark_verified(record, texts[record.fix]) for record in records)

    def _verify_file(self, plan: Plan) -> dict[str, str]:
        settings = self._settings()
        for step in plan.steps:
            for edit in step.edits:
                found = settings.found(edit.setting)
                raw = found.raw if found else None
                if meanings.meaning(edit.setting, raw) != meanings.meaning(edit.setting, raw_text(edit)):
                    raise NotHelped(f"{step.fix.id}: {edit.setting} does not read back as it was written.")
        text = f"read back from {self._config()}; it counts from the next start of qBittorrent on"
        return {step.fix.id: text for step in plan.steps}

    def _verify_api(self, plan: Plan) -> dict[str, str]:
        fresh = self.observer.again()
        texts: dict[str, str] = {}
        self.after = engine.run(fresh, self.checks, close=False)
        for step in plan.steps:
            shown = step.fix.judge(self.observer.seen, fresh.seen)
            if shown.works is False:
                raise NotHelped(f"{step.fix.id} did not help: {shown.text}.")
            texts[step.fix.id] = shown.text if shown.works else self._verify_by_reading(step)
        self._compare(plan)
        return texts

    def _verify_by_reading(self, step: Step) -> str:
        """Verify by the preferences and the file that qBittorrent rewrites, where no address of ours can show it."""
        now = self.preferences()
        for name, value in step.after.items():
            if now.get(name) != value:
                raise NotHelped(f"{step.fix.id}: app/preferences does not show {name} as it was set.")
        path = self.observer.target.config_file
        if path is None:
            return "app/preferences shows it; its config file is not at hand"
        end = time.monotonic() + SAVE_SECONDS
        while not self._file_says(path, step):
            if time.monotonic() > end:
                raise NotHelped(
                    f"{step.fix.id}: app/preferences shows it, but {path} does not after {SAVE_SECONDS:.0f} s: qBittorrent "
                    "cannot save its settings, or uses another file."
                )
            time.sleep(0.1)
        return f"app/preferences shows it, and so does {path}, which qBittorrent rewrote"

    def _file_says(self, path: Path, step: Step) -> bool:
        try:
            settings = Settings.load(path, self.observer.seen.version)
        except UserError:  # it is being replaced at this moment
            return False
        for edit in step.edits:
            found = settings.found(edit.setting)
            raw = found.raw if found else None
            default = releases.default(releases.key(edit.setting), self.observer.seen.version or releases.NEWEST)
            if raw is None and default == edit.value:
                continue
            if meanings.meaning(edit.setting, raw) != meanings.meaning(edit.setting, raw_text(edit)):
                return False
        return True

    def _compare(self, plan: Plan) -> None:
        """Hold the checks' findings after the set against those before."""
        if self.before is None or self.after is None:
            return
        now = {cause.id for cause in self.after.causes if cause.severity == "error"}
        was = {cause.id for cause in self.before.causes if cause.severity == "error"}
        new = [cause for cause in self.after.causes if cause.id in now - was]
        if new:
            raise NotHelped(f"Applied, the set lets another fault appear ({new[0].id}): {new[0].summary}.")
        left = [step.reason for step in plan.steps if step.reason in {cause.id for cause in self.after.causes}]
        if left:
            raise NotHelped(f"The set did not help: {left[0]} is still found.")


def raw_text(edit: Edit) -> str | None:
    """Return a value as Qt itself would write it into the file."""
    value = edit.value
    match value:
        case None:
            return None
        case bool():
            return qtvalues.from_bool(value)
        case int():
            return str(value)
        case str():
            return qtvalues.from_text(value, utf8=False)
        case _:
            return qtvalues.from_list(value, utf8=False)


def running_with(config: Path) -> str | None:
    """Return a sentence if a running qBittorrent uses this config file, else None."""
    for instance in find_instances():
        try:
            same = instance.config_file is not None and instance.config_file.samefile(config)
        except OSError:
            same = False
        if same:
            return (
                f"qBittorrent (process {instance.pid}) runs with {config} and would overwrite the edit: stop it first."
            )
    return None


def wanted_by_causes(report: Report, fixes: Sequence[Fix], seen: Any, *, infos: bool) -> list[tuple[Fix, str]]:
    """Return the keeping and hardening fixes of the causes found, each with the cause it answers; no fix twice."""
    chosen: dict[str, tuple[Fix, str]] = {}
    for cause in report.causes:
        if cause.severity == "info" and not infos:
            continue
        for fix in fixes:
            if (
                cause.id in fix.answers
                and fix.effect != "loosens"
                and fix.id not in chosen
                and fix.plan(seen, cause.id)
            ):
                chosen[fix.id] = (fix, cause.id)
    return [chosen[fix.id] for fix in fixes if fix.id in chosen]
