"""Reads files that hold HTTP calls as values: Home Assistant, Ansible, Node-RED, n8n, and commands in any YAML or JSON.

What a file keeps elsewhere (a secret, an included file, a variable) is a hole. A file in which no call is found yields facts
without requests: it was not read as a client, and lint says so.
"""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Callable
from typing import Any

from qbdoctor.lint.facts.program import Facts
from qbdoctor.lint.trees import flows, home_assistant
from qbdoctor.lint.trees.config_values import Value, parse
from qbdoctor.lint.trees.embedded import Reading
from qbdoctor.patterns import regex

_COMMAND = regex(r"\b(?:curl|wget)\b[\s\S]*(?:api/v2|/auth/login|torrents/|\bSID\b)")
_ASSIGNED = regex(r"[A-Za-z_]\w*=(?=\S*\s|['\"])")
_HEAD = regex(r"^([ \t]*)((?:[-?:][ \t]+)*)(?=\S)", re.MULTILINE)
_DEEPEST = 120
"""Blocks within blocks. The parser's scanner ends the whole process at about 250 (an assertion in tree-sitter)."""
_COMMENT = regex(r"(?:^|(?<=[ \t]))#[^\n]*", re.MULTILINE)


def reader(language: str) -> Callable[[str], Facts] | None:
    """Return the reader of YAML or JSON, or None where the extra is not installed."""
    try:
        parser = importlib.import_module("ast_grep_py").SgRoot
    except ImportError:
        return None

    def made(text: str) -> Facts:
        if language == "yaml" and _depth(text) > _DEEPEST:
            raise RecursionError
        return read(language, parser(text, language).root(), text)

    return made


def _depth(text: str) -> int:
    """Return how deeply the blocks of a YAML text may be nested, by the columns at which its lines begin."""
    deepest, columns = 0, [-1]
    for found in _HEAD.finditer(text):
        first = len(found[1])
        while columns[-1] >= first:
            columns.pop()
        columns.append(first)
        columns.extend(first + one.start() + 1 for one in re.finditer(r"[-?:][ \t]", found[2]))
        deepest = max(deepest, len(columns))
    return deepest


def read(language: str, root: Any, text: str) -> Facts:
    """Return the facts of a file. Raises ValueError for one that is not of that language at all."""
    documents = parse(root, text)
    if not documents:
        raise ValueError(language)
    reading = Reading(language)
    for document in documents:
        if language == "json" and flows.is_flow(document):
            flows.read(reading, document)
        else:
            for value in document.walk():
                home_assistant.read(reading, value)
                command(reading, value)
        for value in document.walk():
            if value.text is not None and ("SID" in value.text or "api/v2" in value.text):
                reading.facts.strings.append(value.text)
    home_assistant.judge_templates(reading, documents)
    return reading.facts


def command(reading: Reading, value: Value) -> None:
    """Read a command: a text with curl or wget in it, or the list of a command's arguments."""
    if value.items and all(each.text is not None for each in value.items):
        words = [each.text or "" for each in value.items]
        if words[0] in {"CMD", "CMD-SHELL"}:
            words = words[1:]
        if words and re.search(r"(?:^|/)(?:curl|wget)$", words[0]) and _COMMAND.search(" ".join(words)):
            reading.embed("bash", shlex.join(words), value)
            for each in value.items:
                each.text = ""
        return
    text = value.text
    if text is None or len(text) > 100_000 or _COMMAND.search(_COMMENT.sub("", text)) is None:
        return
    code = text.replace("$$", "$") if reading.facts.language == "yaml" else text
    if not value.literal:
        code = _within_shell(_ASSIGNED.sub("", code, count=1) if _ASSIGNED.match(code) else code)
    reading.embed("bash", code, value)


def _within_shell(code: str) -> str:
    """Return what a shell is given to run: of ``/bin/sh -c 'curl …'`` the command."""
    try:
        words = shlex.split(code)
    except ValueError:
        return code
    if len(words) > 2 and re.search(r"(?:^|/)(?:ba|da|a)?sh$", words[0]) and re.fullmatch(r"-[a-z]*c", words[1]):
        return words[2]
    return code
