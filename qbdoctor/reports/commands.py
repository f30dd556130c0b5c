"""Completes the commands that a report tells its reader to type, so that each runs as it is printed.

A command of qbdoctor's own gets the name by which the program was called, the options that chose the target, and the
address that works where that is proven to be another one than was asked.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from qbdoctor.model import shell
from qbdoctor.model.findings import Remedy
from qbdoctor.model.report import NO_CREDENTIALS, Cause, Report
from qbdoctor.patterns import regex
from qbdoctor.reports.text import Options, value
from qbdoctor.values import replace

_WITH_TARGET = ("check", "fix", "rollback", "trace", "clients", "bridge")
_FLAGS = ("--insecure", "--no-login")
_OURS = "qbdoctor "
_TO_FILL_IN = regex(r"=(?:ADDRESS|FILE|NAME)\b")
"""What stands in a command for a value that is not known."""


def complete(report: Report, options: Options) -> Report:
    """Return the report with every command of its remedies complete; what a fix does comes as its command first."""
    return replace(report, causes=tuple(_completed(cause, options) for cause in report.causes))


def _completed(cause: Cause, options: Options) -> Cause:
    return replace(cause, remedies=tuple(_remedy(one, cause.values, options) for one in cause.remedies))


def _remedy(remedy: Remedy, values: Mapping[str, str], options: Options) -> Remedy:
    own = f"{_OURS}fix {remedy.fix}"
    texts = list(remedy.commands)
    # One that names what the fix must be told stands in its place.
    if remedy.fix and not any(_begins(text, own) for text in texts):
        texts.insert(0, own)
    made = [_command(text, values, options) for text in texts]
    return replace(remedy, commands=tuple(text for text in made if text is not None))


def _begins(text: str, own: str) -> bool:
    return text.split()[: len(own.split())] == own.split()


def _command(text: str, values: Mapping[str, str], options: Options) -> str | None:
    """Return a command as it runs; None for one that cannot work in this situation. One of another program stays."""
    if not text.startswith(_OURS):
        return text
    return ours(text.removeprefix(_OURS), options, values)


def ours(text: str, options: Options, values: Mapping[str, str] | None = None) -> str | None:
    """Return a command of qbdoctor's, given without the program, complete; None where it cannot work from here."""
    words = shlex.split(text)  # as the catalogue writes it, whatever the shell at hand
    verb = words[0]
    more: list[str] = []
    if verb == "fix":
        if options.fix_options is None:
            return None
        more += options.fix_options
    if verb in _WITH_TARGET:
        real = (values or {}).get("real_url", "")
        pairs = _addressed(_pairs(options.target), real)
        more += [part for pair in pairs for part in pair if pair[0] not in words and _fits(pair[0], verb)]
    return " ".join(filter(None, (options.program, text, shell.join(more))))


def _fits(option: str, verb: str) -> bool:
    return option != "--no-login" or verb == "check"  # the others would be refused for want of a session


def _pairs(target: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the options, each with its value."""
    pairs: list[tuple[str, ...]] = []
    rest = list(target)
    while rest:
        name = rest.pop(0)
        pairs.append((name,) if name in _FLAGS else (name, rest.pop(0)))
    return pairs


def _addressed(pairs: list[tuple[str, ...]], url: str) -> list[tuple[str, ...]]:
    """Return the options with this address in the place of the one that was asked, if there is one."""
    if not url:
        return pairs
    return [("--url", url), *(pair for pair in pairs if pair[0] != "--url")]


def next_step(report: Report, options: Options) -> tuple[str, str]:
    """Return the one command to type next, and a remark on it (may be empty).

    Only the first remedy counts: they are in order of how much they change, and a later one may loosen security.
    """
    text, remark = _next(report, options)
    return value(text), remark


def _next(report: Report, options: Options) -> tuple[str, str]:
    cause = next((c for c in report.causes if c.severity != "info"), None)
    if cause is not None and report.state != "unknown":
        return _next_for(cause, options)
    if report.state == "unknown":
        unsettled = next((c for s in ("unknown", "skip") for c in report.checks if c.status == s), None)
        if unsettled is not None and unsettled.id == "login" and (unsettled.reason or "").startswith(NO_CREDENTIALS):
            return _certain("check", options), "again, with the password"
        if unsettled is not None:
            return _certain(f"explain {unsettled.id}", options), "what this check needs"
        return _certain("check -v", options), ""
    # What may be is of a browser alone; who is here for a program wants to know of programs.
    if met := [one for one in report.causes if one.confidence != "possible"]:
        return _certain(f"explain {met[0].id}", options), ""
    return _certain("explain client-drops-cookie", options), "for a client that still gets 403"


def _next_for(cause: Cause, options: Options) -> tuple[str, str]:
    first = cause.remedies[0] if cause.remedies else None
    if first is None:
        return _certain(f"explain {cause.id}", options), ""
    if first.fix and options.fix_options is not None:
        # The remedies are complete already; what a person must fill in is no command to type next.
        command = next((text for text in first.commands if f"fix {first.fix}" in text), "")
        if command and not _TO_FILL_IN.search(command):
            return command, "asks before it changes anything"
    if cause.values.get("ca_file"):
        return _certain(f"check --ca-file {shell.quote(cause.values['ca_file'])}", options), "trusts that certificate"
    if cause.values.get("real_url"):
        return _certain("check", options, cause.values), "the address that answers"
    return _certain("check", options), "again, after step 1 above"


def _certain(text: str, options: Options, values: Mapping[str, str] | None = None) -> str:
    return ours(text, options, values) or ""
