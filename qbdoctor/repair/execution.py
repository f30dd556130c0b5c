"""A change with a restart around it, and one that waits to be confirmed; a watchdog process ends what we cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qbdoctor.repair.restart.restart import How, NotBack
from qbdoctor.repair.restart.restarter import Restarter
from qbdoctor.repair.restart.watchdog_client import READY_SECONDS, Dog, minded
from qbdoctor.repair.verify import NotHelped
from qbdoctor.target import processes
from qbdoctor.target.resolve import TargetOptions, resolve
from qbdoctor.webui.masks import Deadline
from qbdoctor.webui.wire import Wire

if TYPE_CHECKING:
    from qbdoctor.observe.observer import Observer
    from qbdoctor.repair.journal.records import Record
    from qbdoctor.repair.plan import Plan
    from qbdoctor.repair.run import Surgery


VERIFY_SECONDS = 20.0


"""Watchdogs that outlive the run are nobody's to wait for."""


def carry_out(surgery: Surgery, plan: Plan) -> tuple[Record, ...]:
    """Apply and verify a plan, with a restart around it or a time to confirm it in. Raises as both do."""
    how = surgery.how if plan.via == "file" else None
    dog = Dog(
        surgery.journal, run=surgery.run, config=surgery.observer.target.config_file, how=how,
        confirm=surgery.confirm_within, may_restart=surgery.restart, api=session_of(surgery) if plan.via == "api" else None,
    )  # fmt: skip
    with minded(dog), surgery.journal.locked():
        if how is None:
            records = surgery.verify(plan, surgery.apply(plan))
        else:
            records = _restarted(surgery, plan, Restarter(how, dog, surgery.seconds))
    if surgery.confirm_within is None:
        dog.release()
    else:
        _arm(surgery, plan, dog, records)
    return records


def _restarted(surgery: Surgery, plan: Plan, restarter: Restarter) -> tuple[Record, ...]:
    restarter.down()
    surgery.restarter = restarter
    try:
        plan = surgery.plan_again(plan)
        records = surgery.apply(plan)
        try:
            restarter.up()
        except NotBack as failed:
            raise surgery.undone("file", records, f"With the new settings: {failed.reason}") from None
        surgery.reborn = reborn(surgery, restarter.how)
        return surgery.verify(plan, records)
    except NotHelped as failed:
        end = restarter.bring_back() or "qBittorrent runs again."
        raise NotHelped(f"{failed.reason} {end}", failed.records) from None
    except Exception:
        left = restarter.bring_back()
        if left:
            surgery.left.append(left)
        raise


def reborn(surgery: Surgery, how: How) -> Observer:
    """Return an observer of the target as it is after its restart.

    Sessions ended with the old process, so it may log in once more, where the login before was accepted.
    """
    old = surgery.observer
    target = old.target
    instance = processes.using(how.config)
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


def session_of(surgery: Surgery) -> dict[str, Any]:
    """Return what a session is made of; it goes through a pipe and nowhere else."""
    observer = surgery.observer
    session = observer.session
    return {
        "url": observer.address.url,
        "verify": observer.wire.verify,
        "cookies": {name: value.reveal() for name, value in session.cookies.items()},
        "key": session.api_key.reveal() if session.api_key is not None else None,
    }


def _arm(surgery: Surgery, plan: Plan, dog: Dog, records: Sequence[Record]) -> None:
    """Hand the session over and have the time kept; where that fails, the change is taken back. Raises NotHelped."""
    heard = arm(dog, surgery if plan.via == "api" else None)
    if heard is None:
        failed = surgery.undone(plan.via, records, "Nothing would keep the time to confirm it in.")
        end = surgery.restarter.bring_back() if surgery.restarter is not None and plan.via == "file" else ""
        dog.release(done=False)
        raise NotHelped(f"{failed.reason} {end}".strip(), failed.records)
    surgery.waiting = (dog, heard)


def arm(dog: Dog, surgery: Surgery | None) -> str | None:
    """Have the time kept, with the session of ``surgery``; returns when it ends, or None if the watchdog is gone."""
    api = None
    if surgery is not None:
        api = session_of(surgery)
        # That session is the watchdog's now, and it logs it out.
        wire = surgery.observer.wire
        wire.opened[:] = [one for one in wire.opened if one[0].value not in surgery.observer.session.cookies.values()]
    dog.tell("armed", api=api)
    heard = dog.hear(READY_SECONDS)
    return None if heard is None else str(heard["until"])
