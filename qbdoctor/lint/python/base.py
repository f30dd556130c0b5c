"""Holds the state of a walk over one Python file, and what every part of it needs."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from qbdoctor.lint.facts.program import Facts, Place, Request, SidKind, SidUse
from qbdoctor.lint.python.calls import Calls
from qbdoctor.lint.python.conditions import Origin
from qbdoctor.lint.python.texts import LEAVES, Folder, survey
from qbdoctor.values import field, slotted

_THROUGH = frozenset((ast.Attribute, ast.withitem))


@slotted
class Scope:
    """A function, or the module: its names' values, and what the responses in it are called."""

    number: int
    name: str
    env: dict[str, ast.expr | None] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict)
    node: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    may_have_left: bool = False  # an if before may have returned

    def keeps(self, name: str) -> bool:
        """Whether what a name of this function holds stays in it: it is neither returned nor passed on nor stored."""
        return self.node is not None and name not in _handed_on(self.node)


def _handed_on(function: ast.AST) -> set[str]:
    """Return the names whose values leave a function, or may: those used in any way but for an attribute or in a ``with``."""
    found: set[str] = set()
    stack = [function]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        through = type(node) in _THROUGH
        for name in node._fields:
            child = getattr(node, name, None)
            for each in child if type(child) is list else (child,):
                if type(each) is ast.Name:
                    if not through and type(each.ctx) is ast.Load:
                        found.add(each.id)
                elif isinstance(each, ast.AST) and name not in LEAVES:
                    stack.append(each)
    return found


class Walker:
    """One walk over a tree; the parts add handlers by the kind of node."""

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        self.lines = lines
        self.module = survey(tree, lines)
        self.folder = Folder(self.module)
        self.calls = Calls(self.folder)
        self.facts = Facts("python")
        self.scopes = [Scope(0, "")]
        self.count = 0
        self.loops: list[bool] = []  # for each loop around: whether it is endless
        self.conditions = 0
        self.alternatives = 0
        self.seen: set[int] = set()  # nodes that are part of a condition that was taken as a whole
        self.inequality_tests: set[int] = set()  # comparisons that tell two names apart, and turn down neither
        self.classes: list[str] = []
        self.session_calls: dict[int, int] = {}
        self.helpers: dict[str, tuple[Request, str]] = {}
        self.made_by: dict[int, str] = {}
        self.returned: dict[str, Origin] = {}
        self.import_lines = {
            alias.name: node.lineno
            for node in tree.body
            if isinstance(node, ast.Import) and len(node.names) == 1
            for alias in node.names
        }
        self.handlers: dict[type[ast.AST], Callable[[Any], None]] = {}

    @property
    def scope(self) -> Scope:
        """The innermost function."""
        return self.scopes[-1]

    def walk(self, node: ast.AST) -> None:
        """Visit a node, by its handler where it has one."""
        handler = self.handlers.get(type(node))
        if handler is not None:
            handler(node)
        else:
            self.inside(node)

    def inside(self, node: ast.AST) -> None:
        """Visit what a node holds."""
        for name in node._fields:
            child = getattr(node, name, None)
            if type(child) is list:
                for each in child:
                    if isinstance(each, ast.AST):
                        self.walk(each)
            elif isinstance(child, ast.AST) and name not in LEAVES:
                self.walk(child)

    def place(self, node: Any) -> Place:
        """Where a node stands."""
        last = node.end_lineno or node.lineno
        return Place(
            node.lineno, self._column(node.lineno, node.col_offset), last, self._column(last, node.end_col_offset or 0)
        )

    def _column(self, number: int, offset: int) -> int:
        """Return the column, in characters, of a byte of a line."""
        line = self.lines[number - 1] if number <= len(self.lines) else ""
        if line.isascii():
            return min(offset, len(line)) + 1
        return len(line.encode()[:offset].decode("utf-8", "replace")) + 1

    def fold(self, node: ast.AST | None) -> str:
        """Return an expression's text in the present scope."""
        return self.folder.fold(node, self.scope.env)

    def sid(self, kind: SidKind, node: Any, text: str) -> None:
        """Keep a place that knows SID alone."""
        place = self.place(node)
        if not any(each.place.line == place.line for each in self.facts.sids):
            self.facts.sids.append(SidUse(place, kind, text, self.scope.number))
