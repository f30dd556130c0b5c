"""Renders the report as GitHub's Markdown, for a bug report or ``$GITHUB_STEP_SUMMARY``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from qbdoctor.model import shell
from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.report import Cause, Report
from qbdoctor.patterns import regex
from qbdoctor.reports import changes
from qbdoctor.reports.commands import next_step
from qbdoctor.reports.text import Options, commands, details, sentence, setting, sides, subject

_SPECIAL = regex(r"([\\`*_{}\[\]|~>$^])")
# What makes a heading, a list or a rule of a line, at its beginning only.
_LEADING = regex(r"^(\d+(?=[.)](?:\s|$))|(?=[-+=#]))")
_STATE = {"healthy": "✅", "problem": "❌", "unknown": "❔"}


def render(report: Report, options: Options) -> str:
    """Return the document; for a report with an error, its sentence."""
    return "\n".join(_lines(report, options)).rstrip("\n") + "\n"


def _lines(report: Report, options: Options) -> Iterator[str]:
    if report.error is not None:
        yield prose(report.error.message)
        return
    mark = f"{_STATE[report.state]} " if options.unicode else ""
    yield f"## {mark}{prose(report.headline)}\n"
    if report.changes is not None:
        yield f"{prose(changes.line(report.changes, len(report.changes.items)))}\n"
    for cause in report.causes:
        yield from _cause(cause)
    if report.failing:
        yield "### Refused as well, by the server's log\n"
        yield from (f"- {prose(sentence(one.told, 200))}" for one in report.failing)
        yield ""
    yield "### Checks\n"
    yield f"{prose(subject(report))}\n"
    yield "| Status | Check | Result |\n| --- | --- | --- |"
    for check in report.checks:
        told = f"{check.summary} ({check.reason})" if check.reason else check.summary
        yield f"| {check.status} | {prose(check.title)} ({code(check.id)}) | {prose(told)} |"
    yield ""
    rows = details(report.target)
    if rows:
        yield "| Target | |\n| --- | --- |"
        yield from (f"| {label} | {code(text)} |" for label, text in rows)
        yield ""
    command, remark = next_step(report, options)
    yield f"**Next:** {code(command, cell=False)}{f' ({prose(remark)})' if remark else ''}\n"
    yield f"qbdoctor {prose(report.version)}, {prose(report.started)}"


def _cause(cause: Cause) -> Iterator[str]:
    yield f"### {cause.severity.capitalize()}: {code(cause.id)}, {cause.confidence}\n"
    yield f"{prose(cause.summary)}\n"
    for one in cause.evidence:
        yield from evidence_lines(one)
    if cause.evidence:
        yield ""
    for number, remedy in enumerate(cause.remedies, 1):
        yield f"{number}. {prose(remedy.text)} ({remedy.kind})"
        if lines := [line for one in commands(remedy) for line in one]:  # a piece of a configuration comes line by line
            yield from fenced(lines, shell.FENCES[shell.at_hand()], "   ")  # inside the list's item
    if cause.remedies:
        yield ""


def evidence_lines(evidence: Evidence) -> Iterator[str]:
    """Yield what was seen as Markdown: an experiment as a table, everything else as an item of a list."""
    halves = sides(evidence)
    if halves is not None:
        yield f"\nOnly {prose(str(evidence.data.get('factor', '')))} differs:\n"
        yield "| | Request | Difference | Answer |\n| --- | --- | --- | --- |"
        for name, side in zip("AB", halves, strict=True):
            yield f"| {name} | {code(side.request)} | {code(side.differs)} | {code(side.outcome)} |"
        notes = evidence.data.get("notes")
        shows = prose(str(evidence.data.get("shows", "")))
        yield f"\n{shows}{f' ({prose(str(notes))})' if notes else ''}\n"
        return
    quoted = [code(part, cell=False) for part in setting(evidence) if part]
    yield " ".join((f"- {evidence.kind}:", prose(evidence.text), *quoted))


def prose(text: str) -> str:
    """Return prose with nothing left that Markdown or HTML would act on; a mention must not call anybody."""
    flat = sentence(text).replace("&", "&amp;").replace("<", "&lt;")
    escaped = _LEADING.sub(r"\1\\", _SPECIAL.sub(r"\\\1", flat))
    return re.sub(r"@(?=\w)", "@<!-- -->", escaped)


def fenced(lines: Sequence[str], language: str = "", indent: str = "") -> Iterator[str]:
    """Yield a block of code; its fence is longer than any run of backticks that it holds."""
    fence = "`" * max(3, 1 + _longest_run("\n".join(lines)))
    yield from (f"{indent}{line}" for line in (f"{fence}{language}", *lines, fence))


def code(text: str, *, cell: bool = True) -> str:
    """Return a code span; in a table's cell a bare ``|`` would end the cell."""
    flat = sentence(text).replace("|", "\\|" if cell else "|")
    if not flat:
        return ""
    fence = "`" * (1 + _longest_run(flat))
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
