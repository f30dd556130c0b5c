"""Plans one fix run: which way each fix is made, and what it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qbdoctor.config import conversions
from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Json
from qbdoctor.model.edits import AnyEdit, Edit, Fix, ReplaceFile
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.observe.release import reader
from qbdoctor.repair import exposure, password_change
from qbdoctor.repair.edits import file_plan
from qbdoctor.repair.edits.file_plan import FilePlan
from qbdoctor.repair.edits.preference_plan import FileText, api_changes
from qbdoctor.repair.edits.values import json_value, written
from qbdoctor.repair.plan import Plan, PlanStep, Via, no_contradiction
from qbdoctor.repair.run import FixRun, out_of_reach
from qbdoctor.storage import atomic

if TYPE_CHECKING:
    from qbdoctor.repair.restart.restart import RestartPlan
    from qbdoctor.target.description import Target

API_IS_NO_WAY = {"not-this-way", "no-session", "no-such-preference", "api-unavailable", "api-failed"}
"""What makes ``--via auto`` with ``--restart`` turn to the file."""


def way(fix_run: FixRun, asked: str) -> Via:
    """Return which way the settings are changed, or refuse. ``auto`` is live where it runs, else the file."""
    target = fix_run.observer.target
    if asked == "file" or (asked == "auto" and (not fix_run.runs or (fix_run.restart and not fix_run.serves))):
        if target.config_file is None and target.handed is not None:
            raise out_of_reach(target)
        if target.config_file is None:
            raise UserError(
                "no-config",
                f"{target.address.url} is not served and no config is known: start qBittorrent, or name the file with "
                "--config.",
                3,
            )
        if fix_run.runs and not fix_run.restart:
            raise _running(fix_run)
        fix_run.how = _how(fix_run) if fix_run.runs else None
        check_mount(target)
        return "file"
    other = fix_run.other()
    if other is not None:
        raise Refused(f"{fix_run.name_other(other)}: use --via file for the target's own.", "another-answers")
    if not fix_run.serves:
        what = "runs, but its Web UI does not answer" if fix_run.runs else "does not answer"
        raise Refused(
            f"qBittorrent at {target.address.url} {what}, so nothing can be changed through the Web API: stop it and use "
            "--via file.",
            "api-unavailable",
        )
    return "api"


def check_mount(target: Target) -> None:
    """Refuse a config that its container could not save: mounted read-only, or by itself. Raises Refused."""
    one, file = target.container, target.config_file
    mount = None if one is None or file is None else one.mount_holding(file)
    if one is not None and mount is not None and not mount.writable:
        raise Refused(
            f"{mount.source} is mounted read-only into container {one.name} at {mount.destination}, so qBittorrent could not "
            "save its settings: make the container anew without :ro, then run this again.",
            "config-read-only",
        )
    if one is not None and mount is not None and file is not None and str(file) == mount.source:
        raise Refused(
            f"{file} is mounted into container {one.name} by itself, and a file cannot be replaced there: qBittorrent keeps no "
            f"change of a setting, and would not see one made here. Mount its folder, {file.parent}, in a container made anew, "
            "then run this again.",
            "config-mounted-alone",
        )


def _running(fix_run: FixRun) -> Refused:
    instance = fix_run.observer.target.instance
    who = f"process {instance.pid}" if instance else f"something answers at {fix_run.observer.address.url}"
    return Refused(
        f"qBittorrent runs ({who}) and would overwrite an edit of its file when it saves: use --via api, or stop it "
        "first and run this again; or have it restarted for that with --restart.",
        "running",
    )


def _how(fix_run: FixRun) -> RestartPlan:
    """Return how the running one is restarted. Raises Cannot."""
    from qbdoctor.repair.restart import restart  # noqa: PLC0415 - seldom needed

    instance = fix_run.observer.target.instance
    if instance is None:
        raise restart.CannotRestart(
            f"the process behind {fix_run.observer.address.url} is not to be seen here",
            "Stop it where it runs, run this without --restart, and start it again.",
        )
    return restart.plan(instance, fix_run.config())


def plan_either_way(fix_run: FixRun, wanted: Sequence[tuple[Fix, str]], via: Via, asked: str) -> Plan:
    """Plan; where the Web API turns out to be no way, with a restart in the file."""
    try:
        return plan(fix_run, wanted, via)
    except UserError as error:
        if via == "file" or asked != "auto" or not fix_run.restart or error.code not in API_IS_NO_WAY:
            raise
    return plan(fix_run, wanted, way(fix_run, "file"))


def plan_again(fix_run: FixRun, plan: Plan) -> Plan:
    """Plan the same edits on the file as it is now: one that stops writes it once more. Raises Refused."""
    steps: list[PlanStep] = []
    for step in plan.steps:
        steps.append(_file_step(fix_run, step.fix, step.reason, step.edits, steps[-1].file if steps else None))
    return Plan("file", tuple(step for step in steps if step.changes), plan.already, plan.idle)


def plan(fix_run: FixRun, wanted: Sequence[tuple[Fix, str]], via: Via) -> Plan:
    """Work out the edits of these fixes, each with its reason. Raises Refused and UserError; writes nothing."""
    steps: list[PlanStep] = []
    already: list[str] = []
    idle: list[str] = []
    file: FilePlan | None = None
    preferences = fix_run.live.read() if via == "api" else {}
    for fix, reason, edits in _edits(fix_run, wanted):
        _may(fix_run, fix, via)
        step = (
            _file_step(fix_run, fix, reason, edits, file)
            if via == "file"
            else _api_step(fix_run, fix, reason, edits, preferences)
        )
        if not step.changes:
            (already if any(isinstance(edit, Edit) for edit in edits) else idle).append(fix.id)
            continue
        steps.append(step)
        file = step.file or file
        preferences = {**preferences, **step.after}
    if via == "api":
        check_undoable(steps, timed=fix_run.confirm_within is not None)
    files = [step.file for step in steps if step.file is not None]
    if any(
        one.result != one.data for one in files
    ):  # what would be refused at the write is refused before anybody is asked
        with file_plan.held_file(fix_run.config()) as place:
            if not any(one.beside is not None and not one.beside.is_lock for one in files):
                file_plan.check_no_new_file(place)
            atomic.check_replaceable(place)
    return Plan(via, tuple(steps), tuple(already), tuple(idle))


def _edits(fix_run: FixRun, wanted: Sequence[tuple[Fix, str]]) -> list[tuple[Fix, str, tuple[AnyEdit, ...]]]:
    """Return the edits of each; what replaces the whole file comes first, since it would undo the others."""
    seen = fix_run.observer.seen
    planned = [(fix, reason, fix.edits(seen, None if reason == "requested" else reason)) for fix, reason in wanted]
    no_contradiction(planned)
    return sorted(planned, key=lambda one: not any(isinstance(edit, ReplaceFile) for edit in one[2]))


def _may(fix_run: FixRun, fix: Fix, via: Via) -> None:
    why = fix.refused(fix_run.observer.seen, via)
    if why:
        raise Refused(f"{fix.id}: {why}", "not-this-way")


def _file_step(fix_run: FixRun, fix: Fix, reason: str, edits: tuple[AnyEdit, ...], on: FilePlan | None) -> PlanStep:
    version = reader(fix_run.observer)
    settings = Settings.load(fix_run.config(), version) if on is None else Settings.parse(on.result, version)
    plan = fix_run.journal.plan_file(fix_run.config(), written(settings, edits), on=on, version=version)
    return PlanStep(fix, reason, edits, plan.changes, plan, exposure.of(fix, plan, version))


def _api_step(
    fix_run: FixRun, fix: Fix, reason: str, edits: tuple[AnyEdit, ...], preferences: Mapping[str, Json]
) -> PlanStep:
    version = fix_run.observer.seen.version
    after: dict[str, Json] = {}
    values_before: dict[str, Json] = {}
    texts: dict[str, FileText] = {}
    for edit in edits:
        if isinstance(edit, Edit) and (secret := password_change.setting(fix_run.observer, edit)) is not None:
            after[secret.name], texts[edit.setting] = secret.value, secret.text
            if secret.before is not None:
                values_before[secret.name] = secret.before
            continue
        name = conversions.json_name(edit.setting)
        if name is None or name not in preferences or not isinstance(edit, Edit):
            raise Refused(
                f"{fix.id}: this release's Web API has no {edit.setting}: stop qBittorrent and use --via file.",
                "no-such-preference",
            )
        after[name] = json_value(edit, preferences[name], version)
    before = {**{name: preferences[name] for name in after if name in preferences}, **values_before}
    fix_run.values_before |= values_before
    changes = api_changes(before, after, version, texts)
    return PlanStep(fix, reason, edits, changes, None, fix.exposes, before, after, texts)


def check_undoable(steps: Sequence[PlanStep], *, timed: bool) -> None:
    """Refuse to make live what could not be undone with the rest; ``timed``: or in time. Raises Refused."""
    for step in steps:
        if not step.texts or (step.before.keys() >= step.after.keys() and not timed):
            continue
        if len(steps) > 1:
            raise Refused(
                f"{step.fix.id}: if another of these fixes failed it could not be undone live with the rest: name it alone, "
                f"give the password that works now, or {password_change.BY_FILE}",
                "not-this-way",
            )
        if timed:
            raise Refused(
                f"{step.fix.id}: the Web API cannot put the old hash back, so nothing could undo it in time: "
                f"{password_change.BY_FILE}",
                "not-this-way",
            )
