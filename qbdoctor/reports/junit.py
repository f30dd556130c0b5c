"""Renders JUnit XML, as CI systems read it: one test case a check, the verdict and the causes as the suite's output."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from qbdoctor.model.report import CheckResult, Report
from qbdoctor.reports.text import Options, counts, sentence


def render(report: Report, options: Options) -> str:
    """Return the document: fail is a failure, unknown an error, skip is skipped with its reason, warn passes."""
    del options
    by = counts(report)
    root = ET.Element("testsuites", name="qbdoctor")
    suite = ET.SubElement(
        root,
        "testsuite",
        name="qbdoctor",
        tests=str(len(report.checks) or int(report.error is not None)),
        failures=str(len(by["fail"])),
        errors=str(len(by["unknown"]) + int(report.error is not None)),
        skipped=str(len(by["skip"])),
        time=f"{report.duration_ms / 1000:.3f}",
        timestamp=report.started,
    )
    properties = ET.SubElement(suite, "properties")
    for name, text in (
        ("state", report.state),
        ("url", report.target.url or ""),
        ("qbittorrent", report.target.version or ""),
        ("qbdoctor", report.version),
    ):
        ET.SubElement(properties, "property", name=name, value=sentence(text))
    for check in report.checks:
        _case(suite, check)
    if report.error is not None:
        case = ET.SubElement(suite, "testcase", classname="qbdoctor", name="start", time="0.000")
        ET.SubElement(case, "error", type=sentence(report.error.code), message=sentence(report.error.message))
    lines = [report.headline, *(f"{c.severity} {c.id} ({c.confidence}): {c.summary}" for c in report.causes)]
    ET.SubElement(suite, "system-out").text = "\n".join(sentence(line) for line in lines)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, check: CheckResult) -> None:
    """Add a check. Its id is the case's name: a CI system's history hangs on it, and titles may be reworded."""
    case = ET.SubElement(
        suite, "testcase", classname="qbdoctor", name=sentence(check.id), time=f"{check.duration_ms / 1000:.3f}"
    )
    summary, reason = sentence(check.summary), sentence(check.reason or "")
    if check.status == "fail":
        ET.SubElement(case, "failure", type="fail", message=summary).text = f"{sentence(check.title)}: {summary}"
    elif check.status == "unknown":
        ET.SubElement(case, "error", type="unknown", message=reason or summary)
    elif check.status == "skip":
        ET.SubElement(case, "skipped", message=reason or summary)
    else:
        label = "warning: " if check.status == "warn" else ""
        ET.SubElement(case, "system-out").text = f"{label}{summary}"
