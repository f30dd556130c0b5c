"""Defines a finding of lint and what a run of it returns."""

from __future__ import annotations

from qbdoctor.lint.facts.program import MendedLines, Place
from qbdoctor.model.basics import Confidence
from qbdoctor.values import frozen

BREAKING = frozenset(("likely", "proven"))


@frozen
class Hit:
    """What a rule says of a place in the file that it was shown."""

    id: str
    confidence: Confidence
    place: Place
    summary: str
    remedy: str
    mended: tuple[MendedLines, ...] = ()
    since: str = ""  # the first release that it matters for; "" for the cause's own

    @property
    def breaks(self) -> bool:
        """Whether this fails a run."""
        return self.confidence in BREAKING


@frozen
class LintFinding:
    """A hit with its file, and the cause's text. ``since`` is a release of qBittorrent, or "" for every one."""

    file: str
    line: int
    column: int
    id: str
    confidence: Confidence
    summary: str
    why: str
    remedy: str
    since: str
    mended: tuple[MendedLines, ...]

    @property
    def breaks(self) -> bool:
        """Whether this fails a run."""
        return self.confidence in BREAKING


@frozen
class Skipped:
    """A file that was not looked at, and why."""

    file: str
    reason: str


@frozen
class LintResult:
    """What a run found. ``looked_at`` counts the files that talk to qBittorrent, ``seen`` all that could."""

    findings: tuple[LintFinding, ...]
    skipped: tuple[Skipped, ...]
    seen: int
    looked_at: int
    unread: tuple[tuple[str, int], ...] = ()
    """Files in languages that lint does not read, counted by suffix."""

    @property
    def exit_code(self) -> int:
        """1 where something breaks, 3 where nothing of what is there could be read, else 0."""
        if any(finding.breaks for finding in self.findings):
            return 1
        return 3 if self.seen == 0 and (self.unread or self.skipped) else 0
