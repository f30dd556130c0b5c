"""Starts the watchdog process and talks to it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from qbdoctor.model import restarts
from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.restart import restart
from qbdoctor.repair.restart.restart import RestartPlan
from qbdoctor.storage import own_programs

READY_SECONDS = 20.0


class WatchdogClient:
    """Our end of a watchdog. Where our process goes away without :meth:`release`, it acts."""

    def __init__(
        self,
        journal: Journal,
        *,
        run: str,
        config: Path | None,
        how: RestartPlan | None,
        confirm: float | None = None,
        may_restart: bool = False,
        api: Mapping[str, Any] | None = None,
        again: Sequence[str] = (),
    ) -> None:
        if not restarts.possible():
            raise Refused("--confirm-within is not there on this system; nothing was changed.")
        code = (
            f"import sys; sys.path[:] = {own_programs.search_path()!r}; from qbdoctor.repair.restart.watchdog import main; "
            "sys.exit(main())"
        )
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, cwd="/", env=own_programs.environment(),
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


@contextmanager
def releasing_on_failure(watchdog_client: WatchdogClient) -> Iterator[None]:
    """Let the watchdog go where something failed and was settled; an interrupted run is left to it."""
    try:
        yield
    except Exception:
        watchdog_client.release()
        raise
    except BaseException:
        watchdog_client.release(done=False)
        raise


def undo_now(watchdog_client: WatchdogClient) -> list[str]:
    """Have the watchdog take the change back, and wait for that; returns what could not be."""
    watchdog_client.tell("undo")
    return undone(watchdog_client)


def undone(watchdog_client: WatchdogClient) -> list[str]:
    """Wait for the watchdog's own undoing; returns what could not be taken back."""
    heard = watchdog_client.hear(restart.STOP_SECONDS + restart.START_SECONDS)
    watchdog_client.release()
    if heard is None:
        return ["the watchdog said nothing: qbdoctor history shows what stands"]
    return list(heard["left"])
