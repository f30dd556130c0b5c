"""Finds checks (and fixes) through their package and through plug-ins' entry points; nobody imports one by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from qbdoctor.model import Check, Fix


class NothingFound(RuntimeError):
    """The package of checks is empty: a broken installation, never a clean bill of health."""


def modules(group: str) -> Iterator[ModuleType]:
    """Yield the modules of ``qbdoctor.checks`` or ``qbdoctor.fixes``, then those of plug-ins (same entry point group).

    A plug-in that cannot be imported raises its own error when it is reached; a module of ours that cannot be is a bug.
    """
    package = importlib.import_module(group)
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        yield importlib.import_module(f"{group}.{found.name}")
    from importlib.metadata import entry_points  # noqa: PLC0415 - 40 ms that --help can do without

    for point in sorted(entry_points(group=group), key=lambda one: one.name):
        loaded = point.load()
        yield loaded


@cache
def checks() -> tuple[Check, ...]:
    """Return every check in its declared order.

    Raises :class:`NothingFound` where there is none, and :class:`ValueError` for two of the same id.
    """
    found: dict[str, Check] = {}
    for module in modules("qbdoctor.checks"):
        check = getattr(module, "CHECK", None)
        if not isinstance(check, Check):
            raise TypeError(f"{module.__name__} declares no CHECK")
        if check.id in found:
            raise ValueError(f"two checks are called {check.id}")
        found[check.id] = check
    if not found:
        raise NothingFound("no check is installed")
    return tuple(sorted(found.values(), key=lambda check: (check.order, check.id)))


@cache
def fixes() -> tuple[Fix, ...]:
    """Return every fix in its declared order. Raises as :func:`checks` does."""
    found: dict[str, Fix] = {}
    for module in modules("qbdoctor.fixes"):
        fix = getattr(module, "FIX", None)
        if not isinstance(fix, Fix):
            raise TypeError(f"{module.__name__} declares no FIX")
        if fix.id in found:
            raise ValueError(f"two fixes are called {fix.id}")
        found[fix.id] = fix
    if not found:
        raise NothingFound("no fix is installed")
    return tuple(sorted(found.values(), key=lambda fix: (fix.order, fix.id)))
