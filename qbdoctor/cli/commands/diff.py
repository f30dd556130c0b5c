"""Runs ``qbdoctor diff``: two saved looks side by side, or a saved one and now."""

from __future__ import annotations

import argparse

from qbdoctor.cli import outcome, output
from qbdoctor.cli.target_options import observer
from qbdoctor.diagnosis import engine
from qbdoctor.looks import comparing, saved, taking, words
from qbdoctor.looks.look import Look
from qbdoctor.model.basics import Json
from qbdoctor.model.changes import SeenChange
from qbdoctor.model.errors import UserError
from qbdoctor.model.report import Report
from qbdoctor.registry import checks
from qbdoctor.reports.changes import text
from qbdoctor.reports.text import sentence
from qbdoctor.storage import files

SCHEMA = "qbdoctor.diff/1"


def run(args: argparse.Namespace) -> int:
    """Print what differs; 0 whether or not something does."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "diff: --format is human or json.")
    if len(args.ids) not in (1, 2):
        raise UserError("usage", "diff wants one file of check --save, or two: qbdoctor diff FILE [FILE].")
    outcome.check_output(args.output)
    first = saved.load(files.expanded(args.ids[0]))
    look, report = _second(args)
    found = comparing.differences(first.look, look, report.causes)
    if args.format == "json":
        output.deliver_json(_json(first.look, look, report, found), args.output)
    else:
        outcome.deliver_text("".join(f"{line}\n" for line in _lines(first.look, look, report, found)), args.output)
    return 0


def _second(args: argparse.Namespace) -> tuple[Look, Report]:
    """Return the second look and what is wrong by it: the other file, judged again, or the target as it is now."""
    if len(args.ids) == 2:
        held = saved.load(files.expanded(args.ids[1]))
        return held.look, engine.run(held.observer, checks(), started=held.taken)
    watcher = observer(args)
    report = engine.run(watcher, checks())
    return taking.take(watcher, report, None), report


def _json(one: Look, other: Look, report: Report, found: tuple[SeenChange, ...]) -> Json:
    return {
        "schema": SCHEMA,
        "a": _side(one),
        "b": {**_side(other), "verdict": {"state": report.state, "headline": report.headline}},
        "items": [item.to_json() for item in found],
    }


def _side(look: Look) -> Json:
    return {"url": look.url, "taken": look.taken, "tool_version": look.tool_version}


def _lines(one: Look, other: Look, report: Report, found: tuple[SeenChange, ...]) -> list[str]:
    lines = [sentence(f"{one.url}, {_when(one)} → {other.url}, {_when(other)}"), f"  {sentence(report.headline)}"]
    if not found:
        return [*lines, "  No difference shows."]
    for item in found:
        why = f"  (explains {', '.join(item.explains)})" if item.explains else ""
        lines.append(f"  {text(item)}{why}")
    if one.source != other.source:
        lines.append("  The settings were not compared: only one of them could read the config file.")
    return lines


def _when(look: Look) -> str:
    moment = words.parsed(look.taken)
    return look.taken if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"
