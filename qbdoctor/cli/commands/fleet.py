"""Runs ``qbdoctor fleet``: the same check of many targets at once, one line each as they finish.

Each target has its own deadline and its own login budget; one that hangs costs its place until its deadline and holds
nobody else up. Reports are written and forgotten, so that memory does not grow with the number of targets.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from qbdoctor.cli import credentials, named_targets, output, program, wrapping
from qbdoctor.cli.named_targets import NamedTarget
from qbdoctor.cli.target_options import observer
from qbdoctor.diagnosis import engine
from qbdoctor.model.basics import STATES, Json
from qbdoctor.model.errors import UserError
from qbdoctor.model.report import Report
from qbdoctor.model.waiting import next_of
from qbdoctor.observe.observer import Observer
from qbdoctor.patterns import regex
from qbdoctor.registry import checks
from qbdoctor.reports import as_json
from qbdoctor.reports.text import sentence
from qbdoctor.storage import files
from qbdoctor.target import containers
from qbdoctor.target.engines.port_mappings import find_mappings
from qbdoctor.target.processes import find_instances
from qbdoctor.target.resolve import World
from qbdoctor.values import replace
from qbdoctor.webui.masks import Deadline

if TYPE_CHECKING:
    from qbdoctor.ansible.inventory import HostResult

INTERRUPTED = 130
GRACE_SECONDS = 4.0
"""After Ctrl-C: what is under way may log out."""
_EXIT_CODES = {0, 1, 2, 3, INTERRUPTED}
_ID = regex(r"[a-z0-9]{1,40}(?:-[a-z0-9]{1,40}){0,20}")
ONE_TARGET = ("url", "profile", "config", "container", "target", "public_url")


def run(args: argparse.Namespace) -> int:
    """Check the targets; return the worst exit code of them all."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "fleet: --format is human or json.")
    for option in ONE_TARGET:
        if getattr(args, option) is not None:
            raise UserError(
                "usage", f"fleet: --{option.replace('_', '-')} names one target: leave it out, or use check."
            )
    if "-" in (args.password_file, args.api_key_file):
        raise UserError(
            "usage", "fleet: standard input holds one secret for one target: give a file or the environment."
        )
    if args.ansible is not None:
        return _by_ansible(args)
    chosen = _chosen(args)
    if not chosen:
        return _nothing_left()
    return _Run(args, len(chosen), max(len(one.name) for one in chosen)).all(chosen)


def _nothing_left() -> int:
    output.say("qbdoctor: every target is in --resume already; nothing was asked.")
    return 0


def _by_ansible(args: argparse.Namespace) -> int:
    """Check the hosts of an inventory, each by its own qbdoctor. Raises UserError."""
    from qbdoctor.ansible import inventory  # noqa: PLC0415 - needs an extra

    if args.targets is not None:
        raise UserError("usage", "fleet: --targets and --ansible are two lists of targets: give one.")
    done = _done(files.expanded(args.resume)) if args.resume is not None else set()
    hosts = [one for one in inventory.find_hosts(args.ansible, args.ids) if one not in done]
    if not hosts:
        return _nothing_left()
    settings: dict[str, object] = {"fleet_fail_on": args.fail_on, "fleet_username": args.username}
    settings |= {
        "fleet_no_login": args.no_login or None,
        "fleet_deadline": args.deadline if args.deadline != 30 else None,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    secrets = {
        "fleet_password": credentials.secret(args.password_file, "--password-file", "QBDOCTOR_PASSWORD", os.environ),
        "fleet_api_key": credentials.secret(args.api_key_file, "--api-key-file", "QBDOCTOR_API_KEY", os.environ),
    }
    asked = inventory.InventoryRun(args.ansible, hosts, at_once=args.at_once, settings=given)
    told = asked.results({name: one for name, one in secrets.items() if one is not None})
    return _Run(args, len(hosts), max(map(len, hosts))).each_host(told, lambda: asked.interrupted)


def _chosen(args: argparse.Namespace) -> list[NamedTarget]:
    """Return the targets that are to be checked. Raises UserError."""
    if args.targets is not None:
        where = Path(args.targets)
        known = named_targets.load_list(files.expanded(where))
    else:
        where = named_targets.targets_file(os.environ)
        known = named_targets.load(where)
    if not known:
        raise UserError("no-targets", f"There is no target: {where} has none; give --targets FILE, with a URL a line.")
    wanted = [named_targets.pick(known, name, where) for name in dict.fromkeys(args.ids or known)]
    done = _done(files.expanded(args.resume)) if args.resume is not None else set()
    return [one for one in wanted if one.name not in done]


def _done(path: Path) -> set[str]:
    """Return the names of the targets that a file of reports, one a line, holds; a last line cut short is none."""
    found = set()
    try:
        with files.open_text(path) as lines:
            for line in lines:
                try:
                    name = json.loads(line)["target"]["name"]
                except (ValueError, RecursionError, KeyError, TypeError):
                    continue
                if isinstance(name, str):
                    found.add(name)
    except OSError as error:
        raise UserError("resume-unreadable", f"--resume: {path} cannot be read: {error.strerror}.") from None
    return found


def _checked(report: Json) -> Json:
    """Return another machine's report. Raises ValueError and others where it is none: what is in it is counted and printed."""
    states, ids = {report["verdict"]["state"]}, [cause["id"] for cause in report["causes"]]
    if report["exit_code"] not in _EXIT_CODES or not states <= set(STATES) or not all(map(_ID.fullmatch, ids)):
        raise ValueError(report["exit_code"])
    as_json.line(report)
    return report


class _Run:
    """One run over all targets: what is written, and what the summary needs."""

    def __init__(self, args: argparse.Namespace, number: int, width: int) -> None:
        self.args = args
        self.number = number
        self.width = min(width, 40)
        self.known = checks()
        self.kept: list[str] | None = [] if args.output not in (None, "-") else None
        self.states: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.worst = 0
        self.watchers: dict[Observer, str] = {}
        # This machine is looked at once for all: with a thousand targets it would be most of the work.
        self.world = World(
            instances=cache(find_instances), mappings=cache(find_mappings), engines=containers.ask_engines
        )

    def all(self, targets: Sequence[NamedTarget]) -> int:
        """Check the targets, so many at once, and deliver each report as it is there."""
        waiting, reports = SimpleQueue[NamedTarget](), SimpleQueue[Report]()
        for one in targets:
            waiting.put(one)
        self.world.instances()  # now: sixteen threads would each begin to look
        for _ in range(min(self.args.at_once, len(targets))):
            # Daemons: after Ctrl-C nobody waits for a target that hangs.
            threading.Thread(target=self._work, args=(waiting, reports), daemon=True).start()
        try:
            for _ in targets:
                self._take(next_of(reports))
        except KeyboardInterrupt:
            self.worst = INTERRUPTED
            self._wind_up(waiting, reports)
        self._finish()
        return self.worst

    def _work(self, waiting: SimpleQueue[NamedTarget], reports: SimpleQueue[Report]) -> None:
        with suppress(Empty):
            while True:
                one = waiting.get_nowait()
                reports.put(self._check(one))

    def _wind_up(self, waiting: SimpleQueue[NamedTarget], reports: SimpleQueue[Report]) -> None:
        """Begin no other target, and give those under way a moment to log out: --resume asks them again, whole."""
        with suppress(Empty):
            while True:
                waiting.get_nowait()
        under_way = dict(self.watchers)
        for watcher in under_way:
            watcher.wire.deadline = Deadline(0.1)
        end = time.monotonic() + GRACE_SECONDS
        with suppress(Empty):
            while (left := end - time.monotonic()) > 0:
                report = reports.get(timeout=left)
                if report.target.name not in under_way.values():
                    self._take(report)
                self.worst = INTERRUPTED
                if not self.watchers and reports.empty():
                    return

    def each_host(self, told: Iterator[HostResult], interrupted: Callable[[], bool]) -> int:
        """Deliver what Ansible tells of each host as it comes."""
        started = datetime.now(UTC)
        for one in told:
            self._take_host(one, started)
        self.worst = INTERRUPTED if interrupted() else self.worst
        self._finish()
        return self.worst

    def _take_host(self, one: HostResult, started: datetime) -> None:
        try:
            if one.report is not None:
                self._tell(_checked({**one.report, "target": {**one.report["target"], "name": one.host}}))
                return
            said = one.message
        except (KeyError, TypeError, ValueError, RecursionError):  # another machine's words
            said = "Its qbdoctor is of another release: what it printed is no report that this one knows."
        made = engine.error_report(UserError("host-failed", said, 3), started)
        self._take(replace(made, target=replace(made.target, name=one.host)))

    def _take(self, report: Report) -> None:
        self._tell(report.to_json())

    def _tell(self, report: Json) -> None:
        """Count a report and write its line."""
        code, state, headline = int(report["exit_code"]), str(report["verdict"]["state"]), report["verdict"]["headline"]
        causes = [str(cause["id"]) for cause in report["causes"] if cause["severity"] != "info"]
        self.worst = max(self.worst, code)
        self.states[state] += 1
        self.causes.update(causes)
        if self.args.format == "json":
            self._write(as_json.line(report))
        elif not self.args.quiet:
            line = f"{report['target']['name'] or '':<{self.width}}  {state:<9}  {sentence(str(headline))}"
            self._write(f"{wrapping.wrapped(line, wrapping.columns(sys.stdout))}\n")
        if sys.stderr.isatty() and not sys.stdout.isatty() and not self.args.quiet:
            output.say(f"{sum(self.states.values())} of {self.number}")

    def _write(self, text: str) -> None:
        if self.kept is None:
            output.deliver(text, None)
        else:
            self.kept.append(text)

    def _finish(self) -> None:
        """Deliver the summary: how many are how, and which causes they have, the most frequent first."""
        if self.args.format == "human":
            states = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
            asked = sum(self.states.values())
            left = f"; {self.number - asked} not asked" if asked < self.number else ""
            self._write(f"\n{asked} of {self.number} targets: {states or 'none'}{left}\n")
            for cause, count in self.causes.most_common():
                self._write(f"  {count:>5}  {cause}  ({program.name()} explain {cause})\n")
        if self.kept is not None:
            output.deliver("".join(self.kept), self.args.output)

    def _check(self, target: NamedTarget) -> Report:
        """Check one target and return its report, whatever goes wrong. Nobody is asked for a password."""
        started = datetime.now(UTC)
        own = copy.copy(self.args)
        own.target = target.name
        watcher = None
        try:
            named_targets.use(own, target)
            watcher = observer(own, world=self.world)
            watcher.ask_password = None
            watcher.wire.waiting = None
            self.watchers[watcher] = target.name
            made = engine.run(watcher, self.known, fail_on=own.fail_on, started=started)
        except UserError as error:
            made = engine.error_report(error, started)
        except Exception as error:  # one target must not end the run of the others
            broken = UserError("crashed", f"The check of {target.name} broke: {type(error).__name__}.", 3)
            made = engine.error_report(broken, started)
        finally:
            if watcher is not None:
                self.watchers.pop(watcher, None)
        return replace(made, target=replace(made.target, name=target.name))
