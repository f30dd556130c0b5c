"""Verifies whether a set of fixes did what it should: once, after all of it; what it did not help is not kept.

The server's own acts count most. Where no address of ours can show them, app/preferences and the file that qBittorrent
rewrites must both say so. In any case the checks that found the fault must not find it again, nor a new one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.config import conversions
from qbdoctor.config.settings import Settings, wait_until
from qbdoctor.diagnosis import engine
from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.edits import AnyEdit, Edit
from qbdoctor.model.report import Report
from qbdoctor.observe.release import reader
from qbdoctor.repair.edits import line_edits
from qbdoctor.repair.edits.values import in_file, in_json
from qbdoctor.repair.plan import Plan, PlanStep
from qbdoctor.repair.run import FixRun, NotHelped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qbdoctor.observe.observer import Observer
    from qbdoctor.releases import Version

SAVE_SECONDS = 8.0
"""qBittorrent saves at once after setPreferences, and some seconds after its start (measured, 4.2.5 to 5.3.0)."""


def verify(fix_run: FixRun, plan: Plan) -> dict[str, str]:
    """Return what showed that each fix works, by its id. Raises NotHelped, and what the Web API or the file refuse."""
    if fix_run.observer_after_restart is not None:
        texts = _by_restart(fix_run, plan, fix_run.observer_after_restart)
    else:
        texts = _by_acts(fix_run, plan) if plan.via == "api" else _by_file(fix_run, plan)
    if fix_run.before is not None and fix_run.after is not None:
        _compare(fix_run.before, fix_run.after, plan)
    return texts


def _by_file(fix_run: FixRun, plan: Plan) -> dict[str, str]:
    path = fix_run.config()
    settings = Settings.load(path, reader(fix_run.observer))
    for step in plan.steps:
        for edit in step.edits:
            if not _says(settings, edit, step):
                raise NotHelped(f"{step.fix.id}: {edit.setting} does not read back as it was written.")
    if fix_run.before is not None:
        fix_run.after = engine.run(fix_run.observer.again(), fix_run.checks, close=False)
    text = f"read back from {path}; it counts from the next start of qBittorrent on"
    return {step.fix.id: text for step in plan.steps}


def _by_restart(fix_run: FixRun, plan: Plan, fresh: Observer) -> dict[str, str]:
    """Verify by what the restarted server does; where that shows nothing, by what it says and by its file."""
    path = fix_run.config()
    settings = Settings.load(path, reader(fix_run.observer))
    fix_run.after = engine.run(fresh, fix_run.checks, close=False)
    says = fresh.seen.preferences or {}
    texts: dict[str, str] = {}
    for step in plan.steps:
        shown = step.fix.shown(fix_run.observer.seen, fresh.seen)
        if shown.works is False:
            raise NotHelped(f"{step.fix.id} did not help: {shown.text}.")
        for edit in step.edits:
            name = conversions.json_name(edit.setting)
            if name is not None and name in says and not _taken(edit, step, says[name], fresh.seen.version):
                raise NotHelped(f"{step.fix.id}: qBittorrent started again with another {edit.setting}.")
            if not _says(settings, edit, step, default=True):
                raise NotHelped(f"{step.fix.id}: {path} has another {edit.setting} since qBittorrent started again.")
        acts = shown.text if shown.works else f"{shown.text}; {path} says so"
        texts[step.fix.id] = f"qBittorrent was restarted with it: {acts}"
    return texts


def _by_acts(fix_run: FixRun, plan: Plan) -> dict[str, str]:
    path = fix_run.observer.target.config_file
    # The checks read the file as well: it must not be the old one for them.
    saved = None if path is None else _saved(fix_run, path, plan.steps)
    fresh = fix_run.observer.again()
    fix_run.after = engine.run(fresh, fix_run.checks, close=False)
    texts: dict[str, str] = {}
    for step in plan.steps:
        shown = step.fix.shown(fix_run.observer.seen, fresh.seen)
        if shown.works is False:
            raise NotHelped(f"{step.fix.id} did not help: {shown.text}.")
        texts[step.fix.id] = shown.text if shown.works else _by_reading(fix_run, step, path, saved, shown.text)
    return texts


def _by_reading(fix_run: FixRun, step: PlanStep, path: Path | None, saved: bool | None, acts: str) -> str:
    """Verify by the preferences and the file that qBittorrent rewrites."""
    now = fix_run.live.read()
    for name, value in step.after.items():
        if isinstance(value, Secret):
            continue
        setting = conversions.setting_of(name, fix_run.observer.seen.version)
        if name not in now or not conversions.same_json(setting, now[name], value):
            raise NotHelped(f"{step.fix.id}: app/preferences does not show {name} as it was set.")
    if path is None:
        return f"{acts}; app/preferences shows it; the config file is not at hand"
    if not saved:
        raise NotHelped(
            f"{step.fix.id}: app/preferences shows it, but {path} does not after {SAVE_SECONDS:g} s: qBittorrent "
            "cannot save its settings, or uses another file."
        )
    if step.texts:
        return f"{path}, which qBittorrent rewrote, has the new password's hash; {acts}"
    return f"{acts}; app/preferences shows it, and so does {path}, which qBittorrent rewrote"


def _saved(fix_run: FixRun, path: Path, steps: Sequence[PlanStep]) -> bool:
    """Wait until the file says what was set; False if it still does not."""

    def says(settings: Settings) -> bool:
        return all(_says(settings, edit, step, default=True) for step in steps for edit in step.edits)

    return wait_until(path, fix_run.observer.seen.version, says, SAVE_SECONDS) is not None


def _taken(edit: AnyEdit, step: PlanStep, value: Json, version: Version | None) -> bool:
    """Return whether the running server has the value that the edit gave it."""
    if isinstance(edit, Edit):
        return in_json(edit, value, version)
    change = next((one.json for one in step.changes if one.setting == edit.setting), None)
    return change is None or conversions.same_json(edit.setting, value, change.after)


def _says(settings: Settings, edit: AnyEdit, step: PlanStep, *, default: bool = False) -> bool:
    """Return whether the file has the value; ``default``: an absent key will do where the release means the same."""
    if not isinstance(edit, Edit):
        return line_edits.done(settings, edit, step.file.raws if step.file else {}, default=default)
    place = settings.ini.get(*settings.place(edit.setting))
    raw = None if place is None else place.raw
    if raw is None and default and settings.version is not None:
        return releases.default(releases.key(edit.setting), settings.version) == edit.value
    return in_file(edit, raw)


def _compare(before: Report, after: Report, plan: Plan) -> None:
    """Hold the checks' findings after the set against those before."""
    # A symptom that its cause hid before is no new fault: the run's own cookie, say, keeps the mark that it was set with.
    was = {name for cause in before.causes if cause.severity == "error" for name in (cause.id, *cause.folded)}
    new = [cause for cause in after.causes if cause.severity == "error" and cause.id not in was]
    if new:
        raise NotHelped(f"With the set another fault appeared ({new[0].id}): {new[0].summary.rstrip('.')}.")
    # An info that an error or a warning leaves behind is about something else, such as another key.
    gone = {cause.id for cause in before.causes if cause.severity != "info"}
    found = {cause.id for cause in after.causes if cause.severity != "info" or cause.id not in gone}
    left = [step.reason for step in plan.steps if step.reason in found]
    if left:
        raise NotHelped(f"The set did not help: {left[0]} is still found.")
