"""What a run of ``fix`` would do: the steps, which way, and which fixes the causes found ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from qbdoctor import qtvalues
from qbdoctor.model import Edit, Fix, Json, Report
from qbdoctor.observations import Observations
from qbdoctor.planning import FilePlan
from qbdoctor.records import Change

Via = Literal["api", "file"]


@dataclass(frozen=True, slots=True)
class Step:
    """One fix of the plan: what it changes and why it is there ("requested", or the cause that it answers)."""

    fix: Fix
    reason: str
    edits: tuple[Edit, ...]
    changes: tuple[Change, ...]
    file: FilePlan | None = None
    before: Mapping[str, Json] = field(default_factory=dict)
    after: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and which way. ``already`` are fixes whose settings are so already."""

    via: Via
    steps: tuple[Step, ...]
    already: tuple[str, ...] = ()

    def changes(self) -> tuple[Change, ...]:
        """Return the changes of all steps."""
        return tuple(change for step in self.steps for change in step.changes)


def raw_text(edit: Edit) -> str | None:
    """Return a value as Qt itself would write it into the file."""
    value = edit.value
    match value:
        case None:
            return None
        case bool():
            return qtvalues.from_bool(value)
        case int():
            return str(value)
        case str():
            return qtvalues.from_text(value, utf8=False)
        case _:
            return qtvalues.from_list(value, utf8=False)


def wanted_by_causes(report: Report, fixes: Iterable[Fix], seen: Observations, *, infos: bool) -> list[tuple[Fix, str]]:
    """Return the keeping and hardening fixes of the causes found, each with the cause it answers; no fix twice."""
    chosen: dict[str, tuple[Fix, str]] = {}
    known: Sequence[Fix] = tuple(fixes)
    for cause in report.causes:
        if cause.severity == "info" and not infos:
            continue
        for fix in known:
            fits = cause.id in fix.answers and fix.effect != "loosens" and fix.id not in chosen
            if fits and fix.plan(seen, cause.id):
                chosen[fix.id] = (fix, cause.id)
    return [chosen[fix.id] for fix in known if fix.id in chosen]
