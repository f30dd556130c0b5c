"""Applies the planned fixes as one transaction, verifies them, and takes all back where one fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qbdoctor.model.basics import Json
from qbdoctor.model.report import Report

_MOST_EVIDENCE = 20


def kept(report: Report | None, reason: str, answers: Sequence[str]) -> Mapping[str, Json] | None:
    """Return the record's ``diagnosis``: the causes that are the reason, or that a requested fix answers.

    A report holds no secret, so this holds none. None where nothing was looked at before.
    """
    if report is None:
        return None
    wanted = set(answers) if reason == "requested" else {reason}
    target = report.target
    return {
        "headline": report.headline,
        "state": report.state,
        "version": target.version or target.version_range,
        "process": None if target.process is None else target.process.to_json(),
        "causes": [
            {
                "id": cause.id,
                "severity": cause.severity,
                "confidence": cause.confidence,
                "summary": cause.summary,
                "evidence": [each.to_json() for each in cause.evidence[:_MOST_EVIDENCE]],
            }
            for cause in report.causes
            if cause.id in wanted
        ],
    }
