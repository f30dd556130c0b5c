"""Reads Python's conditions on an answer as :class:`qbdoctor.lint.facts.outcome.Expr`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from qbdoctor.lint.facts.outcome import UNKNOWN, Expr, is_login_text
from qbdoctor.lint.facts.program import Request
from qbdoctor.lint.python.texts import path
from qbdoctor.values import frozen

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.Is: "==", ast.NotEq: "!=", ast.IsNot: "!=",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CODES = {"ok": 200, "no_content": 204, "unauthorized": 401, "forbidden": 403}
_LOWERED = frozenset(("ok.", "ok", "fails.", "fails"))


@frozen
class Origin:
    """Where a value comes from: the answer to a request, its body, its status, or a test of it."""

    kind: str  # response, body, status, ok, cookies
    request: Request | None
    name: str = ""  # the response's own name, for a mended line


OriginOf = Callable[[ast.AST], Origin | None]


def convert(node: ast.AST, origin: OriginOf) -> Expr:
    """Turn a condition into an expression on status and body; what is neither becomes unknown."""
    if isinstance(node, ast.BoolOp):
        kind = "and" if isinstance(node.op, ast.And) else "or"
        return Expr(kind, tuple(convert(part, origin) for part in node.values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return Expr("not", (convert(node.operand, origin),))
    if isinstance(node, ast.Compare):
        return _compare(node, origin)
    if isinstance(node, ast.NamedExpr):
        return convert(node.value, origin)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
        return _begins(node, node.func.value, origin)
    found = origin(node)
    if found is not None and found.kind == "body":
        return Expr("not", (Expr("empty", leaf="body"),))
    if found is not None and found.kind == "ok":
        return Expr("ok", leaf="status")
    return UNKNOWN


def _compare(node: ast.Compare, origin: OriginOf) -> Expr:
    sides = [node.left, *node.comparators]
    pairs = [_pair(left, op, right, origin) for left, op, right in zip(sides, node.ops, sides[1:], strict=False)]
    return pairs[0] if len(pairs) == 1 else Expr("and", tuple(pairs))


def _pair(left: ast.expr, op: ast.cmpop, right: ast.expr, origin: OriginOf) -> Expr:
    if isinstance(op, ast.In | ast.NotIn):
        inner = _member(left, right, origin)
        return Expr("not", (inner,)) if isinstance(op, ast.NotIn) else inner
    sign = _OPERATORS.get(type(op), "")
    text, other = _text(right), left
    number = _number(right)
    if text is None and number is None:
        text, number, other, sign = _text(left), _number(left), right, _MIRROR.get(sign, sign)
    found = origin(other)
    if text is not None:
        if text == "" and found is not None and found.kind == "body":
            return Expr("empty", leaf="body") if sign == "==" else Expr("not", (Expr("empty", leaf="body"),))
        if is_login_text(text) or (text in _LOWERED and _is_lowered(other) and found is not None):
            return Expr("cmp", leaf="body", op=sign, value=text)
    if number is not None:
        if isinstance(other, ast.BinOp) and isinstance(other.op, ast.FloorDiv) and number == 2:
            return Expr("ok", leaf="status")
        if 100 <= number < 600 and (_is_status(other) or (found is not None and found.kind == "status")):
            return Expr("cmp", leaf="status", op=sign, value=number)
    return UNKNOWN


def _begins(node: ast.Call, what: ast.expr, origin: OriginOf) -> Expr:
    """``r.text.startswith("Ok")``, of a body alone: any text may begin so."""
    found, text = origin(what), _text(node.args[0]) if len(node.args) == 1 else None
    if found is None or found.kind != "body" or text is None:
        return UNKNOWN
    known = is_login_text(text) or (text in _LOWERED and _is_lowered(what))
    return Expr("has", leaf="body", value=text) if known else UNKNOWN


def _member(left: ast.expr, right: ast.expr, origin: OriginOf) -> Expr:
    if isinstance(right, ast.Tuple | ast.List | ast.Set):
        numbers = [_number(each) for each in right.elts]
        texts = [_text(each) for each in right.elts]
        found = origin(left)
        if numbers and None not in numbers and (_is_status(left) or (found is not None and found.kind == "status")):
            return Expr("in", leaf="status", value=tuple(number for number in numbers if number is not None))
        if _is_lowered(left) and any(text in _LOWERED for text in texts):
            return Expr("in", leaf="body", value=tuple(text.capitalize() for text in texts if text is not None))
        if any(text is not None and is_login_text(text) for text in texts):
            return Expr("in", leaf="body", value=tuple(text for text in texts if text is not None))
    text = _text(left)
    if text is not None and (is_login_text(text) or (text in _LOWERED and _is_lowered(right))):
        return Expr("has", leaf="body", value=text)
    return UNKNOWN


def _is_lowered(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"lower", "casefold"}
    )


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return node.value if isinstance(node.value, str) else node.value.decode("utf-8", "replace")
    return None


def _number(node: ast.expr) -> int | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.Attribute):  # requests.codes.ok, HTTPStatus.OK
        owner = path(node.value).rsplit(".", maxsplit=1)[-1].lower()
        if owner in {"codes", "httpstatus"}:
            return _CODES.get(node.attr.lower())
    return None


def _is_status(node: ast.expr) -> bool:
    name = path(node).rsplit(".", maxsplit=1)[-1].lower()
    return name in {"status", "status_code", "statuscode", "code", "http_code", "http_status"}
