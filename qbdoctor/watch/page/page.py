"""Renders the page of a watch: static HTML with SVG, no script, nothing loaded, light and dark."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor import __version__
from qbdoctor.reports.html_style import STYLE
from qbdoctor.watch.base.events import BAD, GOOD
from qbdoctor.watch.base.lengths import spell
from qbdoctor.watch.history.reading import Slot, Span, read_span
from qbdoctor.watch.page.plots import plot
from qbdoctor.watch.page.status import Status

if TYPE_CHECKING:
    import jinja2

DAY, MONTH = 86_400.0, 30 * 86_400.0
_DAY_SLOTS, _MONTH_SLOTS = 72, 180
_ROWS = 30


def template() -> jinja2.Template:
    """Return the page's template. Raises ImportError where jinja2 is not installed."""
    import jinja2  # noqa: PLC0415 - the page alone needs it

    loader = jinja2.PackageLoader("qbdoctor.watch.page", ".")
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=False).get_template("page.html.j2")


def render(made: jinja2.Template, state: Path, status: Status, now: float) -> str:
    """Return the page as it is now; where the history cannot be read, with empty pictures."""
    day, month = _span(state, status.url, now, DAY), _span(state, status.url, now, MONTH)
    look, report = status.look, status.report
    release = look.look.facts.get("release") if look is not None else None
    unreachable = status.glance is not None and status.glance.kind == "down"
    refused = status.glance.signs.failing if status.glance is not None else ()
    verdict = look.state if look is not None else "unknown"
    headline = look.headline if look is not None else "Not looked at yet"
    if unreachable and verdict == "healthy" and status.glance is not None:
        verdict, headline = "unknown", f"No answer comes now: {status.glance.text}"
    return made.render(
        url=status.url, state=verdict, headline=headline, release=release, now=now, day=day, month=month,
        day_plot=plot(day), month_plot=plot(month), failing=refused or (report.failing if report is not None else ()),
        style=STYLE, version=__version__, time=_time, spell=spell, tone=_tone, summary=summary, table=_table,
    )  # fmt: skip


def _span(state: Path, url: str, now: float, seconds: float) -> Span:
    slots, size = (_DAY_SLOTS, 60) if seconds == DAY else (_MONTH_SLOTS, 3600)
    try:
        return read_span(state, url, now, seconds, slots, size)
    except sqlite3.Error:
        return Span(now - seconds, now, tuple(Slot(now - seconds + n * seconds / slots) for n in range(slots)))


def summary(span: Span) -> str:
    """Return a stretch of time in a sentence."""
    looks, down = sum(slot.looks for slot in span.slots), sum(slot.down for slot in span.slots)
    if not looks:
        return "Nothing was looked at."
    refused = sum(slot.refused + slot.odd for slot in span.slots)
    told = f"{looks} looks, {100 * (looks - down) / looks:.4g} % answered"
    told += f", {refused} refused or odd" if refused else ""
    refreshes = sum(slot.refreshes for slot in span.slots)
    events = f"{len(span.events)} event{'' if len(span.events) == 1 else 's'}"
    renewed = "once" if refreshes == 1 else f"{refreshes} times" if refreshes else "never"
    return f"{told}; {events}; the session's cookie was renewed {renewed}."


def _table(span: Span) -> Sequence[Slot]:
    """Return the slots that hold looks, joined to at most thirty, the newest first."""
    each = -(-len(span.slots) // _ROWS)
    rows, source = [], iter(span.slots)
    while part := tuple(islice(source, each)):
        looks, down = sum(one.looks for one in part), sum(one.down for one in part)
        if looks:
            ms = sum(one.ms * (one.looks - one.down) for one in part) / max(looks - down, 1)
            refused = sum(one.refused + one.odd for one in part)
            longest = max(one.ms_max for one in part)
            rows.append(Slot(part[0].start, looks, refused=refused, down=down, ms=ms, ms_max=longest))
    return rows[::-1]


def _tone(event: str) -> str:
    return "problem" if event in BAD else "healthy" if event in GOOD else "info"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"
