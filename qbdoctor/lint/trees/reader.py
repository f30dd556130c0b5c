"""Reads the other languages, JavaScript to Lua (:mod:`qbdoctor.lint.languages`), by their syntax trees (ast-grep-py).

No data flow beyond one function: what a name holds is known where the file gives it one text, a variable that holds an
answer within its function. The extra ``qbdoctor[lint]`` is imported here and nowhere else.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from typing import Any

from qbdoctor.lint.facts import filter_words, kept_logins
from qbdoctor.lint.facts.outcome import Expr
from qbdoctor.lint.facts.program import Facts, Form, Guard, Place, SidUse
from qbdoctor.lint.trees import conditions, shell
from qbdoctor.lint.trees.base import COMMENTS, LONGEST, without_comments
from qbdoctor.lint.trees.calls import CARRIES, Calls
from qbdoctor.lint.trees.places import end_of, length, span
from qbdoctor.lint.trees.texts import STRINGS, find_constants, inner
from qbdoctor.lint.trees.uses import Uses
from qbdoctor.patterns import regex

_FUNCTIONS = frozenset(
    (
        "function_declaration", "method_definition", "method_declaration", "function_definition", "function_item",
        "function_expression", "method",
        "local_function_statement", "constructor_declaration", "generator_function_declaration", "secondary_constructor",
    )
)  # fmt: skip
_ARROWS = frozenset(
    (
        "arrow_function",
        "function_expression",
        "func_literal",
        "lambda_literal",
        "closure_expression",
        "anonymous_function",
    )
)
_HOLDERS = frozenset(
    ("variable_declarator", "pair", "public_field_definition", "assignment_expression", "property_declaration")
)
_CALLS = frozenset(
    (
        "call_expression", "new_expression", "function_call_expression", "member_call_expression",
        "nullsafe_member_call_expression",
        "scoped_call_expression", "invocation_expression", "object_creation_expression", "method_invocation", "macro_invocation",
        "function_call", "call",
    )
)  # fmt: skip
_NO_CONDITIONS = frozenset(
    ("assignment_expression", "variable_assignment", "default_parameter", "init_declarator", "named_argument", "pair")
)
_LOGIN_TEXT = regex(r"[\"'](?:Ok|Fails)\.?[\"']")
_PAIRS = frozenset(("pair", "array_element_initializer", "keyed_element", "assignment_expression"))
_MEMBERS = frozenset(("member_expression", "member_access_expression", "navigation_expression"))
_ACTION = regex(
    r"(?:\{\s*)?(?:die|exit|throw|return|panic|break|continue|fail|abort|echo|printf|log|error|err|logger|process\.exit|curl|wget|sleep)\b"
)
_NODE = regex(
    r"\bprocess\.(?:env|argv|exit)|\brequire\(|from ['\"](?:node:|express|fs|path|dotenv|axios)|\bBuffer\.|node-fetch|undici"
)


def reader(language: str) -> Callable[[str], Facts] | None:
    """Return the reader of a language, or None where the extra is not installed."""
    try:
        parser = importlib.import_module("ast_grep_py").SgRoot
    except ImportError:
        return None

    def read(text: str) -> Facts:
        if language == "kotlin" and _brace_depth(text) > _DEEPEST:
            raise RecursionError
        return _Reader(language, text, parser(text, language).root(), parser).facts

    return read


_DEEPEST = 120
"""Braces within braces. Kotlin's scanner ends the whole process at some hundred (an assertion in tree-sitter)."""


def _brace_depth(text: str) -> int:
    depth = deepest = 0
    for found in re.finditer(r"[{}]", text):
        depth = max(0, depth + (1 if found[0] == "{" else -1))
        deepest = max(deepest, depth)
    return deepest


class _Reader(Calls, Uses):
    """One walk over one tree."""

    def __init__(self, language: str, text: str, root: Any, parser: Callable[[str, str], Any]) -> None:
        super().__init__(language, text, without_comments(text, root))
        self.parser = parser
        self.quoted: list[Any] = []
        self.count = 0
        self.begins = [0]  # where each function around begins
        self.bodies: dict[int, set[str]] = {}
        self.scope_texts: dict[int, str] = {0: text}
        self.speaks_of_login = _LOGIN_TEXT.search(self.code) is not None
        self.speaks_of_sid = "SID" in self.code
        self.speaks_of_fields = re.search(r"paused|stopped|Origin|Referer", self.code) is not None
        self.builds = re.search(r"SID=|pass(?:word)?=", self.code) is not None
        self.taken = 0  # where the last condition that was taken ends: what begins before it is a part of it
        find_constants(self.code, self.texts)
        code = re.sub(r"UseCookies\s*=\s*false", "", self.code)
        if language in {"java", "kotlin"}:
            code = re.sub(r"^[ \t]*import [^\n]*", "", code, flags=re.MULTILINE)
        carries = bool(CARRIES.search(code))
        self.facts.ends_here = language == "bash" or not carries
        if language in {"javascript", "typescript", "tsx"} and re.search(r"credentials\s*:|withCredentials", self.code):
            self.facts.ends_here = not re.search(
                r"cookie|\bjar\b|authorization|bearer", self.code, re.IGNORECASE
            ) and bool(_NODE.search(self.code))
        self.walk(root, None)
        self.finish()

    def walk(self, root: Any, parent: Any) -> None:
        """Visit a tree, without recursion: generated code nests deeply."""
        stack: list[tuple[Any, Any, bool]] = [(root, parent, False)]
        while stack:
            node, above, leaving = stack.pop()
            if leaving:
                self.scopes.pop()
                self.begins.pop()
                self.texts.function = self.begins[-1]
                continue
            kind = node.kind()
            if kind in COMMENTS:
                continue
            self.facts.faults += kind == "ERROR"
            if kind in _FUNCTIONS or (kind in _ARROWS and above is not None and above.kind() in _HOLDERS):
                self.count += 1
                self.scopes.append((self.count, _name(node if kind in _FUNCTIONS else above)))
                self.function_names.add(self.scopes[-1][1])
                start, end = span(node)
                self.scope_texts[self.count] = self.code[start:end]
                self.begins.append(start)
                self.texts.function = start
                stack.append((node, above, True))
            self.visit(node, kind)
            if kind in STRINGS and not any(
                child.kind() in {"template_substitution", "interpolation", "command_substitution"}
                for child in node.children()
            ):
                continue
            stack.extend((child, node, False) for child in reversed(node.children()) if child.is_named())

    def visit(self, node: Any, kind: str) -> None:
        """Look at one node."""
        if kind in STRINGS:
            self.string(node)
            if self.language == "bash" and 40 < length(node) < LONGEST and _QUOTED.search(node.text()):
                self.quoted.append(node)
        elif kind in _CALLS:
            self.call(node)
        elif kind == "command":
            shell.command(self, node)
        elif (self.speaks_of_fields or self.speaks_of_sid) and kind in _PAIRS:
            self.pair(node)
        elif self.speaks_of_sid and kind in _MEMBERS:
            self.member(node)
        if self.builds and kind in {"binary_expression", "concatenation", "additive_expression", "binary"}:
            self.concatenation(node)
        self.condition(node, kind)
        self.loop(node, kind)
        self.refusal(node, kind)

    def condition(self, node: Any, kind: str) -> None:
        """Read the outermost comparison or combination of comparisons, taken once."""
        if not self.is_condition(node, kind):
            return
        start, end = span(node)
        if start < self.taken or end - start > 600:
            return
        text = node.text()
        bodies = self.bodies.get(self.scope)
        if bodies is None:
            bodies = self.bodies[self.scope] = _bodies(self.scope_texts[self.scope])
        made = conditions.convert(node, frozenset(bodies), self.texts.constants)
        if not any(leaf.leaf for leaf in made.leaves()):
            return
        self.taken = max(self.taken, end)
        if self.changes_nothing(node):
            return
        number, name = self.scopes[-1]
        self.facts.checks.append(Guard(self.place(node), number, name, made, self.about(text)))

    def changes_nothing(self, node: Any) -> bool:
        """Whether both branches of a condition are a success: neither says that anything failed."""
        above = node.parent()
        if above is not None and above.kind() == "parenthesized_expression":
            above = above.parent()
        if above is None or above.kind() not in {"if_statement", "if_expression"} or length(above) > 400:
            return False
        branches = self.code[end_of(node) : end_of(above)]
        return (
            re.search(r"\belse\b", branches) is not None
            and _FAILS.search(branches) is None
            and (
                _SUCCEEDS.search(branches.split("else")[0]) is not None
                and _SUCCEEDS.search(branches.split("else")[-1]) is not None
            )
        )

    def is_condition(self, node: Any, kind: str) -> bool:
        """Whether a node compares or combines."""
        if kind in _CALLS:
            return self.speaks_of_login and length(node) < 200 and _LOGIN_TEXT.search(node.text()) is not None
        if kind in _NO_CONDITIONS or "declar" in kind:
            return False
        children = node.children()
        if len(children) != 3 or (
            children[1].is_named() and children[1].kind() not in {"test_operator", "custom_operator"}
        ):
            return False
        operator = children[1].text()
        if operator in {"||", "&&", "or", "and"} and _ACTION.match(self.start(children[2], 60)):
            return False  # test || exit: what is done, not what is asked
        return operator in conditions.OPERATORS

    def quoted_commands(self) -> None:
        """Commands in a string, such as ``sh -c "…"``: their forms and patterns."""
        for node in self.quoted:
            inside = re.sub(r"\\([\"$`\\])", r"\1", inner(node.text()))
            facts = _Reader("bash", inside, self.parser(inside, "bash").root(), self.parser).facts
            place = self.place(node)
            for form in facts.forms:
                at = place._replace(line=place.line + form.place.line - 1, column=1, last_line=0, last_column=0)
                if not any(each.place.line == at.line for each in self.facts.forms):
                    self.facts.forms.append(Form(at, form.text))
            for use in facts.sids:
                at = place._replace(line=place.line + use.place.line - 1, column=1, last_line=0, last_column=0)
                if not any(each.place.line == at.line for each in self.facts.sids):
                    self.facts.sids.append(SidUse(at, use.kind, use.text, self.scope))

    def finish(self) -> None:
        """Resolve helpers and sites; note the functions that speak of 204 in any way: they know what newer releases answer."""
        self.resolve_helpers()
        self.find_sites()
        self.facts.code = self.code
        self.facts.kept_logins = kept_logins.find(self.facts, self.code)
        self.facts.filter_words = filter_words.find(self.code)
        if self.language == "bash":
            self.quoted_commands()
        for number, text in self.scope_texts.items():
            if number and re.search(r"\b204\b|No_?Content\b", text, re.IGNORECASE):
                self.facts.checks.append(
                    Guard(Place(1, 1, 1), number, "", Expr("cmp", leaf="status", op="==", value=204), "unknown")
                )
        if (
            self.scope_texts[0]
            and self.count == 0
            and re.search(r"\b204\b|No_?Content\b|\b20\[04|\b20\*|\b2\?\?", self.code, re.IGNORECASE)
        ):
            self.facts.checks.append(
                Guard(Place(1, 1, 1), 0, "", Expr("cmp", leaf="status", op="==", value=204), "unknown")
            )


_FAILS = regex(r"\bErr\b|throw|false|panic|exit|\bdie\b|error|fail|reject|raise|\bnil\b|null|None|bail", re.IGNORECASE)
_SUCCEEDS = regex(r"Ok\(|return|true", re.IGNORECASE)
_QUOTED = regex(r"\b(?:curl|wget)\b")


def _bodies(text: str) -> set[str]:
    text = " ".join(text.split())  # a run of blanks would be tried from each of its places
    found = re.findall(r"([\w.$()\s]{1,60}?)\s*[=!]==?\s*[\"'](?:Ok|Fails)\.?[\"']", text)
    found += re.findall(r"\$\{?(\w+)\}?\"?\s*(?:[=!]=|=)\s*[\"'](?:Ok|Fails)\.?[\"']", text)  # a shell's
    found += re.findall(r"[\"'](?:Ok|Fails)\.?[\"']\s*[=!]==?\s*([\w.$()]{1,60})", text)
    found += re.findall(
        r"(?<![\w.$])([\w.$]+)\.(?:equals|includes|contains)\(\s*[\"'](?:Ok|Fails)\.?[\"']", text, re.IGNORECASE
    )
    return {
        name
        for each in found
        for name in [
            re.split(r"\.(?:trim|Trim|toString|text)\b", each.strip().lstrip("($"))[0]
            .rsplit(" ", maxsplit=1)[-1]
            .rsplit(".", maxsplit=1)[-1]
            .strip("()$")
        ]
        if name
    } | {conditions.root(each) for each in found if conditions.root(each)}


def _name(node: Any) -> str:
    found = node.field("name") or node.field("key") or node.field("property")
    if found is not None:
        return str(found.text())
    match = re.search(
        r"(?:fun|function|fn|func)?\s*([A-Za-z_]\w*)\s*[(=:]", (node.text() if length(node) < LONGEST else "")
    )
    return match[1] if match else ""
