"""A change with a restart around it, and one that waits to be confirmed; a watchdog process ends what we cannot."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from qbdoctor import restart
from qbdoctor.journal import Journal
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.output import say
from qbdoctor.restart import How, NotBack
from qbdoctor.target.resolve import TargetOptions, resolve
from qbdoctor.verifying import NotHelped
from qbdoctor.webui.masks import Deadline
from qbdoctor.webui.wire import Wire

if TYPE_CHECKING:
    from qbdoctor.fixing import Surgery
    from qbdoctor.fixplan import Plan
    from qbdoctor.observe.observer import Observer
    from qbdoctor.records import Record

T = TypeVar("T")

READY_SECONDS = 20.0
VERIFY_SECONDS = 20.0


class Dog:
    """Our end of a watchdog. Where our process goes away without :meth:`release`, it acts."""

    def __init__(
        self,
        journal: Journal,
        *,
        run: str,
        config: Path | None,
        how: How | None,
        confirm: float | None = None,
        may_restart: bool = False,
        api: Mapping[str, Any] | None = None,
        again: Sequence[str] = (),
    ) -> None:
        if sys.platform == "win32":
            raise Refused("--confirm-within is not there for Windows yet; nothing was changed.")
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109 - as sys.path has it
        code = f"import sys; sys.path[:] = {path!r}; from qbdoctor.watchdog import main; sys.exit(main())"
        secret = {"QBDOCTOR_PASSWORD", "QBDOCTOR_API_KEY"}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, cwd="/", env={k: v for k, v in os.environ.items() if k not in secret},
            )  # fmt: skip
        except OSError as error:
            raise Refused(f"The watchdog could not be started ({error.strerror}); nothing was changed.") from None
        self._heard = b""
        state = str(journal.store.root.parent.absolute())
        self._send(
            state=state, run=run, config=str(config) if config else None, how=how.spec() if how else None,
            confirm=confirm, may_restart=may_restart, api=api, again=list(again),
        )  # fmt: skip
        if self.hear(READY_SECONDS) is None:
            self.release()
            raise Refused("The watchdog could not be started; nothing was changed.", "no-watchdog")

    def tell(self, do: str, **more: Any) -> None:
        """Send one message; a watchdog that is gone is none of the run's business."""
        with suppress(OSError):
            self._send(do=do, **more)

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """Return its next message, or None where none comes in time."""
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        stream = self._process.stdout.fileno()
        ready = select.poll()
        ready.register(stream, select.POLLIN)
        while b"\n" not in self._heard:
            if not ready.poll(seconds * 1000) or not (data := os.read(stream, 65536)):
                return None
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return dict(json.loads(line))

    def release(self, *, done: bool = True) -> None:
        """Let it go: ``done`` says that there is nothing left for it to do; else it sees to that."""
        if done:
            self.tell("done")
        with suppress(OSError):
            self._pipe().close()
        if done:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        _LEFT.append(self._process)

    def _pipe(self) -> Any:
        return self._process.stdin

    def _send(self, **message: Any) -> None:
        pipe = self._pipe()
        pipe.write(json.dumps(message).encode() + b"\n")
        pipe.flush()


_LEFT: list[subprocess.Popen[bytes]] = []
"""Watchdogs that outlive the run are nobody's to wait for."""


class Restarter:
    """One qBittorrent that is stopped and started again within a run."""

    def __init__(self, how: How, dog: Dog, seconds: float) -> None:
        self.how = how
        self._dog = dog
        self._seconds = max(seconds, restart.STOP_SECONDS)

    def down(self) -> None:
        """Stop it if it runs, also one that came up and did not serve. Raises NotStopped."""
        self._dog.tell("stopping")
        self.how = restart.as_it_is(self.how)
        restart.stop(self.how, self._seconds, _say)

    def up(self) -> None:
        """Start it if it does not run, and wait for it. Raises NotBack."""
        self.how = restart.start(self.how, max(restart.START_SECONDS, 1.0), _say)

    def bring_back(self) -> str:
        """Do so after something failed; returns "" or what did not work."""
        try:
            self.up()
        except Refused as error:
            return f"qBittorrent was not started again: {error.reason.rstrip('.')}. {self.how.by_hand()}"
        return ""


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


@contextmanager
def minded(dog: Dog) -> Iterator[None]:
    """Let the watchdog go where something failed and was settled; an interrupted run is left to it."""
    try:
        yield
    except Exception:
        dog.release()
        raise
    except BaseException:
        dog.release(done=False)
        raise


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


def around(
    journal: Journal, how: How, dog: Dog, seconds: float, work: Callable[[], T], back: Callable[[T], object]
) -> tuple[T, str]:
    """Do some work while it is stopped; where it does not come up, undo that with ``back`` and start it once more.

    Returns what came of the work, and "" or why it was undone. Raises NotStopped, with nothing done.
    """
    restarter = Restarter(how, dog, seconds)
    with minded(dog), journal.locked():
        restarter.down()
        try:
            made = work()
        except Exception:
            restarter.bring_back()
            raise
        left = ""
        try:
            restarter.up()
        except NotBack as failed:
            left = failed.reason
            try:
                restarter.down()
                back(made)
            except UserError as error:
                left = f"{left} {error.message}"
            left = f"{left} {restarter.bring_back()}".strip()
    return made, left


def reborn(surgery: Surgery, how: How) -> Observer:
    """Return an observer of the target as it is after its restart.

    Sessions ended with the old process, so it may log in once more, where the login before was accepted.
    """
    old = surgery.observer
    target = old.target
    instance = restart.using(how.config)
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


def undo_now(dog: Dog) -> list[str]:
    """Have the watchdog take the change back, and wait for that; returns what could not be."""
    dog.tell("undo")
    return undone(dog)


def undone(dog: Dog) -> list[str]:
    """Wait for the watchdog's own undoing; returns what could not be taken back."""
    heard = dog.hear(restart.STOP_SECONDS + restart.START_SECONDS)
    dog.release()
    if heard is None:
        return ["the watchdog said nothing: qbdoctor history shows what stands"]
    return list(heard["left"])


def _say(text: str) -> None:
    with suppress(OSError):  # a terminal that is gone must not end the work
        say(text)
