"""Finds in a syntax tree loops without an end, what they go through each round, branches that give up on 403."""

from __future__ import annotations

import re
from typing import Any, Literal

from qbdoctor.lint.facts.outcome import Evaluation, value
from qbdoctor.lint.facts.program import Loop, Refusal, Site
from qbdoctor.lint.trees import conditions
from qbdoctor.lint.trees.base import LONGEST, Walker
from qbdoctor.lint.trees.places import end_of, length, span, start_of
from qbdoctor.patterns import regex

_ENDLESS = regex(
    r"while\s*\(\s*(?:true|1)\s*\)|(?:while|loop)\s+(?:true|:|\[\s*1\s*\]|\[\[\s*1\s*\]\])\s*[;\n{]|until\s+false|for\s*\(\s*;\s*;\s*\)|for\s*\{|loop\s*\{"
    r"|(?:setInterval|cron\.schedule|schedule\.scheduleJob)\("
)
_LOOPS = frozenset(
    ("while_statement", "for_statement", "loop_expression", "while_expression", "do_statement", "call_expression")
)
_WAITS = regex(r"sleep|setTimeout|setInterval|delay|schedule|\.After\(|\.Tick|wait\(", re.IGNORECASE)
_PAUSES: tuple[tuple[re.Pattern[str], float], ...] = (
    (regex(r"^[ \t]*(?:/bin/)?sleep\s+([0-9.]+)s?\s*(?:;|&|$)", re.MULTILINE), 1),
    (regex(r"\bsleep\s+([0-9]+)m\b"), 60),
    (regex(r"\bsleep\s+([0-9]+)h\b"), 3600),
    (regex(r"time\.Sleep\(\s*([0-9]+)\s*\*\s*time\.Second"), 1),
    (regex(r"time\.Sleep\(\s*([0-9]+)\s*\*\s*time\.Minute"), 60),
    (regex(r"(?:from_secs|ofSeconds|FromSeconds)\(\s*([0-9]+)"), 1),
    (regex(r"(?:FromMinutes|ofMinutes)\(\s*([0-9]+)"), 60),
    (
        regex(r"(?:setTimeout\([^,()]+,|set(?:Interval)[^\0]*,|(?:sleep|delay|wait|Delay)\()\s*([0-9_]+)\s*\)"),
        0.001,
    ),
)
_BRANCHES = frozenset(
    (
        "if_statement", "if_expression", "elif_clause", "else_clause", "conditional_expression", "ternary_expression",
        "case_item", "switch_case", "switch_section", "match_arm", "when_entry", "catch_clause", "expression_case",
        "catch_block", "case_statement", "except_clause",
    )
)  # fmt: skip
_FUNCTION_KINDS = regex(r"function|method_de|func_literal|lambda|arrow|closure|local_function|constructor_decl")
_GIVES_UP = regex(
    r"\b(?:throw|return|exit|break|panic!?|bail!|die|raise|process\.exit|os\.Exit|log\.Fatal\w*|System\.exit|exitProcess|Environment\.Exit)\b"
)
_AGAIN = regex(
    r"\b\w*(?:log_?in|log_?on|auth|connect|refresh|re_?new|retry|reset|sign_?in|(?:new|create|get|start|open|ensure)_?session)\w*\s*(?:\(|;|\n|\|\||&&)"
    r"|auth/login|\bcontinue\b",
    re.IGNORECASE,
)


class Flow(Walker):
    """Loops and branches. ``named_calls`` holds the calls that may be of the file's own functions, until the walk has ended."""

    def __init__(self, language: str, text: str, code: str) -> None:
        super().__init__(language, text, code)
        self.named_calls: list[tuple[str, str, Any]] = []
        self.function_names: set[str] = set()

    def loop(self, node: Any, kind: str) -> None:
        """Read a loop without an end, or what is called again and again by a timer."""
        if kind not in _LOOPS or _ENDLESS.match(self.start(node, 60)) is None:
            return
        start, end = span(node)
        text = self.code[start:end]
        pause = None
        for pattern, unit in _PAUSES:
            found = pattern.search(text)
            if found is not None:
                pause = float(found[1].replace("_", "")) * unit
                break
        place = self.place(node)
        self.facts.loops.append(Loop(place.line, place.last_line, pause))
        self.facts.endless = self.facts.endless or _WAITS.search(text) is not None

    def passed(self, node: Any) -> tuple[bool, bool]:
        """Whether a node is passed in each round of a loop without an end; and whether in some cases only."""
        start = start_of(node)
        guarded = False
        inner = node
        for above in node.ancestors():
            kind = above.kind()
            if kind in _BRANCHES or _joins(above, inner):
                condition = above.field("condition")
                if condition is None or not start_of(condition) <= start < end_of(condition):
                    guarded = True
            if kind in _LOOPS and _ENDLESS.match(self.start(above, 60)) is not None:
                return not guarded, guarded
            if kind in {"for_statement", "foreach_statement", "for_in_statement", "for_expression", "while_statement"}:
                return False, guarded  # a loop with an end: once for each element
            if _FUNCTION_KINDS.search(kind) is not None and not self.is_timers(above):
                begin = start_of(above)
                early = re.search(r"\breturn\b[^\n]*", self.code[begin:start]) if start - begin < 20_000 else None
                return False, guarded or early is not None
            inner = above
        return False, guarded

    def is_timers(self, function: Any) -> bool:
        """Whether a function is what a timer calls, or one that is called where it stands."""
        begin = start_of(function)
        return _ENDLESS.search(self.code[max(0, begin - 24) : begin]) is not None

    def refusal(self, node: Any, kind: str) -> None:
        """Read a branch on 403 that gives up."""
        if kind not in {"if_statement", "if_expression"} or length(node) > LONGEST:
            return
        condition = node.field("condition")
        if condition is None:
            inner = [child for child in node.children() if child.is_named()]
            condition = inner[0] if inner else None
        if condition is None or re.search(r"403|Forbidden|FORBIDDEN", condition.text()) is None:
            return
        made = conditions.convert(condition, frozenset(), {})
        if not any(leaf.leaf == "status" and leaf.value == 403 and leaf.op == "==" for leaf in made.leaves()):
            return
        if value(made, Evaluation(403, "Forbidden")) is False or self.about(condition.text()) == "login":
            return
        done = self.code[end_of(condition) : end_of(node)]
        done = re.split(r"\}\s*else\b|^[ \t]*(?:else|elif)\b", done, maxsplit=1, flags=re.MULTILINE)[0]
        if _GIVES_UP.search(done) and not _AGAIN.search(done):
            number, name = self.scopes[-1]
            self.facts.refusals.append(Refusal(self.place(node), number, name))

    def about(self, text: str) -> Literal["login", "other", "unknown"]:
        """Whether a condition is about the login's answer, as far as the variables in it tell."""
        known = [
            self.answers[self.scope, name]
            for name in re.findall(r"[A-Za-z_]\w*", text)
            if self.answers.get((self.scope, name))
        ]
        if "auth/login" in known:
            return "login"
        return "other" if known else "unknown"

    def find_sites(self) -> None:
        """Note the calls of the file's own functions, where they matter: where a loop without an end is in the file."""
        if not self.facts.loops:
            return
        for callee, scope_name, node in self.named_calls:
            if callee in self.function_names:
                looped, guarded = self.passed(node)
                self.facts.sites.append(Site(self.place(node), scope_name, callee, looped, guarded))


def _joins(above: Any, inner: Any) -> bool:
    """Whether a node is only reached by what stands on the left of it: ``a && b``, ``a || b``."""
    if above.kind() not in {"binary_expression", "list", "logical_expression"}:
        return False
    children = above.children()
    if len(children) != 3 or children[1].text() not in {"&&", "||", "??"}:
        return False
    return start_of(children[2]) == start_of(inner)
