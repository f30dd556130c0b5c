"""Reads Python: one walk over the syntax tree, with the data flow within the file as far as names carry it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Literal

from qbdoctor.lint.facts import filter_words, kept_logins
from qbdoctor.lint.facts.outcome import Evaluation, value
from qbdoctor.lint.facts.program import HOLE, Facts, Guard, Header, Loop, Refusal, Request, SessionUse, Site
from qbdoctor.lint.python import corrections
from qbdoctor.lint.python.calls import Called, aiohttp_jar, factory
from qbdoctor.lint.python.conditions import convert
from qbdoctor.lint.python.flow import FROM_ANSWERS, Flow
from qbdoctor.lint.python.texts import nodes, path
from qbdoctor.lint.suppress import lines_of
from qbdoctor.patterns import regex
from qbdoctor.values import replace

_AGAIN = regex(
    r"(?:log_?in|log_?on|auth|connect|refresh|re_?new|retry|reset|sign_?in|(?:new|create|get|start|open|ensure)_?session)[^.]*$",
    re.IGNORECASE,
)
_CALLED = regex(r"(?:await\s+)?(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)\s*\(")


def read(text: str) -> Facts:
    """Return the facts of a Python file. Raises SyntaxError, ValueError (null bytes) or RecursionError."""
    tree = ast.parse(text)
    reader = Reader(tree, lines_of(text))
    reader.walk(tree)
    return reader.finish()


class Reader(Flow):
    """The whole walk: loops, branches, conditions and calls beside what its bases handle."""

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        super().__init__(tree, lines)
        self.handlers |= {
            ast.For: self.loop, ast.AsyncFor: self.loop, ast.While: self.loop, ast.If: self.branch, ast.IfExp: self.branch,
            ast.ExceptHandler: self.handler,
            ast.BoolOp: self.condition, ast.Compare: self.condition, ast.UnaryOp: self.condition, ast.Call: self.call,
        }  # fmt: skip

    def loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        """Read a loop; one without an end that waits is what a daemon does."""
        endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        if isinstance(node, ast.While):
            self.walk(node.test)
        else:
            self.walk(node.iter)
        if endless and any(
            isinstance(each, ast.Call) and path(each.func).endswith(("sleep", "wait")) for each in nodes(node)
        ):
            self.facts.endless = True
        if endless:
            self.facts.loops.append(Loop(node.lineno, node.end_lineno or node.lineno, self.pause(node)))
        self.loops.append(endless)
        conditions, self.conditions = self.conditions, 0
        for part in (*node.body, *node.orelse):
            self.walk(part)
        self.loops.pop()
        self.conditions = conditions

    def branch(self, node: ast.If | ast.IfExp) -> None:
        """``if``: its condition is taken as a whole, what it guards is conditional."""
        if isinstance(node, ast.IfExp):
            other = {each.id for each in nodes(node.orelse) if isinstance(each, ast.Name)}
            for each in nodes(node.test):
                if isinstance(each, ast.Compare) and isinstance(each.left, ast.Name) and each.left.id in other:
                    self.inequality_tests.add(id(each))
        checks = len(self.facts.checks)
        self.walk(node.test)
        if isinstance(node, ast.If) and not node.orelse and all(_only_tells(each) for each in node.body):
            del self.facts.checks[checks:]  # whatever it comes to, a line of a log is all that follows
        self.conditions += 1
        if isinstance(node, ast.If):
            self.refusal(node)
            for part in (*node.body, *node.orelse):
                self.walk(part)
            if any(isinstance(each, ast.Return | ast.Continue) for part in node.body for each in nodes(part)):
                self.scope.may_have_left = True
        else:
            self.walk(node.body)
            self.walk(node.orelse)
        self.conditions -= 1

    def handler(self, node: ast.ExceptHandler) -> None:
        """``except``: what it holds is done in a bad case alone."""
        self.conditions += 1
        self.inside(node)
        self.conditions -= 1

    def pause(self, node: ast.AST) -> float | None:
        """Return the seconds that a loop waits in each round, where they are a number."""
        for each in nodes(node):
            if isinstance(each, ast.Call) and path(each.func).endswith(("sleep", "wait")) and each.args:
                found = re.fullmatch(r"[0-9.]+", self.fold(each.args[0]))
                if found is not None:
                    return float(found[0])
                product = each.args[0]
                if isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult):
                    sides = [re.fullmatch(r"[0-9.]+", self.fold(side)) for side in (product.left, product.right)]
                    if all(sides):
                        return float(sides[0][0]) * float(sides[1][0])  # type: ignore[index]
        return None

    def refusal(self, node: ast.If) -> None:
        """Read a branch on 403 that gives up."""
        made = convert(node.test, self.origin)
        if not any(leaf.leaf == "status" and leaf.value == 403 and leaf.op == "==" for leaf in made.leaves()):
            return
        if value(made, Evaluation(403, "Forbidden")) is False or self.about(node.test) == "login":
            return
        inner = [each for part in node.body for each in nodes(part)]
        if any(isinstance(each, ast.Call) and _AGAIN.search(path(each.func)) for each in inner):
            return
        if any(isinstance(each, ast.Continue) for each in inner):
            return
        ends = any(isinstance(each, ast.Raise | ast.Return | ast.Break) for each in inner)
        leaves = any(isinstance(each, ast.Call) and path(each.func) in {"sys.exit", "exit", "quit"} for each in inner)
        if ends or leaves:
            self.facts.refusals.append(Refusal(self.place(node), self.scope.number, self.scope.name))

    def condition(self, node: ast.expr) -> None:
        """Read a comparison, or several joined: taken once, as a whole."""
        outermost = id(node) not in self.seen
        self.seen.update(id(each) for each in _joined(node))
        either = isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)
        self.alternatives += either
        self.inside(node)  # first, for the requests in it
        self.alternatives -= either
        if isinstance(node, ast.Compare):
            self.compare(node)
        if outermost and (not isinstance(node, ast.UnaryOp) or isinstance(node.op, ast.Not)):
            self.check(node)

    def check(self, node: ast.expr) -> None:
        """Keep a condition on an answer."""
        made = convert(node, self.origin)
        if not any(leaf.leaf for leaf in made.leaves()):
            return
        about = self.about(node)
        scope = self.scope
        self.facts.checks.append(Guard(self.place(node), scope.number, scope.name, made, about))

    def about(self, node: ast.AST) -> Literal["login", "other", "unknown"]:
        """Whether a condition is about the login's answer, another's, or cannot be told."""
        found = [
            made.request
            for each in nodes(node)
            if isinstance(each, FROM_ANSWERS) and (made := self.origin(each)) and made.request
        ]
        if any(request.is_login for request in found):
            return "login"
        return "other" if found else "unknown"

    def call(self, node: ast.Call) -> None:
        """Read a call: a request, a session, a look-up."""
        name = path(node.func)
        self.facts.names.add(name.rsplit(".", maxsplit=1)[-1])
        if "log" in name.lower() and _AGAIN.search(name):
            self.facts.logs_in_at(self.scope.number, node.lineno)
        callee = name.removeprefix("self.").removeprefix("cls.")
        if callee in self.module.functions:
            self.facts.sites.append(Site(self.place(node), self.scope.name, callee, self.each_round, self.guarded))
        self.request(node)
        if callee.endswith(".add_field") and len(node.args) > 1 and isinstance(node.args[0], ast.Constant):
            self.entry(str(node.args[0].value), node.args[0], node.args[1], None)
        self.lookups(node)
        dotted = self.module.dotted(node.func)
        if factory(dotted) == "aiohttp":
            base = self.fold(node.args[0]) if node.args else ""
            base = next((self.fold(keyword.value) for keyword in node.keywords if keyword.arg == "base_url"), base)
            jar = aiohttp_jar(node, self.scope.env, self.folder)
            self.session_calls[id(node)] = len(self.facts.sessions)
            owner = self.classes[-1] if self.classes else ""
            self.facts.sessions.append(SessionUse(self.place(node), self.scope.number, jar, base, owner))
        self.inside(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "startswith" and id(node) not in self.seen:
            self.check(node)

    def request(self, node: ast.Call) -> None:
        """Keep a call that is a request to qBittorrent, or a helper's that will be one."""
        called = self.calls.called(node, self.scope.sessions)
        if called is None:
            return
        url = self.calls.url(node, called, self.scope.env)
        made = self.made(node, called, url)
        if not made.endpoint:
            if HOLE in url and self.scope.name and called.verb in {"get", "post", "request"}:
                self.facts.any_path.add(self.scope.name)
            if called.library and HOLE in url:
                self.facts.asks_any.add(self.scope.number)
            if called.library and HOLE in url and self.scope.name:
                first = self.helpers.setdefault(self.scope.name, (made, url))[0]
                if first.method != made.method:  # GET in one branch and POST in another: the caller decides
                    self.helpers[self.scope.name] = (replace(first, method="", mended_method=()), url)
            return
        known = called.library or called.verb in {"get", "post", "request", "_request", "_get", "_post"}
        if not known and not made.is_login and called.verb not in self.module.functions:
            return
        if made.is_login and self.scope.number:
            self.facts.logs_in_at(self.scope.number, node.lineno)
        self.made_by[id(node)] = str(len(self.facts.requests))
        self.facts.requests.append(made)
        for keyword in node.keywords:
            if (
                keyword.arg == "auth"
                and made.library in {"requests", "httpx", "aiohttp", ""}
                and self.is_basic(keyword.value)
            ):
                self.facts.headers.append(Header(self.place(keyword), "Authorization", "Basic", self.scope.number))
            elif keyword.arg in {"paused", "stopped"} and made.endpoint == "torrents/add" and not made.library:
                self.entry(keyword.arg, keyword, keyword.value, None)

    def is_basic(self, node: ast.expr) -> bool:
        """Whether an ``auth=`` is a name and a password."""
        if isinstance(node, ast.Tuple):
            return len(node.elts) == 2
        return isinstance(node, ast.Call) and path(node.func).endswith(("BasicAuth", "HTTPBasicAuth"))

    def made(self, node: ast.Call, called: Called, url: str) -> Request:
        """Return the request that a call makes."""
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
            self.each_round,
            corrections.with_session(node, called.library, self.lines, self.import_lines.get(called.library, 0)),
            corrections.as_form(node, self.lines),
            corrections.by_post(node, self.lines),
            self.classes[-1] if self.classes else "",
            self.guarded,
            in_query={"params"} == {keyword.arg for keyword in node.keywords} & {"params", "data", "json", "content"},
        )

    @property
    def each_round(self) -> bool:
        """Whether the present place is passed in each round of a loop without an end."""
        return bool(self.loops) and self.loops[-1] and not self.conditions

    @property
    def guarded(self) -> bool:
        """Whether the present place of the function is passed in some cases only."""
        return self.conditions > 0 or self.scope.may_have_left

    def finish(self) -> Facts:
        """Return the facts, calls of helpers resolved to what the helpers do."""
        facts = self.facts
        code = facts.code = re.sub(
            r"(^|[ \t])#[^\n]*", lambda found: " " * len(found[0]), "\n".join(self.lines), flags=re.MULTILINE
        )
        if facts.requests:
            facts.kept_logins = kept_logins.find(facts, code)
            facts.filter_words = filter_words.find(code, python=True)
        for index, request in enumerate(facts.requests):
            helper = self._helper(request)
            if helper is not None:
                if request.is_login:
                    facts.login_helpers.add(helper.scope)
                facts.requests[index] = replace(
                    request, library=helper.library, client=helper.client, carries=helper.carries, place=helper.place,
                    method=request.method or helper.method, mended=helper.mended, body=helper.body,
                    mended_form=helper.mended_form, mended_method=helper.mended_method,
                )  # fmt: skip
        if "HTTPCookieProcessor" in self.facts.names or "CookieJar" in self.facts.names:
            facts.requests = [
                replace(each, carries=True) if each.library == "urllib" else each for each in facts.requests
            ]
        return facts

    def _helper(self, request: Request) -> Request | None:
        if request.library:
            return None
        if request.place.line > len(self.lines):
            return None
        found = _CALLED.match(self.lines[request.place.line - 1], request.place.column - 1)
        known = self.helpers.get(found[1]) if found else None
        if found and known is None and request.is_login and found[1] not in self.module.functions:
            self.facts.login_through.add(found[1])
        return known[0] if known else None


def _only_tells(node: ast.stmt) -> bool:
    """Whether a statement writes a line of a log or does nothing."""
    if isinstance(node, ast.Pass):
        return True
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    name = path(node.value.func)
    return name == "print" or re.search(r"log\w*\.(?:debug|info)$", name, re.IGNORECASE) is not None


def _joined(node: ast.expr) -> Iterator[ast.expr]:
    """Yield a condition and the conditions that it joins."""
    yield node
    for part in (
        node.values if isinstance(node, ast.BoolOp) else [node.operand] if isinstance(node, ast.UnaryOp) else ()
    ):
        yield from _joined(part)
