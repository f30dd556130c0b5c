"""Finds checks (and fixes) through their package and through plug-ins' entry points; nobody imports one by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from qbdoctor.model import Check, Fix, Judgement


class NothingFound(RuntimeError):
    """The package of checks is empty: a broken installation, never a clean bill of health."""


def modules(group: str) -> Iterator[ModuleType]:
    """Yield the modules of ``qbdoctor.checks`` or ``qbdoctor.fixes``: those of this program."""
    package = importlib.import_module(group)
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        yield importlib.import_module(f"{group}.{found.name}")


def plug_ins(group: str) -> Iterator[tuple[str, ModuleType | None, str]]:
    """Yield name, module and fault of each plug-in; one that cannot be imported has no module, and harms no other."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 40 ms that --help can do without

    for point in sorted(entry_points(group=group), key=lambda one: one.name):
        try:
            yield point.name, point.load(), ""
        except Exception as error:
            yield point.name, None, f"{type(error).__name__}: {error}"


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
    for name, plug_in, fault in plug_ins("qbdoctor.checks"):
        check = getattr(plug_in, "CHECK", None)
        if isinstance(check, Check) and check.id not in found:
            found[check.id] = check
        else:
            taken = f"there is a check {check.id} already" if isinstance(check, Check) else "it declares no CHECK"
            found[f"plug-in {name}"] = _broken(name, fault or taken)
    return tuple(sorted(found.values(), key=lambda check: (check.order, check.id)))


def _broken(name: str, fault: str) -> Check:
    """Return a check that stands for a plug-in that cannot be used: unknown, and never a clean bill of health."""
    answer = Judgement("unknown", f"The plug-in {name} could not be used", fault)
    return Check(name, f"The plug-in {name}", LAST, lambda _seen: answer, (), f"A plug-in that cannot be used: {fault}")


LAST = 10_000
"""The place of what has none of its own."""


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
    for _, plug_in, _ in plug_ins("qbdoctor.fixes"):
        fix = getattr(plug_in, "FIX", None)
        if isinstance(fix, Fix):
            found.setdefault(fix.id, fix)
    return tuple(sorted(found.values(), key=lambda fix: (fix.order, fix.id)))
