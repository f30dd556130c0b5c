"""Holds the state of a walk over one file read by tree-sitter, and what every part of it needs."""

from __future__ import annotations

from typing import Any

from qbdoctor.lint.facts.program import Facts, Place, SidKind, SidUse
from qbdoctor.lint.trees.places import Lines, span
from qbdoctor.lint.trees.texts import Texts

COMMENTS = frozenset(
    ("comment", "line_comment", "block_comment", "multiline_comment", "shebang_comment", "doc_comment")
)


LONGEST = 4000
"""Characters. A node's text is only looked at where it is shorter: deep nesting would make it a square of the file."""


class Walker:
    """What is known while a tree is walked. ``answers`` holds the endpoint whose answer a function's variable holds."""

    def __init__(self, language: str, text: str, code: str) -> None:
        self.language = language
        self.text = text
        self.code = code  # the text with its comments blanked
        self.lines = text.split("\n")
        self.starts = Lines(text)
        self.facts = Facts(language)
        self.texts = Texts(language)
        self.scopes: list[tuple[int, str]] = [(0, "")]
        self.answers: dict[tuple[int, str], str] = {}
        self.scope_texts: dict[int, str] = {0: text}

    @property
    def scope(self) -> int:
        """The number of the innermost function."""
        return self.scopes[-1][0]

    def place(self, node: Any) -> Place:
        """Where a node stands."""
        return self.starts.place(node)

    def start(self, node: Any, most: int) -> str:
        """Return the first characters of a node's text."""
        begin, end = span(node)
        return self.text[begin : min(begin + most, end)]

    def keep_sid(self, kind: SidKind, node: Any, text: str) -> None:
        """Keep a place that knows SID alone, one a line."""
        place = self.place(node)
        if not any(each.place.line == place.line for each in self.facts.sids):
            self.facts.sids.append(SidUse(place, kind, text, self.scope))


def without_comments(text: str, root: Any) -> str:
    """Return the text with comments blanked, at the same length."""
    made = list(text)
    stack = [root]
    while stack:
        node = stack.pop()
        if node.kind() in COMMENTS:
            start, end = span(node)
            for index in range(start, min(end, len(made))):
                if made[index] != "\n":
                    made[index] = " "
        else:
            stack.extend(node.children())
    return "".join(made)
