"""Runs ``qbdoctor watch``: looks again and again, keeps a history, and tells what changed."""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from qbdoctor.cli import output
from qbdoctor.cli.parser import DEFAULTS
from qbdoctor.cli.target_options import observer
from qbdoctor.model.errors import UserError
from qbdoctor.observe.observer import Observer
from qbdoctor.registry import checks
from qbdoctor.watch.base.clock import Clock
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.full_check import FullChecks
from qbdoctor.watch.history.store import History
from qbdoctor.watch.loop import Listener, Pace, Watch

if TYPE_CHECKING:
    from qbdoctor.model.report import Report
    from qbdoctor.watch.base.glances import FullLook, Glance

CODES = {"healthy": 0, "problem": 1}


def run(args: argparse.Namespace) -> int:
    """Watch until --for is over, SIGTERM or Ctrl-C; return how the server was then, 0 where a signal ended it."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "watch: --format is human or json.")
    if args.output not in (None, "-"):
        raise UserError("usage", "watch: events go to standard output as they come; --report FILE keeps the page.")
    clock = Clock()
    observers = _Observers(args)
    first = observers.make()
    full = FullChecks(observers.make, checks(), clock)
    history = History(first.state, observers.url, output.say)
    listeners: list[Listener] = [history, _Told(args, observers)]
    pace = Pace(args.every, args.total, args.deadline)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: clock.stopping.set())
    state = Watch(full, clock, pace, listeners, earlier=history.open(), trouble=output.say).run()
    return 0 if clock.stopping.is_set() else CODES.get(state, 3)


class _Observers:
    """Makes an observer for each full check: always of the same target, and secrets read anew where they can be."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.url = ""
        self._environment: Mapping[str, str] = os.environ
        self._made = False
        self._first: Observer | None = None

    def make(self) -> Observer:
        """Return an observer of the target as it is now. Raises :class:`UserError`."""
        if self._first is not None:
            made, self._first = self._first, None
            return made
        made = observer(self.args, self._environment)
        if not self._made:
            self._keep(made)
            self._first = made
        return made

    def _keep(self, made: Observer) -> None:
        """Keep which target it is, and the secret that came on standard input, which is empty from now on."""
        self._made = True
        self.url = made.address.url
        own = argparse.Namespace(**vars(self.args))
        named = (own.url, own.profile, own.config, own.container)
        if not any(named):
            own.url = made.address.url  # found here: what is found when it does not run would be another
        for kind in ("password", "api_key"):
            secret = made.seen.asked.api_key if kind == "api_key" else made.given_password
            if getattr(own, f"{kind}_file") == "-":
                setattr(own, f"{kind}_file", DEFAULTS[f"{kind}_file"])
                if secret is not None:
                    self._environment = {**self._environment, f"QBDOCTOR_{kind.upper()}": secret.reveal()}
        self.args = own


class _Told:
    """Tells each event on standard output: a line for people, or one object a line."""

    def __init__(self, args: argparse.Namespace, observers: _Observers) -> None:
        self._json = args.format == "json"
        self._quiet = args.quiet
        self._name = args.target
        self._observers = observers

    def looked(self, glance: Glance, cause: str) -> None:
        """Tell nothing: a look alone is no news."""

    def checked(self, look: FullLook, report: Report) -> None:
        """Tell nothing: what it came to is told as events."""

    def happened(self, event: Event, state: str) -> None:
        """Print the event."""
        if self._json:
            held = event.to_json(self._observers.url, self._name, state)
            output.deliver(json.dumps(held, ensure_ascii=True) + "\n", None)
        elif not (self._quiet and event.id.startswith("watch-")):
            output.deliver(f"{_local(event.at)}  {event.id:<20}  {event.text}\n", None)


def _local(at: float) -> str:
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"
