"""Runs ``qbdoctor fix``: plan, diff, backup, change, verification; undone by itself if the verification fails."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from qbdoctor.cli import outcome, output, program, wrapping
from qbdoctor.cli.changes import fix_advice, prompts, record_selection, secret_inputs
from qbdoctor.cli.outcome import CommandOutcome
from qbdoctor.cli.suggest import other_meaning, suggest
from qbdoctor.cli.target_options import observer, state_folder
from qbdoctor.model import restarts
from qbdoctor.model.edits import Fix
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.registry import checks, fixes
from qbdoctor.repair import inputs, password_change, planner, way_in
from qbdoctor.repair.edits import line_edits
from qbdoctor.repair.history import other_folders
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.plan import Plan, held_off, wanted_by_causes
from qbdoctor.repair.run import FixRun, NotHelped

WORDS = {"hardens": "hardens security", "keeps": "keeps security as it is", "loosens": "LOOSENS security"}


def run(args: argparse.Namespace) -> int:
    """Carry the command out and deliver its outcome."""
    return outcome.run(args, lambda: _run(args))


def _run(args: argparse.Namespace) -> CommandOutcome:
    if args.confirm is not None:
        return _confirm(args)
    named = _named(args.ids)
    input_values: dict[str, Any] = dict(inputs.given(args.set, named or fixes()))
    watcher = observer(args, present=any(one.secret for fix in named for one in fix.inputs))
    if args.restart and args.via == "auto" and any(one.secret for fix in named for one in fix.inputs):
        watcher.ask_password = None  # a lost password is what this is for: it goes into the file, which needs none
    journal = Journal(state_folder(args, watcher.environment))
    record_selection.settle(journal, dry_run=args.dry_run)
    fix_run = FixRun(
        watcher,
        journal,
        checks(),
        url_given=args.url is not None,
        restart=args.restart,
        confirm_within=args.confirm_within,
        seconds=args.deadline,
        say=output.say,
    )
    try:
        _before_asking(args, fix_run, named)
        input_values.update(secret_inputs.ask_secrets(args, named, _whose(fix_run)))
        fix_run.new_password = input_values.get("password")
        return _carry_out_fix_run(args, fix_run, named, input_values)
    finally:
        fix_run.close()
        for sentence in fix_run.left:
            output.say(sentence)


def _whose(fix_run: FixRun) -> str:
    """Return whose password is meant: the user's, and of which server or file."""
    target = fix_run.observer.target
    where = target.address.url if fix_run.runs else str(target.config_file or target.address.url)
    return f"{fix_run.observer.seen.asked.username or 'admin'} at {where}"


def _named(ids: Sequence[str]) -> list[Fix]:
    known = {fix.id: fix for fix in fixes()}
    for name in ids:
        if name == "mend-source":
            raise UserError("unknown-fix", "mend-source is what qbdoctor lint --fix PATH does: lines of a program.")
        if name not in known:
            near = suggest(name, list(known), 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
            hint = other_meaning(name, "fix") or hint
            raise UserError("unknown-fix", f"there is no fix {name!r}: {hint}")
    return [known[name] for name in dict.fromkeys(ids)]


def _before_asking(args: argparse.Namespace, fix_run: FixRun, named: Sequence[Fix]) -> None:
    """Refuse what cannot be made this way before anybody types a secret for it. Raises Refused."""
    for fix in named:
        if args.restart or not any(one.secret for one in fix.inputs):
            continue
        via = planner.way(fix_run, args.via)
        if why := fix.refused(fix_run.observer.seen, via):
            raise Refused(f"{fix.id}: {why}", "not-this-way")
        if via == "api":
            fix_run.live.sign_on()
            fix_run.live.read()
            if why := password_change.refusal(fix_run.observer):
                raise Refused(f"{fix.id}: {why}", "not-this-way")


def _carry_out_fix_run(
    args: argparse.Namespace, fix_run: FixRun, named: list[Fix], input_values: dict[str, Any]
) -> CommandOutcome:
    if named:
        via = planner.way(fix_run, args.via)
        if fix_run.other() is None:  # for what comes after to be held against; a stopped one has its file judged
            fix_run.diagnose()
        wanted = [(inputs.bind(fix, input_values, fix_run.before), "requested") for fix in named]
    else:
        # A person is shown what infos ask for as well and may say no; --yes takes errors and warnings alone.
        report = fix_run.diagnose()
        wanted = wanted_by_causes(report, fixes(), fix_run.observer.seen, infos=not args.yes, input_values=input_values)
        if not wanted:
            return fix_advice.nothing_applies(args, report, fix_run, fixes())
        via = planner.way(fix_run, args.via)
        if via == "api" and not args.restart:
            wanted = _live(wanted)
    plan = planner.plan_either_way(fix_run, wanted, via, args.via)
    if not plan.steps:
        return CommandOutcome("fix", "nothing-to-do", (f"Nothing to do: {'; '.join(plan.left_out)}.",), 0)
    alone = way_in.closes_the_last(plan, fix_run.observer.seen)
    if alone and args.yes and not named:
        return fix_advice.last_way_in(args, plan, fix_run, alone)
    lines = _described(plan, fix_run, alone)
    if args.dry_run:
        return CommandOutcome(
            "fix", "planned", (*lines, "", "Dry run: nothing was changed."), 0, changes=plan.changes()
        )
    refused = _consent(args, fix_run, lines)
    if refused is not None:
        return CommandOutcome("fix", "planned", refused, 2, changes=plan.changes())
    # On a terminal the plan was shown with the question.
    shown = () if not args.yes else (*lines, "")
    try:
        from qbdoctor.repair import execution  # noqa: PLC0415 - loads what restarts a server

        records = execution.carry_out(fix_run, plan)
    except NotHelped as failed:
        said = (*shown, f"✗ {failed.reason}", *(f"  record {one.id} ({one.state})" for one in failed.records))
        return CommandOutcome("fix", "undone", said, 4, failed.records, plan.changes())
    done = [f"✓ {record.fix}: {record.verified_by}." for record in records]
    ids = [f"  record {record.id}" for record in records]
    verified = CommandOutcome("fix", "verified", (*shown, *done, *ids), 0, records, plan.changes())
    if fix_run.waiting is not None:
        from qbdoctor.cli.changes import confirm_prompt  # noqa: PLC0415 - seldom needed

        return confirm_prompt.decision(args, fix_run.journal, fix_run.run, *fix_run.waiting, verified)
    back = other_folders.rollback_command(fix_run.journal.store.root.parent, fix_run.observer.environment)
    stopped = (
        restarts.fit(" (while qBittorrent is stopped, or with --restart)")
        if any(step.texts for step in plan.steps)
        else ""
    )
    back = fix_advice.way_back(args, plan, fix_run, back, locked_out=bool(alone))
    last = f"Take it back with: {back}{stopped}"
    width = wrapping.columns(sys.stdout)
    if width is not None and len(program.named(last)) > width:  # a command that is broken cannot be copied
        last = f"Take it back with:\n       {back}{stopped}"
    said = (*shown, *done, *ids, last)
    return CommandOutcome("fix", "verified", said, 0, records, plan.changes())


def _live(wanted: list[tuple[Fix, str]]) -> list[tuple[Fix, str]]:
    """Return what can be made live; where nothing can, all of it, to be refused with the way out."""
    live = [(fix, cause) for fix, cause in wanted if not fix.file_only]
    if live:
        for fix, cause in wanted:
            if fix.file_only:
                output.say(f"{fix.id} (for {cause}) is left out: {fix.refused(None, 'api')}")
    return live or wanted


def _consent(args: argparse.Namespace, fix_run: FixRun, lines: Sequence[str]) -> tuple[str, ...] | None:
    """Return None where the plan may be carried out, else what to say."""
    if args.yes:
        return None
    if not prompts.person_answers():
        return (*lines, "", "Nothing was changed: without a terminal to ask, --yes is needed.")
    for line in lines:
        output.say(line)
    with fix_run.observer.wire.deadline.pause():
        agreed = prompts.agreed("Apply this?")
    return None if agreed else ("Nothing was changed.",)


def _confirm(args: argparse.Namespace) -> CommandOutcome:
    """Keep what a run changed that waits to be confirmed."""
    from qbdoctor.repair.journal import confirmations  # noqa: PLC0415 - seldom needed

    if args.ids:
        raise UserError("usage", "--confirm RUN stands alone: it applies no fix.")
    records = confirmations.confirm(Journal(state_folder(args, os.environ)), args.confirm)
    said = (f"✓ {args.confirm} is confirmed and stays.", *(f"  record {one.id}" for one in records))
    return CommandOutcome("fix", "confirmed", said, 0, records)


def _described(plan: Plan, fix_run: FixRun, alone: str) -> list[str]:
    target = fix_run.observer.target
    where = f"live, through the Web API of {target.address.url}" if plan.via == "api" else f"in {target.config_file}"
    lines = [f"Plan ({where}):"]
    if plan.via == "file" and fix_run.how is not None:
        lines += ["", f"  {fix_run.how.describe()}."]
    if fix_run.confirm_within is not None:
        lines += ["", f"  It is undone unless it is confirmed within {fix_run.confirm_within:g} s."]
    for step in plan.steps:
        why = "requested" if step.reason == "requested" else f"answers {step.reason}"
        effect = "loosens" if step.exposes else step.fix.effect
        lines += ["", f"  {step.fix.id}: {step.fix.title} ({why}; {WORDS[effect]})"]
        if step.exposes:
            lines.append(f"    exposes: {step.exposes}")
        if step.fix.provided:
            lines.append(f"    {WORDS[effect]} provided that {step.fix.provided}.")
        lines += outcome.lines(step.changes)
        if fix_run.before is not None and (first := held_off(fix_run.before).get(step.fix.id)):
            lines.append(f"    LOOK FIRST: {first}")
        if step.texts:
            lines.append(
                restarts.fit(
                    "    the old hash is kept; it can be put back only while qBittorrent is stopped, or with --restart"
                )
            )
        if step.file is not None:
            lines += [f"    {text}" for text in line_edits.several(step.edits, step.file.data)]
    for why in plan.left_out:
        lines += ["", f"  left out: {why}"]
    if alone:
        lines += ["", f"  THE ONLY WAY IN: nobody is known to get in afterwards ({alone})."]
    return lines
