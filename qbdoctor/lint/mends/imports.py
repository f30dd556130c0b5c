"""Adds the imports that mended lines need."""

from __future__ import annotations

import re

from qbdoctor.lint.source import Source, TextEdit


def python_import(source: Source, module: str, name: str = "") -> list[TextEdit]:
    """``import module`` or ``from module import name``, where it is not there."""
    wanted = rf"^from {re.escape(module)} import .*\b{name}\b" if name else rf"^import {re.escape(module)}\b"
    if re.search(wanted, source.text, re.MULTILINE):
        return []
    statement = f"from {module} import {name}" if name else f"import {module}"
    return [put_after_imports(source, statement)]


def put_after_imports(source: Source, lines: str) -> TextEdit:
    """Lines after the last import of the file's beginning; before its first line of code where it has none."""
    pattern = {
        "python": r"^(?:import [\w.]+(?: as \w+)?|from [\w.]+ import (?:\([^)]*\)|[^\n(]+))[^\n]*$",
        "go": r"^import\s*(?:\([^)]*\)|\"[^\"]+\")$",
        "php": r"^(?:<\?php.*|use [\w\\]+(?: as \w+)?;|declare\([^)]*\);|namespace [\w\\]+;)$",
        "rust": r"^use [^;]+;$",
    }.get(
        source.language,
        r"^(?:import\s[^;]*?from\s*['\"][^'\"]+['\"];?|import\s*['\"][^'\"]+['\"];?|(?:const|let|var)\s+[^=\n]+=\s*require\([^)]*\)[^\n]*)$",
    )
    last = 0
    for found in re.finditer(pattern, source.text, re.MULTILINE):
        last = source.line_of(found.end())
        first_code = re.search(r"^(?:def|class|async|func|function|fn|if)\b", source.text, re.MULTILINE)
        if first_code is not None and found.start() > first_code.start():
            break
    if last:
        return source.after(last, lines)
    number = 1
    while number < len(source.starts) and re.match(r"#!|\s*(?:#|//)|\s*$|<\?php", source.line(number)):
        number += 1
    return source.before(number, lines)


def go_import(source: Source, package: str) -> list[TextEdit]:
    """Return a package in Go's import block, where it is not there."""
    if f'"{package}"' in source.text:
        return []
    block = re.search(r"^import\s*\(\n", source.text, re.MULTILINE)
    if block is not None:
        return [TextEdit(block.end(), block.end(), f'\t"{package}"\n')]
    single = re.search(r"^import\s+(\"[^\"]+\")$", source.text, re.MULTILINE)
    if single is not None:
        return [TextEdit(single.start(), single.end(), f'import (\n\t{single[1]}\n\t"{package}"\n)')]
    return []
