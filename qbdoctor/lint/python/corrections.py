"""Words lines of Python as they would be right."""

from __future__ import annotations

import ast
from itertools import pairwise

from qbdoctor.lint.facts.program import MendedLines

LONGEST_LINE = 2000
"""Characters. A longer line is generated, and nobody reads how it would be right; each of its calls would cost a copy of it."""


def source(node: ast.AST, lines: list[str]) -> str:
    """Return the source of a node that stands on one line, else ""."""
    if not isinstance(node, ast.expr | ast.keyword) or node.lineno != node.end_lineno or node.end_col_offset is None:
        return ""
    if len(lines[node.lineno - 1]) > LONGEST_LINE:
        return ""
    data = lines[node.lineno - 1].encode()
    return data[node.col_offset : node.end_col_offset].decode("utf-8", "replace")


def replace(node: ast.AST, new: str, lines: list[str]) -> tuple[MendedLines, ...]:
    """Return the line with a node of one line replaced; nothing for a node that spans lines."""
    if not isinstance(node, ast.expr | ast.keyword) or node.lineno != node.end_lineno or node.end_col_offset is None:
        return ()
    if len(lines[node.lineno - 1]) > LONGEST_LINE:
        return ()
    data = lines[node.lineno - 1].encode()
    made = data[: node.col_offset] + new.encode() + data[node.end_col_offset :]
    return (MendedLines(node.lineno, made.decode("utf-8", "replace")),)


def with_session(call: ast.Call, library: str, lines: list[str], import_line: int) -> tuple[MendedLines, ...]:
    """Return a plain ``requests.get(...)`` as ``session.get(...)``, with the session made after the import."""
    func = call.func
    made = {"requests": "requests.Session()", "httpx": "httpx.Client()"}.get(library)
    if made is None or not import_line or not isinstance(func, ast.Attribute) or not isinstance(func.value, ast.Name):
        return ()
    if func.value.id != library:
        return ()
    imported, called = lines[import_line - 1], replace(func.value, "session", lines)
    return (MendedLines(import_line, f"{imported}\n\nsession = {made}"), *called) if called else ()


def as_form(call: ast.Call, lines: list[str]) -> tuple[MendedLines, ...]:
    """``json={...}`` as ``data={...}``."""
    for keyword in call.keywords:
        if keyword.arg == "json" and len(lines[keyword.lineno - 1]) <= LONGEST_LINE:
            data = lines[keyword.lineno - 1].encode()
            made = data[: keyword.col_offset] + b"data" + data[keyword.col_offset + len("json") :]
            return (MendedLines(keyword.lineno, made.decode("utf-8", "replace")),)
    return ()


def by_post(call: ast.Call, lines: list[str]) -> tuple[MendedLines, ...]:
    """``x.get(url, params=...)`` as ``x.post(url, data=...)``."""
    func = call.func
    if (
        not isinstance(func, ast.Attribute)
        or func.attr != "get"
        or func.end_lineno is None
        or func.end_col_offset is None
    ):
        return ()
    index = func.end_lineno - 1
    if len(lines[index]) > LONGEST_LINE:
        return ()
    data = lines[index].encode()
    made = data[: func.end_col_offset - len("get")] + b"post" + data[func.end_col_offset :]
    for keyword in call.keywords:
        if keyword.arg == "params":
            if keyword.lineno - 1 != index:
                return ()
            at = keyword.col_offset + len("post") - len("get")
            made = made[:at] + b"data" + made[at + len("params") :]
    return (MendedLines(index + 1, made.decode("utf-8", "replace")),)


def form_of(node: ast.JoinedStr, lines: list[str]) -> tuple[MendedLines, ...]:
    """``f"username={u}&password={p}"`` as a dictionary, which the library encodes."""
    values = node.values
    fields: list[str] = []
    for before, after in pairwise(values):
        if isinstance(before, ast.Constant) and isinstance(after, ast.FormattedValue) and isinstance(before.value, str):
            name = before.value.rsplit("&", maxsplit=1)[-1].rstrip("=")
            text = ast.unparse(after.value)
            if not name.isidentifier():
                return ()
            fields.append(f'"{name}": {text}')
    return replace(node, "{" + ", ".join(fields) + "}", lines) if len(fields) == 2 else ()
