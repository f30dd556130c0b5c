"""``qbdoctor rollback``: take applied fixes back, in the file or live, whichever way they were made."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor import changes, consent, output
from qbdoctor.address import Address, parse_url
from qbdoctor.atomic import Refused
from qbdoctor.changes import Outcome
from qbdoctor.fixing import Surgery, running_with
from qbdoctor.fixplan import Via
from qbdoctor.journal import Journal
from qbdoctor.model import UserError
from qbdoctor.planning import RollbackPlan
from qbdoctor.records import Change, Damaged, Record
from qbdoctor.registry import checks
from qbdoctor.run import observer, state_folder
from qbdoctor.target import TargetOptions, resolve

if TYPE_CHECKING:
    from qbdoctor.observe import Observer
    from qbdoctor.restart import How
    from qbdoctor.restarting import Dog

_Done = tuple[list[Record], list[str], list[Change]]


@dataclass(frozen=True, slots=True)
class _Site:
    """The one target of some records: its config file and the access to its server, each where it is known."""

    via: Via
    path: Path | None
    surgery: Surgery | None

    def guard(self) -> str | None:
        """Return a sentence if a qBittorrent uses the file now."""
        return None if self.path is None else running_with(self.path)


def run(args: argparse.Namespace) -> int:
    """Carry the command out and deliver its outcome."""
    return changes.run(args, lambda: _run(args))


def _run(args: argparse.Namespace) -> Outcome:
    journal = Journal(state_folder(args, os.environ))
    for sentence in journal.recover():
        output.say(sentence)
    by_target: dict[tuple[str | None, str | None], list[Record]] = {}
    for record in _chosen(args, journal):
        file = record.file_name()
        by_target.setdefault((file, None if file else record.target.url), []).append(record)
    groups = list(by_target.values())
    if len(groups) == 1:
        return _take_back(args, journal, groups[0])
    outcomes = [_one_of_several(args, journal, records) for records in groups]
    code = max(outcome.exit_code for outcome in outcomes)
    return Outcome(
        "rollback",
        next(outcome.state for outcome in outcomes if outcome.exit_code == code),
        tuple(line for outcome in outcomes for line in outcome.lines),
        code,
        tuple(record for outcome in outcomes for record in outcome.records),
        tuple(change for outcome in outcomes for change in outcome.changes),
    )


def _one_of_several(args: argparse.Namespace, journal: Journal, records: list[Record]) -> Outcome:
    """Take back the records of one target; that it cannot be done is no reason to leave those of another."""
    try:
        return _take_back(args, journal, records)
    except UserError as error:
        names = ", ".join(record.id for record in records)
        return Outcome("rollback", "refused", (f"✗ {names}: {error.message}",), error.exit_code)


# --- which records ----------------------------------------------------------------------------------------------------


def _chosen(args: argparse.Namespace, journal: Journal) -> list[Record]:
    """Return the records to take back, newest first. Raises UserError where there is none."""
    belongs = _belongs(args)
    if args.ids:
        return _named(args.ids, journal, belongs)
    everything = journal.records()
    for one in everything:
        if isinstance(one, Damaged):
            output.say(one.text())
    standing = [one for one in everything if isinstance(one, Record) and one.standing and belongs(one)]
    if not standing:
        of = " of this target" if args.url or args.config or args.profile else ""
        raise UserError(
            "nothing-to-roll-back", f"There is no applied fix{of} to take back: qbdoctor history shows the records."
        )
    if args.all:
        return standing
    return standing[:1] if args.last else [one for one in standing if one.run == standing[0].run]


def _named(ids: Sequence[str], journal: Journal, belongs: Callable[[Record], bool | None]) -> list[Record]:
    records: dict[str, Record] = {}
    for name in ids:
        try:
            found = journal.find(name)
        except Refused as refused:  # a slip of the pen, not a refusal
            raise UserError(refused.code, refused.reason) from None
        if isinstance(found, Damaged):
            raise Refused(found.text(), "record-damaged")
        if not found.standing:
            raise UserError("nothing-to-roll-back", f"{found.id} is {found.state}: there is nothing to take back.")
        if belongs(found) is False:  # one made through a proxy may be taken back in the file that a person names
            where = found.file_name() or found.target.url
            raise UserError("other-target", f"{found.id} is of another target, {where}: name that one, or none.")
        records[found.id] = found
    return sorted(records.values(), key=lambda record: record.id, reverse=True)


def _belongs(args: argparse.Namespace) -> Callable[[Record], bool | None]:
    """Return what says whether a record is of the target that the options name; without any, every record is.

    It says None where the record does not know its config file, and that is what was given.
    """
    if args.config is not None:
        config = os.path.realpath(Path(args.config).expanduser())
        return lambda record: None if record.file_name() is None else record.file_name() == config
    if args.profile is not None:
        profile = Path(args.profile).expanduser().resolve()
        return lambda record: _is_in(profile, record)
    if args.url is None:
        return lambda _: True
    address = parse_url(args.url)
    file = resolve(TargetOptions(args.url)).config_file
    known = None if file is None else os.path.realpath(file)
    return lambda record: _same_address(address, record.target.url) or known in {record.file_name()} - {None}


def _is_in(profile: Path, record: Record) -> bool | None:
    file = record.file_name()
    named = record.target.profile
    if file is None and named is None:
        return None
    return (file is not None and Path(file).is_relative_to(profile)) or (
        named is not None and Path(named).resolve() == profile
    )


def _same_address(address: Address, other: str | None) -> bool:
    """Return whether a record's URL is this address; the names of this machine are one."""
    if other is None:
        return False
    theirs = parse_url(other)
    local = address.is_loopback and theirs.is_loopback
    return address.url == theirs.url or (local and (address.scheme, address.port) == (theirs.scheme, theirs.port))


# --- where and how ----------------------------------------------------------------------------------------------------


def _take_back(args: argparse.Namespace, journal: Journal, records: list[Record]) -> Outcome:
    """Take back the records of one target."""
    path = next((Path(record.file.path) for record in records if record.file is not None), None)
    path = path or next((Path(r.target.config_file) for r in records if r.target.config_file), None)
    surgery = _surgery(args, journal, records[0], path)
    if surgery is None:  # the file alone: nothing but the file is known of it
        return _with(args, journal, records, _Site("file", path, None))
    try:
        via = _way(args, surgery, path)
        return _with(args, journal, records, _Site(via, path or surgery.observer.target.config_file, surgery))
    finally:
        surgery.observer.close()


def _surgery(args: argparse.Namespace, journal: Journal, record: Record, path: Path | None) -> Surgery | None:
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
    return _one(args, watcher, journal, url_given=False)


def _one(args: argparse.Namespace, watcher: Observer, journal: Journal, *, url_given: bool) -> Surgery:
    return Surgery(watcher, journal, checks(), url_given=url_given, restart=args.restart, seconds=args.deadline)


def _way(args: argparse.Namespace, surgery: Surgery, path: Path | None) -> Via:
    """Return which way: in the record's own file where nothing runs, else what the target permits."""
    if args.via != "api" and path is not None and not surgery.runs:
        return "file"
    via = surgery.way(args.via)
    if via == "api":
        try:
            surgery.sign_on()
            surgery.preferences()
        except UserError:
            if not (args.restart and args.via == "auto"):
                raise
            return surgery.way("file")
    return via


def _with(args: argparse.Namespace, journal: Journal, records: list[Record], site: _Site) -> Outcome:
    read = site.surgery.preferences if site.surgery is not None and site.via == "api" else None
    plan = journal.plan_rollback(records, via=site.via, force=args.force, read=read, path=site.path)
    lines = _described(args, plan, site)
    all_changes = tuple(change for step in plan.steps if step.allowed for change in step.changes)
    if args.dry_run:
        code = 4 if plan.refusals else 0
        return Outcome("rollback", "planned", (*lines, "", "Dry run: nothing was changed."), code, changes=all_changes)
    if plan.refusals and not any(step.allowed for step in plan.steps):
        return Outcome("rollback", "refused", (*lines, "", "Nothing was taken back."), 4)
    if not args.yes:
        if not consent.person_answers():
            said = (*lines, "", "Nothing was taken back: without a terminal to ask, --yes is needed.")
            return Outcome("rollback", "planned", said, 2, changes=all_changes)
        for line in lines:
            output.say(line)
        if not _agreed(site):
            return Outcome("rollback", "planned", ("Nothing was taken back.",), 2, changes=all_changes)
    said = (*lines, "") if args.yes else ()  # on a terminal the plan was shown with the question
    return _carry_out(args, journal, plan, site, said)


def _agreed(site: _Site) -> bool:
    if site.surgery is None:
        return consent.agreed("Take this back?")
    with site.surgery.observer.wire.deadline.pause():
        return consent.agreed("Take this back?")


def _carry_out(
    args: argparse.Namespace, journal: Journal, plan: RollbackPlan, site: _Site, said: Sequence[str]
) -> Outcome:
    how = site.surgery.how if site.surgery is not None and site.via == "file" else None
    left = ""
    if how is None and args.confirm_within is None:
        done, failed, made = _each(args, journal, plan, site)
        return _ended(said, done, failed, made, left)
    from qbdoctor import awaiting, restarting  # noqa: PLC0415 - seldom needed

    surgery = site.surgery
    if surgery is None:
        raise Refused("--confirm-within needs a target: name it with --config or --url.")
    live = surgery if site.via == "api" else None
    dog = restarting.Dog(
        journal,
        run=surgery.run,
        config=site.path,
        how=how,
        confirm=args.confirm_within,
        may_restart=args.restart,
        api=restarting.session_of(live) if live is not None else None,
        again=[step.record.id for step in plan.steps if step.allowed],
    )
    if how is None:
        with restarting.minded(dog), journal.locked():
            done, failed, made = _each(args, journal, plan, site)
    else:
        (done, failed, made), left = _restarted(args, journal, plan, site, how, dog)
    outcome = _ended(said, done, failed, made, left)
    until = restarting.arm(dog, live) if args.confirm_within is not None and done and not left else None
    if until is None:
        dog.release()
        return outcome
    return awaiting.decision(args, journal, surgery.run, dog, until, outcome)


def _ended(said: Sequence[str], done: list[Record], failed: list[str], made: list[Change], left: str) -> Outcome:
    lines = [*said, *(f"✓ {record.fix} was taken back ({record.id})." for record in done)]
    lines += [f"✗ {text}" for text in failed]
    if left:
        lines.append(f"✗ Without it: {left} What was taken back was made again: qbdoctor history shows it.")
    state, code = ("refused", 4) if failed or left else ("rolled-back", 0)
    return Outcome("rollback", state, tuple(lines), code, tuple(done), tuple(made))


def _restarted(
    args: argparse.Namespace, journal: Journal, plan: RollbackPlan, site: _Site, how: How, dog: Dog
) -> tuple[_Done, str]:
    """Do it while qBittorrent is stopped; where it does not come up then, the changes are made again."""
    from qbdoctor import redoing, restarting  # noqa: PLC0415 - seldom needed

    why = "without it qBittorrent did not come up"
    surgery, path = site.surgery, site.path
    assert surgery is not None and path is not None  # noqa: S101 - for the type checker
    return restarting.around(
        journal,
        how,
        dog,
        args.deadline,
        lambda: _each(args, journal, plan, site),
        lambda made: redoing.redo(journal, made[0], path, run=surgery.run, guard=site.guard, why=why),
    )


def _each(args: argparse.Namespace, journal: Journal, plan: RollbackPlan, site: _Site) -> _Done:
    """Take back what may be; returns the records, what failed, and the changes."""
    done: list[Record] = []
    failed: list[str] = list(plan.refusals)
    made: list[Change] = []
    for step in plan.steps:
        if not step.allowed:
            continue
        try:
            if site.via == "api" and site.surgery is not None:
                write, read = site.surgery.write, site.surgery.preferences
                record = journal.rollback(step.record, via=site.via, force=args.force, write=write, read=read)
            else:
                record = journal.rollback(step.record, via=site.via, force=args.force, guard=site.guard, path=site.path)
        except UserError as error:
            failed.append(f"{step.record.id}: {error.message}")
            continue
        done.append(record)
        made += step.changes
    return done, failed, made


def _described(args: argparse.Namespace, plan: RollbackPlan, site: _Site) -> list[str]:
    where = f"in {site.path}"
    if site.via == "api" and site.surgery is not None:
        where = f"live, through the Web API of {site.surgery.observer.address.url}"
    lines = [f"Take back ({where}):"]
    if args.confirm_within is not None:
        lines += ["", f"  It is undone unless it is confirmed within {args.confirm_within:g} s."]
    if site.via == "file" and site.surgery is not None and site.surgery.how is not None:
        lines += ["", f"  {site.surgery.how.describe()}."]
    for step in plan.steps:
        lines += ["", f"  {step.record.fix} ({step.record.id})"]
        if step.allowed:
            lines += changes.shown(step.changes) or ["    nothing is left of it to change"]
            lines += [f"    forced: {reason}" for reason in step.refusals]
        else:
            lines += [f"    left alone: {reason}" for reason in step.refusals]
    return lines
