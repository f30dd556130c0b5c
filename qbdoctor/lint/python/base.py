"""Holds the state of a walk over one Python file, and what every part of it needs."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from qbdoctor.lint.facts.program import Facts, Place, Request, SidKind, SidUse
from qbdoctor.lint.python.calls import Calls
from qbdoctor.lint.python.conditions import Origin
from qbdoctor.lint.python.texts import Folder, survey

_LEAVES = frozenset(("ctx", "op"))


@dataclass(slots=True)
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
        return self.node is not None and name not in set(_handed_on(self.node))


def _handed_on(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        for child in ast.iter_child_nodes(each):
            if (
                isinstance(child, ast.Name)
                and isinstance(child.ctx, ast.Load)
                and not isinstance(each, ast.Attribute | ast.withitem)
            ):
                yield child.id
        if isinstance(each, ast.Global | ast.Nonlocal):
            yield from each.names


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
            elif isinstance(child, ast.AST) and name not in _LEAVES:
                self.walk(child)

    def place(self, node: Any) -> Place:
        """Where a node stands."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        column = len(line.encode()[: node.col_offset].decode("utf-8", "replace")) + 1
        last = self.lines[(node.end_lineno or node.lineno) - 1].encode()[: node.end_col_offset or 0]
        return Place(node.lineno, column, node.end_lineno or node.lineno, len(last.decode("utf-8", "replace")) + 1)

    def fold(self, node: ast.AST | None) -> str:
        """Return an expression's text in the present scope."""
        return self.folder.fold(node, self.scope.env)

    def sid(self, kind: SidKind, node: Any, text: str) -> None:
        """Keep a place that knows SID alone."""
        place = self.place(node)
        if not any(each.place.line == place.line for each in self.facts.sids):
            self.facts.sids.append(SidUse(place, kind, text, self.scope.number))
