"""Runs ``qbdoctor history``: the records, newest first; one in full, as a change document; and clearing up."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from qbdoctor.cli import outcome, output
from qbdoctor.cli.outcome import UNSETTLED, CommandOutcome
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.history import other_folders
from qbdoctor.repair.journal.reader import StoredRecords
from qbdoctor.repair.journal.records import Damaged, Record, history_json
from qbdoctor.storage import files, foreign, private, state_folder, trust
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from qbdoctor.model.changes import UndoneChange
    from qbdoctor.repair.history.undo_instructions import TakingBack


def run(args: argparse.Namespace) -> int:
    """Print all records, or some in full; or remove those that are of no use any more."""
    state = state_folder.chosen(args.state_dir, os.environ)
    if args.prune:
        return outcome.run(args, lambda: _prune(args, state))
    if args.older_than is not None:
        raise UserError("usage", "--older-than says which records --prune removes: give both.")
    if args.format not in ("human", "json", "markdown"):
        raise UserError("usage", "history: --format is human, json or markdown.")
    store = StoredRecords(state / "records")
    trust.check_ours(store.root)
    if store.unsettled():
        output.say(UNSETTLED)
    records = store.all() if not args.ids else tuple(_found(store, state, name) for name in args.ids)
    for record in records:
        if isinstance(record, Damaged):
            output.say(record.text())
    if not records:
        for place in other_folders.look(state, os.environ):
            output.say(place.text())
    outcome.check_output(args.output)
    if args.format == "json":
        held = history_json(records)
        if args.ids:
            held["records"] = [_full_json(store, each) for each in records]
        for told, record in zip(held["records"], records, strict=True):
            if isinstance(record, Record) and isinstance(told, dict):
                told["undone"] = [one.to_json() for one in _undone(store, record)]
        output.deliver_json(held, args.output)
    else:
        outcome.deliver_text(_text(args, store, records), args.output)
    return 0


def _found(store: StoredRecords, state: Path, name: str) -> Record | Damaged:
    try:
        return store.find(name)
    except Refused as refused:
        raise UserError(
            refused.code, f"{refused.reason}{other_folders.name_other_folders(state, os.environ, name)}"
        ) from None


# --- looking ----------------------------------------------------------------------------------------------------------


def _text(args: argparse.Namespace, store: StoredRecords, records: tuple[Record | Damaged, ...]) -> str:
    readable = [record for record in records if isinstance(record, Record)]
    if not readable:
        return "No fix was applied yet.\n" if not records else ""
    if args.format == "markdown":
        from qbdoctor.repair.history import change_document  # noqa: PLC0415 - a document is seldom wanted

        if args.ids:
            return "\n".join(_document(store, record) for record in readable)
        return change_document.table(readable)
    if args.ids:
        return "\n".join(_in_full(record, _undone(store, record)) for record in readable)
    waiting = _waiting(store)
    return "".join(
        f"{_line(record)}{waiting.get(record.run, '')}{_undone_line(store, record)}\n" for record in readable
    )


def _document(store: StoredRecords, record: Record) -> str:
    from qbdoctor.registry import fixes  # noqa: PLC0415 - as above
    from qbdoctor.repair.history import change_document  # noqa: PLC0415

    title = next((fix.title for fix in fixes() if fix.id == record.fix), None)
    if record.is_source:
        title = "Mend lines of a program"
    return change_document.as_markdown(record, _back(store, record), title)


def _full_json(store: StoredRecords, record: Record | Damaged) -> object:
    from qbdoctor.repair.history import change_document  # noqa: PLC0415 - as above

    return record.to_json() if isinstance(record, Damaged) else change_document.as_json(record, _back(store, record))


def _back(store: StoredRecords, record: Record) -> TakingBack:
    from qbdoctor.repair.history import undo_instructions  # noqa: PLC0415 - as above

    newer = {one.id for others in store.newer(record).values() for one in others}
    return undo_instructions.of(record, sorted(newer, reverse=True), store.root.parent.absolute())


def _line(record: Record) -> str:
    return f"{record.created}  {record.state:<12}  {record.fix}  via {record.via}  {_where(record)}\n    {record.id}"


def _waiting(store: StoredRecords) -> dict[str, str]:
    """Return a line for each run that waits to be confirmed."""
    if not (store.root.parent / "confirm").is_dir():
        return {}
    from qbdoctor.repair.journal import confirmations  # noqa: PLC0415 - seldom needed
    from qbdoctor.repair.journal.journal import Journal  # noqa: PLC0415

    held = confirmations.all_waiting(Journal(store.root.parent))
    return {run: f"\n    {waiting.text()}" for run, waiting in held.items()}


def _undone(store: StoredRecords, record: Record) -> list[UndoneChange]:
    """Return what no longer holds of a record, by its config as it is now: seen, and written nowhere."""
    if record.state != "verified" or _is_as_left(record):
        return []
    from qbdoctor.repair.history import standing  # noqa: PLC0415 - reads config files

    newer = [one for one in store.all() if isinstance(one, Record) and one.id > record.id and one.same_target(record)]
    return standing.in_file(record, [one for one in newer if one.standing])


def _is_as_left(record: Record) -> bool:
    """Return whether the file has still every byte that the change left: then all holds, without loading Qt's rules."""
    name, side = record.file_name(), record.file.after if record.file is not None else None
    if name is None or side is None:
        return False
    with suppress(OSError):
        data = foreign.read(Path(name), side.size + 1)
        return len(data) == side.size and private.sha256(data) == side.sha256
    return False


def _undone_line(store: StoredRecords, record: Record) -> str:
    return "".join(f"\n    no longer holds: {_undone_text(one)}" for one in _undone(store, record))


def _undone_text(one: UndoneChange) -> str:
    return f"{one.setting} is {one.now}, not {one.wanted} ({one.where})"


def _where(record: Record) -> str:
    return record.file_name() or record.target.url or "unknown target"


def _in_full(record: Record, undone: list[UndoneChange]) -> str:
    lines = [
        record.id,
        f"  fix       {record.fix} ({record.reason})",
        f"  when      {record.created}, by {record.user} on {record.host}, qbdoctor {record.tool_version}",
        f"  target    {_where(record)}{' (not here)' if files.is_gone(record.file_name()) else ''}",
        f"  made      {'live, through the Web API' if record.via == 'api' else 'in the file'}",
        *outcome.lines(record.changes),
    ]
    if record.file is not None:
        lines.append(f"  SHA-256   before {record.file.before.sha256}")
        lines.append(f"            after  {record.file.after.sha256}")
    lines.append(f"  backup    {record.backup_file}")
    if record.verified_by:
        lines.append(f"  verified  {record.verified_by}")
    lines += [f"  {step.at}  {step.state}{f': {step.note}' if step.note else ''}" for step in record.states]
    lines += [f"  now       no longer holds: {_undone_text(one)}" for one in undone]
    return "\n".join(lines) + "\n"


# --- clearing up ------------------------------------------------------------------------------------------------------


def _prune(args: argparse.Namespace, state: Path) -> CommandOutcome:
    from qbdoctor.cli.changes import prompts  # noqa: PLC0415 - seldom needed
    from qbdoctor.cli.changes.record_selection import settle  # noqa: PLC0415 - seldom needed
    from qbdoctor.repair.history import prune  # noqa: PLC0415
    from qbdoctor.repair.journal.journal import Journal  # noqa: PLC0415

    journal = Journal(state)
    settle(journal, dry_run=args.dry_run)
    ids = [_found(journal.store, state, name).id for name in args.ids]
    plan = prune.plan(journal, only=ids, days=args.older_than or 0.0)
    kept = [f"  kept: {one.record.id}: {one.why}" for one in plan.kept]
    if not plan.gone:
        code = 4 if ids else 0
        how = "Nothing was removed." if ids else "Nothing to remove: every record that is there is needed."
        return CommandOutcome("history", "refused" if ids else "nothing-to-do", (how, *kept), code)
    lines = [f"  {one.fix} ({one.id}), {one.state}" for one in plan.gone]
    shown = ("Remove, with the backups in them:", *lines, *kept)
    if args.dry_run:
        return CommandOutcome("history", "planned", (*shown, "", "Dry run: nothing was removed."), 0, plan.gone)
    if not args.yes:
        if not prompts.person_answers():
            how = "Nothing was removed: without a terminal to ask, --yes is needed."
            return CommandOutcome("history", "planned", (*shown, "", how), 2, plan.gone)
        for line in shown:
            output.say(line)
        if not prompts.agreed("Remove these for good?"):
            return CommandOutcome("history", "planned", ("Nothing was removed.",), 2, plan.gone)
    gone, left = prune.prune(journal, [one.id for one in plan.gone])
    said = (f"✓ {len(gone)} of {len(plan.gone)} records were removed.", *kept, *(f"✗ {text}" for text in left))
    return CommandOutcome("history", "pruned", said, 4 if left else 0, gone)
