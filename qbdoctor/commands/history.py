"""``qbdoctor history``: the records, newest first."""

from __future__ import annotations

import argparse
import os

from qbdoctor import changes, output
from qbdoctor.atomic import Refused
from qbdoctor.journal import Journal
from qbdoctor.model import UserError
from qbdoctor.records import Damaged, Record, history_json
from qbdoctor.run import state_folder


def run(args: argparse.Namespace) -> int:
    """Print all records, or one in full."""
    journal = Journal(state_folder(args, os.environ))
    for sentence in journal.recover():
        output.say(sentence)
    records = journal.records() if not args.ids else tuple(_found(journal, name) for name in args.ids)
    for record in records:
        if isinstance(record, Damaged):
            output.say(record.text())
    if args.format == "json":
        changes.deliver_json(history_json(records), args.output)
        return 0
    readable = [record for record in records if isinstance(record, Record)]
    if not readable:
        changes.deliver_text("No fix was applied yet.\n" if not records else "", args.output)
    elif args.ids:
        changes.deliver_text("\n".join(_in_full(record) for record in readable), args.output)
    else:
        waiting = _waiting(journal)
        changes.deliver_text(
            "".join(f"{_line(record)}{waiting.get(record.run, '')}\n" for record in readable), args.output
        )
    return 0


def _found(journal: Journal, name: str) -> Record | Damaged:
    try:
        return journal.find(name)
    except Refused as refused:
        raise UserError(refused.code, refused.reason) from None


def _line(record: Record) -> str:
    return f"{record.created}  {record.state:<12}  {record.fix}  via {record.via}  {_where(record)}\n    {record.id}"


def _waiting(journal: Journal) -> dict[str, str]:
    """Return a line for each run that waits to be confirmed."""
    if not (journal.store.root.parent / "confirm").is_dir():
        return {}
    from qbdoctor import confirming  # noqa: PLC0415 - seldom needed

    return {run: f"\n    {waiting.text()}" for run, waiting in confirming.all_waiting(journal).items()}


def _where(record: Record) -> str:
    return record.file_name() or record.target.url or "unknown target"


def _in_full(record: Record) -> str:
    lines = [
        record.id,
        f"  fix       {record.fix} ({record.reason})",
        f"  when      {record.created}, by {record.user} on {record.host}, qbdoctor {record.tool_version}",
        f"  target    {_where(record)}",
        f"  made      {'live, through the Web API' if record.via == 'api' else 'in the file'}",
        *changes.shown(record.changes),
    ]
    if record.file is not None:
        lines.append(f"  SHA-256   before {record.file.before.sha256}")
        lines.append(f"            after  {record.file.after.sha256}")
    lines.append(f"  backup    {record.backup_file}")
    if record.verified_by:
        lines.append(f"  verified  {record.verified_by}")
    lines += [f"  {step.at}  {step.state}{f': {step.note}' if step.note else ''}" for step in record.states]
    return "\n".join(lines) + "\n"
