"""Judges what only shows in several files of one folder: a session in one and the login in another, a login made once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from qbdoctor.lint.facts import kept_logins
from qbdoctor.lint.facts.outcome import wants_old_answer
from qbdoctor.lint.facts.program import Facts, Place
from qbdoctor.lint.findings import Hit
from qbdoctor.lint.rules import login as login_rules
from qbdoctor.lint.rules import requests_sent, session
from qbdoctor.patterns import regex
from qbdoctor.values import frozen, replace

_NEAR = 12
"""Lines after a login in which its answer is handed to what judges it."""
_MOST = 20
"""Files of a folder that are looked at together with one that logs in."""
_IMPORT = regex(r"^[ \t]*(?:from|import)[ \t].*", re.MULTILINE)
_DECLARED = regex(r"^[ \t\w]*\b(?:class|struct|interface|object|type)[ \t]+([A-Z]\w{3,})", re.MULTILINE)


@frozen
class ReadFile:
    """A file that was read: its name, its text, its facts."""

    name: str
    text: str
    facts: Facts


def split_session(files: list[ReadFile]) -> Iterator[tuple[ReadFile, list[Hit]]]:
    """Yield files whose aiohttp session another file logs in through, with what the rules say of it.

    The other file is one of the same folder, or one of a folder in it that imports the session's file.
    """
    logging_in = [one for one in files if one.facts.login_through]
    for folder in _folders(files) if logging_in else ():
        for one in folder:
            facts = one.facts
            if facts.logins or not facts.sessions or not facts.any_path:
                continue
            logins = [
                replace(login, library="aiohttp", client="?", owner=facts.sessions[0].owner)
                for other in logging_in
                if other is not one and other.facts.login_through & facts.any_path and _reaches(other, one)
                for login in other.facts.logins
            ]
            if logins:
                yield one, list(session.aiohttp_jar(replace(facts, requests=[*facts.requests, *logins])))


def kept_login(files: list[ReadFile]) -> Iterator[tuple[ReadFile, list[Hit]]]:
    """Yield, for each file whose guarded login stands in it or in another one, what is left of it with all these files read.

    A file that holds the guard alone gains a finding; one whose login another file makes again on a 403 has none.
    """
    hits: dict[str, dict[Place, Hit]] = {one.name: {} for one in files if one.facts.kept_logins}
    for folder in _folders(files):
        logging_in = [one for one in folder if any(login.scope_name for login in one.facts.logins)]
        words = {one.name: frozenset(re.findall(r"\w+", one.facts.code)) for one in folder} if logging_in else {}
        for one in logging_in:
            names = {PurePath(one.name).stem, *_DECLARED.findall(one.facts.code)}
            users = [other for other in folder if other is not one and _uses(one, other, names, words[other.name])]
            for other, hit in _together(one, users[:_MOST]):
                hits.setdefault(other.name, {}).setdefault(hit.place, hit)
    for one in files:
        if one.name in hits:
            yield one, list(hits[one.name].values())


def judged_elsewhere(files: list[ReadFile]) -> Iterator[tuple[ReadFile, list[Hit]]]:
    """Yield files whose function judges the answer of a login that another file of the folder makes, with what is found."""
    for folder in _folders(files):
        judging = {
            check.scope_name: one
            for one in folder
            if not one.facts.requests
            for check in one.facts.checks
            if check.scope_name and check.about == "unknown" and wants_old_answer(check.expr)
        }
        called = re.compile(rf"\b({'|'.join(map(re.escape, judging))})[ \t]*\(")
        for one in folder if judging else ():
            lines = one.facts.code.split("\n")
            for login in one.facts.logins:
                after = "\n".join(lines[login.place.line - 1 : login.place.line + _NEAR])
                for name in {found[1] for found in called.finditer(after)}:
                    facts = judging[name].facts
                    checks = [
                        replace(check, about="login") if check.scope_name == name else check for check in facts.checks
                    ]
                    yield judging[name], list(login_rules.wants_ok_body(replace(facts, checks=checks)))


def _folders(files: list[ReadFile]) -> list[list[ReadFile]]:
    """Return the files by their folders."""
    found: dict[PurePath, list[ReadFile]] = {}
    for one in files:
        found.setdefault(PurePath(one.name).parent, []).append(one)
    return list(found.values())


def _reaches(other: ReadFile, one: ReadFile) -> bool:
    """Whether a file lies beside another one, or in a folder beside it and imports it."""
    folder, own = PurePath(other.name).parent, PurePath(one.name).parent
    if folder == own:
        return True
    imported = {word for line in _IMPORT.findall(other.facts.code) for word in re.findall(r"\w+", line)}
    return folder.parent == own and PurePath(one.name).stem in imported


def _uses(one: ReadFile, other: ReadFile, names: set[str], words: frozenset[str]) -> bool:
    """Whether another file speaks of a file, by the file's name or a class of it; ``words``: those of the other file."""
    if one.facts.language != other.facts.language:
        return False
    # A file's name may hold a dash or a dot, which no word does
    return not names.isdisjoint(words) or any(
        name in other.facts.code for name in names if not re.fullmatch(r"\w+", name)
    )


def _together(one: ReadFile, others: list[ReadFile]) -> Iterator[tuple[ReadFile, Hit]]:
    """Yield what is found in a file that logs in and those that use it, each hit with its file."""
    files = [one, *others]
    code = "\n".join(each.facts.code for each in files)
    starts = [0]
    for each in files:
        starts.append(starts[-1] + each.facts.code.count("\n") + 1)
    asks = any(each.facts.calls or each.facts.asks_any for each in files)
    facts = replace(one.facts, asks_any={*one.facts.asks_any, *({0} if asks else ())})
    facts.kept_logins = kept_logins.find(facts, code, member=bool(others))
    for kept, hit in zip(facts.kept_logins, requests_sent.kept_login(facts), strict=True):
        index = max(number for number in range(len(files)) if starts[number] < kept.place.line)
        line = kept.place.line - starts[index]
        yield files[index], replace(hit, place=Place(line, kept.place.column, line))
