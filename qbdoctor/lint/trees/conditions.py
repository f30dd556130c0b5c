"""Reads conditions on an answer in the languages read by tree-sitter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qbdoctor.lint.facts.outcome import UNKNOWN, Expr, is_login_text
from qbdoctor.lint.trees.texts import STRINGS, inner
from qbdoctor.patterns import regex

_LOGIC = {"&&": "and", "||": "or", "and": "and", "or": "or"}
_COMPARE = {
    "==": "==", "===": "==", "=": "==", "!=": "!=", "!==": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
    "-eq": "==", "-ne": "!=", "is": "==", "~=": "!=",
}  # fmt: skip
OPERATORS = frozenset((*_LOGIC, *_COMPARE))
_STATUS = regex(
    r"(?:status_?code|status|code|http_?code|rescode|getStatusCode\(\)|as_u16\(\)|value\(\)|\.value)\W*$", re.IGNORECASE
)
_NUMBER = regex(
    r"[\"']?([1-5][0-9]{2})[\"']?$|.*\b(?:Http)?Status(?:Code)?(?:\.|::)?(OK|NoContent|NO_CONTENT|Forbidden|Unauthorized)$|(?:.*\.)?HTTP_(OK|NO_CONTENT)$"
)
_NAMES = {"ok": 200, "nocontent": 204, "no_content": 204, "forbidden": 403, "unauthorized": 401}
_SUCCESS = regex(r"(?:\.ok|\.IsSuccessStatusCode|\.is_success\(\)|\.isSuccessful(?:\(\))?|\.isSuccess\(\))$")
_EMPTY = regex(
    r"(?:IsNullOrEmpty|IsNullOrWhiteSpace|isNullOrEmpty|isNullOrBlank|isEmpty|isBlank|is_empty|empty|IsNullOrWhitespace)\b"
)
_NOT_EMPTY = regex(r"(?:IsNotNullOrWhiteSpace|IsNotNullOrEmpty|isNotEmpty|isNotBlank)\b")
_EQUALS = regex(r"\.(?:equals|Equals|equalsIgnoreCase|eq_ignore_ascii_case|eq)$|strcmp$|EqualFold$")
_HAS = regex(
    r"\.(?:includes|contains|Contains|startsWith|StartsWith|starts_with|containsIgnoreCase)$|strings\.(?:Contains|HasPrefix)$|^(?:strpos|str_contains|str_starts_with)$"
)


_OTHERS = regex(r"\[{1,2}\s+(?:!\s+)?-[nzfedrsx]\s+\"?\$\{?([A-Za-z_]\w*)[^\]&|]*\]{1,2}")


_LOWERED = regex(r"lower", re.IGNORECASE)
_INDEX = regex(r"\.(?:indexOf|IndexOf|search)\(\s*[\"'`]((?:Ok|Fails)\.?)[\"'`]\s*\)$")


def root(text: str) -> str:
    """Return the name that an expression begins with: ``response`` of ``(await response.text()).trim()``."""
    found = re.search(
        r"[A-Za-z_]\w*",
        re.sub(r"\b(?:await|String|string|strings|StrTrim|trim|str|new|new_string)\b(?=[\s(.])|\$|^this\.", " ", text),
    )
    return found[0] if found else ""


def convert(node: Any, bodies: frozenset[str], constants: Mapping[str, str], depth: int = 0) -> Expr:
    """Turn a condition into an expression.

    ``bodies`` are the names compared with a login's text in this function, ``constants`` the file's names that hold one text.
    """
    if depth > 30:
        return UNKNOWN
    children = [
        child
        for child in node.children()
        if child.kind() not in {"(", ")", "[", "]", "[[", "]]", ";", "comment", "await"}
    ]
    kind = node.kind()
    if kind in {"parenthesized_expression", "condition", "test_command", "expression_statement"} and len(children) == 1:
        return convert(children[0], bodies, constants, depth + 1)
    if len(children) == 3 and (op := children[1].text()) in OPERATORS:
        if op in _LOGIC and _of_others(children[0].text(), bodies):
            return convert(children[2], bodies, constants, depth + 1)
        if op in _LOGIC and _of_others(children[2].text(), bodies):
            return convert(children[0], bodies, constants, depth + 1)
        if op in _LOGIC:
            return Expr(
                _LOGIC[op],
                (
                    convert(children[0], bodies, constants, depth + 1),
                    convert(children[2], bodies, constants, depth + 1),
                ),
            )
        return _compare(children[0], _COMPARE[op], children[2], bodies, constants)
    if len(children) == 2 and children[0].text() in {"!", "not"}:
        return Expr("not", (convert(children[1], bodies, constants, depth + 1),))
    text = node.text()
    if len(text) > 300:
        return UNKNOWN
    return _call(text, bodies)


def _of_others(text: str, bodies: frozenset[str]) -> bool:
    """Whether a shell's test is of a variable or a file that has nothing to do with the login's answer."""
    parts = [_OTHERS.fullmatch(part.strip()) for part in re.split(r"&&|\|\|", text)]
    return all(part is not None and part[1] not in bodies for part in parts)


def _call(text: str, bodies: frozenset[str]) -> Expr:
    if _SUCCESS.search(text):
        return Expr("ok", leaf="status")
    callee, arguments = _last_call(text)
    if callee:
        text_in = re.search(r"(?:^|[(,\s])([\"'](?:Ok|Fails|ok|fails)\.?[\"'])\s*(?:[,)]|$)", arguments)
        if text_in is not None:
            if _EQUALS.search(callee):
                return Expr("cmp", leaf="body", op="==", value=text_in[1].strip("\"'"))
            if _HAS.search(callee):
                return Expr("has", leaf="body", value=text_in[1].strip("\"'"))
        receiver = re.fullmatch(r"[\"'](Ok|Fails)\.?[\"']\.(?:equals|Equals|equalsIgnoreCase)", callee)
        if receiver is not None:
            return Expr("cmp", leaf="body", op="==", value=receiver[1])
        if _NOT_EMPTY.search(text) and any(re.search(rf"\b{re.escape(name)}\b", text) for name in bodies):
            return Expr("not", (Expr("empty", leaf="body"),))
        if _EMPTY.search(text) and any(re.search(rf"\b{re.escape(name)}\b", text) for name in bodies):
            return Expr("empty", leaf="body")
    if re.fullmatch(r"\$?[A-Za-z_]\w*", text) and text.lstrip("$") in bodies:
        return Expr("not", (Expr("empty", leaf="body"),))
    return UNKNOWN


def _last_call(text: str) -> tuple[str, str]:
    """Return what the last call of a chain calls, and its arguments; empty texts where it is no call."""
    text = text.rstrip()
    if not text.endswith(")"):
        return "", ""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if depth == 0:
            return text[:at].rstrip().removesuffix("!"), text[at + 1 : -1]
    return "", ""


def _compare(left: Any, op: str, right: Any, bodies: frozenset[str], constants: Mapping[str, str]) -> Expr:
    for value, other in ((right, left), (left, right)):
        text = value.text()
        named = constants.get(text.lstrip("$"), "") if len(text) < 60 else ""
        if is_login_text(named):
            return Expr("cmp", leaf="body", op=op, value=named)
        if value.kind() in STRINGS | {"word", "concatenation"} and len(text) < 20:
            body = inner(text)
            if is_login_text(body) or (_LOWERED.search(other.text()) and is_login_text(body.capitalize())):
                return Expr("cmp", leaf="body", op=op, value=body)
            if body == "" and root(other.text()) in bodies:
                return Expr("empty", leaf="body") if op == "==" else Expr("not", (Expr("empty", leaf="body"),))
        index = _INDEX.search(other.text()) if re.fullmatch(r"-1|0", text) and len(other.text()) < 200 else None
        if index is not None:
            found_there = (text, op) in {("-1", "!="), ("-1", ">"), ("0", ">="), ("0", "==")}
            has = Expr("has", leaf="body", value=index[1])
            return has if found_there else Expr("not", (has,))
        found = _NUMBER.match(text)
        if found is not None and _STATUS.search(other.text().strip("\"'{}")):
            number = int(found[1]) if found[1] else _NAMES[(found[2] or found[3]).lower()]
            return Expr("cmp", leaf="status", op=op, value=number)
    return UNKNOWN
