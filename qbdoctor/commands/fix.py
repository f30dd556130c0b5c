"""``qbdoctor fix``: plan, show the diff, back up, apply, verify; undone by itself if the verification fails."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from qbdoctor import changes, consent, output
from qbdoctor.changes import Outcome
from qbdoctor.fixing import NotHelped, Plan, Surgery, wanted_by_causes
from qbdoctor.journal import Journal
from qbdoctor.model import Fix, UserError
from qbdoctor.observe import Observer
from qbdoctor.registry import checks, fixes
from qbdoctor.run import observer, state_folder

WORDS = {"hardens": "hardens security", "keeps": "keeps security as it is", "loosens": "LOOSENS security"}


def run(args: argparse.Namespace) -> int:
    """Carry the command out and deliver its outcome."""
    named = _named(args.ids)
    watcher = observer(args)
    journal = Journal(state_folder(args, watcher.environment))
    for sentence in journal.recover():
        output.say(sentence)
    try:
        return changes.deliver(_run(args, watcher, journal, named), args)
    finally:
        watcher.close()


def _named(ids: Sequence[str]) -> list[Fix]:
    known = {fix.id: fix for fix in fixes()}
    for name in ids:
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415

            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
            raise UserError("unknown-fix", f"there is no fix {name!r}: {hint}")
    return [known[name] for name in dict.fromkeys(ids)]


def _run(args: argparse.Namespace, watcher: Observer, journal: Journal, named: list[Fix]) -> Outcome:
    surgery = Surgery(watcher, journal, checks())
    # A person without --yes is shown the infos as well and may say no; --yes takes errors and warnings alone.
    if named:
        via = surgery.way(args.via)
        if surgery.runs:
            surgery.diagnose()
        wanted = [(fix, "requested") for fix in named]
    else:
        report = surgery.diagnose()
        wanted = wanted_by_causes(report, fixes(), watcher.seen, infos=not args.yes)
        if not wanted:
            nothing = ("Nothing to fix: no fix answers what was found.", f"The check says: {report.headline}")
            return Outcome("fix", "nothing-to-do", nothing, 0)
        via = surgery.way(args.via)
    plan = surgery.plan(wanted, via)
    all_changes = tuple(change for step in plan.steps for change in step.changes)
    if not plan.steps:
        names = ", ".join(plan.already)
        return Outcome("fix", "nothing-to-do", (f"Nothing to do: {names}: the settings are so already.",), 0)
    lines = _described(plan, surgery)
    if args.dry_run:
        return Outcome("fix", "planned", (*lines, "Dry run: nothing was changed."), 0, changes=all_changes)
    refused = _consent(args, lines)
    if refused is not None:
        return Outcome("fix", "planned", refused, 2, changes=all_changes)
    try:
        records = surgery.verify(plan, surgery.apply(plan))
    except NotHelped as failed:
        return Outcome("fix", "undone", (*lines, f"✗ {failed.reason}"), 4, changes=all_changes)
    done = [f"✓ {record.fix}: {record.verified_by}." for record in records]
    ids = [f"  record {record.id}" for record in records]
    said = (*lines, "", *done, *ids, "Take it back with: qbdoctor rollback")
    return Outcome("fix", "verified", tuple(said), 0, records, all_changes)


def _consent(args: argparse.Namespace, lines: Sequence[str]) -> tuple[str, ...] | None:
    """Return None where the plan may be carried out, else what to say."""
    if args.yes:
        return None
    if not consent.person_answers():
        return (*lines, "Nothing was changed: without a terminal to ask, --yes is needed.")
    for line in lines:
        output.say(line)
    return None if consent.agreed("Apply this?") else ("Nothing was changed.",)


def _described(plan: Plan, surgery: Surgery) -> list[str]:
    target = surgery.observer.target
    where = f"live, through the Web API of {target.address.url}" if plan.via == "api" else f"in {target.config_file}"
    lines = [f"Plan ({where}):"]
    for step in plan.steps:
        why = "requested" if step.reason == "requested" else f"answers {step.reason}"
        lines += ["", f"  {step.fix.id}: {step.fix.title} ({why}; {WORDS[step.fix.effect]})"]
        if step.fix.effect == "loosens":
            lines.append(f"    exposes: {step.fix.exposes}")
        lines += changes.shown(step.changes)
    if plan.already:
        lines += ["", f"  already so: {', '.join(plan.already)}"]
    return lines
