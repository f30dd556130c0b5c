"""Renders a Nagios plug-in's answer: one line, performance data after the bar, and exit codes of its own."""

from __future__ import annotations

from qbdoctor.model.report import Report
from qbdoctor.reports.text import Options, sentence

_NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_LIMIT = 200


def code(report: Report) -> int:
    """Return 0 OK, 1 WARNING (healthy, with a warning), 2 CRITICAL (a problem) or 3 UNKNOWN."""
    if report.state == "problem":
        return 2
    if report.state == "unknown" or report.error is not None:
        return 3
    return 1 if _count(report, "warning") else 0


def render(report: Report, options: Options) -> str:
    """Return the line: status, headline, the ids of errors and warnings, performance data."""
    del options
    ids = list(dict.fromkeys(cause.id for cause in report.causes if cause.severity != "info"))
    listed = ", ".join(ids)
    named = f" {sentence(f'[{listed}]', _LIMIT // 2)}" if ids else ""
    said = report.error.message if report.error else report.headline
    prefix = f"QBITTORRENT {_NAMES[code(report)]}: "
    # The ids are what a dashboard's filter looks for: when room is short, the headline gives way.
    room = max(60, _LIMIT - len(prefix) - len(named))
    text = f"{prefix}{sentence(said, room)}{named}".replace("|", "/")
    data = (
        f"errors={_count(report, 'error')};;0;0",
        f"warnings={_count(report, 'warning')};0;;0",
        f"duration={report.duration_ms / 1000:.3f}s;;;0",
    )
    return f"{text} | {' '.join(data)}\n"


def _count(report: Report, severity: str) -> int:
    return sum(cause.severity == severity for cause in report.causes)
