"""Renders ``qbdoctor.report/1`` as JSON: the form that programs read; the schema is ``schemas/report-1.schema.json``."""

from __future__ import annotations

import json

from qbdoctor.model.basics import Json
from qbdoctor.model.report import Report
from qbdoctor.patterns import regex
from qbdoctor.reports.text import Options

_SURROGATE = regex("[\ud800-\udfff]")


def line(report: Json) -> str:
    """Return a report's JSON object as one line, ASCII alone."""
    return json.dumps(report, separators=(",", ":")) + "\n"


def render(report: Report, options: Options) -> str:
    """Return the report's JSON object, members in the contract's order.

    A lone surrogate (a file name that is not UTF-8) is escaped: no stream could carry it, and it may not cost
    the whole report. So is everything outside ASCII where the stream cannot carry it.
    """
    text = json.dumps(report.to_json(), ensure_ascii=not options.unicode, indent=2)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"
