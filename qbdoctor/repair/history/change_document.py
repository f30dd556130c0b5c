"""Writes the change document: all that a rollback record knows, as one page for a change ticket, or as an object.

It says what was changed, why, by whom and when, what showed that it works, and how it is taken back, with qbdoctor and
without. Nothing is looked at but the record: it reads the same on every day and on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qbdoctor.model import shell
from qbdoctor.model.basics import Json
from qbdoctor.model.exchanges import Evidence
from qbdoctor.repair.edits.changes import Change
from qbdoctor.repair.history.undo_instructions import Action, TakingBack
from qbdoctor.repair.journal.records import Record
from qbdoctor.reports.markdown import code, evidence_lines, fenced, prose
from qbdoctor.reports.text import value

STATES = {
    "preparing": "left in the middle of the change: the next run of qbdoctor finds out how far it came",
    "applied": "applied, not verified",
    "verified": "applied and verified",
    "rolling-back": "left in the middle of taking it back: the next run of qbdoctor finds out how far it came",
    "rolled-back": "taken back",
    "abandoned": "not applied, or undone at once",
}


def as_json(record: Record, back: TakingBack) -> Json:
    """Return the record with what only its place tells: its folder, its backup, and how it is taken back."""
    places = {"folder": str(record.folder), "backup_file": str(record.backup_file)}
    return {**record.to_json(), **places, "undo": back.to_json()}


def as_markdown(record: Record, back: TakingBack, title: str | None) -> str:
    """Return the document in GitHub's Markdown. ``title`` is what the fix does, None for one that is not known here."""
    return "\n".join(_lines(record, back, title)).rstrip("\n") + "\n"


def table(records: Sequence[Record]) -> str:
    """Return all records as one table, the newest first."""
    rows = [
        f"| {prose(one.created)} | {one.state} | {code(one.fix)} | {code(one.reason)} | {one.via} | "
        f"{code(one.file_name() or one.target.url or '')} | {code(one.id)} |"
        for one in records
    ]
    head = "| When | State | Fix | Reason | Via | Target | Record |\n| --- | --- | --- | --- | --- | --- | --- |"
    return "\n".join((head, *rows)) + "\n"


def _lines(record: Record, back: TakingBack, title: str | None) -> Iterator[str]:
    yield f"# Change: {prose(title or record.fix)}\n"
    yield f"{prose(STATES[record.state].capitalize())}.\n"
    yield "| | |\n| --- | --- |"
    yield from (f"| {name} | {text} |" for name, text in _facts(record) if text)
    yield ""
    yield "## What was changed\n"
    yield from _changed(record)
    yield "## Why\n"
    yield from _why(record)
    yield "## How it was verified\n"
    yield f"{prose(record.verified_by)}\n" if record.verified_by else "It was not.\n"
    if record.file is not None:
        yield "## The file\n"
        yield from _file(record)
    yield "## What happened\n"
    yield "| When | State | Note |\n| --- | --- | --- |"
    yield from (f"| {prose(step.at)} | {step.state} | {prose(step.note or '')} |" for step in record.states)
    yield ""
    yield "## How it is taken back\n"
    yield from _back(back)


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    target = record.target
    seen = record.diagnosis or {}
    who = record.user if record.uid is None else f"{record.user} (user {record.uid})"
    yield "Record", code(record.id)
    yield "Fix", code(record.fix)
    yield "Reason", "requested" if record.reason == "requested" else f"answers {code(record.reason)}"
    yield "When", prose(record.created)
    yield "By", prose(f"{who} on {record.host}")
    yield "With", prose(f"qbdoctor {record.tool_version}")
    yield "Target", code(target.url or "")
    yield "qBittorrent", prose(str(seen.get("version") or ""))
    yield "Process", code(_process(seen.get("process")))
    file = record.file.path if record.file is not None else ""
    yield ("Program", code(file)) if record.is_source else ("Config", code(target.config_file or file))
    yield "Profile", code(target.profile or "")
    in_file = "in its source" if record.is_source else "in the file, while qBittorrent was stopped"
    yield "Made", "live, through the Web API" if record.via == "api" else in_file
    yield "Run", code(record.run)
    yield "Backup", code(str(record.backup_file))
    yield "Notes", prose("; ".join(record.notes))


def _process(held: object) -> str:
    if not isinstance(held, Mapping):
        return ""
    unit = f" ({held['unit']})" if held.get("unit") else ""
    return f"{held.get('pid')}, {held.get('command')}{unit}"


def _changed(record: Record) -> Iterator[str]:
    if record.is_source:
        for change in record.changes:
            yield f"{prose(change.setting.capitalize())}:\n"
            yield from fenced(list(change.diff()), "diff")
            yield ""
        return
    yield "| Setting | Place | Before | After |\n| --- | --- | --- | --- |"
    for change in record.changes:
        before, after = (_cell(change, each) for each in (change.before, change.after))
        yield f"| {code(change.setting)} | {_place(change)} | {before} | {after} |"
    yield ""
    yield from fenced([line for change in record.changes for line in change.diff()], "diff")
    yield ""


def _cell(change: Change, text: str | None) -> str:
    if text is None:
        return "not known" if change.key is None and change.secret else "not set"
    return "a secret, not shown" if change.secret else code(text) or "empty"


def _place(change: Change) -> str:
    if change.key is not None:
        line = f", line {change.line}" if change.line is not None else ""
        return f"{code(f'[{change.section}] {change.key}')}{line}"
    return code(f"app/preferences: {change.json.name}") if change.json is not None else "app/preferences"


def _why(record: Record) -> Iterator[str]:
    seen = record.diagnosis
    asked = record.reason == "requested"
    if asked:
        yield f"{prose(record.user)} asked for this fix by its name.\n"
    if seen is None:
        yield "The record holds no diagnosis.\n"
        return
    said = str(seen.get("headline", ""))
    yield f"{prose(said[0].upper() + said[1:] + '.' if record.is_source and said else f'The check said before: {said}')}\n"
    for cause in seen.get("causes", ()):
        if isinstance(cause, Mapping):
            yield from _cause(cause)
    if not seen.get("causes") and not asked:
        yield f"The cause was {code(record.reason)}.\n"


def _cause(cause: Mapping[str, Any]) -> Iterator[str]:
    severity, confidence, summary = (prose(str(cause.get(name))) for name in ("severity", "confidence", "summary"))
    yield f"**{severity.capitalize()}: {code(str(cause.get('id')))}, {confidence}.** {summary}\n"
    evidence = [one for one in cause.get("evidence", ()) if isinstance(one, Mapping)]
    for one in evidence:
        data = {name: held for name, held in one.items() if name not in {"kind", "text"}}
        yield from evidence_lines(Evidence(one.get("kind", "file"), str(one.get("text", "")), data))
    if evidence:
        yield ""


def _file(record: Record) -> Iterator[str]:
    assert record.file is not None  # noqa: S101 - for the type checker: the caller has looked
    if record.file.real != record.file.path:
        yield f"{code(record.file.path, cell=False)} leads to {code(record.file.real, cell=False)}.\n"
    yield "| | SHA-256 | Size | Mode | Owner |\n| --- | --- | --- | --- | --- |"
    for name, side in (("Before", record.file.before), ("After", record.file.after)):
        owner = "" if side.uid is None else f"{side.uid}:{side.gid}"
        yield f"| {name} | {code(side.sha256)} | {side.size} bytes | {side.mode} | {owner} |"
    yield ""
    undone = record.rollback
    if undone is not None and record.state == "rolled-back" and undone.to_sha256 is not None:
        yield f"Taken back ({undone.how}), its SHA-256 was {code(undone.to_sha256, cell=False)}.\n"


def _back(back: TakingBack) -> Iterator[str]:
    if back.command is None:
        yield prose(back.text)
        return
    yield "### With qbdoctor\n"
    yield f"{prose(back.text)}\n"
    yield from fenced([value(back.command)], shell.FENCES[shell.at_hand()])
    yield ""
    yield "It looks first whether the values are still those of this change, shows what it would do (`--dry-run`), and asks.\n"
    for way in back.by_hand:
        yield f"### Without qbdoctor: {prose(way.title[0].lower() + way.title[1:])}\n"
        for number, step in enumerate(way.steps, 1):
            yield from _step(number, step)
        yield ""


def _step(number: int, step: Action) -> Iterator[str]:
    indent = " " * (len(str(number)) + 2)
    yield f"{number}. {prose(step.text)}"
    if step.commands:
        yield from fenced([value(each) for each in step.commands], shell.FENCES[shell.at_hand()], indent)
    if step.lines:
        yield from fenced([value(each) for each in step.lines], "diff", indent)
