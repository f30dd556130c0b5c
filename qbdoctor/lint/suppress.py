"""Reads comments that silence a finding: ``# qbdoctor: ignore[id]`` on its line or alone on the line before it."""

from __future__ import annotations

import re

from qbdoctor.patterns import regex

_MARK = regex(r"(?:#|//|/\*|--|<!--)\s*qbdoctor:\s*(ignore-file|ignore)(?:\[([a-z0-9, -]*)\])?", re.IGNORECASE)


def lines_of(text: str) -> list[str]:
    """Return a file's lines as compilers count them: a form feed or a line separator of Unicode ends none."""
    return re.split(r"\r\n|\r|\n", text)


class Marks:
    """What the comments of one file silence."""

    def __init__(self, lines: list[str]) -> None:
        self.lines: dict[int, frozenset[str] | None] = {}  # None: every id
        self.whole: list[frozenset[str] | None] = []
        for number, line in enumerate(lines, 1):
            found = _MARK.search(line) if "qbdoctor" in line.lower() else None
            if found is None:
                continue
            ids = None if found[2] is None else frozenset(name.strip() for name in found[2].split(","))
            if found[1].lower() == "ignore-file":
                self.whole.append(ids)
                continue
            alone = not line[: found.start()].strip()
            self.lines[number + 1 if alone else number] = ids

    def silence(self, name: str, first: int, last: int) -> bool:
        """Whether a finding of that id, on those lines, is silenced."""
        for ids in self.whole:
            if ids is None or name in ids:
                return True
        for number in range(first, max(first, last) + 1):
            if number in self.lines:
                ids = self.lines[number]
                if ids is None or name in ids:
                    return True
        return False
