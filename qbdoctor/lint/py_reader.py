"""Reads Python: one walk over the syntax tree, with the data flow within the file as far as names carry it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from qbdoctor.lint import names, py_mend
from qbdoctor.lint.facts import HOLE, Check, Facts, Field, Form, Header, Place, Refusal, Request, Session, SidUse
from qbdoctor.lint.outcome import Answer, answers, value
from qbdoctor.lint.py_calls import Called, Calls, aiohttp_jar, factory
from qbdoctor.lint.py_conditions import Origin, convert
from qbdoctor.lint.py_texts import Folder, path, survey

_BODY = frozenset(("text", "content", "body", "data"))
_STATUS = frozenset(("status_code", "status", "code"))
_SAME = frozenset(("strip", "rstrip", "lower", "decode", "encode", "json", "read", "text", "getcode"))
_AGAIN = re.compile(
    r"(?:log_?in|log_?on|auth|connect|refresh|re_?new|retry|reset|sign_?in|(?:new|create|get|start|open|ensure)_?session)[^.]*$", re.IGNORECASE
)
_RAW_FORM = re.compile(r"(?:^|[?&;])pass(?:word)?=[\0\1]")
_HEADERS = frozenset(("authorization", "x-api-key", "api-key", "origin", "referer"))
_STRING_TESTS = frozenset(("startswith", "find", "index", "split", "rsplit", "partition", "replace", "removeprefix", "lstrip", "strip"))
_PATTERNS = frozenset(("search", "match", "findall", "finditer", "fullmatch", "compile", "sub", "split"))


@dataclass(slots=True)
class Scope:
    """A function, or the module: its names' values, and what the responses in it are called."""

    number: int
    name: str
    env: dict[str, ast.expr | None] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict)
    escaped: frozenset[str] = frozenset()


def read(text: str) -> Facts:
    """Return the facts of a Python file. Raises SyntaxError, ValueError (null bytes) or RecursionError."""
    tree = ast.parse(text)
    reader = Reader(tree, text.splitlines())
    reader.walk(tree)
    return reader.finish()


class Reader:
    """Walks a tree once and collects facts."""

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
        self.classes: list[str] = []
        self.session_calls: dict[int, int] = {}
        self.helpers: dict[str, tuple[Request, str]] = {}
        self.made_by: dict[int, str] = {}
        self.returned: dict[str, Origin] = {}
        self.import_lines = {
            alias.name: node.lineno for node in tree.body if isinstance(node, ast.Import) and len(node.names) == 1 for alias in node.names
        }
        self.handlers: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.FunctionDef: self.function, ast.AsyncFunctionDef: self.function, ast.Lambda: self.function,
            ast.Assign: self.assign, ast.AnnAssign: self.assign, ast.NamedExpr: self.assign,
            ast.With: self.within, ast.AsyncWith: self.within,
            ast.For: self.loop, ast.AsyncFor: self.loop, ast.While: self.loop,
            ast.If: self.branch, ast.IfExp: self.branch,
            ast.BoolOp: self.condition, ast.Compare: self.condition, ast.UnaryOp: self.condition,
            ast.Call: self.call, ast.Subscript: self.subscript, ast.Dict: self.dictionary,
            ast.Constant: self.constant, ast.JoinedStr: self.joined, ast.BinOp: self.binary,
            ast.Expr: self.statement, ast.ClassDef: self.class_, ast.Return: self.returns,
        }  # fmt: skip

    # --- walking ---------------------------------------------------------------------------------------------------

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
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr_context | ast.operator | ast.cmpop):
                self.walk(child)

    def place(self, node: Any) -> Place:
        """Where a node stands."""
        line = self.lines[node.lineno - 1] if node.lineno <= len(self.lines) else ""
        column = len(line.encode()[: node.col_offset].decode("utf-8", "replace")) + 1
        return Place(node.lineno, column, node.end_lineno or node.lineno)

    def fold(self, node: ast.AST | None) -> str:
        """An expression's text in the present scope."""
        return self.folder.fold(node, self.scope.env)

    # --- scopes and names ------------------------------------------------------------------------------------------

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        """A function: a scope of its own, in which its parameters are known by their defaults."""
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
            scope.escaped = _escaped(node)
            for decorator in node.decorator_list:
                self.walk(decorator)
        self.scopes.append(scope)
        loops, self.loops, conditions, self.conditions = self.loops, [], self.conditions, 0
        for part in node.body if isinstance(node.body, list) else [node.body]:
            self.walk(part)
        self.loops, self.conditions = loops, conditions
        self.scopes.pop()

    def class_(self, node: ast.ClassDef) -> None:
        """A class: what is called self in it is its own."""
        self.classes.append(node.name)
        self.inside(node)
        self.classes.pop()

    def assign(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
        """``x = …``: what x is from now on."""
        if node.value is None:
            return
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
            local = "." not in name and self.scope.number != 0 and name not in self.scope.escaped
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
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str):
            self.entry(target.slice.value, target, given, None)
            if target.slice.value == names.old_name() and not _kept(given):
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
        """Where a value comes from, if from an answer."""
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

    # --- loops, branches, conditions -------------------------------------------------------------------------------

    def loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        """A loop; one without an end that waits is what a daemon does."""
        endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        if isinstance(node, ast.While):
            self.walk(node.test)
        else:
            self.walk(node.iter)
        if endless and any(isinstance(each, ast.Call) and path(each.func).endswith(("sleep", "wait")) for each in ast.walk(node)):
            self.facts.endless = True
        self.loops.append(endless)
        conditions, self.conditions = self.conditions, 0
        for part in (*node.body, *node.orelse):
            self.walk(part)
        self.loops.pop()
        self.conditions = conditions

    def branch(self, node: ast.If | ast.IfExp) -> None:
        """``if``: its condition is taken as a whole, what it guards is conditional."""
        self.walk(node.test)
        self.conditions += 1
        if isinstance(node, ast.If):
            self.refusal(node)
            for part in (*node.body, *node.orelse):
                self.walk(part)
        else:
            self.walk(node.body)
            self.walk(node.orelse)
        self.conditions -= 1

    def refusal(self, node: ast.If) -> None:
        """A branch on 403 that gives up."""
        made = convert(node.test, self.origin)
        if not any(leaf.leaf == "status" and leaf.value == 403 and leaf.op == "==" for leaf in made.leaves()):
            return
        if value(made, Answer(403, "Forbidden")) is False or self.about(node.test) == "login":
            return
        inner = [each for part in node.body for each in ast.walk(part)]
        if any(isinstance(each, ast.Call) and _AGAIN.search(path(each.func)) for each in inner):
            return
        if any(isinstance(each, ast.Continue) for each in inner):
            return
        ends = any(isinstance(each, ast.Raise | ast.Return | ast.Break) for each in inner)
        leaves = any(isinstance(each, ast.Call) and path(each.func) in {"sys.exit", "exit", "quit"} for each in inner)
        if ends or leaves:
            self.facts.refusals.append(Refusal(self.place(node), self.scope.number, self.scope.name))

    def condition(self, node: ast.expr) -> None:
        """A comparison, or several joined: taken once, as a whole."""
        if id(node) not in self.seen:
            self.seen.update(id(each) for each in ast.walk(node))
            if not isinstance(node, ast.UnaryOp) or isinstance(node.op, ast.Not):
                self.check(node)
        either = isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)
        self.alternatives += either
        if isinstance(node, ast.Compare):
            self.compare(node)
        self.inside(node)
        self.alternatives -= either

    def check(self, node: ast.expr) -> None:
        """Keep a condition on an answer."""
        made = convert(node, self.origin)
        if not any(leaf.leaf for leaf in made.leaves()):
            return
        about = self.about(node)
        status = self.status_name(node)
        positive = value(made, answers()[0])
        mended = () if positive is None else py_mend.take_new_answer(node, status, positive=positive, lines=self.lines)
        scope = self.scope
        self.facts.checks.append(Check(self.place(node), scope.number, scope.name, made, about, mended))  # type: ignore[arg-type]

    def about(self, node: ast.AST) -> str:
        """Whether a condition is about the login's answer, another's, or cannot be told."""
        found = [made.request for each in ast.walk(node) if isinstance(each, ast.expr) and (made := self.origin(each)) and made.request]
        if any(request.is_login for request in found):
            return "login"
        return "other" if found else "unknown"

    def status_name(self, node: ast.AST) -> str:
        """How the status of the answer that a condition is about is called in the source."""
        for each in ast.walk(node):
            found = self.origin(each) if isinstance(each, ast.expr) else None
            if found is not None and found.name and found.request is not None:
                library = found.request.library
                return f"{found.name}.{'status' if library in {'aiohttp', 'urllib'} else 'status_code'}" if library else ""
        return ""

    def compare(self, node: ast.Compare) -> None:
        """``name == "SID"`` and ``"SID" in cookies``."""
        if len(node.ops) != 1 or self.alternatives:
            return
        old = names.old_name()
        sides = [node.left, node.comparators[0]]
        if isinstance(node.ops[0], ast.Eq | ast.NotEq) and any(isinstance(side, ast.Constant) and side.value == old for side in sides):
            self.sid("compare", node, old)
        elif isinstance(node.ops[0], ast.In | ast.NotIn) and isinstance(node.left, ast.Constant):
            right = path(sides[1]).rsplit(".", maxsplit=1)[-1].lower()
            if node.left.value == old and ("cookies" in right or "jar" in right):
                self.sid("lookup", node, old)
            elif isinstance(node.left.value, str) and node.left.value.startswith(f"{old}="):
                self.sid("compare", node, node.left.value)

    # --- calls -----------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> None:
        """A call: a request, a session, a look-up."""
        self.facts.names.add(path(node.func).rsplit(".", maxsplit=1)[-1])
        if _AGAIN.search(path(node.func)) and "log" in path(node.func).lower():
            self.facts.relogin.add(self.scope.number)
        self.request(node)
        self.lookups(node)
        dotted = self.module.dotted(node.func)
        if factory(dotted) == "aiohttp":
            base = self.fold(node.args[0]) if node.args else ""
            base = next((self.fold(keyword.value) for keyword in node.keywords if keyword.arg == "base_url"), base)
            jar = aiohttp_jar(node, self.scope.env, self.folder)
            mended = py_mend.with_jar(node, self.lines)
            self.session_calls[id(node)] = len(self.facts.sessions)
            owner = self.classes[-1] if self.classes else ""
            self.facts.sessions.append(Session(self.place(node), self.scope.number, jar, base, owner, "", mended))
        self.inside(node)

    def request(self, node: ast.Call) -> None:
        """Keep a call that is a request to qBittorrent, or a helper's that will be one."""
        called = self.calls.called(node, self.scope.sessions)
        if called is None:
            return
        url = self.calls.url(node, called, self.scope.env)
        made = self.made(node, called, url)
        if not made.endpoint:
            if called.library and HOLE in url and self.scope.name:
                self.helpers.setdefault(self.scope.name, (made, url))
            return
        known = called.library or called.verb in {"get", "post", "request", "_request", "_get", "_post"}
        if not known and not made.is_login and called.verb not in self.module.functions:
            return
        if made.is_login and self.scope.number:
            self.facts.relogin.add(self.scope.number)
        self.made_by[id(node)] = str(len(self.facts.requests))
        self.facts.requests.append(made)
        if made.is_login and made.library in {"requests", "httpx", ""}:
            for keyword in node.keywords:
                if keyword.arg == "auth":
                    self.facts.headers.append(Header(self.place(keyword), "Authorization", "Basic", self.scope.number))

    def made(self, node: ast.Call, called: Called, url: str) -> Request:
        """The request that a call makes."""
        env, calls = self.scope.env, self.calls
        return Request(
            self.place(node),
            self.scope.number,
            self.scope.name,
            url,
            calls.method(node, called, env),
            called.library,
            called.client,
            calls.body(node, env),
            calls.carries(node, env, called),
            bool(self.loops) and self.loops[-1] and not self.conditions,
            py_mend.with_session(node, called.library, self.lines, self.import_lines.get(called.library, 0)),
            py_mend.as_form(node, self.lines),
            py_mend.by_post(node, self.lines),
            self.classes[-1] if self.classes else "",
        )

    def lookups(self, node: ast.Call) -> None:
        """``cookies.get("SID")``, ``header.startswith("SID=")``, ``re.search("SID=…")``."""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else path(node.func)
        if not node.args or not isinstance(node.args[0], ast.Constant) or not isinstance(node.args[0].value, str):
            return
        text, old = node.args[0].value, names.old_name()
        if "SID" not in text.upper():
            return
        owner = self.module.dotted(node.func)
        if name in _PATTERNS and owner.startswith(("re.", "regex.")):
            if names.pattern_is_lone(text):
                self.sid("pattern", node, text)
        elif name in _STRING_TESTS and names.is_lone(text) and not self.alternatives:
            self.sid("compare", node, text)
        elif text == old and name in {"get", "pop", "get_cookie"} and not self.alternatives and len(node.args) < 3:
            self.sid("lookup", node, text)
        elif text == old and name in {"set", "set_cookie", "create_cookie"}:
            self.sid("build", node, text)

    # --- texts -----------------------------------------------------------------------------------------------------

    def sid(self, kind: Any, node: Any, text: str) -> None:
        """Keep a place that knows SID alone."""
        place = self.place(node)
        if not any(each.place.line == place.line for each in self.facts.sids):
            self.facts.sids.append(SidUse(place, kind, text, self.scope.number))

    def subscript(self, node: ast.Subscript) -> None:
        """``cookies["SID"]``."""
        if isinstance(node.slice, ast.Constant) and node.slice.value == names.old_name() and isinstance(node.ctx, ast.Load):
            self.sid("lookup", node, names.old_name())
        self.inside(node)

    def dictionary(self, node: ast.Dict) -> None:
        """``{"SID": …}``, ``{"paused": …}``, ``{"X-Api-Key": …}``."""
        for key, given in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.entry(key.value, key, given, node)
                if key.value == names.old_name() and not _kept(given):
                    self.sid("build", key, key.value)
        self.inside(node)

    def entry(self, name: str, node: ast.expr, given: ast.expr, whole: ast.Dict | None) -> None:
        """A key that is set, in a dictionary's display or later."""
        if name.lower() in _HEADERS:
            self.facts.headers.append(Header(self.place(node), name, self.fold(given), self.scope.number))
        if name in {"paused", "stopped"} and not (isinstance(given, ast.Constant) and given.value in {False, "false", "False", None}):
            text = py_mend.source(given, self.lines)
            mended = py_mend.replace(node, f'"stopped": {text}, "{name}"', self.lines) if whole is not None and text else ()
            self.facts.fields.append(Field(self.place(node), name, self.scope.number, mended))

    def statement(self, node: ast.Expr) -> None:
        """An expression by itself; a text by itself is a docstring."""
        if not isinstance(node.value, ast.Constant):
            self.walk(node.value)

    def constant(self, node: ast.Constant) -> None:
        """A text: kept, and looked at as a piece of a Cookie header."""
        if isinstance(node.value, str):
            self.facts.strings.append(node.value)

    def joined(self, node: ast.JoinedStr) -> None:
        """An f-string: a login form, or a Cookie header made by hand."""
        self.built(node)
        self.inside(node)

    def binary(self, node: ast.BinOp) -> None:
        """Texts put together by ``+`` or ``%``; the outermost alone is looked at."""
        if id(node) not in self.seen:
            self.seen.update(id(each) for each in ast.walk(node) if isinstance(each, ast.BinOp))
            self.built(node)
        self.inside(node)

    def built(self, node: ast.JoinedStr | ast.BinOp) -> None:
        """A text that is put together."""
        text = self.fold(node)
        if "user" in text and _RAW_FORM.search(text):
            mended = py_mend.form_of(node, self.lines) if isinstance(node, ast.JoinedStr) else ()
            self.facts.forms.append(Form(self.place(node), text, mended))
        if re.match(rf"(?:Cookie:\s*)?{names.old_name()}=[\0\1\2]", text):
            self.sid("build", node, text)

    # --- the end ---------------------------------------------------------------------------------------------------

    def finish(self) -> Facts:
        """The facts, calls of helpers resolved to what the helpers do."""
        facts = self.facts
        for index, request in enumerate(facts.requests):
            helper = self._helper(request)
            if helper is not None:
                facts.requests[index] = replace(
                    request, library=helper.library, client=helper.client, carries=helper.carries, place=helper.place,
                    method=request.method or helper.method, mended=helper.mended, body=helper.body,
                    mended_form=helper.mended_form, mended_method=helper.mended_method,
                )  # fmt: skip
        if "HTTPCookieProcessor" in self.facts.names or "CookieJar" in self.facts.names:
            facts.requests = [replace(each, carries=True) if each.library == "urllib" else each for each in facts.requests]
        return facts

    def _helper(self, request: Request) -> Request | None:
        if request.library:
            return None
        line = self.lines[request.place.line - 1][request.place.column - 1 :]
        found = re.match(r"(?:await\s+)?(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)\s*\(", line)
        known = self.helpers.get(found[1]) if found else None
        return known[0] if known else None


def _kind_by_name(name: str) -> str:
    lower = name.lower()
    return "status" if "status" in lower or "code" in lower else "cookies" if "cookie" in lower else "body"


def _names(node: ast.expr, name: str) -> bool:
    """Whether an expression uses a name, as in ``url = url + "/x"``."""
    return any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))


def _kept(node: ast.expr) -> bool:
    """Whether what is stored under SID is a constant, as in a test's data."""
    return isinstance(node, ast.Constant)


def _escaped(node: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """The names of a function's own that are handed on: returned, passed, stored or global."""
    return frozenset(_handed_on(node))


def _handed_on(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        for child in ast.iter_child_nodes(each):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load) and not isinstance(each, ast.Attribute | ast.withitem):
                yield child.id
        if isinstance(each, ast.Global | ast.Nonlocal):
            yield from each.names

