"""Finds in Python texts and look-ups that say how the session cookie, the login form and the fields are called."""

from __future__ import annotations

import ast
import re

from qbdoctor.lint.facts import cookie_names
from qbdoctor.lint.facts.program import Field, Form, Header, is_raw_login_form
from qbdoctor.lint.python import corrections
from qbdoctor.lint.python.base import Walker
from qbdoctor.lint.python.texts import nodes, path

_HEADERS = frozenset(("authorization", "x-api-key", "api-key", "origin", "referer"))
_STRING_TESTS = frozenset(
    ("startswith", "find", "index", "split", "rsplit", "partition", "replace", "removeprefix", "lstrip", "strip")
)
_PATTERNS = frozenset(("search", "match", "findall", "finditer", "fullmatch", "compile", "sub", "split"))


class Uses(Walker):
    """The handlers of texts, displays and subscripts."""

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        super().__init__(tree, lines)
        self.handlers |= {
            ast.Subscript: self.subscript, ast.Dict: self.dictionary, ast.Constant: self.constant,
            ast.JoinedStr: self.joined, ast.BinOp: self.binary, ast.Expr: self.statement,
        }  # fmt: skip

    def lookups(self, node: ast.Call) -> None:
        """``cookies.get("SID")``, ``header.startswith("SID=")``, ``re.search("SID=…")``."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else path(node.func)
        if not node.args or not isinstance(node.args[0], ast.Constant) or not isinstance(node.args[0].value, str):
            return
        text, old = node.args[0].value, cookie_names.old_name()
        if "SID" not in text.upper():
            return
        owner = self.module.dotted(node.func)
        if name in _PATTERNS and owner.startswith(("re.", "regex.")):
            instead = node.args[1] if name == "sub" and len(node.args) > 1 else None
            hidden = isinstance(instead, ast.Constant) and cookie_names.hides(text, str(instead.value))
            if cookie_names.pattern_is_lone(text) and not hidden:
                self.sid("pattern", node, text)
        elif name in _STRING_TESTS and cookie_names.is_lone(text) and not self.alternatives:
            self.sid("compare", node, text)
        elif text == old and name in {"get", "pop", "get_cookie"} and not self.alternatives and len(node.args) < 3:
            self.sid("lookup", node, text)
        elif text == old and name in {"set", "set_cookie", "create_cookie"}:
            self.sid("build", node, text)

    def compare(self, node: ast.Compare) -> None:
        """``name == "SID"`` and ``"SID" in cookies``."""
        if len(node.ops) != 1 or self.alternatives:
            return
        if id(node) in self.inequality_tests and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            return
        old = cookie_names.old_name()
        sides = [node.left, node.comparators[0]]
        if isinstance(node.ops[0], ast.Eq | ast.NotEq) and any(
            isinstance(side, ast.Constant) and side.value == old for side in sides
        ):
            if any(isinstance(side, ast.Call) and not isinstance(side.func, ast.Attribute) for side in sides):
                return  # what a function says of a release, say
            self.sid("compare", node, old)
        elif isinstance(node.ops[0], ast.In | ast.NotIn) and isinstance(node.left, ast.Constant):
            right = path(sides[1]).rsplit(".", maxsplit=1)[-1].lower()
            if node.left.value == old and ("cookies" in right or "jar" in right):
                self.sid("lookup", node, old)
            elif isinstance(node.left.value, str) and node.left.value.startswith(f"{old}="):
                self.sid("compare", node, node.left.value)

    def subscript(self, node: ast.Subscript) -> None:
        """``cookies["SID"]``."""
        if (
            isinstance(node.slice, ast.Constant)
            and node.slice.value == cookie_names.old_name()
            and isinstance(node.ctx, ast.Load)
        ):
            self.sid("lookup", node, cookie_names.old_name())
        self.inside(node)

    def dictionary(self, node: ast.Dict) -> None:
        """``{"SID": …}``, ``{"paused": …}``, ``{"X-Api-Key": …}``."""
        for key, given in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.entry(key.value, key, given, node)
                if key.value == cookie_names.old_name() and not is_kept(given):
                    self.sid("build", key, key.value)
        self.inside(node)

    def entry(self, name: str, node: ast.expr | ast.keyword, given: ast.expr, whole: ast.Dict | None) -> None:
        """Read a key that is set, in a dictionary's display or later."""
        if name.lower() in _HEADERS:
            self.facts.headers.append(Header(self.place(node), name, self.fold(given), self.scope.number))
        if name in {"paused", "stopped"} and not (
            isinstance(given, ast.Constant) and given.value in {False, "false", "False", None}
        ):
            text = corrections.source(given, self.lines)
            mended = (
                corrections.replace(node, f'"stopped": {text}, "{name}"', self.lines)
                if whole is not None and text
                else ()
            )
            self.facts.fields.append(Field(self.place(node), name, self.scope.number, mended))

    def statement(self, node: ast.Expr) -> None:
        """Read an expression by itself; a text by itself is a docstring."""
        if not isinstance(node.value, ast.Constant):
            self.walk(node.value)

    def constant(self, node: ast.Constant) -> None:
        """Read a text: kept, and looked at as a piece of a Cookie header."""
        if isinstance(node.value, str):
            self.facts.strings.append(node.value)

    def joined(self, node: ast.JoinedStr) -> None:
        """Read an f-string: a login form, or a Cookie header made by hand."""
        self.built(node)
        self.inside(node)

    def binary(self, node: ast.BinOp) -> None:
        """Texts put together by ``+`` or ``%``; the outermost alone is looked at."""
        if id(node) not in self.seen:
            self.seen.update(id(each) for each in nodes(node) if isinstance(each, ast.BinOp))
            self.built(node)
        self.inside(node)

    def built(self, node: ast.JoinedStr | ast.BinOp) -> None:
        """Read a text that is put together."""
        text = self.fold(node)
        if is_raw_login_form(text):
            mended = corrections.form_of(node, self.lines) if isinstance(node, ast.JoinedStr) else ()
            self.facts.forms.append(Form(self.place(node), text, mended))
        if re.match(rf"(?:Cookie:\s*)?{cookie_names.old_name()}=[\0\1\2]", text):
            self.sid("build", node, text)


def is_kept(node: ast.expr) -> bool:
    """Whether what is stored under SID is a constant, as in a test's data."""
    return isinstance(node, ast.Constant)
