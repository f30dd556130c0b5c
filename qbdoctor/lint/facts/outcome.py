"""Evaluates conditions on a login's answer for a good and a bad login of old and new releases.

Three-valued: None is "cannot be known". The answers of the releases come from the table (:mod:`qbdoctor.releases`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import Literal

from qbdoctor import releases
from qbdoctor.values import frozen

Leaf = Literal["status", "body", "ok"]


@frozen
class Expr:
    """A condition: ``kind`` is and, or, not, cmp, in, has, empty, ok or ?; ``leaf`` what is compared, with ``value``."""

    kind: str
    parts: tuple[Expr, ...] = ()
    leaf: Leaf | None = None
    op: str = ""
    value: str | int | tuple[str | int, ...] = ""

    def leaves(self) -> tuple[Expr, ...]:
        """Return the comparisons in it."""
        if not self.parts:
            return (self,)
        return tuple(leaf for part in self.parts for leaf in part.leaves())


UNKNOWN = Expr("?")

_OPERATORS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@frozen
class Evaluation:
    """A login's answer as a client sees it."""

    status: int
    body: str


@cache
def answers() -> tuple[Evaluation, Evaluation, Evaluation, Evaluation]:
    """Return a good login of old and of new releases, then a bad one of each."""
    old, new = releases.OLDEST, releases.NEWEST
    good = (releases.login_accepted(old), releases.login_accepted(new))
    bad = (releases.login_refused(old), releases.login_refused(new))
    return (
        Evaluation(good[0].status, good[0].body),
        Evaluation(good[1].status, good[1].body),
        Evaluation(bad[0].status, bad[0].body),
        Evaluation(bad[1].status, bad[1].body or "Unauthorized"),
    )


def value(expr: Expr, answer: Evaluation) -> bool | None:
    """Return what a condition comes to for an answer."""
    if expr.kind in {"and", "or"}:
        values = [value(part, answer) for part in expr.parts]
        decisive = expr.kind == "or"
        if decisive in values:
            return decisive
        return None if None in values else not decisive
    if expr.kind == "not":
        inner = value(expr.parts[0], answer)
        return None if inner is None else not inner
    return _leaf(expr, answer)


def _leaf(expr: Expr, answer: Evaluation) -> bool | None:
    if expr.kind == "ok":
        return 200 <= answer.status < 300
    if expr.kind == "empty":
        return not answer.body
    if expr.kind == "in" and isinstance(expr.value, tuple):
        return (answer.status if expr.leaf == "status" else answer.body) in expr.value
    if expr.kind == "has" and isinstance(expr.value, str):
        return expr.value.lower() in answer.body.lower()
    if expr.kind != "cmp":
        return None
    if expr.leaf == "status" and isinstance(expr.value, int):
        return _OPERATORS[expr.op](answer.status, expr.value) if expr.op in _OPERATORS else None
    if expr.leaf == "body" and isinstance(expr.value, str):
        same = answer.body.strip().lower().rstrip(".") == expr.value.strip().lower().rstrip(".")
        return same if expr.op == "==" else not same if expr.op == "!=" else None
    return None


def wants_old_answer(expr: Expr) -> bool:
    """Whether a condition takes a good login of new releases for a bad one, and tells it from that of old ones."""
    expr = _without_unknown(expr)
    old, new, old_bad, new_bad = (value(expr, answer) for answer in answers())
    return None not in {old, new} and old != new and new in {old_bad, new_bad}


def _without_unknown(expr: Expr) -> Expr:
    """``status == 200 and unknown``: one false side is enough. Where texts are compared, the unknown may be the release."""
    if expr.kind not in {"and", "or"} or any(leaf.leaf == "body" for leaf in expr.leaves()):
        return expr
    known = tuple(part for part in expr.parts if part.kind != "?")
    decisive = Expr("cmp", leaf="status", op="==" if expr.kind == "and" else "!=", value=200)
    return Expr(expr.kind, known) if decisive in known else expr


def knows_new_answer(expr: Expr) -> bool:
    """Whether a condition tells a good login of new releases from every bad one."""
    _, new, old_bad, new_bad = (value(expr, answer) for answer in answers())
    return new is not None and None not in {old_bad, new_bad} and new not in {old_bad, new_bad}


def is_login_text(text: str) -> bool:
    """Whether a text is one that a login answers, with or without its full stop."""
    return text.strip() in {"Ok.", "Ok", "Fails.", "Fails"}
