"""``qbdoctor check``: diagnose; changes nothing."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from qbdoctor import engine, output
from qbdoctor.cli import DEFAULTS
from qbdoctor.model import UserError
from qbdoctor.registry import checks
from qbdoctor.run import observer, target_arguments


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
    return output.report(made, args, target_arguments(args))


def _refuse_unknown(asked: list[str], known: list[str]) -> None:
    for name in asked:
        if name not in known:
            from difflib import get_close_matches  # noqa: PLC0415

            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
            raise UserError("unknown-check", f"there is no check {name!r}: {hint}")


def refuse(error: UserError, form: str) -> int:
    """Deliver the report of a command line that could not be understood."""
    args = argparse.Namespace(**{**DEFAULTS, "format": form})
    return output.report(engine.error_report(error, datetime.now(UTC)), args)
