"""Renders gauges for Prometheus: write them with ``-o`` into the folder of node_exporter's textfile collector.

Every check has a sample for every status and every state one of its own, 0 or 1: a graph then shows a change as a
step, where a series that comes and goes would leave a gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from qbdoctor.model.basics import STATES
from qbdoctor.model.report import Report
from qbdoctor.reports.text import STATUSES, Options

Sample = tuple[dict[str, str], float]


def render(report: Report, options: Options) -> str:
    """Return the metrics, ``# EOF`` last. Raises :class:`ValueError` if ``report.started`` is no RFC 3339 time."""
    del options
    ended = datetime.fromisoformat(report.started).timestamp() + report.duration_ms / 1000
    states: list[Sample] = [({"state": s}, float(report.state == s)) for s in STATES]
    checks: list[Sample] = [
        ({"check": check.id, "status": status}, float(check.status == status))
        for check in report.checks
        for status in STATUSES
    ]
    causes: list[Sample] = [
        ({"id": c.id, "severity": c.severity, "confidence": c.confidence}, 1.0) for c in report.causes
    ]
    info = {
        "version": report.version,
        "url": report.target.url or "",
        "qbittorrent": report.target.version or "",
    }
    families: tuple[tuple[str, str, list[Sample]], ...] = (
        ("qbdoctor_target_info", "What examined what; always 1.", [(info, 1.0)]),
        ("qbdoctor_state", "The verdict: 1 for the state that holds.", states),
        ("qbdoctor_cause", "A root cause that was found; always 1.", causes),
        ("qbdoctor_check_status", "How a check came out: 1 for the status that holds.", checks),
        ("qbdoctor_duration_seconds", "How long the run took.", [({}, report.duration_ms / 1000)]),
        ("qbdoctor_login_attempts", "Credentials sent in the run, 0 or 1.", [({}, float(report.login_attempts))]),
        ("qbdoctor_last_run_timestamp_seconds", "When the run ended, Unix time.", [({}, ended)]),
    )
    lines = [line for name, about, samples in families for line in _family(name, about, samples)]
    return "\n".join([*lines, "# EOF", ""])


def _family(name: str, about: str, samples: list[Sample]) -> Iterable[str]:
    yield f"# TYPE {name} gauge"
    yield f"# HELP {name} {about}"
    # A scrape with the same series twice is refused as a whole, so the first one stands.
    yield from dict.fromkeys(f"{name}{_labels(labels)} {_number(number)}" for labels, number in samples)


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items()) + "}"


def _escape(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    # The format's text is UTF-8 and its lines end at a line feed; anything else that cannot be seen is spelled out.
    return "".join(c if c.isprintable() else r"\\" + c.encode("unicode_escape").decode()[1:] for c in escaped)


def _number(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:.3f}"
