"""Keeps the facts of a file of values while it is read, those of the programs that it holds among them."""

from __future__ import annotations

from qbdoctor.lint.facts.program import Facts, Place
from qbdoctor.lint.trees.config_values import Value
from qbdoctor.lint.trees.reader import reader as code_reader
from qbdoctor.values import replace

_SCOPES = 1000  # of one embedded program


class Reading:
    """The facts of one file while it is read; each call has a scope of its own."""

    def __init__(self, language: str) -> None:
        self.facts = Facts(language)
        self.count = 0

    def scope(self) -> int:
        """Return a scope that no other call has."""
        self.count += 1
        return self.count * _SCOPES

    def embed(self, language: str, code: str, at: Value, *, about_login: bool = False) -> Facts | None:
        """Read a program that a value holds and take its facts over; ``about_login``: what it is handed is the login's answer."""
        read_code = code_reader(language)
        if read_code is None:
            return None
        theirs, base = read_code(code), self.scope()

        first_line, standing = at.first_line, at.place

        def place(inner: Place) -> Place:
            line = first_line + inner.line - 1 if first_line else standing.line
            return Place(line, inner.column if first_line else standing.column, line)

        ours, alone = self.facts, not theirs.logins  # another command's login may be another service's
        ours.requests += [
            replace(one, place=place(one.place), scope=base + one.scope, carries=one.carries or alone)
            for one in theirs.requests
        ]
        ours.sids += [replace(one, place=place(one.place), scope=base + one.scope) for one in theirs.sids]
        ours.forms += [replace(one, place=place(one.place)) for one in theirs.forms]
        ours.fields += [replace(one, place=place(one.place), scope=base + one.scope) for one in theirs.fields]
        ours.headers += [replace(one, place=place(one.place), scope=base + one.scope) for one in theirs.headers]
        ours.filter_words += [one._replace(place=place(one.place)) for one in theirs.filter_words]
        for check in theirs.checks:
            about = "login" if about_login and check.about == "unknown" else check.about
            ours.checks.append(replace(check, place=place(check.place), scope=base + check.scope, about=about))
        ours.strings += theirs.strings
        ours.names |= theirs.names
        return theirs
