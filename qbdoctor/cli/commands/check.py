"""Runs ``qbdoctor check``: diagnoses; changes nothing."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from qbdoctor.cli import output
from qbdoctor.cli.commands.fix_options import fix_options
from qbdoctor.cli.parser import COMMANDS
from qbdoctor.cli.suggest import suggest
from qbdoctor.cli.target_options import observer, target_arguments
from qbdoctor.diagnosis import engine
from qbdoctor.model.errors import UserError
from qbdoctor.registry import checks


def run(args: argparse.Namespace) -> int:
    """Diagnose the target and deliver the report; early errors are reports as well."""
    started = datetime.now(UTC)
    try:
        known = checks()
        _refuse_unknown(args.ids, [check.id for check in known])
        watcher = observer(args)
        made = engine.run(
            watcher,
            known,
            only=frozenset(args.ids),
            fail_on=args.fail_on,
            started=started,
            crashed=output.say if args.verbose else None,
        )
    except UserError as error:
        return output.report(engine.error_report(error, started), args)
    return output.report(made, args, target_arguments(args), fix_options(watcher) if made.causes else ())


def _refuse_unknown(asked: list[str], known: list[str]) -> None:
    for name in asked:
        if name not in known:
            # `qbdoctor rolback` comes here too: what is no command is a check.
            near = suggest(name, [*COMMANDS, *known], 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
            kind = "command or check" if near and near[0] in COMMANDS else "check"
            raise UserError("unknown-check", f"there is no {kind} {name!r}: {hint}")
