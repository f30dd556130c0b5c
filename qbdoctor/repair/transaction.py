"""Applies the planned fixes as one transaction, verifies them, and takes all back where one fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.model.report import Report
from qbdoctor.observe.release import reader
from qbdoctor.repair import password_change, planner
from qbdoctor.repair import verify as verification
from qbdoctor.repair.edits import file_plan
from qbdoctor.repair.edits.preference_plan import FileText
from qbdoctor.repair.edits.values import written
from qbdoctor.repair.journal.records import ChangeRequest
from qbdoctor.repair.plan import Plan, PlanStep, Via
from qbdoctor.repair.run import FixRun, NotHelped
from qbdoctor.storage import private
from qbdoctor.values import replace

if TYPE_CHECKING:
    from qbdoctor.repair.journal.records import Record

UNDO_SECONDS = 15.0
"""Taking back what failed may take this long even when the run's time is over."""


def apply(fix_run: FixRun, plan: Plan) -> tuple[Record, ...]:
    """Apply all of the plan or nothing of it. Raises Refused and UserError."""
    done: list[Record] = []
    with fix_run.journal.locked():
        plan = _on_file_now(fix_run, plan)
        try:
            for step in plan.steps:
                record = _apply_one(fix_run, plan.via, step)
                if record is not None:
                    done.append(record)
        except BaseException:
            take_back(fix_run, plan.via, done, "another fix of the same run could not be applied")
            raise
    if fix_run.new_password is not None:
        fix_run.observer.give_password(fix_run.new_password)
    return tuple(done)


def _on_file_now(fix_run: FixRun, plan: Plan) -> Plan:
    """Return the plan for the file as it is now, if only other settings in it were changed since it was made."""
    files = [step.file for step in plan.steps if step.file is not None]
    if plan.via != "file" or not files or any(file.beside is not None for file in files):
        return plan
    if private.sha256(file_plan.config_bytes(fix_run.config())) == files[0].sha256:
        return plan
    again = planner.plan_again(fix_run, plan)
    return again if again.same_in_file(plan) else plan  # which the journal then refuses


def _apply_one(fix_run: FixRun, via: Via, step: PlanStep) -> Record | None:
    diagnosis = kept(fix_run.before, step.reason, step.fix.answers)
    request = ChangeRequest(step.fix.id, step.reason, fix_run.run, fix_run.target(), diagnosis)
    if via == "api":
        return _apply_live(fix_run, step, request)
    assert step.file is not None  # noqa: S101 - for the type checker: a step of the file has one
    settings = Settings.parse(step.file.data, reader(fix_run.observer))
    edits, sha256 = written(settings, step.edits), step.file.sha256
    return fix_run.journal.apply_file(
        fix_run.config(),
        edits,
        request,
        expect_sha256=sha256,
        expect_beside=step.file.beside,
        version=settings.version,
        guard=fix_run.stopped,
    )


def _apply_live(fix_run: FixRun, step: PlanStep, request: ChangeRequest) -> Record | None:
    present, version = fix_run.live.read(), fix_run.observer.seen.version
    before = {name: value for name, value in step.before.items() if not isinstance(value, Secret)}

    def texts() -> Mapping[str, FileText]:
        return password_change.texts(fix_run.config(), step.texts, version)

    if any(present.get(name) != value for name, value in before.items()) or (step.texts and texts() != step.texts):
        raise Refused("The preferences were changed since the plan was made: look again.", "config-changed")
    return fix_run.journal.apply_api(
        step.before,
        step.after,
        fix_run.live.write,
        fix_run.live.read,
        request,
        version=version,
        texts=texts if step.texts else None,
    )


def verify(fix_run: FixRun, plan: Plan, records: Sequence[Record]) -> tuple[Record, ...]:
    """See whether the set did what it should. Raises NotHelped after taking it back."""
    try:
        texts = verification.verify(fix_run, plan)
    except UserError as failed:
        raise undone(fix_run, plan.via, records, failed.message) from None
    except BaseException:
        take_back(fix_run, plan.via, records, "the verification broke off")
        raise
    return tuple(_verified(fix_run, record, texts[record.fix]) for record in records)


def _verified(fix_run: FixRun, record: Record, text: str) -> Record:
    try:
        return fix_run.journal.mark_verified(record, text)
    except Refused as refused:  # it works and can be taken back all the same
        fix_run.left.append(f"{record.fix} works, and its record could not be told so: {refused.reason}")
        return replace(record, verified_by=text)


def undone(fix_run: FixRun, via: Via, records: Sequence[Record], why: str) -> NotHelped:
    """Take these back and return what to raise then."""
    records = take_back(fix_run, via, records, why)
    end = " ".join(fix_run.left) or "Everything was put back as it was."
    fix_run.left.clear()
    return NotHelped(f"{why} {end}", records)


def take_back(fix_run: FixRun, via: Via, records: Sequence[Record], why: str) -> tuple[Record, ...]:
    """Take these back the way they were made; returns them as they then are. What could not be is ``left``."""
    fix_run.live.allow(UNDO_SECONDS)
    after: list[Record] = []
    for record in reversed(records):
        try:
            if via == "api":
                write, read = fix_run.live.write, fix_run.live.read
                after.append(
                    fix_run.journal.undo(record, why=why, write=write, read=read, values_before=fix_run.values_before)
                )
            else:
                if fix_run.restarter is not None:
                    fix_run.restarter.down()
                after.append(fix_run.journal.undo(record, why=why, guard=fix_run.stopped))
        except UserError as error:
            after.append(record)
            fix_run.left.append(
                f"{record.fix} stays, since it could not be taken back ({error.message.rstrip('.')}): stop qBittorrent "
                f"and run qbdoctor rollback {record.id} --via file."
            )
    return tuple(reversed(after))


_MOST_EVIDENCE = 20


def kept(report: Report | None, reason: str, answers: Sequence[str]) -> Mapping[str, Json] | None:
    """Return the record's ``diagnosis``: the causes that are the reason, or that a requested fix answers.

    A report holds no secret, so this holds none. None where nothing was looked at before.
    """
    if report is None:
        return None
    wanted = set(answers) if reason == "requested" else {reason}
    target = report.target
    return {
        "headline": report.headline,
        "state": report.state,
        "version": target.version or target.version_range,
        "process": None if target.process is None else target.process.to_json(),
        "causes": [
            {
                "id": cause.id,
                "severity": cause.severity,
                "confidence": cause.confidence,
                "summary": cause.summary,
                "evidence": [each.to_json() for each in cause.evidence[:_MOST_EVIDENCE]],
            }
            for cause in report.causes
            if cause.id in wanted
        ],
    }
