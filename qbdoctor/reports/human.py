"""The report for a person at a terminal: the verdict, the proof, the ways out, the next command.

The first line says it all and stands alone. Values never pass through rich's markup, so ``[core]`` does not vanish.
Without a width nothing is wrapped, so that a pipe can be searched; with one, prose wraps at words under its own
beginning, and commands never do: what is copied must run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.report import Cause, CheckResult, Report
from qbdoctor.reports.commands import complete, next_step
from qbdoctor.reports.text import (
    DiffSide,
    Options,
    commands,
    counts,
    details,
    plural,
    seconds,
    sentence,
    setting,
    sides,
    subject,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Part = tuple[str, str]
"""A piece of a line: text and style."""

MOST_REMEDIES = 3
_COLORS = {"healthy": "green", "problem": "red", "unknown": "yellow"}
_SEVERITY = {"error": "bold red", "warning": "bold yellow", "info": "bold cyan"}
_STATUS = {"pass": "green", "fail": "red", "warn": "yellow", "skip": "dim", "unknown": "yellow"}
_MARKS = {"healthy": "✓", "problem": "✗", "unknown": "?", "pass": "✓", "fail": "✗", "warn": "!", "skip": "–"}
_ASCII = str.maketrans({"✓": "+", "✗": "x", "→": "->", "…": "...", "–": "-", "·": "-"})
_NARROWEST = 40
# A log line or a page can be any length; in full it is in the JSON, and with -v.
_LONG = 400


def render(report: Report, options: Options) -> str:
    """Return the report as lines; with ``quiet`` the headline alone, for an error its sentence alone."""
    stream = StringIO()
    _print(report, options, _console(options, stream))
    return stream.getvalue()


def to_svg(report: Report, title: str, width: int = 100) -> str:
    """Return a picture of the report in a terminal, ``width`` columns wide."""
    console = _console(Options(color=True), StringIO(), columns=width, record=True)
    options = Options(color=True, width=width)
    _print(complete(report, options), options, console)
    return console.export_svg(title=title)


def _console(options: Options, stream: StringIO, *, columns: int = 1000, record: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415 -- rich costs 50 ms; other formats go without it

    return Console(
        file=stream,
        force_terminal=options.color,
        color_system="standard" if options.color else None,
        no_color=not options.color,
        width=columns,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        record=record,
        _environ={},  # colour and width are the caller's decision, not the environment's
    )


def _print(report: Report, options: Options, console: Console) -> None:
    for line in _Page(report, options).lines():
        console.print(line, soft_wrap=True)


class _Page:
    """The lines of one report; every method yields finished lines, wrapped and without spaces at their end."""

    def __init__(self, report: Report, options: Options) -> None:
        self.report = report
        self.options = options
        self.width = max(options.width, _NARROWEST) if options.width is not None else None
        self.limit = 0 if options.verbose else _LONG

    def lines(self) -> Iterator[Text]:
        report = self.report
        if report.error is not None:
            yield from self.line("", (sentence(report.error.message), ""))
            return
        color = _COLORS[report.state]
        yield from self.line(
            f"{_MARKS[report.state]} ", (sentence(report.headline), f"bold {color}"), lead_style=f"bold {color}"
        )
        if self.options.quiet:
            return
        for cause in report.causes:
            yield from self.cause(cause)
        if self.options.verbose:
            yield from self.target()
        yield from self.checks()
        yield from self.next()

    # The parts

    def cause(self, cause: Cause) -> Iterator[Text]:
        yield from self.blank()
        yield from self.line(
            "",
            (cause.severity.upper(), _SEVERITY[cause.severity]),
            (f"  {sentence(cause.id)}", "bold"),
            (f"  {cause.confidence}", "dim"),
        )
        if sentence(cause.summary) != sentence(self.report.headline):
            yield from self.line("  ", (sentence(cause.summary, self.limit), ""))
        if cause.severity == "info" and not self.options.verbose:
            return
        if cause.folded and self.options.verbose:
            yield from self.line("  ", (f"explains also: {', '.join(map(sentence, cause.folded))}", "dim"))
        before: tuple[DiffSide, DiffSide] | None = None
        for evidence in cause.evidence:
            halves = sides(evidence)
            if halves is not None:
                yield from self.blank()
                label = "Proof: " if cause.confidence == "proven" else "Tried: "
                yield from self.experiment(evidence, label, *halves)
            else:
                if before is not None:
                    yield from self.blank()
                yield from self.evidence(evidence)
            before = halves
        yield from self.remedies(cause)

    def evidence(self, evidence: Evidence) -> Iterator[Text]:
        label = f"  {evidence.kind:<8}  "
        yield from self.line(label, (sentence(evidence.text, self.limit), ""), lead_style="dim")
        where, what = setting(evidence)
        # A sentence that already names the line, or the value, is not followed by the same again.
        seen = sentence(evidence.text)
        rest = [part for part in (where, what) if part and part not in seen]
        if rest:
            yield from self.line(" " * len(label), (": ".join(rest), "dim"), wrap=False)

    def experiment(self, evidence: Evidence, label: str, a: DiffSide, b: DiffSide) -> Iterator[Text]:
        factor = sentence(str(evidence.data.get("factor", "")), self.limit)
        yield from self.line("  ", (label, "bold"), (f"only {factor} differs", ""))
        rows = [(side.request, side.differs, side.outcome) for side in (a, b)]
        if self.width is not None and a.request == b.request and self.table_width(rows) > self.width:
            # What both have in common is said once, so that what differs fits beside the outcome.
            yield from self.line("    ", (a.request, ""), ("  was sent twice:", "dim"), wrap=False)
            rows = [("", side.differs, side.outcome) for side in (a, b)]
        aligned = self.width is None or self.table_width(rows) <= self.width
        requests, differs = (max(_cells(row[i]) for row in rows) if aligned else 0 for i in (0, 1))
        for name, (request, header, outcome) in zip("AB", rows, strict=True):
            columns: list[Part] = [(_pad(request, requests), ""), ("  " if request and differs else "", "")]
            columns += [(_pad(header, differs), "bold cyan"), ("  →  ", "dim"), (outcome, "bold")]
            yield from self.line(f"    {name}  ", *columns, lead_style="dim")
        yield from self.line(
            "    ", ("Shows: ", "dim"), (sentence(str(evidence.data.get("shows", "")), self.limit), "")
        )
        if evidence.data.get("notes"):
            yield from self.line("    ", ("Note: ", "dim"), (sentence(str(evidence.data["notes"]), self.limit), "dim"))

    def table_width(self, rows: list[tuple[str, str, str]]) -> int:
        return 7 + 2 + 5 + sum(max(_cells(row[i]) for row in rows) for i in range(3))

    def remedies(self, cause: Cause) -> Iterator[Text]:
        if not cause.remedies:
            return
        yield from self.blank()
        several = len(cause.remedies) > 1
        yield from self.line("  ", ("What helps", "bold"), (", least change first:" if several else ":", "dim"))
        # The least changes come first, and whoever needs more than a few of them wants the whole page.
        shown = cause.remedies if self.options.verbose else cause.remedies[:MOST_REMEDIES]
        for number, remedy in enumerate(shown, 1):
            yield from self.line(f"  {number}. ", (sentence(remedy.text), ""), (f"  ({remedy.kind})", "dim"))
            for lines in commands(remedy):
                for text in lines:
                    yield from self.line("       ", (text, "cyan"), wrap=False)
        if left := len(cause.remedies) - len(shown):
            yield from self.line("  ", (f"and {left} more: -v, or {self.options.program} explain {cause.id}", "dim"))

    def target(self) -> Iterator[Text]:
        rows = details(self.report.target)
        if not rows:
            return
        yield from self.blank()
        yield from self.line("", ("Target", "bold"))
        for label, text in rows:
            yield from self.line(f"  {label:<8}  ", (text, ""), lead_style="dim", wrap=False)

    def checks(self) -> Iterator[Text]:
        checks = self.report.checks
        yield from self.blank()
        yield from self.line("", ("Checked ", "bold"), (subject(self.report), "dim"))
        if self.options.verbose:
            for check in checks:
                yield from self.check(check)
            return
        by = counts(self.report)
        reasons = [check.reason for check in by["skip"]]
        for check in checks:
            # Many checks skipped for one reason (nothing listens) are one fact, told below.
            if check.status != "pass" and not (check.status == "skip" and reasons.count(check.reason) > 1):
                yield from self.check(check)
        for reason in dict.fromkeys(reason for reason in reasons if reasons.count(reason) > 1):
            same = [check for check in by["skip"] if check.reason == reason]
            yield from self.folded("skip", f"skipped, {sentence(reason or '', self.limit)}", same)
        if by["pass"]:
            yield from self.folded("pass", "passed", by["pass"])

    def check(self, check: CheckResult) -> Iterator[Text]:
        color = _STATUS[check.status]
        told = check.summary
        if check.status in {"skip", "unknown"}:
            word = "skipped" if check.status == "skip" else "could not tell"
            told = f"{word}, {check.reason or check.summary}"
        parts: list[Part] = [(sentence(check.title), color), (f": {sentence(told, self.limit)}", "")]
        if self.options.verbose:
            parts.append((f"  {sentence(check.id)}, {seconds(check.duration_ms)}", "dim"))
        yield from self.line(f"  {_MARKS.get(check.status, '?')} ", *parts, lead_style=color)

    def folded(self, status: str, what: str, checks: list[CheckResult]) -> Iterator[Text]:
        ids = ", ".join(sentence(check.id) for check in checks)
        lead, color = f"  {_MARKS[status]} ", _STATUS[status]
        yield from self.line(lead, (f"{plural(len(checks), 'check')} {what}: ", ""), (ids, "dim"), lead_style=color)

    def next(self) -> Iterator[Text]:
        text, remark = next_step(self.report, self.options)
        yield from self.blank()
        beside = self.width is None or len(f"Next: {text}   ({remark})") <= self.width
        rest = (f"   ({remark})" if remark and beside else "", "dim")
        yield from self.line("", ("Next: ", "bold"), (text, "bold cyan"), rest, wrap=False)
        if remark and not beside:
            yield from self.line("      ", (f"({remark})", "dim"))

    # The lines

    def blank(self) -> Iterator[Text]:
        return self.line("")

    def line(self, lead: str, *parts: Part, lead_style: str = "", wrap: bool = True) -> Iterator[Text]:
        """Yield one line, or, where a width is given and it is longer, several, hanging under the text's beginning."""
        from rich.text import Text  # noqa: PLC0415 -- as above

        if not self.options.unicode:
            lead = lead.translate(_ASCII)
            if wrap:  # what is to be copied stays as it is
                parts = tuple((text.translate(_ASCII), style) for text, style in parts)
        body = Text.assemble(*parts)
        room = self.width - _cells(lead) if self.width is not None and wrap else None
        for number, piece in enumerate(body.divide(_breaks(body.plain, room)) if room else [body]):
            line = Text.assemble((lead if number == 0 else " " * _cells(lead), lead_style), piece)
            line.rstrip()
            yield line


def _breaks(text: str, room: int) -> list[int]:
    """Return where to break a text so that its lines fit: at words; a longer word stands alone, uncut.

    rich would cut the word, and half of a URL or a path cannot be copied.
    """
    found, used = [], 0
    for word in re.finditer(r"\S+\s*", text):
        if used and used + _cells(word[0].rstrip()) > room:
            found.append(word.start())
            used = 0
        used += _cells(word[0])
    return found


def _cells(text: str) -> int:
    from rich.cells import cell_len  # noqa: PLC0415 -- as above

    return cell_len(text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _cells(text))
