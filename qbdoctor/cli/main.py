"""Parses the command line, which :mod:`qbdoctor.cli.commands` carries out.

Only what every command needs is imported before it is known: tests/architecture/test_small_commands.py holds that.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from types import SimpleNamespace

from qbdoctor.cli.arguments import parse, split, wanted_format
from qbdoctor.cli.defaults import COMMANDS, DEFAULTS
from qbdoctor.model.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        args = parse(given)
    except UserError as error:
        return _failed_early(error, given)
    try:
        if args.target is not None:
            from qbdoctor.cli import named_targets  # noqa: PLC0415 - seldom needed

            named_targets.apply(args, os.environ)
        command = importlib.import_module(f"qbdoctor.cli.commands.{args.command}")
        gc.enable()
        return int(command.run(args))
    except UserError as error:
        unwritten = error.code.startswith("output-")  # what cannot be written cannot be told there either
        if args.command == "check" and args.format != "human" and not unwritten:  # before the check could begin
            return _reported(error, args.format, args.output)
        _say(error)
        return error.exit_code
    except KeyboardInterrupt:
        if args.command == "check" and args.format != "human":
            stopped = UserError("interrupted", "The check was interrupted before it was complete.", 130)
            return _reported(stopped, args.format, args.output)
        print("qbdoctor: interrupted", file=sys.stderr)  # noqa: T201
        return 130


def _failed_early(error: UserError, given: Sequence[str]) -> int:
    """Say what is wrong with the command line, as a report where that is what the caller reads."""
    is_check = "check" in given or not any(word in COMMANDS for word in given)
    if wanted_format(split(given)[0]) != "human" and is_check:
        return _reported(error, wanted_format(split(given)[0]))
    _say(error)
    return error.exit_code


def _say(error: UserError) -> None:
    from qbdoctor.cli import output  # noqa: PLC0415 - every command but help loads it

    output.say(f"qbdoctor: {error.message}")


def _reported(error: UserError, form: str, output_file: str | None = None) -> int:
    """Deliver the report of a run that ended before there was anything to judge."""
    from datetime import UTC, datetime  # noqa: PLC0415 - seldom needed, as the others

    from qbdoctor.cli import output  # noqa: PLC0415
    from qbdoctor.diagnosis import engine  # noqa: PLC0415

    args = SimpleNamespace(**{**DEFAULTS, "format": form, "output": output_file})
    return output.report(engine.error_report(error, datetime.now(UTC)), args)  # type: ignore[arg-type]
