"""Renders the report as one self-contained page: no script, nothing loaded, light and dark by the reader's own setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from qbdoctor.model.changes import SeenChanges
from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.report import Cause, CheckResult, Report
from qbdoctor.patterns import regex
from qbdoctor.reports import changes, route
from qbdoctor.reports.commands import next_step
from qbdoctor.reports.html_style import STYLE
from qbdoctor.reports.text import (
    DiffSide,
    Options,
    commands,
    counts,
    details,
    plural,
    sentence,
    setting,
    sides,
    subject,
)

_QUOTED = regex(r"`([^`]+)`")


def render(report: Report, options: Options) -> str:
    """Return the page; for a report with an error it holds its sentence alone."""
    return "\n".join(_lines(report, options)) + "\n"


def _lines(report: Report, options: Options) -> Iterator[str]:
    said = report.error.message if report.error else report.headline
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # Should a text ever slip through the escaping, the page still may not run or load anything.
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{_title(report)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>"
    yield f'<h1 class="{report.state}">{_text(said)}</h1>'
    if report.error is None:
        yield f'<p class="dim">{escape(subject(report))}</p>'
        if report.changes is not None:
            yield from _changes(report.changes)
        if report.route is not None:
            yield route.pictures(report.route)
        for cause in report.causes:
            yield from _cause(cause, report)
        if report.failing:
            yield "<h2>Refused as well, by the server's log</h2>\n<ul>"
            yield from (f"<li>{_text(sentence(one.told, 200))}</li>" for one in report.failing)
            yield "</ul>"
        command, remark = next_step(report, options)
        yield f"<h2>Next</h2>\n<pre>{escape(command)}</pre>"
        if remark:
            yield f"<p>{_text(remark)}</p>"
        yield from _checks(report)
        yield from _target(report)
    yield f'<p class="dim">qbdoctor {_text(report.version)}, {_text(report.started)}</p>\n</main>\n</body>\n</html>'


def _changes(made: SeenChanges) -> Iterator[str]:
    """Yield what changed, what explains a cause first and with its name."""
    lead = f"{made.lead}:" if made.items else changes.line(made, 0)
    yield f'<section class="changes">\n<h2>What changed</h2>\n<p>{_text(lead)}</p>'
    if made.items:
        yield "<ul>"
        for one in (*made.telling, *made.others):
            why = ", ".join(f"<code>{_text(cause)}</code>" for cause in one.explains)
            explains = f' <span class="dim">explains {why}</span>' if why else ""
            yield f"<li>{_text(changes.text(one))}{explains}</li>"
        yield "</ul>"
    yield "</section>"


def _title(report: Report) -> str:
    """Return what a tab or bookmark says: the state and the target; the headline stands on the page."""
    where = report.target.url
    return escape(sentence(f"qbdoctor: {report.state}{f', {where}' if where else ''}"))


def _cause(cause: Cause, report: Report) -> Iterator[str]:
    yield f'<section>\n<h2><span class="{cause.severity}">{cause.severity.capitalize()}</span>'
    yield f'<code>{_text(cause.id)}</code> <span class="dim">{cause.confidence}</span></h2>'
    if sentence(cause.summary) != sentence(report.headline):
        yield f"<p>{_text(cause.summary)}</p>"
    others = []
    for evidence in cause.evidence:
        halves = sides(evidence)
        if halves is None:
            others.append(evidence)
        else:
            yield from _experiment(evidence, halves, "Proof" if cause.confidence == "proven" else "Tried")
    if others:
        yield "<h3>What was seen</h3>\n<ul>"
        yield from map(_evidence, others)
        yield "</ul>"
    if cause.remedies:
        several = len(cause.remedies) > 1
        yield f"<h3>What helps{', least change first' if several else ''}</h3>\n<ol>"
        for remedy in cause.remedies:
            # One block: a piece of a configuration comes line by line.
            block = "\n".join(line for lines in commands(remedy) for line in lines)
            code = f"<pre>{escape(block)}</pre>" if block else ""
            yield f'<li>{_text(remedy.text)} <span class="dim">({remedy.kind})</span>{code}</li>'
        yield "</ol>"
    yield "</section>"


def _evidence(evidence: Evidence) -> str:
    code = "".join(f" <code>{escape(part)}</code>" for part in setting(evidence) if part)
    return f'<li><span class="dim">{evidence.kind}</span> {_text(evidence.text)}{code}</li>'


def _experiment(evidence: Evidence, halves: tuple[DiffSide, DiffSide], label: str) -> Iterator[str]:
    """Yield the two requests beside each other; what differs is marked."""
    yield f"<h3>{label}: only {_text(str(evidence.data.get('factor', '')))} differs</h3>"
    yield '<div class="pair">'
    same = halves[0].request == halves[1].request
    for name, side in zip("AB", halves, strict=True):
        request = _code(side.request, marked=not same)
        yield f"<div>\n<h4>{name}</h4>\n<ul>\n<li>{request}</li>"
        yield from (f"<li>{_code(text, marked=differs)}</li>" for text, differs in side.headers)
        outcome = _code(side.outcome, marked=halves[0].outcome != halves[1].outcome)
        yield f'</ul>\n<p><span class="dim">Answer</span> {outcome}</p>\n</div>'
    yield f"</div>\n<p>{_text(str(evidence.data.get('shows', '')))}</p>"
    if evidence.data.get("notes"):
        yield f'<p class="dim">{_text(str(evidence.data["notes"]))}</p>'


def _code(text: str, *, marked: bool) -> str:
    code = f"<code>{escape(text)}</code>"
    return f"<mark>{code}</mark>" if marked else code


def _checks(report: Report) -> Iterator[str]:
    """Yield the checks; those that passed or were skipped are folded."""
    told = {sentence(cause.summary): cause.id for cause in report.causes}
    by = counts(report)
    yield "<h2>Checks</h2>"
    yield from _list([one for one in report.checks if one.status not in {"pass", "skip"}], told)
    for checks, word in ((by["pass"], "passed"), (by["skip"], "skipped")):
        if checks:
            yield f"<details>\n<summary>{plural(len(checks), 'check')} {word}</summary>"
            yield from _list(checks, told)
            yield "</details>"


def _list(checks: Sequence[CheckResult], told: dict[str, str]) -> Iterator[str]:
    if not checks:
        return
    yield '<ul class="checks">'
    for check in checks:
        cause = told.get(sentence(check.summary))
        said = f"see <code>{_text(cause)}</code> above" if cause else _text(check.summary)
        if check.reason:
            said += f" ({_text(check.reason)})"
        yield f'<li><span class="{check.status}">{check.status}</span>'
        yield f"<p><strong>{_text(check.title)}</strong>: {said}</p></li>"
    yield "</ul>"


def _target(report: Report) -> Iterator[str]:
    rows = details(report.target)
    if rows:
        yield "<h2>Target</h2>\n<dl>"
        yield from (f"<dt>{label}</dt><dd><code>{escape(text)}</code></dd>" for label, text in rows)
        yield "</dl>"


def _text(text: str) -> str:
    """Return prose for the page; what stands in backticks becomes code."""
    return _QUOTED.sub(r"<code>\1</code>", escape(sentence(text)))
