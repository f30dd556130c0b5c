"""Renders the report for a person at a terminal: the verdict, the proof, the ways out, the next command.

The first line says it all and stands alone. Where the screen's height is given, as much is told as fits on it: what takes
the most room and says the least is left out first, and ``-v`` shows all.

Values never pass through rich's markup, so ``[core]`` does not vanish.
Without a width nothing is wrapped, so that a pipe can be searched; with one, prose wraps at words under its own
beginning, and commands never do: what is copied must run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from qbdoctor.model.basics import Status
from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.findings import Remedy
from qbdoctor.model.report import Cause, CheckResult, Report
from qbdoctor.model.terminal_text import MARKS
from qbdoctor.reports.changes import line as changes
from qbdoctor.reports.commands import complete, next_step
from qbdoctor.reports.detail import ALL, LEVELS, Detail
from qbdoctor.reports.route import line as way
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

Part = tuple[str, str]
"""A piece of a line: text and style."""
Line = list[Part]

_COLORS = {"healthy": "green", "problem": "red", "unknown": "yellow"}
_SEVERITY = {"error": "bold red", "warning": "bold yellow", "info": "bold cyan"}
_STATUS = {"pass": "green", "fail": "red", "warn": "yellow", "skip": "dim", "unknown": "yellow"}
_MARKS = {"healthy": "✓", "problem": "✗", "unknown": "?", "pass": "✓", "fail": "✗", "warn": "!", "skip": "–"}
_ASCII = str.maketrans(MARKS)
_NARROWEST = 40
_MOST_OTHERS = 3
_COUNTED: tuple[tuple[Status, str], ...] = (
    ("fail", "failed"), ("warn", "warned"), ("unknown", "could not tell"), ("skip", "skipped"),
)  # fmt: skip


def render(report: Report, options: Options) -> str:
    """Return the report as lines; with ``quiet`` the headline alone, for an error its sentence alone."""
    if not options.color:  # rich adds nothing to it
        return "".join(f"{_plain(line).expandtabs()}\n" for line in _fitting(report, options))
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
    from rich.text import Text  # noqa: PLC0415 -- as above

    for line in _fitting(report, options):
        console.print(Text.assemble(*line), soft_wrap=True)


def _fitting(report: Report, options: Options) -> list[Line]:
    """Return the lines with as much detail as the screen has room for; without a height, or with ``verbose``, with all."""
    if options.verbose:
        return list(_Page(report, options, ALL).lines())
    lines: list[Line] = []
    for detail in LEVELS:
        lines = list(_Page(report, options, detail).lines())
        if options.height is None or sum(_rows(line, options.width) for line in lines) < options.height:
            break  # the last line of the screen is the shell's
    return lines


def _rows(line: Line, width: int | None) -> int:
    """Return how many rows of the screen a line takes: one that must be copied whole may be longer than the screen."""
    return max(1, -(-_cells(_plain(line)) // width)) if width else 1


class _Page:
    """The lines of one report; every method yields finished lines, wrapped and without spaces at their end."""

    def __init__(self, report: Report, options: Options, detail: Detail) -> None:
        self.report = report
        self.options = options
        self.width = max(options.width, _NARROWEST) if options.width is not None else None
        self.detail = detail
        self.limit = detail.limit

    def lines(self) -> Iterator[Line]:
        report = self.report
        if report.error is not None:
            yield from self.line("", (sentence(report.error.message), ""))
            return
        color = _COLORS[report.state]
        yield from self.line(
            f"{_MARKS[report.state]} ",
            (sentence(report.headline, self.limit and 2 * self.limit), f"bold {color}"),
            lead_style=f"bold {color}",
        )
        if self.options.quiet:
            return
        if report.changes is not None:
            yield from self.line("  ", (changes(report.changes, self.detail.changes), "yellow"))
        if report.route is not None:
            told = way(report.route, self.width - len("  Way: ") if self.width is not None else 0)
            yield from self.line("  ", (f"Way: {told}", "dim"))
        for number, cause in enumerate(report.causes):
            if number == 0 or self.detail.rest:
                yield from self.cause(cause)
        if not self.detail.rest:
            yield from self.other_causes(report.causes[1:])
        if self.options.verbose:
            yield from self.target()
        yield from self.failing()
        yield from self.checks()
        yield from self.next()

    # The parts

    def cause(self, cause: Cause) -> Iterator[Line]:
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
        plain = [one for one in cause.evidence if sides(one) is None][: self.detail.evidence]
        for evidence in cause.evidence:
            halves = sides(evidence)
            if halves is None and evidence not in plain:
                continue
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

    def evidence(self, evidence: Evidence) -> Iterator[Line]:
        label = f"  {evidence.kind:<8}  "
        yield from self.line(label, (sentence(evidence.text, self.limit), ""), lead_style="dim")
        where, what = setting(evidence)
        # A sentence that already names the line, or the value, is not followed by the same again.
        seen = sentence(evidence.text)
        rest = [part for part in (where, what) if part and part not in seen]
        if rest:
            yield from self.line(" " * len(label), (": ".join(rest), "dim"))

    def experiment(self, evidence: Evidence, label: str, a: DiffSide, b: DiffSide) -> Iterator[Line]:
        factor = sentence(str(evidence.data.get("factor", "")), self.limit)
        yield from self.line("  ", (label, "bold"), (f"only {factor} differs", ""))
        cell = self.detail.cell
        rows = [
            (sentence(side.request, cell), sentence(side.differs, cell), sentence(side.outcome, cell))
            for side in (a, b)
        ]
        if self.width is not None and a.request == b.request and self.table_width(rows) > self.width:
            # What both have in common is said once, so that what differs fits beside the outcome.
            yield from self.line("    ", (sentence(a.request, cell), ""), ("  was sent twice:", "dim"), wrap=False)
            rows = [("", header, outcome) for _, header, outcome in rows]
        aligned = self.width is None or self.table_width(rows) <= self.width
        requests, differs = (max(_cells(row[i]) for row in rows) if aligned else 0 for i in (0, 1))
        for name, (request, header, outcome) in zip("AB", rows, strict=True):
            columns: list[Part] = [(_pad(request, requests), ""), ("  " if request and differs else "", "")]
            columns += [(_pad(header, differs), "bold cyan"), ("  →  ", "dim"), (outcome, "bold")]
            yield from self.line(f"    {name}  ", *columns, lead_style="dim")
        yield from self.line(
            "    ", ("Shows: ", "dim"), (sentence(str(evidence.data.get("shows", "")), self.limit), "")
        )
        if evidence.data.get("notes") and self.detail.notes:
            yield from self.line("    ", ("Note: ", "dim"), (sentence(str(evidence.data["notes"]), self.limit), "dim"))

    def table_width(self, rows: list[tuple[str, str, str]]) -> int:
        return 7 + 2 + 5 + sum(max(_cells(row[i]) for row in rows) for i in range(3))

    def remedies(self, cause: Cause) -> Iterator[Line]:
        if not cause.remedies:
            return
        yield from self.blank()
        several = len(cause.remedies) > 1
        yield from self.line("  ", ("What helps", "bold"), (", least change first:" if several else ":", "dim"))
        shown = self.shown_remedies(cause)
        for number, remedy in shown:
            yield from self.line(
                f"  {number}. ", (sentence(remedy.text, self.detail.remedy), ""), (f"  ({remedy.kind})", "dim")
            )
            for lines in commands(remedy):
                if len(lines) > self.detail.block:
                    yield from self.line("       ", (f"({plural(len(lines), 'line')}: -v)", "dim"))
                    continue
                for text in lines:
                    yield from self.line("       ", (text, "cyan"), wrap=False)
        if left := len(cause.remedies) - len(shown):
            yield from self.line("  ", (f"and {left} more: -v, or {self.options.program} explain {cause.id}", "dim"))

    def shown_remedies(self, cause: Cause) -> list[tuple[int, Remedy]]:
        """Return the remedies to show with their numbers: the first ones, since they change least, and the first fix.

        A fix does by itself what the others say, so its command is told on any screen; not one that loosens security.
        """
        numbered = list(enumerate(cause.remedies, 1))
        shown, rest = numbered[: self.detail.remedies], numbered[self.detail.remedies :]
        if not any(remedy.fix for _, remedy in shown):
            shown += [one for one in rest if one[1].fix and one[1].commands and not one[1].loosens][:1]
        return shown

    def other_causes(self, causes: Sequence[Cause]) -> Iterator[Line]:
        """Yield the causes after the first, a line each, and how many more there are."""
        if causes:
            yield from self.blank()
        for cause in causes[:_MOST_OTHERS]:
            told = (sentence(cause.id), "bold"), (f": {sentence(cause.summary, self.limit // 2)}", "")
            yield from self.line(f"{cause.severity.upper()}  ", *told, lead_style=_SEVERITY[cause.severity])
        if (left := len(causes) - _MOST_OTHERS) > 0:
            yield from self.line("", (f"and {left} more: -v", "dim"))

    def target(self) -> Iterator[Line]:
        rows = details(self.report.target)
        if not rows:
            return
        yield from self.blank()
        yield from self.line("", ("Target", "bold"))
        for label, text in rows:
            yield from self.line(f"  {label:<8}  ", (text, ""), lead_style="dim")

    def failing(self) -> Iterator[Line]:
        """Yield who else is refused; what their headers say a stranger chose."""
        shown = self.report.failing[: self.detail.failing]
        if not shown:
            return
        yield from self.blank()
        yield from self.line("", ("Refused as well, by the server's log", "bold"))
        for one in shown:
            yield from self.line("  ", (sentence(one.told, 200), ""))
        if left := len(self.report.failing) - len(shown):
            yield from self.line("  ", (f"and {left} more: --json has all", "dim"))

    def checks(self) -> Iterator[Line]:
        checks = self.report.checks
        yield from self.blank()
        yield from self.line("", ("Checked ", "bold"), (sentence(subject(self.report), self.detail.cell), "dim"))
        if self.options.verbose:
            for check in checks:
                yield from self.check(check)
            return
        by = counts(self.report)
        if self.detail.listed:
            for check in checks:
                # What could not be told is the headline of a report without a fault.
                said = self.report.state == "unknown" and (check.reason or check.summary) in self.report.headline
                if check.status not in {"pass", "skip"} and not said:
                    yield from self.check(check)
        told = [f"{len(by['pass'])} passed", *(f"{len(by[s])} {word}" for s, word in _COUNTED if by[s])]
        yield from self.line(
            "  ", (f"{plural(len(checks), 'check')}: {', '.join(told)}", ""), ("  (-v lists them)", "dim")
        )

    def check(self, check: CheckResult) -> Iterator[Line]:
        color = _STATUS[check.status]
        told = check.summary
        if check.status in {"skip", "unknown"}:
            word = "skipped" if check.status == "skip" else "could not tell"
            told = f"{word}, {check.reason or check.summary}"
        parts: list[Part] = [(sentence(check.title), color), (f": {sentence(told, self.limit)}", "")]
        if self.options.verbose:
            parts.append((f"  {sentence(check.id)}, {seconds(check.duration_ms)}", "dim"))
        yield from self.line(f"  {_MARKS.get(check.status, '?')} ", *parts, lead_style=color)

    def next(self) -> Iterator[Line]:
        text, remark = next_step(self.report, self.options)
        yield from self.blank()
        beside = self.width is None or len(f"Next: {text}   ({remark})") <= self.width
        rest = (f"   ({remark})" if remark and beside else "", "dim")
        yield from self.line("", ("Next: ", "bold"), (text, "bold cyan"), rest, wrap=False)
        if remark and not beside:
            yield from self.line("      ", (f"({remark})", "dim"))

    # The lines

    def blank(self) -> Iterator[Line]:
        return self.line("") if self.detail.airy else iter(())

    def line(self, lead: str, *parts: Part, lead_style: str = "", wrap: bool = True) -> Iterator[Line]:
        """Yield one line, or, where a width is given and it is longer, several, hanging under the text's beginning."""
        if not self.options.unicode:
            lead = lead.translate(_ASCII)
            if wrap:  # what is to be copied stays as it is
                parts = tuple((text.translate(_ASCII), style) for text, style in parts)
        room = self.width - _cells(lead) if self.width is not None and wrap else None
        for number, piece in enumerate(_divided(parts, _breaks(_plain(parts), room) if room else [])):
            yield _stripped([(lead if number == 0 else " " * _cells(lead), lead_style), *piece])


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


def _plain(line: Sequence[Part]) -> str:
    return "".join(text for text, _ in line)


def _divided(parts: Sequence[Part], breaks: Sequence[int]) -> Iterator[Line]:
    """Yield the pieces of a line that is divided at these places."""
    edges = [*breaks, len(_plain(parts))]
    start = 0
    for end in edges:
        piece, at = [], 0
        for text, style in parts:
            if kept := text[max(0, start - at) : max(0, end - at)]:
                piece.append((kept, style))
            at += len(text)
        yield piece
        start = end


def _stripped(line: Line) -> Line:
    """Return a line without the spaces at its end."""
    while line and not (text := line[-1][0].rstrip()):
        line.pop()
    return [*line[:-1], (text, line[-1][1])] if line else []


def _cells(text: str) -> int:
    if text.isascii():  # without control characters, which no text here has
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 -- as above

    return cell_len(text)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _cells(text))
