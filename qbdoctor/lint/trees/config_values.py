"""Parses YAML and JSON into values that know where they stand (ast-grep-py), as far as files with HTTP calls need it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from qbdoctor.lint.facts.program import HOLE, Place
from qbdoctor.lint.trees.places import Lines
from qbdoctor.patterns import regex
from qbdoctor.values import field, slotted

_PAIRS = frozenset(("block_mapping_pair", "flow_pair", "pair"))
_LISTS = frozenset(("block_sequence", "flow_sequence", "array"))
_MAPS = frozenset(("block_mapping", "flow_mapping", "object"))
_WRAPPERS = frozenset(("stream", "document", "block_node", "flow_node", "block_sequence_item"))
_QUOTED = frozenset(("double_quote_scalar", "single_quote_scalar", "string"))
_SCALARS = _QUOTED | {"plain_scalar", "block_scalar", "number", "true", "false"}
_INDICATOR = regex(r"[|>][-+0-9]*[^\n]*\n?")


@slotted
class Value:
    """A mapping (``pairs``), a list (``items``) or a text. ``literal``: the text is a block's, its lines as in the file."""

    place: Place
    text: str | None = None
    pairs: list[tuple[str, Value]] = field(default_factory=list)
    items: list[Value] = field(default_factory=list)
    literal: bool = False

    @property
    def first_line(self) -> int:
        """The line on which a literal block's text begins, 0 for other texts."""
        return self.place.line + 1 if self.literal else 0

    def get(self, *names: str) -> Value | None:
        """Return what the first of these keys holds; None where there is none."""
        return next((value for name in names for key, value in self.pairs if key == name), None)

    def string(self, *names: str) -> str:
        """Return the text that the first of these keys holds, "" for none."""
        found = self.get(*names)
        return found.text or "" if found is not None else ""

    def walk(self) -> Iterator[Value]:
        """Yield this value and all within it."""
        stack = [self]
        while stack:
            value = stack.pop()
            yield value
            stack.extend(value.items)
            stack.extend(inner for _, inner in value.pairs)


def parse(root: Any, text: str) -> list[Value]:
    """Return the values that the syntax tree of a text holds: one for each document."""
    parsed = _Parsed(Lines(text))
    return [made for node in root.children() if (made := _value(node, parsed)) is not None] or (
        [made] if (made := _value(root, parsed)) is not None else []
    )


@slotted
class _Parsed:
    """One text while it is parsed."""

    lines: Lines
    anchors: dict[str, Value] = field(default_factory=dict)


def _value(node: Any, parsed: _Parsed) -> Value | None:
    kind = node.kind()
    if kind in _MAPS or kind in _LISTS:
        return _collection(node, kind, parsed)
    if kind in _SCALARS:
        return _scalar(node, kind, parsed.lines.place(node))
    if kind == "alias":
        return parsed.anchors.get(node.text().lstrip("*"))
    if kind not in _WRAPPERS:
        return None
    children = [child for child in node.children() if child.is_named()]
    tag = next((child.text() for child in children if child.kind() == "tag"), "")
    made = next((made for child in children if (made := _value(child, parsed)) is not None), None)
    if made is None:
        return None
    anchor = next((child.text().lstrip("&") for child in children if child.kind() == "anchor"), "")
    if anchor:
        parsed.anchors[anchor] = made
    if made.text is not None and tag.startswith("!") and not tag.startswith("!!"):
        made.text = HOLE  # !secret NAME, !include FILE, !env_var NAME: kept elsewhere
    return made


def _collection(node: Any, kind: str, parsed: _Parsed) -> Value:
    made = Value(parsed.lines.place(node))
    for child in node.children():
        if kind in _LISTS:
            inner = _value(child, parsed)
            if inner is not None:
                made.items.append(inner)
        elif child.kind() in _PAIRS:
            _pair(child, made, parsed)
    return made


def _pair(node: Any, made: Value, parsed: _Parsed) -> None:
    parts = [child for child in node.children() if child.is_named() and child.kind() != "comment"]
    if not parts:
        return
    key = _value(parts[0], parsed)
    inner = _value(parts[-1], parsed) if len(parts) > 1 else None
    name = key.text if key is not None and key.text is not None else ""
    if inner is None:
        return
    if name == "<<":
        for each in inner.items or [inner]:
            made.pairs.extend(pair for pair in each.pairs if made.get(pair[0]) is None)
    else:
        made.pairs.append((name, inner))


def _scalar(node: Any, kind: str, place: Place) -> Value:
    text = node.text()
    if kind == "block_scalar":
        head = _INDICATOR.match(text)
        body = text[head.end() if head is not None else 0 :].split("\n")
        indent = min((len(line) - len(line.lstrip(" ")) for line in body if line.strip()), default=0)
        lines = [line[indent:] for line in body]
        if text.startswith("|"):
            return Value(place, "\n".join(lines), literal=True)
        return Value(place, " ".join(line.strip() for line in lines).strip())
    if kind in _QUOTED:
        inner = text[1:-1]
        if kind == "single_quote_scalar":
            return Value(place, re.sub(r"\s*\n\s*", " ", inner).replace("''", "'"))
        return Value(place, _unescaped(re.sub(r"\s*\n\s*", " ", inner)))
    return Value(place, re.sub(r"\s*\n\s*", " ", text))


def _unescaped(inner: str) -> str:
    try:
        return str(json.loads(f'"{inner}"'))
    except ValueError:  # one of YAML's own escapes
        return re.sub(r"\\(.)", r"\1", inner)
