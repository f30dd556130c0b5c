"""``qbdoctor rollback``: take applied fixes back, in the file or live, whichever way they were made."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from qbdoctor import changes, consent, output
from qbdoctor.atomic import Refused
from qbdoctor.changes import Outcome
from qbdoctor.fixing import Surgery, Via, running_with
from qbdoctor.journal import Journal
from qbdoctor.model import UserError
from qbdoctor.planning import RollbackPlan
from qbdoctor.records import Damaged, Record
from qbdoctor.registry import checks
from qbdoctor.run import observer, state_folder


def run(args: argparse.Namespace) -> int:
    """Carry the command out and deliver its outcome."""
    import os  # noqa: PLC0415

    journal = Journal(state_folder(args, os.environ))
    for sentence in journal.recover():
        output.say(sentence)
    chosen = _chosen(args, journal)
    by_target: dict[tuple[str | None, str | None], list[Record]] = {}
    for record in chosen:
        by_target.setdefault((record.file_name(), None if record.file_name() else record.target.url), []).append(record)
    outcomes = [_take_back(args, journal, records) for records in by_target.values()]
    code = max((outcome.exit_code for outcome in outcomes), default=0)
    whole = Outcome(
        "rollback",
        next((outcome.state for outcome in outcomes if outcome.exit_code == code), "rolled-back"),
        tuple(line for outcome in outcomes for line in outcome.lines),
        code,
        tuple(record for outcome in outcomes for record in outcome.records),
        tuple(change for outcome in outcomes for change in outcome.changes),
    )
    return changes.deliver(whole, args)


def _chosen(args: argparse.Namespace, journal: Journal) -> list[Record]:
    """Return the records to take back, newest first. Raises UserError where there is none."""
    if args.ids:
        found = [journal.find(name) for name in dict.fromkeys(args.ids)]
        for one in found:
            if isinstance(one, Damaged):
                raise Refused(one.text(), "record-damaged")
        records = [one for one in found if isinstance(one, Record)]
        for record in records:
            if not record.standing:
                raise UserError(
                    "nothing-to-roll-back", f"{record.id} is {record.state}: there is nothing to take back."
                )
        return sorted(records, key=lambda record: record.id, reverse=True)
    everything = journal.records()
    for one in everything:
        if isinstance(one, Damaged):
            output.say(one.text())
    standing = [one for one in everything if isinstance(one, Record) and one.standing and _is_target(args, one)]
    if not standing:
        of = " of this target" if args.url or args.config or args.profile else ""
        raise UserError(
            "nothing-to-roll-back", f"There is no applied fix{of} to take back: qbdoctor history shows the records."
        )
    if args.all:
        return standing
    return standing[:1] if args.last else [one for one in standing if one.run == standing[0].run]


def _is_target(args: argparse.Namespace, record: Record) -> bool:
    """Return whether a record is of the target that the options name; without any, every record is."""
    if args.config is not None:
        return record.file_name() == str(Path(args.config).expanduser().resolve())
    if args.profile is not None:
        profile = Path(args.profile).expanduser().resolve()
        file = record.file_name()
        inside = file is not None and Path(file).is_relative_to(profile)
        return inside or (record.target.profile is not None and Path(record.target.profile).resolve() == profile)
    return args.url is None or record.target.url == args.url.rstrip("/")


def _take_back(args: argparse.Namespace, journal: Journal, records: list[Record]) -> Outcome:
    """Take back the records of one target."""
    path = next((Path(record.file.path) for record in records if record.file is not None), None)
    path = path or next((Path(r.target.config_file) for r in records if r.target.config_file), None)
    surgery = _surgery(args, journal, records[0], path)
    if surgery is None:  # the file alone: its server is not served, or nothing but the file is known of it
        return _with(args, journal, records, "file", path, None)
    try:
        via = _way(args, surgery, path)
        if via == "api":
            surgery.preferences()
        return _with(args, journal, records, via, path, surgery)
    finally:
        surgery.observer.close()


def _surgery(args: argparse.Namespace, journal: Journal, record: Record, path: Path | None) -> Surgery | None:
    """Return access to the record's target, by the options given or else by what the record says of it."""
    given = args.url or args.config or args.profile
    known = {"config": str(path)} if path is not None and path.exists() else {"url": record.target.url}
    if not given and known.get("url", "") is None:
        return None
    asked = args if given else argparse.Namespace(**{**vars(args), **known})
    return Surgery(observer(asked), journal, checks())


def _way(args: argparse.Namespace, surgery: Surgery, path: Path | None) -> Via:
    if args.via == "auto" and not surgery.runs and path is not None:
        return "file"
    via = surgery.way(args.via)
    if via == "api":
        # A session: by the bypass that is open, else by the one login.
        seen = surgery.observer.seen
        if seen.anonymous.status != 200:
            _ = seen.sign_in
    return via


def _with(
    args: argparse.Namespace,
    journal: Journal,
    records: list[Record],
    via: Via,
    path: Path | None,
    surgery: Surgery | None,
) -> Outcome:
    read = surgery.preferences if surgery is not None and via == "api" else None
    plan = journal.plan_rollback(records, via=via, force=args.force, read=read, path=path)
    lines = _described(plan, via, surgery, path)
    all_changes = tuple(change for step in plan.steps if step.allowed for change in step.changes)
    if args.dry_run:
        code = 4 if plan.refusals else 0
        return Outcome("rollback", "planned", (*lines, "Dry run: nothing was changed."), code, changes=all_changes)
    if plan.refusals and not any(step.allowed for step in plan.steps):
        return Outcome("rollback", "refused", (*lines, "Nothing was taken back."), 4)
    if not args.yes:
        if not consent.person_answers():
            said = (*lines, "Nothing was taken back: without a terminal to ask, --yes is needed.")
            return Outcome("rollback", "planned", said, 2, changes=all_changes)
        for line in lines:
            output.say(line)
        if not consent.agreed("Take this back?"):
            return Outcome("rollback", "planned", ("Nothing was taken back.",), 2, changes=all_changes)
    return _carry_out(args, journal, plan, via, path, surgery, lines)


def _carry_out(
    args: argparse.Namespace,
    journal: Journal,
    plan: RollbackPlan,
    via: Via,
    path: Path | None,
    surgery: Surgery | None,
    lines: Sequence[str],
) -> Outcome:
    done: list[Record] = []
    failed: list[str] = list(plan.refusals)
    for step in plan.steps:
        if not step.allowed:
            continue
        try:
            if via == "api" and surgery is not None:
                record = journal.rollback(
                    step.record, via=via, force=args.force, write=surgery.write, read=surgery.preferences, path=path
                )
            else:
                record = journal.rollback(step.record, via=via, force=args.force, guard=_guard(path), path=path)
        except Refused as refused:
            failed.append(f"{step.record.id}: {refused.reason}")
            continue
        done.append(record)
    said = [*lines, ""]
    said += [f"✓ {record.fix} was taken back ({record.id})." for record in done]
    said += [f"✗ {text}" for text in failed]
    return Outcome("rollback", "refused" if failed else "rolled-back", tuple(said), 4 if failed else 0, tuple(done))


def _guard(path: Path | None):  # type: ignore[no-untyped-def]  # a Guard; its type lives in the journal
    return None if path is None else lambda: running_with(path)


def _described(plan: RollbackPlan, via: Via, surgery: Surgery | None, path: Path | None) -> list[str]:
    where = (
        f"live, through the Web API of {surgery.observer.address.url}"
        if via == "api" and surgery is not None
        else f"in {path}"
    )
    lines = [f"Take back ({where}):"]
    for step in plan.steps:
        lines += ["", f"  {step.record.fix} ({step.record.id})"]
        if step.allowed:
            lines += changes.shown(step.changes) or ["    nothing is left of it to change"]
            lines += [f"    forced: {reason}" for reason in step.refusals]
        else:
            lines += [f"    left alone: {reason}" for reason in step.refusals]
    return lines
