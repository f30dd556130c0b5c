"""Runs ``qbdoctor rollback``: takes applied fixes back, in the file or live, whichever way they were made."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.cli import outcome as cli_outcome
from qbdoctor.cli import output
from qbdoctor.cli.changes import prompts, record_selection
from qbdoctor.cli.outcome import CommandOutcome
from qbdoctor.cli.target_options import observer, state_folder
from qbdoctor.config.list_values import NAMES
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.registry import checks
from qbdoctor.repair import planner, self_lockout
from qbdoctor.repair.edits.changes import Change
from qbdoctor.repair.journal import confirmations, undo
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Record, RollbackRequest
from qbdoctor.repair.journal.rollback_plan import RollbackPlan
from qbdoctor.repair.plan import Via
from qbdoctor.repair.run import FixRun
from qbdoctor.storage import files
from qbdoctor.values import frozen, replace

if TYPE_CHECKING:
    from qbdoctor.observe.observer import Observer
    from qbdoctor.repair.restart.restart import RestartPlan
    from qbdoctor.repair.restart.watchdog_client import WatchdogClient

_Done = tuple[list[Record], list[str], list[Change]]


@frozen
class _Site:
    """The one target of some records: its config file and the access to its server, each where it is known."""

    via: Via
    path: Path | None
    fix_run: FixRun | None

    def guard(self) -> str | None:
        """Return a sentence if a qBittorrent uses the file now."""
        from qbdoctor.target import containers  # noqa: PLC0415 - seldom needed

        return None if self.path is None else containers.running_with(self.path)


def run(args: argparse.Namespace) -> int:
    """Carry the command out and deliver its outcome."""
    return cli_outcome.run(args, lambda: _run(args))


def _run(args: argparse.Namespace) -> CommandOutcome:
    state = state_folder(args, os.environ)
    journal = Journal(state)
    record_selection.settle(journal, dry_run=args.dry_run)
    groups: list[list[Record]] = []
    for record in record_selection.chosen(args, journal, state):
        same = (one for one in groups if one[0].same_target(record))
        its = next((one for one in same if (one[0].file_name() is None) == (record.file_name() is None)), None)
        groups.append([record]) if its is None else its.append(record)
    if len(groups) == 1:
        return _take_back(args, journal, groups[0])
    outcomes = [_one_of_several(args, journal, records) for records in groups]
    code = max(outcome.exit_code for outcome in outcomes)
    return CommandOutcome(
        "rollback",
        next(outcome.state for outcome in outcomes if outcome.exit_code == code),
        tuple(line for outcome in outcomes for line in outcome.lines),
        code,
        tuple(record for outcome in outcomes for record in outcome.records),
        tuple(change for outcome in outcomes for change in outcome.changes),
    )


def _one_of_several(args: argparse.Namespace, journal: Journal, records: list[Record]) -> CommandOutcome:
    """Take back the records of one target; that it cannot be done is no reason to leave those of another."""
    try:
        return _take_back(args, journal, records)
    except UserError as error:
        names = ", ".join(record.id for record in records)
        return CommandOutcome("rollback", "refused", (f"✗ {names}: {error.message}",), error.exit_code)


# --- where and how ----------------------------------------------------------------------------------------------------


def _take_back(args: argparse.Namespace, journal: Journal, records: list[Record]) -> CommandOutcome:
    """Take back the records of one target."""
    path = next((Path(record.file.path) for record in records if record.file is not None), None)
    path = path or next((Path(r.target.config_file) for r in records if r.target.config_file), None)
    own = path
    if path is not None and all(record.is_source for record in records):  # a program's, of which no server is asked
        if files.is_gone(path):
            raise _not_here(path, records)
        return _with(args, journal, records, _Site("file", None, None))
    if args.config is not None and files.is_gone(path):  # in a container, say: the person knows where it is here
        path = files.expanded(args.config).absolute()
    fix_run = _surgery(args, journal, records[0], path)
    if fix_run is None:  # the file alone: nothing but the file is known of it
        if own is not None and files.is_gone(path):
            raise _not_here(own, records)
        return _with(args, journal, records, _Site("file", path, None))
    try:
        via = _way(args, fix_run, records, path)
        if via == "file" and own is not None and files.is_gone(path):
            raise _not_here(own, records)
        return _with(args, journal, records, _Site(via, path or fix_run.observer.target.config_file, fix_run))
    finally:
        fix_run.observer.close()


def _not_here(path: Path, records: Sequence[Record]) -> Refused:
    kept = ", ".join(str(record.backup_file) for record in records)
    host = records[0].host
    where = "" if host == platform.node() else f"; the change was made on {host}"
    if records[0].is_source:
        return Refused(f"There is no file {path} here{where}. As it was before, it is in {kept}.", "source-gone")
    return Refused(
        f"There is no config file {path} here{where}. As it was before, it is in {kept}: if the file has another path here, "
        f"name it: qbdoctor rollback {' '.join(record.id for record in records)} --config FILE.",
        "config-gone",
    )


def _surgery(args: argparse.Namespace, journal: Journal, record: Record, path: Path | None) -> FixRun | None:
    """Return access to the record's target, by the options given or else by what the record says of it.

    Its config leads to the process that uses it. Where there is none to be seen (a container), the record's URL may
    still answer.
    """
    url = record.target.url
    if args.url or args.config or args.profile:
        return _one(args, observer(args), journal, url_given=args.url is not None)
    if path is None or not path.exists():
        if url is None:
            return None
        by_url = argparse.Namespace(**{**vars(args), "url": url})
        return _one(args, observer(by_url), journal, url_given=True)
    by_file = argparse.Namespace(**{**vars(args), "config": str(path)})
    watcher = observer(by_file)
    if watcher.target.instance is None and url is not None and url != watcher.address.url:
        watcher = observer(argparse.Namespace(**{**vars(by_file), "url": url}))
    fix_run = _one(args, watcher, journal, url_given=False)
    if fix_run.runs and not fix_run.serves and watcher.address.scheme == "https":
        # Without a certificate that it can use it serves http, whatever its config says.
        plain = replace(watcher.address, scheme="http").url
        other = _one(args, observer(argparse.Namespace(**{**vars(by_file), "url": plain})), journal, url_given=False)
        if other.serves:
            return other
    return fix_run


def _one(args: argparse.Namespace, watcher: Observer, journal: Journal, *, url_given: bool) -> FixRun:
    return FixRun(
        watcher, journal, checks(), url_given=url_given, restart=args.restart, seconds=args.deadline, say=output.say
    )


def _way(args: argparse.Namespace, fix_run: FixRun, records: Sequence[Record], path: Path | None) -> Via:
    """Return which way: in the record's own file where nothing runs, else what the target permits."""
    if args.via != "api" and path is not None and not fix_run.runs:
        return "file"
    if args.restart and args.via == "auto" and any(map(undo.only_in_file, records)):
        return planner.way(fix_run, "file")
    via = planner.way(fix_run, args.via)
    if via == "api":
        try:
            fix_run.live.sign_on()
            fix_run.live.read()
        except UserError:
            if not (args.restart and args.via == "auto"):
                raise
            return planner.way(fix_run, "file")
    return via


def _with(args: argparse.Namespace, journal: Journal, records: list[Record], site: _Site) -> CommandOutcome:
    read = site.fix_run.live.read if site.fix_run is not None and site.via == "api" else None
    plan = journal.plan_rollback(records, via=site.via, force=args.force, read=read, path=site.path)
    if read is not None and site.fix_run is not None:
        back = [change for step in plan.steps if step.allowed for change in step.changes]
        if any(change.setting == NAMES for change in back):
            self_lockout.check(site.fix_run.observer.target, read(), reversed(back))
    lines = _described(args, plan, site)
    all_changes = tuple(change for step in plan.steps if step.allowed for change in step.changes)
    if args.dry_run:
        code = 4 if plan.refusals else 0
        return CommandOutcome(
            "rollback", "planned", (*lines, "", "Dry run: nothing was changed."), code, changes=all_changes
        )
    if plan.refusals and not any(step.allowed for step in plan.steps):
        return CommandOutcome("rollback", "refused", (*lines, "", "Nothing was taken back."), 4)
    if not args.yes:
        if not prompts.person_answers():
            said = (*lines, "", "Nothing was taken back: without a terminal to ask, --yes is needed.")
            return CommandOutcome("rollback", "planned", said, 2, changes=all_changes)
        for line in lines:
            output.say(line)
        if not _agreed(site):
            return CommandOutcome("rollback", "planned", ("Nothing was taken back.",), 2, changes=all_changes)
    said = (*lines, "") if args.yes else ()  # on a terminal the plan was shown with the question
    return _carry_out(args, journal, plan, site, said)


def _agreed(site: _Site) -> bool:
    if site.fix_run is None:
        return prompts.agreed("Take this back?")
    with site.fix_run.observer.wire.deadline.pause():
        return prompts.agreed("Take this back?")


def _carry_out(
    args: argparse.Namespace, journal: Journal, plan: RollbackPlan, site: _Site, said: Sequence[str]
) -> CommandOutcome:
    how = site.fix_run.how if site.fix_run is not None and site.via == "file" else None
    left = ""
    if how is None and args.confirm_within is None:
        done, failed, made = _each(args, journal, plan, site)
        return _ended(said, done, failed, made, left)
    from qbdoctor.cli.changes import confirm_prompt  # noqa: PLC0415 - seldom needed
    from qbdoctor.repair import execution  # noqa: PLC0415 - seldom needed
    from qbdoctor.repair.restart import watchdog_client  # noqa: PLC0415 - seldom needed

    fix_run = site.fix_run
    if fix_run is None:
        raise Refused("--confirm-within needs a target: name it with --config or --url.")
    live = fix_run if site.via == "api" else None
    watchdog = watchdog_client.WatchdogClient(
        journal,
        run=fix_run.run,
        config=site.path,
        how=how,
        confirm=args.confirm_within,
        may_restart=args.restart,
        api=execution.session_of(live) if live is not None else None,
        again=[step.record.id for step in plan.steps if step.allowed],
    )
    if how is None:
        with watchdog_client.releasing_on_failure(watchdog), journal.locked():
            done, failed, made = _each(args, journal, plan, site)
    else:
        (done, failed, made), left = _restarted(args, journal, plan, site, how, watchdog)
    outcome = _ended(said, done, failed, made, left)
    until = execution.arm(watchdog, live) if args.confirm_within is not None and done and not left else None
    if until is None:
        watchdog.release()
        return outcome
    return confirm_prompt.decision(args, journal, fix_run.run, watchdog, until, outcome)


def _ended(said: Sequence[str], done: list[Record], failed: list[str], made: list[Change], left: str) -> CommandOutcome:
    lines = [*said, *(f"✓ {record.fix} was taken back ({record.id})." for record in done)]
    lines += [f"✗ {text}" for text in failed]
    if left:
        lines.append(f"✗ Without it: {left} What was taken back was made again: qbdoctor history shows it.")
    state, code = ("refused", 4) if failed or left else ("rolled-back", 0)
    return CommandOutcome("rollback", state, tuple(lines), code, tuple(done), tuple(made))


def _restarted(
    args: argparse.Namespace,
    journal: Journal,
    plan: RollbackPlan,
    site: _Site,
    how: RestartPlan,
    watchdog: WatchdogClient,
) -> tuple[_Done, str]:
    """Do it while qBittorrent is stopped; where it does not come up then, the changes are made again."""
    from qbdoctor.repair.journal import redo  # noqa: PLC0415 - seldom needed
    from qbdoctor.repair.restart import restarter  # noqa: PLC0415 - seldom needed

    why = "without it qBittorrent did not come up"
    fix_run, path = site.fix_run, site.path
    assert fix_run is not None and path is not None  # noqa: S101 - for the type checker
    return restarter.around(
        journal,
        how,
        watchdog,
        args.deadline,
        lambda: _each(args, journal, plan, site),
        lambda made: redo.redo(journal, made[0], path, run=fix_run.run, guard=site.guard, why=why),
        output.say,
    )


def _each(args: argparse.Namespace, journal: Journal, plan: RollbackPlan, site: _Site) -> _Done:
    """Take back what may be; returns the records, what failed, and the changes."""
    done: list[Record] = []
    failed: list[str] = list(plan.refusals)
    made: list[Change] = []
    note = None if args.confirm_within is None else confirmations.UNSETTLED
    for step in plan.steps:
        if not step.allowed:
            continue
        try:
            if site.via == "api" and site.fix_run is not None:
                write, read = site.fix_run.live.write, site.fix_run.live.read
                record = journal.rollback(
                    step.record, RollbackRequest(via=site.via, force=args.force, write=write, read=read, note=note)
                )
            else:
                record = journal.rollback(
                    step.record,
                    RollbackRequest(via=site.via, force=args.force, guard=site.guard, path=site.path, note=note),
                )
        except UserError as error:
            failed.append(f"{step.record.id}: {error.message}")
            continue
        done.append(record)
        made += step.changes
    return done, failed, made


def _described(args: argparse.Namespace, plan: RollbackPlan, site: _Site) -> list[str]:
    where = f"in {site.path or plan.steps[0].record.file_name()}"
    if site.via == "api" and site.fix_run is not None:
        where = f"live, through the Web API of {site.fix_run.observer.address.url}"
    lines = [f"Take back ({where}):"]
    if args.confirm_within is not None:
        lines += ["", f"  It is undone unless it is confirmed within {args.confirm_within:g} s."]
    if site.via == "file" and site.fix_run is not None and site.fix_run.how is not None:
        lines += ["", f"  {site.fix_run.how.describe()}."]
    for step in plan.steps:
        lines += ["", f"  {step.record.fix} ({step.record.id})"]
        if step.allowed:
            lines += cli_outcome.lines(step.changes) or ["    nothing is left of it to change"]
            lines += [f"    taken back all the same (--force): {reason}" for reason in step.refusals]
        else:
            lines += [f"    left alone: {reason}" for reason in step.refusals]
    return lines
