"""The report as one self-contained page: no script, nothing loaded, light and dark by the reader's own setting."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.report import Cause, Report
from qbdoctor.reports.commands import next_step
from qbdoctor.reports.text import Options, commands, details, sentence, setting, sides, subject

_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--dim:#60646c;--line:#d9d9e0;--box:#f4f4f6;
--healthy:#1a7f37;--problem:#c62a2f;--unknown:#8a5a00;--pass:#1a7f37;--fail:#c62a2f;--warn:#8a5a00;--skip:#60646c;
--error:#c62a2f;--warning:#8a5a00;--info:#0b68cb}
@media(prefers-color-scheme:dark){:root{--bg:#111315;--fg:#edeef0;--dim:#a2a8b0;--line:#363a3f;--box:#1b1e21;
--healthy:#4cc38a;--problem:#ff6369;--unknown:#f1a10d;--pass:#4cc38a;--fail:#ff6369;--warn:#f1a10d;--skip:#a2a8b0;
--error:#ff6369;--warning:#f1a10d;--info:#52a9ff}}
body{font:16px/1.5 system-ui,sans-serif;background:var(--bg);color:var(--fg);
max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;line-height:1.3}h2{font-size:1.1rem;margin-top:2rem}p,li,td,dd,pre{overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:var(--box);
padding:.6rem .8rem;overflow-x:auto;white-space:pre-wrap}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid var(--line);padding:.3rem .6rem;
text-align:left;vertical-align:top}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt,.dim{color:var(--dim)}dd{margin:0}
"""
_STYLE += "".join(
    f".{name}{{color:var(--{name})}}"
    for name in ("healthy", "problem", "unknown", "pass", "fail", "warn", "skip", "error", "warning", "info")
)


def render(report: Report, options: Options) -> str:
    """Return the page; for a report with an error it holds its sentence alone."""
    return "\n".join(_lines(report, options)) + "\n"


def _lines(report: Report, options: Options) -> Iterator[str]:
    said = report.error.message if report.error else report.headline
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # Should a text ever slip through the escaping, the page still may not run or load anything.
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{_text(said)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f'<h1 class="{report.state}">{_text(said)}</h1>'
    if report.error is None:
        for cause in report.causes:
            yield from _cause(cause)
        yield from _checks(report)
        command, remark = next_step(report, options)
        yield f"<h2>Next</h2>\n<pre>{escape(command)}</pre>"
        if remark:
            yield f"<p>{_text(remark)}</p>"
    yield f'<p class="dim">qbdoctor {_text(report.version)}, {_text(report.started)}</p>\n</body>\n</html>'


def _cause(cause: Cause) -> Iterator[str]:
    yield f'<section>\n<h2><span class="{cause.severity}">{cause.severity.capitalize()}</span>'
    yield f'<code>{_text(cause.id)}</code> <span class="dim">{cause.confidence}</span></h2>'
    yield f"<p>{_text(cause.summary)}</p>"
    for evidence in cause.evidence:
        yield from _evidence(evidence)
    if cause.remedies:
        yield "<h3>What helps</h3>\n<ol>"
        for remedy in cause.remedies:
            blocks = ("\n".join(lines) for lines in commands(remedy))
            code = "".join(f"<pre>{escape(block)}</pre>" for block in blocks)
            yield f'<li>{_text(remedy.text)} <span class="dim">({remedy.kind})</span>{code}</li>'
        yield "</ol>"
    yield "</section>"


def _evidence(evidence: Evidence) -> Iterator[str]:
    halves = sides(evidence)
    if halves is None:
        code = "".join(f" <code>{escape(part)}</code>" for part in setting(evidence) if part)
        yield f'<p><span class="dim">{evidence.kind}</span> {_text(evidence.text)}{code}</p>'
        return
    yield f"<p>Only {_text(str(evidence.data.get('factor', '')))} differs:</p>"
    yield "<table><tr><th></th><th>Request</th><th>Difference</th><th>Answer</th></tr>"
    for name, side in zip("AB", halves, strict=True):
        cells = "".join(f"<td><code>{escape(text)}</code></td>" for text in (side.request, side.differs, side.outcome))
        yield f"<tr><th>{name}</th>{cells}</tr>"
    yield f"</table>\n<p>{_text(str(evidence.data.get('shows', '')))}</p>"
    if evidence.data.get("notes"):
        yield f'<p class="dim">{_text(str(evidence.data["notes"]))}</p>'


def _checks(report: Report) -> Iterator[str]:
    yield f'<h2>Checks</h2>\n<p class="dim">{_text(subject(report))}</p>\n<table>'
    for check in report.checks:
        told = f"{check.summary} ({check.reason})" if check.reason else check.summary
        yield (
            f'<tr><td class="{check.status}">{check.status}</td>'
            f"<td>{_text(check.title)}</td><td>{_text(told)}</td></tr>"
        )
    yield "</table>"
    rows = details(report.target)
    if rows:
        yield "<h2>Target</h2>\n<dl>"
        yield from (f"<dt>{label}</dt><dd><code>{escape(text)}</code></dd>" for label, text in rows)
        yield "</dl>"


def _text(text: str) -> str:
    return escape(sentence(text))
