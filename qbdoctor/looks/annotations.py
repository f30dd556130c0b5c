"""Holds values from a file against the annotations of what they are for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath
from typing import Any

_PLAIN: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "None": type(None),
    "Path": PurePath,
}


def fits(value: Any, annotation: str, classes: Collection[str]) -> bool:
    """Return whether a value is of the kind that an annotation names.

    ``classes`` are the names of the classes that it may name; any other name stands for some texts (a Literal).
    """
    return any(_is_one(value, part, classes) for part in _parts(annotation, "|"))


def _is_one(value: Any, kind: str, classes: Collection[str]) -> bool:
    name, _, inner = kind.partition("[")
    within = _parts(inner.removesuffix("]"), ",")
    if name in {"Any", "Json"}:  # of settings as the server gives them
        return value is None or isinstance(value, str | int | float | tuple | Mapping)
    if name == "tuple":
        if not isinstance(value, tuple):
            return False
        kinds = within[:1] * len(value) if within[-1] == "..." else within
        return len(value) == len(kinds) and all(
            fits(one, each, classes) for one, each in zip(value, kinds, strict=True)
        )
    if name == "Mapping":
        return isinstance(value, Mapping) and all(fits(one, within[-1], classes) for one in value.values())
    if name in _PLAIN:
        counts = name in {"int", "float"} and isinstance(value, bool)  # which Python takes for a number
        return isinstance(value, _PLAIN[name]) and not counts
    return type(value).__name__ == name if name in classes else isinstance(value, str)


def _parts(text: str, mark: str) -> list[str]:
    """Return the parts of a text between the marks that stand in no brackets."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == mark and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [one.strip() for one in found]
