"""Makes a change with a restart around it, or one that waits to be confirmed; a watchdog process ends what we cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qbdoctor.repair import planner, transaction
from qbdoctor.repair.restart.failures import NotStarted
from qbdoctor.repair.restart.restart import RestartPlan
from qbdoctor.repair.restart.restarter import Restarter
from qbdoctor.repair.restart.watchdog_client import READY_SECONDS, WatchdogClient, releasing_on_failure
from qbdoctor.repair.run import NotHelped
from qbdoctor.target import containers
from qbdoctor.target.description import TargetOptions
from qbdoctor.target.resolve import resolve
from qbdoctor.values import replace
from qbdoctor.webui.masks import Deadline
from qbdoctor.webui.wire import Wire

if TYPE_CHECKING:
    from qbdoctor.observe.observer import Observer
    from qbdoctor.repair.journal.records import Record
    from qbdoctor.repair.plan import Plan
    from qbdoctor.repair.run import FixRun


VERIFY_SECONDS = 20.0


def carry_out(fix_run: FixRun, plan: Plan) -> tuple[Record, ...]:
    """Apply and verify a plan, with a restart around it or a time to confirm it in. Raises as both do."""
    how = fix_run.how if plan.via == "file" else None
    if fix_run.confirm_within is None and how is None:
        return transaction.verify(fix_run, plan, transaction.apply(fix_run, plan))
    watchdog_client = WatchdogClient(
        fix_run.journal, run=fix_run.run, config=fix_run.observer.target.config_file, how=how,
        confirm=fix_run.confirm_within, may_restart=fix_run.restart, api=session_of(fix_run) if plan.via == "api" else None,
    )  # fmt: skip
    with releasing_on_failure(watchdog_client), fix_run.journal.locked():
        if how is None:
            records = transaction.verify(fix_run, plan, transaction.apply(fix_run, plan))
        else:
            records = _restarted(fix_run, plan, Restarter(how, watchdog_client, fix_run.seconds, fix_run.say))
    if fix_run.confirm_within is None:
        watchdog_client.release()
    else:
        _arm(fix_run, plan, watchdog_client, records)
    return records


def _restarted(fix_run: FixRun, plan: Plan, restarter: Restarter) -> tuple[Record, ...]:
    restarter.down()
    fix_run.restarter = restarter
    try:
        plan = planner.plan_again(fix_run, plan)
        records = transaction.apply(fix_run, plan)
        try:
            restarter.up()
        except NotStarted as failed:
            raise transaction.undone(fix_run, "file", records, f"With the new settings: {failed.reason}") from None
        fix_run.observer_after_restart = observer_after_restart(fix_run, restarter.how)
        return transaction.verify(fix_run, plan, records)
    except NotHelped as failed:
        end = restarter.bring_back() or "qBittorrent runs again."
        raise NotHelped(f"{failed.reason} {end}", failed.records) from None
    except Exception:
        left = restarter.bring_back()
        if left:
            fix_run.left.append(left)
        raise


def observer_after_restart(fix_run: FixRun, how: RestartPlan) -> Observer:
    """Return an observer of the target as it is after its restart.

    Sessions ended with the old process, so it may log in once more, where the login before was accepted.
    """
    old = fix_run.observer
    target = old.target
    instance = containers.using(how.config)
    if target.origin == "url":
        target = replace(target, instance=instance)
    else:
        now = resolve(TargetOptions(config=str(how.config)))
        target = replace(now, origin=target.origin, config_given=target.config_given, profile=target.profile)
    old.wire.opened.clear()
    seconds = max(VERIFY_SECONDS, old.wire.deadline.remaining())
    wire = Wire(target.address, Deadline(seconds), old.wire.masks, verify=old.wire.verify)
    fresh = old.after_restart(target, wire)
    if old.login_attempts and old.seen.sign_in.outcome != "accepted":
        fresh.seen.put("sign_in", old.seen.sign_in)
        fresh.login_attempts = old.login_attempts
    return fresh


# --- confirming -------------------------------------------------------------------------------------------------------


def session_of(fix_run: FixRun) -> dict[str, Any]:
    """Return what a session is made of; it goes through a pipe and nowhere else."""
    observer = fix_run.observer
    session = observer.session
    return {
        "url": observer.address.url,
        "verify": observer.wire.verify,
        "cookies": {name: value.reveal() for name, value in session.cookies.items()},
        "key": session.api_key.reveal() if session.api_key is not None else None,
    }


def _arm(fix_run: FixRun, plan: Plan, watchdog_client: WatchdogClient, records: Sequence[Record]) -> None:
    """Hand the session over and have the time kept; where that fails, the change is taken back. Raises NotHelped."""
    heard = arm(watchdog_client, fix_run if plan.via == "api" else None)
    if heard is None:
        failed = transaction.undone(fix_run, plan.via, records, "Nothing would keep the time to confirm it in.")
        end = fix_run.restarter.bring_back() if fix_run.restarter is not None and plan.via == "file" else ""
        watchdog_client.release(done=False)
        raise NotHelped(f"{failed.reason} {end}".strip(), failed.records)
    fix_run.waiting = (watchdog_client, heard)


def arm(watchdog_client: WatchdogClient, fix_run: FixRun | None) -> str | None:
    """Have the time kept, with the session of ``fix_run``; returns when it ends, or None if the watchdog is gone."""
    api = None
    if fix_run is not None:
        api = session_of(fix_run)
        # That session is the watchdog's now, and it logs it out.
        wire = fix_run.observer.wire
        wire.opened[:] = [one for one in wire.opened if one[0].value not in fix_run.observer.session.cookies.values()]
    watchdog_client.tell("armed", api=api)
    heard = watchdog_client.hear(READY_SECONDS)
    return None if heard is None else str(heard["until"])
