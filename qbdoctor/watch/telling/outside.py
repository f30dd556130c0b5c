"""Hands each event to a command or a messaging service, in a thread of its own, so that none of them holds the watch up."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from qbdoctor.storage import own_programs
from qbdoctor.watch.base.events import BAD, Event

if TYPE_CHECKING:
    from qbdoctor.model.report import Report
    from qbdoctor.watch.base.glances import FullLook, Glance

COMMAND_SECONDS = 60.0
END_SECONDS = 10.0
MOST_WAITING = 1000
MOST_ALIKE = 5
ALIKE_SECONDS = 3600.0
"""Of one kind so many are handed on within an hour: what goes on and on is in the history."""

Way = Callable[[Event, str], None]
"""Hands on one event with the verdict that holds after it; may take long and may raise."""


class Outside:
    """Hands events on, one after another. ``trouble`` is told what did not work."""

    def __init__(self, ways: Sequence[Way], trouble: Callable[[str], None]) -> None:
        self._ways = ways
        self._trouble = trouble
        self._waiting: queue.Queue[tuple[Event, str] | None] = queue.Queue(MOST_WAITING)
        self._told: dict[str, list[float]] = {}
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def looked(self, glance: Glance, cause: str) -> None:
        """Hand nothing on: a look alone is no news."""

    def checked(self, look: FullLook, report: Report) -> None:
        """Hand nothing on: what it came to is told as events."""

    def happened(self, event: Event, state: str) -> None:
        """Take an event; that the watch began or ended is handed to nobody."""
        if event.id == "watch-stopped":
            self.close()
        if event.id.startswith("watch-") or self._too_many(event.id):
            return
        try:
            self._waiting.put_nowait((event, state))
        except queue.Full:
            self._trouble(f"{event.id} was told to nobody: what is told takes too long.")

    def _too_many(self, name: str) -> bool:
        now = time.monotonic()
        lately = [at for at in self._told.get(name, []) if now - at < ALIKE_SECONDS]
        self._told[name] = [*lately, now][-MOST_ALIKE:]
        return len(lately) >= MOST_ALIKE

    def _work(self) -> None:
        while (taken := self._waiting.get()) is not None:
            for way in self._ways:
                try:
                    way(*taken)
                except Exception as error:  # whatever a service or a command does, the watch goes on
                    self._trouble(f"{taken[0].id} could not be told: {error}")

    def close(self) -> None:
        """Wait a little for what is still to be handed on."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(END_SECONDS)


class NotTold(Exception):
    """A command or service did not take an event; the text says why, without what may be secret in its address."""


def by_command(command: str, url: str, name: str | None) -> Way:
    """Return the way that runs a shell's command with the event as JSON on its standard input."""

    def run(event: Event, state: str) -> None:
        text = json.dumps(event.to_json(url, name, state), ensure_ascii=True) + "\n"
        try:
            done = subprocess.run(  # noqa: S602 - the person's own command, in which nothing of the event is
                command,
                shell=True,
                input=text.encode(),
                env=own_programs.environment(),
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotTold(f"the command of --on-change took more than {COMMAND_SECONDS:.0f} s") from None
        except OSError as error:
            raise NotTold(f"the command of --on-change cannot be run: {error.strerror}") from None
        if done.returncode:
            raise NotTold(f"the command of --on-change ended with {done.returncode}")

    return run


def by_apprise(addresses: Sequence[str], url: str, name: str | None) -> Way:
    """Return the way over apprise. Raises ImportError without it, and ValueError for an address that it does not know.

    An address may hold a token, so none is ever shown.
    """
    import logging  # noqa: PLC0415 - as below

    import apprise  # noqa: PLC0415 - heavy, and needed where something is to be notified

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log addresses
    service = apprise.Apprise()
    for number, address in enumerate(addresses, 1):
        if not service.add(address):
            raise ValueError(f"the {number}. address is none that apprise knows")

    def notify(event: Event, _state: str) -> None:
        kind = apprise.NotifyType.FAILURE if event.id in BAD else apprise.NotifyType.INFO
        if not service.notify(title=f"{name or url}: {event.id}", body=event.text, notify_type=kind):
            raise NotTold("a service of --notify did not take it")

    return notify
