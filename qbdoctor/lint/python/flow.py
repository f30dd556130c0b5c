"""Follows what names hold in Python: sessions, answers to requests, constants."""

from __future__ import annotations

import ast

from qbdoctor.lint.facts import cookie_names
from qbdoctor.lint.python.base import Scope
from qbdoctor.lint.python.calls import factory
from qbdoctor.lint.python.conditions import Origin
from qbdoctor.lint.python.texts import nodes, path
from qbdoctor.lint.python.uses import Uses, is_kept
from qbdoctor.values import replace

_BODY = frozenset(("text", "content", "body", "data"))
_STATUS = frozenset(("status_code", "status", "code"))
_SAME = frozenset(("strip", "rstrip", "lower", "decode", "encode", "json", "read", "text", "getcode"))


FROM_ANSWERS = (ast.Name, ast.Attribute, ast.Call, ast.Await, ast.Starred, ast.NamedExpr)


class Flow(Uses):
    """The handlers of functions, assignments and returns."""

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        super().__init__(tree, lines)
        self.handlers |= {
            ast.FunctionDef: self.function, ast.AsyncFunctionDef: self.function, ast.Lambda: self.function,
            ast.Assign: self.assign, ast.AnnAssign: self.assign, ast.NamedExpr: self.assign,
            ast.With: self.within, ast.AsyncWith: self.within, ast.Return: self.returns, ast.ClassDef: self.class_,
        }  # fmt: skip

    def class_(self, node: ast.ClassDef) -> None:
        """Read a class: what is called self in it is its own."""
        self.classes.append(node.name)
        self.inside(node)
        self.classes.pop()

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        """Read a function: a scope of its own, in which its parameters are known by their defaults."""
        self.count += 1
        name = "" if isinstance(node, ast.Lambda) else node.name
        outer = self.scope
        scope = Scope(self.count, name or outer.name, dict(outer.env), {}, dict(outer.sessions))
        if isinstance(node, ast.Lambda):
            scope = Scope(outer.number, outer.name, dict(outer.env), dict(outer.origins), dict(outer.sessions))
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
        for arg, default in zip([*positional, *arguments.kwonlyargs], [*defaults, *arguments.kw_defaults], strict=True):
            scope.env[arg.arg] = (
                None if default is None or not isinstance(default, ast.Constant) or not isinstance(default.value, str)
                else ast.Call(ast.Name("default_of"), [default], [])
            )  # fmt: skip
            if arg.annotation is not None and (library := factory(self.module.dotted(arg.annotation))):
                scope.sessions[arg.arg] = (library, arg.arg)
        if not isinstance(node, ast.Lambda):
            scope.node = node
            for decorator in node.decorator_list:
                self.walk(decorator)
        self.scopes.append(scope)
        loops, self.loops, conditions, self.conditions = self.loops, [], self.conditions, 0
        for part in node.body if isinstance(node.body, list) else [node.body]:
            self.walk(part)
        self.loops, self.conditions = loops, conditions
        self.scopes.pop()

    def assign(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
        """``x = …``: what x is from now on."""
        if node.value is None:
            return
        if isinstance(node.value, ast.Compare):
            self.inequality_tests.add(id(node.value))
        self.walk(node.value)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            self.bind(target, node.value)
            if not isinstance(target, ast.Name):
                self.stored(target, node.value)

    def bind(self, target: ast.expr, given: ast.expr) -> None:
        """Note what a name stands for: a session, the answer to a request, a constant."""
        if isinstance(target, ast.Tuple) and isinstance(given, ast.Tuple) and len(target.elts) == len(given.elts):
            for one, other in zip(target.elts, given.elts, strict=True):
                self.bind(one, other)
            return
        name = path(target)
        found = self.origin(given)
        if isinstance(target, ast.Tuple) and found is not None and found.request is not None:
            for each in target.elts:  # status, text = self._post("auth/login")
                kind = _kind_by_name(path(each))
                self.scope.origins[path(each)] = Origin(kind, found.request)
            return
        if not name:
            return
        inner = given.value if isinstance(given, ast.Await) else given
        if isinstance(inner, ast.Call) and (library := factory(self.module.dotted(inner.func))):
            brings = any(
                keyword.arg in {"cookies", "auth", None}
                or (
                    keyword.arg == "cookie_jar"
                    and not path(getattr(keyword.value, "func", keyword.value)).endswith("CookieJar")
                )
                for keyword in inner.keywords
            )
            local = "." not in name and self.scope.number != 0 and self.scope.keeps(name) and not brings
            known = (library, f"new:{self.scope.number}:{name}" if local else name)
            (self.scope.sessions if "." not in name else self.calls.sessions)[name] = known
            if id(inner) in self.session_calls:
                index = self.session_calls[id(inner)]
                self.facts.sessions[index] = replace(self.facts.sessions[index], client=known[1])
        elif name in self.scope.sessions and isinstance(target, ast.Name):
            del self.scope.sessions[name]
        if found is not None:
            self.scope.origins[name] = replace(found, name=name if found.kind == "response" else found.name)
        else:
            self.scope.origins.pop(name, None)
        if isinstance(target, ast.Name):
            self.scope.env[name] = None if _names(given, name) else given

    def stored(self, target: ast.expr, given: ast.expr) -> None:
        """``headers["X-Api-Key"] = …`` and ``data["paused"] = …``."""
        if (
            isinstance(target, ast.Subscript)
            and isinstance(target.slice, ast.Constant)
            and isinstance(target.slice.value, str)
        ):
            self.entry(target.slice.value, target, given, None)
            if target.slice.value == cookie_names.old_name() and not is_kept(given):
                self.sid("build", target, target.slice.value)
        elif isinstance(target, ast.Attribute | ast.Subscript):
            self.walk(target.value)

    def within(self, node: ast.With | ast.AsyncWith) -> None:
        """``with x as y``."""
        for item in node.items:
            self.walk(item.context_expr)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, item.context_expr)
        for part in node.body:
            self.walk(part)

    def origin(self, node: ast.AST) -> Origin | None:
        """Where a value comes from, if from an answer; only what :data:`FROM_ANSWERS` names may."""
        if isinstance(node, ast.Await | ast.Starred | ast.NamedExpr):
            return self.origin(node.value)
        name = path(node)
        if name and (known := self.scope.origins.get(name) or self.scopes[0].origins.get(name)):
            return known
        if isinstance(node, ast.Attribute):
            inner = self.origin(node.value)
            if inner is None or inner.kind != "response":
                return None
            kind = "body" if node.attr in _BODY else "status" if node.attr in _STATUS else ""
            kind = kind or ("ok" if node.attr in {"ok", "is_success"} else "cookies" if node.attr == "cookies" else "")
            return replace(inner, kind=kind) if kind else None
        if isinstance(node, ast.Call):
            if id(node) in self.made_by:
                return Origin("response", self.facts.requests[int(self.made_by[id(node)])])
            if isinstance(node.func, ast.Attribute) and node.func.attr in _SAME:
                inner = self.origin(node.func.value)
                if inner is not None and inner.kind in {"response", "body", "status"}:
                    return replace(inner, kind="status" if node.func.attr == "getcode" else "body")
            if isinstance(node.func, ast.Name) and node.func.id in {"str", "len"} and node.args:
                return self.origin(node.args[0])
            called = path(node.func).rsplit(".", maxsplit=1)[-1]
            return self.returned.get(called)
        return None

    def returns(self, node: ast.Return) -> None:
        """``return r``: a call of this function gives that answer."""
        if node.value is None:
            return
        self.walk(node.value)
        found = self.origin(node.value)
        if found is not None and found.kind == "response" and self.scope.name:
            self.returned[self.scope.name] = found


def _kind_by_name(name: str) -> str:
    lower = name.lower()
    return "status" if "status" in lower or "code" in lower else "cookies" if "cookie" in lower else "body"


def _names(node: ast.expr, name: str) -> bool:
    """Whether an expression uses a name, as in ``url = url + "/x"``."""
    if not isinstance(node, ast.BinOp | ast.JoinedStr):
        return False  # folding a name that stands for itself ends as a hole
    return any(isinstance(each, ast.Name) and each.id == name for each in nodes(node))
