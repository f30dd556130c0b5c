"""Finds checks (and fixes) through their package and through plug-ins' entry points; nobody imports one by name."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache

from qbdoctor.diagnosis.catalogue import built
from qbdoctor.model.edits import Fix, Input
from qbdoctor.model.findings import Check, Judgement
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, NoReturn, TypeVar

    _Declared = TypeVar("_Declared", Check, Fix)


class NothingFound(RuntimeError):
    """The package of checks is empty: a broken installation, never a clean bill of health."""


def modules(group: str) -> Iterator[ModuleType]:
    """Yield the modules of ``qbdoctor.checks`` or ``qbdoctor.fixes``: those of this program."""
    package = importlib.import_module(group)
    for name in sorted(_names(package.__path__)):
        yield importlib.import_module(f"{group}.{name}")


def _names(folders: Iterable[str]) -> set[str]:
    """Return the names of the modules in a package's folders."""
    try:
        files = [name for folder in folders for name in os.listdir(folder)]  # noqa: PTH208 - pathlib is slower
    except OSError:
        import pkgutil  # noqa: PLC0415 - it loads inspect, in 13 ms: only for an archive, which it can read

        return {one.name for one in pkgutil.iter_modules(folders)}
    return {name[:-3] for name in files if name.endswith(".py")} - {"__init__"}


def plug_ins(group: str) -> Iterator[tuple[str, ModuleType | None, str]]:
    """Yield name, module and fault of each plug-in; one that cannot be imported has no module, and harms no other."""
    if not any(_may_have_plug_ins(folder, group) for folder in dict.fromkeys(sys.path)):
        return
    from importlib.metadata import entry_points  # noqa: PLC0415 - 25 ms, and most have no plug-in

    for point in sorted(entry_points(group=group), key=lambda one: one.name):
        try:
            yield point.name, point.load(), ""
        except Exception as error:
            yield point.name, None, f"{type(error).__name__}: {error}"


def _may_have_plug_ins(folder: str, group: str) -> bool:
    """Return False for a folder of modules where no installed package names the group; True also for what is no folder."""
    try:
        with os.scandir(folder or os.curdir) as entries:
            packages = [one.path for one in entries if one.name.endswith((".dist-info", ".egg-info"))]
    except FileNotFoundError:
        return False
    except OSError:
        return True  # an archive, which importlib.metadata reads
    for package in packages:
        try:
            with open(os.path.join(package, "entry_points.txt"), encoding="utf-8", errors="replace") as file:  # noqa: PTH118, PTH123
                if group in file.read():
                    return True
        except OSError:
            continue
    return False


def _own(group: str, name: str, kind: type[_Declared]) -> dict[str, _Declared]:
    """Return what the modules of this program declare under ``name``, by id. Raises as :func:`checks` says."""
    found: dict[str, _Declared] = {}
    what = name.lower()
    for module in modules(group):
        declared = getattr(module, name, None)
        if not isinstance(declared, kind):
            raise TypeError(f"{module.__name__} declares no {name}")
        if declared.id in found:
            raise ValueError(f"two modules declare the {what} {declared.id}")
        found[declared.id] = declared
    if not found:
        raise NothingFound(f"no {what} is installed")
    return found


@cache
def checks() -> tuple[Check, ...]:
    """Return every check in its declared order.

    Raises :class:`NothingFound` where there is none, and :class:`ValueError` for two of the same id.
    """
    found = _own("qbdoctor.checks", "CHECK", Check)
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
    found = _own("qbdoctor.fixes", "FIX", Fix)
    for _, plug_in, _ in plug_ins("qbdoctor.fixes"):
        fix = getattr(plug_in, "FIX", None)
        if isinstance(fix, Fix):
            found.setdefault(fix.id, fix)
    return tuple(sorted(found.values(), key=lambda fix: (fix.order, fix.id)))


@cache
def described_checks() -> tuple[Check, ...]:
    """Return every check for what it says of itself, not to be run: as the build kept it, so that none is loaded."""
    rows = () if _has_plug_ins("qbdoctor.checks") else built.table("CHECKS")
    return tuple(Check(**row, judge=_not_loaded) for row in rows) or checks()


@cache
def described_fixes() -> tuple[Fix, ...]:
    """Return every fix for what it says of itself, as :func:`described_checks`."""
    rows = () if _has_plug_ins("qbdoctor.fixes") else built.table("FIXES")
    return (
        tuple(
            Fix(
                **{**row, "inputs": tuple(Input(**one, read=_not_loaded) for one in row["inputs"])},
                plan=_not_loaded,
                judge=_not_loaded,
            )
            for row in rows
        )
        or fixes()
    )


def _has_plug_ins(group: str) -> bool:
    return any(True for _ in plug_ins(group))


def _not_loaded(*_given: Any) -> NoReturn:
    raise RuntimeError("this check or fix was described, not loaded")
