"""Stops and starts the server around a change of its file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.restart import restart
from qbdoctor.repair.restart.failures import NotHealthy, NotStarted
from qbdoctor.repair.restart.restart import RestartPlan
from qbdoctor.repair.restart.watchdog_client import WatchdogClient, releasing_on_failure

T = TypeVar("T")


class Restarter:
    """One qBittorrent that is stopped and started again within a run."""

    def __init__(
        self, how: RestartPlan, watchdog_client: WatchdogClient, seconds: float, say: Callable[[str], None]
    ) -> None:
        self.how = how
        self._watchdog = watchdog_client
        self._tell = say
        self._seconds = max(seconds, restart.STOP_SECONDS)

    def down(self) -> None:
        """Stop it if it runs, also one that came up and did not serve. Raises NotStopped."""
        self._watchdog.tell("stopping")
        self.how = restart.as_it_is(self.how)
        restart.stop(self.how, self._seconds, self._say)

    def up(self) -> None:
        """Start it if it does not run, and wait for it. Raises NotStarted."""
        self.how = restart.start(self.how, max(restart.START_SECONDS, 1.0), self._say)

    def bring_back(self) -> str:
        """Do so after something failed; returns "" or what did not work."""
        try:
            self.up()
        except NotHealthy as error:  # it is there, and not as it was
            return error.reason
        except Refused as error:
            return f"qBittorrent was not started again: {error.reason.rstrip('.')}. {self.how.by_hand()}"
        return ""

    def _say(self, text: str) -> None:
        with suppress(OSError):  # a terminal that is gone must not end the work
            self._tell(text)


def around(
    journal: Journal,
    how: RestartPlan,
    watchdog_client: WatchdogClient,
    seconds: float,
    work: Callable[[], T],
    back: Callable[[T], object],
    say: Callable[[str], None],
) -> tuple[T, str]:
    """Do some work while it is stopped; where it does not come up, undo that with ``back`` and start it once more.

    Returns what came of the work, and "" or why it was undone. Raises NotStopped, with nothing done.
    """
    restarter = Restarter(how, watchdog_client, seconds, say)
    with releasing_on_failure(watchdog_client), journal.locked():
        restarter.down()
        try:
            made = work()
        except Exception:
            restarter.bring_back()
            raise
        left = ""
        try:
            restarter.up()
        except NotStarted as failed:
            left = failed.reason
            try:
                restarter.down()
                back(made)
            except UserError as error:
                left = f"{left} {error.message}"
            left = f"{left} {restarter.bring_back()}".strip()
    return made, left
