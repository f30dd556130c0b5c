"""Renders a result of lint: for people, as JSON, as SARIF, as GitHub's annotations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from qbdoctor import __version__
from qbdoctor.lint import secrets
from qbdoctor.lint.facts.program import MendedLines
from qbdoctor.lint.findings import LintFinding, LintResult

_LEVELS = {"proven": "error", "likely": "error", "possible": "warning"}


def as_json(result: LintResult) -> str:
    """``qbdoctor.lint/1``."""
    made = {
        "schema": "qbdoctor.lint/1",
        "tool": {"name": "qbdoctor", "version": __version__},
        "findings": [
            {
                "file": finding.file,
                "line": finding.line,
                "column": finding.column,
                "id": finding.id,
                "confidence": finding.confidence,
                "summary": finding.summary,
                "why": finding.why,
                "remedy": finding.remedy,
                "since": finding.since or None,
                "mended": [
                    {"line": edit.line, "last_line": max(edit.line, edit.last_line), "text": edit.text}
                    for edit in _handed_on(finding)
                ],
            }
            for finding in result.findings
        ],
        "skipped": [{"file": skipped.file, "reason": skipped.reason} for skipped in result.skipped],
        "files": {"seen": result.seen, "looked_at": result.looked_at, "unread": dict(result.unread)},
        "exit_code": result.exit_code,
    }
    return json.dumps(made, ensure_ascii=True, indent=2) + "\n"


def as_sarif(result: LintResult) -> str:
    """SARIF 2.1.0, as code hosts read it."""
    rules: dict[str, dict[str, Any]] = {}
    for finding in result.findings:
        rules.setdefault(
            finding.id,
            {
                "id": finding.id,
                "shortDescription": {"text": finding.id},
                "fullDescription": {"text": finding.why},
                "help": {"text": finding.remedy},
            },
        )
    results = [
        {
            "ruleId": finding.id,
            "level": _LEVELS[finding.confidence],
            "message": {"text": f"{finding.summary}. {finding.remedy}"},
            **_fixes(finding),
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _uri(finding.file)},
                        "region": {"startLine": finding.line, "startColumn": finding.column},
                    }
                }
            ],
        }
        for finding in result.findings
    ]
    made = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "qbdoctor", "version": __version__, "rules": list(rules.values())}},
                "results": results,
            }
        ],
    }
    return json.dumps(made, ensure_ascii=True, indent=2) + "\n"


def _uri(name: str) -> str:
    """Return a file as SARIF wants it: relative to where lint was run, or whole with its scheme; Windows' drive is none."""
    path = PurePath(name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _fixes(finding: LintFinding) -> dict[str, Any]:
    """SARIF's ``fixes``: lines replaced as a whole."""
    if not _handed_on(finding):
        return {}
    replacements = [
        {
            "deletedRegion": {
                "startLine": edit.line,
                "startColumn": 1,
                "endLine": max(edit.line, edit.last_line) + 1,
                "endColumn": 1,
            },
            "insertedContent": {"text": f"{edit.text}\n"},
        }
        for edit in finding.mended
    ]
    change = {"artifactLocation": {"uri": _uri(finding.file)}, "replacements": replacements}
    return {"fixes": [{"description": {"text": finding.remedy}, "artifactChanges": [change]}]}


def _handed_on(finding: LintFinding) -> tuple[MendedLines, ...]:
    """Return the mended lines for programs that apply them: none where one holds a secret, which no output may."""
    return () if any(secrets.holds_any(edit.text) for edit in finding.mended) else finding.mended


def _mended(finding: LintFinding) -> str:
    """Return the mended lines as text, for where a message is all there is."""
    parts = []
    for edit in finding.mended:
        last = max(edit.line, edit.last_line)
        lines = f"{edit.line}" if last == edit.line else f"{edit.line}-{last}"
        parts.append(f"\nline {lines}:\n{secrets.hide(edit.text)}")
    return "".join(parts)


def as_github(result: LintResult) -> str:
    """Workflow commands: GitHub shows them beside the lines."""
    return "".join(
        f"::{_LEVELS[finding.confidence]} file={_property(PurePath(finding.file).as_posix())},line={finding.line},"
        f"col={finding.column},"
        f"title={_property(finding.id)}::{_message(f'{finding.summary}. {finding.remedy}{_mended(finding)}')}\n"
        for finding in result.findings
    )


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def as_human(result: LintResult) -> str:
    """Lines for a person: where, what, why, how it would be right."""
    parts = [_one(finding) for finding in result.findings]
    parts.extend(f"{_clean(each.file)}: not looked at: {_clean(each.reason)}\n" for each in result.skipped)
    breaking = sum(finding.breaks for finding in result.findings)
    more = len(result.findings) - breaking
    what = f"{breaking} found that break{'s' if breaking == 1 else ''}" if breaking else "Nothing found that breaks"
    if more:
        what += f", {more} possible"
    missed = f", {len(result.skipped)} not looked at" if result.skipped else ""
    if result.seen == 0 and (result.unread or result.skipped):
        what = "0 files in a language I know"
    if result.unread:
        missed += "; not read: " + ", ".join(f"{count} {_clean(suffix)}" for suffix, count in result.unread)
    parts.append(f"{what}; {result.looked_at} of {result.seen} files talk to qBittorrent{missed}.\n")
    return "".join(parts)


def _one(finding: LintFinding) -> str:
    since = f" [since {finding.since}]" if finding.since else ""
    lines = [
        f"{_clean(finding.file)}:{finding.line}:{finding.column}: {finding.id} ({finding.confidence}){since}",
        f"  {_clean(finding.summary)}.",
        f"  {_clean(finding.remedy)}",
    ]
    for edit in finding.mended:
        last = max(edit.line, edit.last_line)
        where = f"{edit.line}" if last == edit.line else f"{edit.line}-{last}"
        for number, text in enumerate(secrets.hide(edit.text).split("\n")):
            lines.append(f"  {where if number == 0 else '':>7} + {_clean(text)}")
    return "\n".join(lines) + "\n"


def _clean(text: str) -> str:
    """Text from a file without control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() or char == "\t" else "�" for char in text)


RENDERERS: Mapping[str, Callable[[LintResult], str]] = {
    "human": as_human,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
