"""Runs ``qbdoctor lint --fix``: plan, diff, question, backup, the proven lines, and a second look; undone where that fails."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from qbdoctor.cli import outcome, output
from qbdoctor.cli.changes import prompts, record_selection
from qbdoctor.cli.outcome import CommandOutcome
from qbdoctor.cli.target_options import state_folder
from qbdoctor.lint import files, fixing
from qbdoctor.lint.findings import LintFinding
from qbdoctor.lint.fixing import FixPlan, SourcePlan
from qbdoctor.model.basics import Json
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.edits import source_edits
from qbdoctor.repair.edits.changes import Change
from qbdoctor.repair.history import other_folders
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import ChangeRequest, Record, TargetRecord
from qbdoctor.storage.private import sha256

FIX = "mend-source"


def run(args: argparse.Namespace) -> int:
    """Carry the command out and deliver its outcome."""
    return outcome.run(args, lambda: _run(args))


def _run(args: argparse.Namespace) -> CommandOutcome:
    if not args.paths:
        raise UserError("usage", "lint --fix: name the files or folders to mend, such as: qbdoctor lint --fix src")
    journal = Journal(state_folder(args, os.environ))
    record_selection.settle(journal, dry_run=args.dry_run)
    # As with fix: a person is shown what is only possible as well, and may say no.
    plan = fixing.plan(list(args.paths), everything=args.all, possible=not args.yes)
    changes = tuple(change for source in plan.sources for change in _changes(source))
    if not plan.sources:
        return _nothing(plan)
    lines = _described(plan)
    if args.dry_run:
        return CommandOutcome("lint", "planned", (*lines, "", "Dry run: nothing was changed."), 0, changes=changes)
    if not args.yes:
        if not prompts.person_answers():
            said = (*lines, "", "Nothing was changed: without a terminal to ask, --yes is needed.")
            return CommandOutcome("lint", "planned", said, 2, changes=changes)
        for line in lines:
            output.say(line)
        if not prompts.agreed("Write these lines?"):
            return CommandOutcome("lint", "planned", ("Nothing was changed.",), 2, changes=changes)
    return _carry_out(journal, plan, (*lines, "") if args.yes else ())


def _nothing(plan: FixPlan) -> CommandOutcome:
    breaking = [finding for finding in plan.left if finding.breaks]
    refused = tuple(f"✗ {one.file} is left alone: {one.reason}." for one in plan.refused)
    if not breaking:
        return CommandOutcome("lint", "nothing-to-do", ("Nothing to do: nothing was found that breaks.",), 0)
    said = (*refused, *_left(breaking))
    return CommandOutcome("lint", "refused" if refused else "nothing-to-do", said, 4 if refused else 1)


def _left(findings: Sequence[LintFinding]) -> list[str]:
    """Return lines on what no proven line is known for."""
    lines = (
        ["For these no line is proven to be right on every release, so what to do is said in words:"]
        if findings
        else []
    )
    lines += [f"  {one.file}:{one.line}: {one.id}: {one.remedy}" for one in findings]
    return lines


def _described(plan: FixPlan) -> list[str]:
    lines = ["Plan:"]
    for source in plan.sources:
        what = ", ".join(dict.fromkeys(finding.id for finding in source.mended))
        lines += ["", f"  {source.file}: {what}", "", *(line.expandtabs(4) for line in source.diff)]
    lines += [f"  left alone: {one.file}: {one.reason}" for one in plan.refused]
    return lines


def _changes(source: SourcePlan) -> tuple[Change, ...]:
    return source_edits.carry_out(source.data, source.edits).changes


def _carry_out(journal: Journal, plan: FixPlan, shown: Sequence[str]) -> CommandOutcome:
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.urandom(3).hex()}"
    records: list[Record] = []
    failed: list[str] = []
    made: list[Change] = []
    for source in plan.sources:
        try:
            record = _write(journal, source, run_id)
        except UserError as error:  # another file is none of its business: each stands alone
            failed.append(f"{source.file} is left alone: {error.message}")
            continue
        records.append(record)
        made += record.changes
    failed += [f"{one.file} is left alone: {one.reason}." for one in plan.refused]
    left = [finding for finding in plan.left if finding.breaks]
    done = [f"✓ {record.file.path}: {record.verified_by}." for record in records if record.file is not None]
    lines = [*shown, *done, *(f"  record {one.id}" for one in records), *(f"✗ {text}" for text in failed)]
    if records:
        back = other_folders.rollback_command(journal.store.root.parent, os.environ)
        lines.append(f"Take it back with: {back}")
    lines += _left([one for one in left if one.file not in {each.file for each in plan.refused}])
    code = 4 if failed else 1 if left else 0
    state = "refused" if failed and not records else "verified"
    return CommandOutcome("lint", state, tuple(lines), code, tuple(records), tuple(made))


def _write(journal: Journal, source: SourcePlan, run_id: str) -> Record:
    """Write one file and look at it again; undone where a finding is still there. Raises UserError."""
    reason = source.mended[0].id
    request = ChangeRequest(FIX, reason, run_id, TargetRecord(), _diagnosis(source.mended))
    with journal.locked():
        record = journal.apply_file(Path(source.file), source.edits, request, expect_sha256=sha256(source.data))
        assert record is not None  # noqa: S101 - for the type checker: a plan has lines that differ
        written, why = files.load(source.file)
        ids = ", ".join(dict.fromkeys(finding.id for finding in source.mended))
        try:
            ended = why or ("" if fixing.gone(source, written) else f"lint still finds {ids} in it")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            ended = "it cannot be read any more"
        if ended:
            journal.undo(record, why=ended)
            raise Refused(f"{ended}: it was put back as it was.", "not-mended")
        return journal.mark_verified(record, f"linted again: no {ids} any more, and nothing new")


def _diagnosis(findings: Sequence[LintFinding]) -> Json:
    """Return what was found, as a record keeps it."""
    return {
        "headline": f"lint found {', '.join(dict.fromkeys(finding.id for finding in findings))}",
        "state": "problem",
        "version": None,
        "process": None,
        "causes": [
            {
                "id": finding.id,
                "severity": "error" if finding.breaks else "warning",
                "confidence": finding.confidence,
                "summary": finding.summary,
                "evidence": [{"kind": "file", "text": f"{finding.file}, line {finding.line}"}],
            }
            for finding in findings
        ],
    }
