"""Says what a person can do where `fix` has nothing to apply, or may not apply it unasked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from qbdoctor.cli import program
from qbdoctor.cli.outcome import CommandOutcome
from qbdoctor.cli.target_options import fix_options, target_arguments
from qbdoctor.model import restarts
from qbdoctor.model.edits import Fix
from qbdoctor.model.report import Cause, Report
from qbdoctor.repair import inputs
from qbdoctor.repair.plan import Plan, opening_by_causes, wanted_by_causes
from qbdoctor.repair.run import FixRun
from qbdoctor.repair.way_in import closers
from qbdoctor.reports.commands import complete, ours
from qbdoctor.reports.text import Options

MOST_REMEDIES = 3


def nothing_applies(args: argparse.Namespace, report: Report, fix_run: FixRun, known: Sequence[Fix]) -> CommandOutcome:
    """Return the outcome where no fix answers what was found: what to do about errors (exit 1), else that all is well."""
    options = _options(args, fix_run)
    errors = [cause for cause in complete(report, options).causes if cause.severity == "error"]
    seen = fix_run.observer.seen
    opening = opening_by_causes(report, known, seen)
    by_name = [(fix, cause) for fix, cause, _why in opening]
    offered = [one for one in wanted_by_causes(report, known, seen, infos=True) if one not in by_name]
    severities = {one.id: one.severity for one in report.causes}
    named = [
        f"For {cause}{', which is no fault,' if severities.get(cause) == 'info' else ''} there is: "
        f"{ours(f'fix {fix.id}{_told(fix, report)}', options)}"
        for fix, cause in offered
        if severities.get(cause) != "error"
    ]
    named += [
        f"For {cause} there is, by its name alone: {ours(f'fix {fix.id}{_told(fix, report)}', options)} ({why})"
        for fix, cause, why in opening
    ]
    if errors:
        said = (f"✗ {report.headline}", "No fix can be applied as it stands. What helps, least change first:")
        steps = [line for cause in errors for line in _steps(cause, several=len(errors) > 1)]
        return CommandOutcome("fix", "unanswered", (*said, *steps, *named), 1)
    said = ("Nothing to fix: no fix answers what was found.", f"The check says: {report.headline}")
    return CommandOutcome("fix", "nothing-to-do", (*said, *named), 3 if report.state == "unknown" else 0)


def _told(fix: Fix, report: Report) -> str:
    """Return the options that tell a fix what it must be told when it is asked for by its name alone."""
    values = inputs.found_values(fix, report)
    needed = [one for one in fix.inputs if not one.default and not one.secret]
    return "".join(f" --set {one.name}={program.quoted(values.get(one.found) or one.name.upper())}" for one in needed)


def _steps(cause: Cause, *, several: bool) -> list[str]:
    """Return the ways out of a cause, each with its commands; which of qbdoctor's own carries it out is never left out."""
    shown = [one for n, one in enumerate(cause.remedies) if n < MOST_REMEDIES or one.fix]
    lines = [f"  {cause.id}:"] if several else []
    for number, remedy in enumerate(shown, 1):
        lines.append(f"  {number}. {remedy.text}")
        lines += [f"       {line}" for text in remedy.commands for line in text.split("\n")]
    return lines


def last_way_in(args: argparse.Namespace, plan: Plan, fix_run: FixRun, why: str) -> CommandOutcome:
    """Return the outcome where ``--yes`` alone would close the only way in: nothing is changed, the choice is named."""
    options = _options(args, fix_run)
    names = " ".join(closers(plan))
    said = (
        f"✗ Nothing was changed: nobody is known to get in once this is closed ({why}).",
        "First set a password:",
        f"  {ours('fix set-password', options)}",
        "Or close it all the same, by name:",
        f"  {ours(f'fix {names} --yes', options)}",
    )
    return CommandOutcome("fix", "unanswered", said, 1, changes=plan.changes())


def way_back(args: argparse.Namespace, plan: Plan, fix_run: FixRun, command: str, *, locked_out: bool) -> str:
    """Return the command that takes the run back, with what it needs: a restart where nobody can log in any more."""
    folder = f" --state-dir {program.quoted(args.state_dir)}" if args.state_dir else ""
    target = fix_run.observer.target
    if locked_out and plan.via == "api" and target.instance is not None and target.config_file is not None:
        return command.replace(
            "qbdoctor rollback", f"qbdoctor rollback{' --restart' if restarts.possible() else ''} --via file{folder}"
        )
    return command.replace("qbdoctor rollback", f"qbdoctor rollback{folder}")


def _options(args: argparse.Namespace, fix_run: FixRun) -> Options:
    target: Sequence[str] = target_arguments(args)
    return Options(program=program.name(), target=tuple(target), fix_options=fix_options(fix_run.observer))
