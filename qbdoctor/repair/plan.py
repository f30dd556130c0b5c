"""Describes what a run of ``fix`` would do: the steps, which way, and which fixes the causes found ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from qbdoctor.model.basics import Json
from qbdoctor.model.edits import AnyEdit, Edit, Fix, ReplaceFile
from qbdoctor.model.errors import UserError
from qbdoctor.model.report import Report
from qbdoctor.observe.base.observations import Observations
from qbdoctor.repair import exposure, inputs
from qbdoctor.repair.edits.changes import Change
from qbdoctor.repair.edits.file_plan import FilePlan
from qbdoctor.repair.edits.preference_plan import FileText
from qbdoctor.values import field, frozen

Via = Literal["api", "file"]


@frozen
class PlanStep:
    """One fix of the plan: what it changes and why it is there ("requested", or the cause that it answers).

    ``exposes`` is what it opens, if it does. ``before`` and ``after`` are preferences, where it is made live; ``texts`` are
    those of the file, by setting, where the Web API does not give what was before.
    """

    fix: Fix
    reason: str
    edits: tuple[AnyEdit, ...]
    changes: tuple[Change, ...]
    file: FilePlan | None = None
    exposes: str = ""
    before: Mapping[str, Json] = field(default_factory=dict)
    after: Mapping[str, Json] = field(default_factory=dict)
    texts: Mapping[str, FileText] = field(default_factory=dict)


@frozen
class Plan:
    """What would be done, and which way.

    ``already`` are fixes whose settings are so already, ``idle`` those of lines and files that find none to change.
    """

    via: Via
    steps: tuple[PlanStep, ...]
    already: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()

    @property
    def left_out(self) -> tuple[str, ...]:
        """Why fixes that were asked for are no steps, a clause each."""
        said = []
        if self.already:
            said.append(f"{', '.join(self.already)}: the settings are so already")
        if self.idle:
            said.append(f"{', '.join(self.idle)}: there is nothing of the kind in this config")
        return tuple(said)

    def changes(self) -> tuple[Change, ...]:
        """Return the changes of all steps."""
        return tuple(change for step in self.steps for change in step.changes)

    def same_in_file(self, other: Plan) -> bool:
        """Whether both change the same settings of a file, from the same texts to the same."""
        one, two = ([(step.fix.id, step.file and step.file.raws) for step in plan.steps] for plan in (self, other))
        return one == two


def wanted_by_causes(
    report: Report,
    fixes: Iterable[Fix],
    seen: Observations,
    *,
    infos: bool,
    input_values: Mapping[str, str] | None = None,
) -> list[tuple[Fix, str]]:
    """Return the keeping and hardening fixes of the causes found, each with the cause it answers; no fix twice.

    ``infos``: a person is shown the plan and may say no, so that what infos ask for is among them, and what replaces the
    whole file. ``input_values`` are values that a person gave; a fix for which one is missing is none of them, nor one
    that would loosen security by the values that are there.
    """
    chosen: dict[str, tuple[Fix, str]] = {}
    known: Sequence[Fix] = tuple(fixes)
    held = held_off(report)
    for cause in report.causes:
        if cause.severity == "info" and not infos:
            continue
        for fix in known:
            if cause.id not in fix.answers or fix.effect == "loosens" or fix.id in {*chosen, *held}:
                continue
            try:
                bound = inputs.bind(fix, input_values or {}, report)
            except UserError:
                continue
            edits = bound.edits(seen, cause.id)
            if not infos and _replaces(edits):
                continue
            if edits and not exposure.foreseen(bound, seen, edits):
                chosen[fix.id] = (bound, cause.id)
    return [chosen[fix.id] for fix in known if fix.id in chosen]


def held_off(report: Report) -> dict[str, str]:
    """Return the fixes that wait until a person looked at a cause that was found, each with that cause's sentence."""
    return {fix: one.summary for one in report.causes for fix in one.values.get("holds_off", "").split()}


def opening_by_causes(report: Report, fixes: Iterable[Fix], seen: Observations) -> list[tuple[Fix, str, str]]:
    """Return the fixes that a person must name, each with its cause and what it would open or what keeps it off."""
    found: list[tuple[Fix, str, str]] = []
    for fix in fixes:
        cause = next((one.id for one in report.causes if one.id in fix.answers), None)
        if not fix.by_value or cause is None:
            continue
        try:
            bound = inputs.bind(fix, {}, report)
        except UserError:
            continue
        edits = bound.edits(seen, cause)
        why = exposure.foreseen(bound, seen, edits)
        if not why and _replaces(edits):
            why = "it makes another file the whole config, which somebody should look at first"
        if why:
            found.append((fix, cause, why.rstrip(".")))
    return found


def _replaces(edits: Sequence[AnyEdit]) -> bool:
    return any(isinstance(edit, ReplaceFile) for edit in edits)


def no_contradiction(planned: Sequence[tuple[Fix, str, tuple[AnyEdit, ...]]]) -> None:
    """Two fixes that set one setting to two values cannot both be meant. Raises UserError."""
    by: dict[str, tuple[str, Edit]] = {}
    for fix, _reason, edits in planned:
        for edit in edits:
            if not isinstance(edit, Edit):
                continue
            other, first = by.setdefault(edit.setting, (fix.id, edit))
            if other != fix.id and first.value != edit.value:
                raise UserError(
                    "contradictory-fixes",
                    f"{other} and {fix.id} set {edit.setting} to different values: name one of them.",
                )
