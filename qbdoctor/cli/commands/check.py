"""Runs ``qbdoctor check``: diagnoses; changes nothing."""

from __future__ import annotations

import gc
import importlib
import sys
import time
from contextlib import suppress
from functools import partial

from qbdoctor.cli import output
from qbdoctor.cli.defaults import COMMANDS
from qbdoctor.cli.target_options import fix_options, observer, target_arguments
from qbdoctor.model.errors import UserError
from qbdoctor.storage import files
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import datetime

    from qbdoctor.model.report import Report
    from qbdoctor.observe.observer import Observer


_LATER = (
    "qbdoctor.webui.login_ledger",
    "tomllib",
    "qbdoctor.observe.base.page_parser",
    "qbdoctor.webui.cookie_rules",
    "qbdoctor.diagnosis.engine",
    "qbdoctor.looks.remembering",
    "qbdoctor.reports.commands",
)
"""Modules that are loaded while an answer is awaited, in the order in which they are needed."""
_FOR_A_PERSON = ("qbdoctor.reports.human",)
_IN_COLOUR = ("rich.console", "rich.text")
SWITCH_SECONDS = 0.0005
"""Python's own 5 ms are what a thread that only reads a socket, or hands over a hash, would wait for the one that loads."""

MOST_KEPT = 100_000
"""Objects that may be made before Python looks for garbage: a check makes 30,000, and at 700 it would look for 6 ms."""


def run(args: argparse.Namespace) -> int:
    """Diagnose the target and deliver the report; early errors are reports as well."""
    started = time.time()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(MOST_KEPT)
    try:
        if args.ids:
            _refuse_unknown(args.ids)
        if args.from_file is not None:
            return _judge_again(args)
        if args.save is not None:
            from qbdoctor.cli import outcome  # noqa: PLC0415 - seldom asked for

            outcome.check_output(args.save)  # before anything is sent: nobody would have what was seen
        watcher = observer(args, hash_ahead=True)
        made = _diagnose(args, watcher, started)
        if not args.ids:  # the checks that were named alone have not seen enough
            made = _remembered(args, watcher, made)
        if args.save is not None:
            _save(args.save, watcher, made)
    except UserError as error:
        from qbdoctor.diagnosis.engine import error_report  # noqa: PLC0415 - as in _diagnose

        return output.report(error_report(error, _date(started)), args)
    if args.target is not None:
        made = replace(made, target=replace(made.target, name=args.target))
    return output.report(made, args, target_arguments(args), fix_options(watcher) if made.causes else ())


def _diagnose(args: argparse.Namespace, watcher: Observer, started: float) -> Report:
    """Ask the checks. They are loaded beside the login, which is made by the same rules as when the first of them asks for it."""
    from qbdoctor.registry import checks  # noqa: PLC0415

    began = time.perf_counter()
    later = list(_LATER)
    if args.format == "human":
        later += [*_FOR_A_PERSON, *(_IN_COLOUR if output.is_coloured(args) else ())]
    due: list[Callable[[], object]] = [*(partial(_load, name) for name in later), checks]
    if not args.ids:
        due.insert(1, partial(_hash_ahead, watcher))
        due += [partial(_look, watcher, "config_place"), partial(_look, watcher, "suspect")]
    watcher.wire.meanwhile.add(*due)
    watcher.verifier.meanwhile = watcher.wire.meanwhile
    if not args.ids:
        _look(watcher, "sign_in")
    from qbdoctor.diagnosis import engine  # noqa: PLC0415

    known = checks()
    made = engine.run(
        watcher,
        known,
        only=frozenset(args.ids),
        fail_on=args.fail_on,
        started=_date(started),
        crashed=output.say if args.verbose else None,
    )
    return replace(made, duration_ms=(time.perf_counter() - began) * 1000)


def _date(seconds: float) -> datetime:
    from datetime import UTC, datetime  # noqa: PLC0415 - beside the hash

    return datetime.fromtimestamp(seconds, UTC)


def _load(name: str) -> None:
    with suppress(ImportError):  # who needs it says so
        importlib.import_module(name)


def _look(watcher: Observer, name: str) -> None:
    with suppress(Exception):  # it is kept, and raised where a check asks
        watcher.seen.see(name)


def _hash_ahead(watcher: Observer) -> bool:
    if not watcher.seen.has("offline"):  # too early to load it
        return False
    from qbdoctor.looks import remembering  # noqa: PLC0415 - as in _diagnose

    with suppress(Exception):  # as in _remembered
        return remembering.hash_ahead(watcher)
    return True


def _remembered(args: argparse.Namespace, watcher: Observer, made: Report) -> Report:
    """Return the report with what changed; whatever is wrong with the looks, the check stands as it was made."""
    from qbdoctor.looks.remembering import remember  # noqa: PLC0415 - as in _diagnose

    try:
        return remember(watcher, made, keep=not args.dry_run)
    except Exception as error:
        if args.verbose:
            output.say(f"What changed could not be told ({type(error).__name__}).")
        return made


def _save(name: str, watcher: Observer, made: Report) -> None:
    from qbdoctor.looks import saved, taking  # noqa: PLC0415

    held = saved.to_json(watcher, made, taking.take(watcher, made, None))
    output.deliver_json(held, name)
    output.say(f"What was seen is in {name}: without passwords, cookies and keys, but with addresses and paths.")


def _judge_again(args: argparse.Namespace) -> int:
    """Judge what was saved: nothing is sent, read or kept."""
    from qbdoctor.diagnosis import engine  # noqa: PLC0415
    from qbdoctor.looks import saved  # noqa: PLC0415 - seldom asked for
    from qbdoctor.registry import checks  # noqa: PLC0415

    if args.save is not None or args.url or args.profile or args.config or args.target or args.write_probe:
        raise UserError("usage", "--from judges what was saved: it takes no target, no --save and no --write-probe.")
    held = saved.load(files.expanded(args.from_file))
    try:
        made = engine.run(
            held.observer,
            checks(),
            only=frozenset(args.ids),
            fail_on=args.fail_on,
            started=held.taken,
            crashed=output.say if args.verbose else None,
        )
    except Exception as error:  # what is asked there of a look that --save made is in it
        raise saved.damaged(args.from_file, error) from None
    if args.format == "human":
        output.say(f"Judged again from {args.from_file}, saved {held.look.taken} by qbdoctor {held.look.tool_version}.")
    return output.report(made, args, (), None)


def _refuse_unknown(asked: list[str]) -> None:
    from qbdoctor.cli.suggest import other_meaning, suggest  # noqa: PLC0415 - seldom needed
    from qbdoctor.registry import checks  # noqa: PLC0415 - with a check named they are loaded at once

    known = [check.id for check in checks()]
    for name in asked:
        if name not in known:
            # `qbdoctor rolback` comes here too: what is no command is a check.
            near = suggest(name, [*COMMANDS, *known], 1)
            hint = (
                f"did you mean {near[0]}?"
                if near
                else "qbdoctor --help lists the commands, qbdoctor explain the checks."
            )
            hint = other_meaning(name, "check") or hint
            kind = "check" if near and near[0] in known else "command or check"
            raise UserError("unknown-check", f"there is no {kind} {name!r}: {hint}")
