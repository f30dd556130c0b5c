"""Keeps what ``explain`` shows as Python's own data: the build of a wheel writes it, so that no TOML and no check is read.

In a checkout there is none, and everything comes from where it is written. ``qbdoctor/kept.py`` has tables of rows: the
members of an object by their names, without its functions.
"""

from __future__ import annotations

import importlib
from functools import cache

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_KEPT = "qbdoctor.kept"


@cache
def table(name: str) -> Any:
    """Return what was kept under this name: ``CAUSES``, ``SYMPTOMS``, ``CHECKS``, ``FIXES``, ``LAYOUT_SINCE``; else {}."""
    try:
        return getattr(importlib.import_module(_KEPT), name)
    except ModuleNotFoundError:
        return {}


def written(**tables: object) -> str:
    """Return the module that keeps these tables."""
    return "".join(f"{name} = {_rows(held)!r}\n" for name, held in tables.items())


def _rows(held: Any) -> Any:
    if isinstance(held, dict):
        return {name: _rows(one) for name, one in held.items()}
    if isinstance(held, tuple):
        return tuple(_rows(one) for one in held)
    members = getattr(held, "__value_members__", None)
    if members is None:
        return held
    return {name: _rows(value) for name in members if not callable(value := getattr(held, name))}
