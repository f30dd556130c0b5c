"""Takes the commands out of what qbdoctor printed and holds each against the real parser: what is printed must run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from qbdoctor import registry
from qbdoctor.cli.arguments import parse
from qbdoctor.diagnosis.catalogue import pages
from qbdoctor.model.errors import UserError
from qbdoctor.repair import inputs

_PROGRAM = re.compile(r"^(?:[^\s(]*/)?(?:python3?(?:\.\d+)? -m )?qbdoctor(?= )")
_IN_PROSE = re.compile(r"qbdoctor (fix|explain) ([a-z][a-z0-9-]+)")
_TO_FILL_IN = re.compile(r"=(?:ADDRESS|FILE|NAME)\b")
_NEXT = re.compile(r"^Next: (.*?)(?:   \(.*\))?$", re.MULTILINE)
_AFTER_COLON = re.compile(r"(?:back with|there is|name alone): ((?:[^\s(]*/)?qbdoctor .*?)(?: \(.*\))?$")
"""A command that ends a sentence: "Take it back with: qbdoctor rollback 2026…", with what may follow it."""


def of_report(report: Mapping[str, Any]) -> Iterator[str]:
    """The commands of qbdoctor's own in a report's JSON."""
    for cause in report["causes"]:
        for remedy in cause["remedies"]:
            yield from (text for text in remedy["commands"] if _PROGRAM.match(text))


def of_screen(text: str) -> Iterator[str]:
    """The command that a report in a terminal ends with, and those of its remedies."""
    yield from (found for found in _NEXT.findall(text) if found)
    lines = (
        line.strip() for line in text.split("\n") if line.startswith(" " * 7) and not line.startswith(" " * 12)
    )  # else a help's text
    yield from (line for line in lines if _PROGRAM.match(line))
    yield from (
        found[1] for line in text.split("\n") if (found := _AFTER_COLON.search(line)) and not line.startswith("Next:")
    )


def arguments(command: str) -> list[str]:
    """The command without the program's name, as a shell takes it apart. Fails where it is no command of qbdoctor's."""
    found = _PROGRAM.match(command)
    assert found, f"not a command of qbdoctor's: {command}"
    return shlex.split(command[found.end() :])


def hold(command: str) -> None:
    """Fail if the parser refuses a command, or if it names a check, fix, cause or input that does not exist."""
    try:
        args = parse(arguments(command))
        if args.command == "fix":
            taken = [fix for fix in registry.fixes() if fix.id in args.ids]
            assert len(taken) == len(args.ids), f"there is no such fix: {command}"
            if not _TO_FILL_IN.search(command):
                values = inputs.given(args.set, taken)
                for fix in taken:
                    if not any(one.secret for one in fix.inputs):
                        inputs.bind(fix, values)
    except (UserError, SystemExit) as error:
        raise AssertionError(f"a printed command is refused: {command}: {error}") from error
    known = {"check": {check.id for check in registry.checks()}, "explain": explained()}
    assert set(args.ids) <= known.get(args.command, set(args.ids)), f"it names what does not exist: {command}"


@cache
def explained() -> frozenset[str]:
    """All that `qbdoctor explain` has a page for."""
    return frozenset((*pages.ids(), *(one.id for one in registry.checks()), *(one.id for one in registry.fixes())))


def hold_report(report: Mapping[str, Any]) -> None:
    """Hold every command of a report, and what its sentences name; no step stands in it twice."""
    for command in of_report(report):
        hold(command)
    for cause in report["causes"]:
        texts = [remedy["text"] for remedy in cause["remedies"]]
        assert len(set(texts)) == len(texts), f"{cause['id']}: a step twice: {texts}"
        own = [text for remedy in cause["remedies"] for text in remedy["commands"] if _PROGRAM.match(text)]
        assert len(set(own)) == len(own), f"{cause['id']}: a command twice: {own}"
        for text in (cause["summary"], *texts):
            for verb, name in _IN_PROSE.findall(text):
                assert name in explained(), f"{cause['id']} names qbdoctor {verb} {name}, which does not exist"


def hold_screen(text: str) -> None:
    """Hold every command that stands on a screen by itself."""
    for command in of_screen(text):
        hold(command)
