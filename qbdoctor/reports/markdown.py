"""The report as GitHub's Markdown, for a bug report or ``$GITHUB_STEP_SUMMARY``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qbdoctor.model import Cause, Evidence, Report
from qbdoctor.reports.text import Options, commands, details, next_step, sentence, setting, sides, subject

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~>$^])")
# What makes a heading, a list or a rule of a line, at its beginning only.
_LEADING = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[-+=#]))")
_STATE = {"healthy": "✅", "problem": "❌", "unknown": "❔"}


def render(report: Report, options: Options) -> str:
    """Return the document; for a report with an error, its sentence."""
    return "\n".join(_lines(report, options)).rstrip("\n") + "\n"


def _lines(report: Report, options: Options) -> Iterator[str]:
    if report.error is not None:
        yield _text(report.error.message)
        return
    mark = f"{_STATE[report.state]} " if options.unicode else ""
    yield f"## {mark}{_text(report.headline)}\n"
    for cause in report.causes:
        yield from _cause(cause, options)
    yield "### Checks\n"
    yield f"{_text(subject(report))}\n"
    yield "| Status | Check | Result |\n| --- | --- | --- |"
    for check in report.checks:
        told = f"{check.summary} ({check.reason})" if check.reason else check.summary
        yield f"| {check.status} | {_text(check.title)} ({_code(check.id)}) | {_text(told)} |"
    yield ""
    rows = details(report.target)
    if rows:
        yield "| Target | |\n| --- | --- |"
        yield from (f"| {label} | {_code(text)} |" for label, text in rows)
        yield ""
    command, remark = next_step(report, options.target)
    yield f"**Next:** {_code(command, cell=False)}{f' ({_text(remark)})' if remark else ''}\n"
    yield f"qbdoctor {_text(report.version)}, {_text(report.started)}"


def _cause(cause: Cause, options: Options) -> Iterator[str]:
    yield f"### {cause.severity.capitalize()}: {_code(cause.id)}, {cause.confidence}\n"
    yield f"{_text(cause.summary)}\n"
    for evidence in cause.evidence:
        yield from _evidence(evidence)
    if cause.evidence:
        yield ""
    for number, remedy in enumerate(cause.remedies, 1):
        yield f"{number}. {_text(remedy.text)} ({remedy.kind})"
        # Inside the list's item: the fence is indented with it, and longer than any run of backticks it holds.
        for lines in commands(remedy, options.target):
            fence = "`" * max(3, 1 + _longest_run("\n".join(lines)))
            yield from (f"   {line}" for line in (f"{fence}sh", *lines, fence))
    if cause.remedies:
        yield ""


def _evidence(evidence: Evidence) -> Iterator[str]:
    halves = sides(evidence)
    if halves is not None:
        yield f"\nOnly {_text(str(evidence.data.get('factor', '')))} differs:\n"
        yield "| | Request | Difference | Answer |\n| --- | --- | --- | --- |"
        for name, side in zip("AB", halves, strict=True):
            yield f"| {name} | {_code(side.request)} | {_code(side.differs)} | {_code(side.outcome)} |"
        notes = evidence.data.get("notes")
        shows = _text(str(evidence.data.get("shows", "")))
        yield f"\n{shows}{f' ({_text(str(notes))})' if notes else ''}\n"
        return
    quoted = [_code(part, cell=False) for part in setting(evidence) if part]
    yield " ".join((f"- {evidence.kind}:", _text(evidence.text), *quoted))


def _text(text: str) -> str:
    """Return prose with nothing left that Markdown or HTML would act on; a mention must not call anybody."""
    flat = sentence(text).replace("&", "&amp;").replace("<", "&lt;")
    escaped = _LEADING.sub(r"\1\\", _SPECIAL.sub(r"\\\1", flat))
    return re.sub(r"@(?=\w)", "@<!-- -->", escaped)


def _code(text: str, *, cell: bool = True) -> str:
    """Return a code span; in a table's cell a bare ``|`` would end the cell."""
    flat = sentence(text).replace("|", "\\|" if cell else "|")
    if not flat:
        return ""
    fence = "`" * (1 + _longest_run(flat))
    space = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{space}{flat}{space}{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
