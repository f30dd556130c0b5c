"""Lints paths: collects files, reads each by its language, lets the rules judge."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import PurePath

from qbdoctor.diagnosis.catalogue import pages
from qbdoctor.lint import across, files, languages, libraries
from qbdoctor.lint.facts.program import Facts
from qbdoctor.lint.findings import Hit, LintFinding, LintResult, Skipped
from qbdoctor.lint.mends import trial
from qbdoctor.lint.python import reader
from qbdoctor.lint.rules import RULES
from qbdoctor.lint.suppress import Marks, lines_of
from qbdoctor.model import shell
from qbdoctor.model.basics import CONFIDENCES
from qbdoctor.values import field, slotted

NO_EXTRA = f"needs the extra: {shell.join((sys.executable, '-m', 'pip', 'install', 'qbdoctor[lint]'))}"
NO_CALLS = "it names the Web API, but no call that lint can read: Home Assistant's, Ansible's, Node-RED's, n8n's, curl's, wget's"


@slotted
class _Run:
    everything: bool
    findings: list[LintFinding]
    skipped: list[Skipped]
    seen: int = 0
    looked_at: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    read: list[across.ReadFile] = field(default_factory=list)


def lint(paths: list[str], *, everything: bool = False) -> LintResult:
    """Lint files and folders. ``everything``: also code that does not talk to qBittorrent.

    Raises :class:`qbdoctor.model.UserError` for a path that is not there. What cannot be read is in ``skipped``.
    """
    run = _Run(everything, [], [])
    for name, language in files.collect(paths, run.skipped, run.unread):
        _file(run, name, language)
    _across(run)
    order = {confidence: number for number, confidence in enumerate(CONFIDENCES)}
    findings = sorted(
        set(run.findings), key=lambda each: (each.file, each.line, each.column, each.id, order[each.confidence])
    )
    return LintResult(tuple(findings), tuple(run.skipped), run.seen, run.looked_at, tuple(sorted(run.unread.items())))


def _file(run: _Run, name: str, language: str) -> None:
    data, reason = files.load(name)
    if reason:
        run.skipped.append(Skipped(name, reason))
        return
    run.seen += 1
    if language == "manifest":
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        hits = list(libraries.judge(name, text))
        _keep(run, name, text, hits)
        run.looked_at += bool(libraries.names_one(text))
        return
    if not run.everything and (
        languages.is_test(name, data)
        or not languages.talks_to_qbittorrent(name, data)
        or languages.imitates_qbittorrent(data)
    ):
        return
    read = reader_of(language)
    if read is None:
        run.skipped.append(Skipped(name, NO_EXTRA))
        return
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")  # line ends are no part of what is read or mended
    try:
        facts = read(text)
        hits = trial.mend(language, text, facts, judged(facts), lambda changed: _again(read(changed)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what = (
            f"not {language} that can be read" if isinstance(error, SyntaxError | ValueError) else "nested too deeply"
        )
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        run.skipped.append(Skipped(name, what + line))
        return
    if language in languages.VALUES and not facts.requests and not hits:
        run.seen -= 1
        run.unread[PurePath(name).suffix.lower()] += 1
        run.skipped.append(Skipped(name, NO_CALLS))
        return
    run.looked_at += 1
    run.read.append(across.ReadFile(name, text, facts))
    _keep(run, name, text, hits)


def _across(run: _Run) -> None:
    """Judge what only shows in several files of a folder."""
    for one, hits in (*across.split_session(run.read), *across.judged_elsewhere(run.read)):
        _keep(run, one.name, one.text, hits)
    for one, hits in across.kept_login(run.read):
        places = {(each.place.line, each.place.column) for each in one.facts.kept_logins}
        run.findings = [
            each for each in run.findings
            if each.file != one.name or each.id != "client-never-logs-in-again" or (each.line, each.column) not in places
        ]  # fmt: skip
        _keep(run, one.name, one.text, hits)


def judged(facts: Facts) -> list[Hit]:
    """Return what the rules say of one file."""
    return list(dict.fromkeys(hit for rule in RULES for hit in rule(facts)))


def _again(facts: Facts) -> tuple[list[Hit], Facts]:
    return judged(facts), facts


def reader_of(language: str) -> Callable[[str], Facts] | None:
    """Return what reads a language; None where the extra is missing."""
    if language == "python":
        return reader.read
    if language == "powershell":
        from qbdoctor.lint.trees import powershell  # noqa: PLC0415

        return powershell.read
    if language in languages.VALUES:
        from qbdoctor.lint.trees import configs  # noqa: PLC0415

        return configs.reader(language)
    from qbdoctor.lint.trees import reader as trees  # noqa: PLC0415 -- the extra is imported only there, and only here

    return trees.reader(language)


def _keep(run: _Run, name: str, text: str, hits: list[Hit]) -> None:
    if not hits:
        return
    marks = Marks(lines_of(text))
    for hit in hits:
        if marks.silence(hit.id, hit.place.line, hit.place.last_line):
            continue
        title, why, since = _page(hit.id)
        edits = tuple(dict.fromkeys(hit.mended))
        run.findings.append(
            LintFinding(
                name,
                hit.place.line,
                hit.place.column,
                hit.id,
                hit.confidence,
                hit.summary or title,
                why,
                hit.remedy,
                hit.since or since,
                edits,
            )
        )


@cache
def _page(name: str) -> tuple[str, str, str]:
    page = pages.page(name)
    return page.title, " ".join(page.why.split()), page.since
