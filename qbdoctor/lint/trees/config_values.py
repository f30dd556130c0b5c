"""Parses YAML and JSON into values that know where they stand (ast-grep-py), as far as files with HTTP calls need it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from qbdoctor.lint.facts.program import HOLE, Place

_PAIRS = frozenset(("block_mapping_pair", "flow_pair", "pair"))
_LISTS = frozenset(("block_sequence", "flow_sequence", "array"))
_MAPS = frozenset(("block_mapping", "flow_mapping", "object"))
_WRAPPERS = frozenset(("stream", "document", "block_node", "flow_node", "block_sequence_item"))
_QUOTED = frozenset(("double_quote_scalar", "single_quote_scalar", "string"))
_SCALARS = _QUOTED | {"plain_scalar", "block_scalar", "number", "true", "false"}
_INDICATOR = re.compile(r"[|>][-+0-9]*[^\n]*\n?")


@dataclass(slots=True)
class Value:
    """A mapping (``pairs``), a list (``items``) or a text. ``literal``: the text is a block's, its lines as in the file.

    Where it stands is only asked of its node when it is needed: that costs a look at all text before it.
    """

    node: Any
    text: str | None = None
    pairs: list[tuple[str, Value]] = field(default_factory=list)
    items: list[Value] = field(default_factory=list)
    literal: bool = False

    @property
    def place(self) -> Place:
        """Where it stands."""
        return _place(self.node)

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


def parse(root: Any) -> list[Value]:
    """Return the values that a syntax tree holds: one for each document."""
    anchors: dict[str, Value] = {}
    return [made for node in root.children() if (made := _value(node, anchors)) is not None] or (
        [made] if (made := _value(root, anchors)) is not None else []
    )


def _value(node: Any, anchors: dict[str, Value]) -> Value | None:
    kind = node.kind()
    if kind in _MAPS or kind in _LISTS:
        return _collection(node, kind, anchors)
    if kind in _SCALARS:
        return _scalar(node, kind)
    if kind == "alias":
        return anchors.get(node.text().lstrip("*"))
    if kind not in _WRAPPERS:
        return None
    children = [child for child in node.children() if child.is_named()]
    tag = next((child.text() for child in children if child.kind() == "tag"), "")
    made = next((made for child in children if (made := _value(child, anchors)) is not None), None)
    if made is None:
        return None
    anchor = next((child.text().lstrip("&") for child in children if child.kind() == "anchor"), "")
    if anchor:
        anchors[anchor] = made
    if made.text is not None and tag.startswith("!") and not tag.startswith("!!"):
        made.text = HOLE  # !secret NAME, !include FILE, !env_var NAME: kept elsewhere
    return made


def _collection(node: Any, kind: str, anchors: dict[str, Value]) -> Value:
    made = Value(node)
    for child in node.children():
        if kind in _LISTS:
            inner = _value(child, anchors)
            if inner is not None:
                made.items.append(inner)
        elif child.kind() in _PAIRS:
            _pair(child, made, anchors)
    return made


def _pair(node: Any, made: Value, anchors: dict[str, Value]) -> None:
    parts = [child for child in node.children() if child.is_named() and child.kind() != "comment"]
    if not parts:
        return
    key = _value(parts[0], anchors)
    inner = _value(parts[-1], anchors) if len(parts) > 1 else None
    name = key.text if key is not None and key.text is not None else ""
    if inner is None:
        return
    if name == "<<":
        for each in inner.items or [inner]:
            made.pairs.extend(pair for pair in each.pairs if made.get(pair[0]) is None)
    else:
        made.pairs.append((name, inner))


def _scalar(node: Any, kind: str) -> Value:
    text = node.text()
    if kind == "block_scalar":
        head = _INDICATOR.match(text)
        body = text[head.end() if head is not None else 0 :].split("\n")
        indent = min((len(line) - len(line.lstrip(" ")) for line in body if line.strip()), default=0)
        lines = [line[indent:] for line in body]
        if text.startswith("|"):
            return Value(node, "\n".join(lines), literal=True)
        return Value(node, " ".join(line.strip() for line in lines).strip())
    if kind in _QUOTED:
        inner = text[1:-1]
        if kind == "single_quote_scalar":
            return Value(node, re.sub(r"\s*\n\s*", " ", inner).replace("''", "'"))
        return Value(node, _unescaped(re.sub(r"\s*\n\s*", " ", inner)))
    return Value(node, re.sub(r"\s*\n\s*", " ", text))


def _unescaped(inner: str) -> str:
    try:
        return str(json.loads(f'"{inner}"'))
    except ValueError:  # one of YAML's own escapes
        return re.sub(r"\\(.)", r"\1", inner)


def _place(node: Any) -> Place:
    reach = node.range()
    return Place(reach.start.line + 1, reach.start.column + 1, reach.end.line + 1, reach.end.column + 1)
