"""Runs ``qbdoctor watch``: looks again and again, keeps a history, and tells what changed."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from qbdoctor.cli import outcome, output, program
from qbdoctor.cli.defaults import DEFAULTS
from qbdoctor.cli.target_options import observer, target_arguments
from qbdoctor.model import system
from qbdoctor.model.errors import UserError
from qbdoctor.observe.observer import Observer
from qbdoctor.registry import checks
from qbdoctor.storage import files
from qbdoctor.target.address import parse_host_port, parse_ip
from qbdoctor.watch.base.clock import Clock
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.full_check import FullChecks
from qbdoctor.watch.history.store import History
from qbdoctor.watch.loop import Listener, Pace, Watch
from qbdoctor.watch.page.report_file import ReportFile
from qbdoctor.watch.page.server import Answer, PageServer
from qbdoctor.watch.page.status import Status
from qbdoctor.watch.telling import units
from qbdoctor.watch.telling.outside import Outside, Way, by_apprise, by_command

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
    if args.install_unit:
        output.deliver(_unit(args), None)
        return 0
    outcome.check_output(args.report)
    clock = Clock()
    observers = _Observers(args)
    ways = _ways(args)  # what is wrong with them is said before anything is sent
    first = observers.prepare()
    history = History(first.state, observers.url, output.say)
    earlier = history.open()
    status = Status(observers.url, clock, 3 * args.every + 2 * args.deadline + 30)
    listeners: list[Listener] = [status, history, _Told(args, observers)]
    server = None
    if args.listen or args.report:
        server = _page(args, clock, status, history, listeners)
    if ways:
        listeners.append(Outside([way(observers.url, args.target) for way in ways], output.say))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, clock.stop)
    pace = Pace(args.every, args.total, args.deadline)
    full = FullChecks(observers.make, checks(), clock)
    try:
        state = Watch(full, clock, pace, listeners, earlier=earlier, trouble=output.say).run()
    finally:
        if server is not None:
            server.close()
    return 0 if clock.stopping.is_set() else CODES.get(state, 3)


def _ways(args: argparse.Namespace) -> list[Callable[[str, str | None], Way]]:
    """Return the ways by which events are handed on. Raises :class:`UserError` for one that cannot be used."""
    ways: list[Callable[[str, str | None], Way]] = []
    if args.on_change:
        ways.append(partial(by_command, args.on_change))
    given = os.environ.get("QBDOCTOR_NOTIFY", "").split()
    addresses = [*args.notify, *given]
    if addresses:
        try:
            by_apprise(addresses, "", None)
        except ImportError:
            raise program.lacks("--notify", "apprise", "notify") from None
        except ValueError as error:
            raise UserError("usage", f"--notify: {error}: see https://github.com/caronc/apprise/wiki.") from None
        ways.append(partial(by_apprise, addresses))
    return ways


def _page(
    args: argparse.Namespace, clock: Clock, status: Status, history: History, listeners: list[Listener]
) -> PageServer | None:
    """Have the page written to --report and served at --listen. Raises :class:`UserError`."""
    from qbdoctor.watch.page import page  # noqa: PLC0415 - only where it is asked for

    try:
        template = page.template()
    except ImportError:
        raise program.lacks("--listen and --report", "jinja2", "watch") from None

    def html() -> str:
        return page.render(template, history.state, status, clock.wall())

    if args.report:
        listeners.append(ReportFile(partial(_write, html, args.report), clock))
    if not args.listen:
        return None
    host, port = parse_host_port(args.listen)
    try:
        from qbdoctor.watch.page.metrics import CONTENT_TYPE, Metrics  # noqa: PLC0415 - as above
    except ImportError:
        raise program.lacks("--listen", "prometheus-client", "watch") from None
    metrics = Metrics(status.url)
    listeners.append(metrics)

    def healthz() -> Answer:
        return (
            (200, "text/plain", b"ok\n") if status.alive else (503, "text/plain", b"the watch does not look any more\n")
        )

    pages: dict[str, Callable[[], Answer]] = {
        "/": lambda: (200, "text/html; charset=utf-8", html().encode()),
        "/metrics": lambda: (200, CONTENT_TYPE, metrics.text()),
        "/healthz": healthz,
    }
    server = PageServer(host, port, pages)
    shown = f"[{host}]" if ":" in host else host
    output.say(f"The page is at http://{shown}:{server.port}/, with /metrics and /healthz.")
    address = parse_ip(host)
    if address is None or not address.is_loopback:
        output.say(
            "Whoever reaches that address may read it: addresses, settings and events; nobody is asked who they are."
        )
    return server


def _write(html: Callable[[], str], to: str) -> None:
    try:
        output.deliver(html(), to)
    except UserError as error:
        output.say(error.message)


def _unit(args: argparse.Namespace) -> str:
    """Return what starts this watch by itself, with the options that were given."""
    options = [*target_arguments(args)]
    pairs = (
        ("--every", None if args.every == DEFAULTS["every"] else f"{args.every:g}"),
        ("--on-change", args.on_change),
        ("--listen", args.listen),
        ("--report", args.report and str(files.expanded(args.report).absolute())),
    )
    options += [part for name, value in pairs if value is not None for part in (name, value)]
    given = args.password_file or args.api_key_file or args.no_login or args.target
    kept = {name: value for name in ("QBDOCTOR_STATE_DIR", "QBDOCTOR_CONFIG_DIR") if (value := os.environ.get(name))}
    if args.notify:
        place = "the unit's EnvironmentFile" if system.is_linux() else "its environment"
        output.say(f"The addresses of --notify are not printed: put QBDOCTOR_NOTIFY=URL into {place}.")
    if not given and not system.is_linux():  # a systemd unit has a place for it
        output.say("Nobody is asked for a password there: give --password-file with a file that only you may read.")
    command = [sys.executable, "-m", "qbdoctor", "watch", *options]
    return units.printed(command, kept, needs_password=not given or bool(args.notify))


class _Observers:
    """Makes an observer for each full check: always of the same target, and secrets read anew where they can be."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.url = ""
        self._environment: Mapping[str, str] = os.environ
        self._first: Observer | None = None

    def prepare(self) -> Observer:
        """Return the observer of the first full check, which settles what the target is. Raises :class:`UserError`."""
        self._first = observer(self.args, self._environment)
        self._keep(self._first)
        return self._first

    def make(self) -> Observer:
        """Return an observer of the target as it is now. Raises :class:`UserError`."""
        made, self._first = self._first or observer(self.args, self._environment), None
        return made

    def _keep(self, made: Observer) -> None:
        """Keep which target it is, and the secret that came on standard input, which is empty from now on."""
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
