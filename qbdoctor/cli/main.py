"""Parses the command line, which :mod:`qbdoctor.cli.commands` carries out.

Only the standard library's light modules are imported before a command is known: ``--help`` and ``--version`` load
neither requests nor rich, psutil or iniparse.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from qbdoctor.cli.parser import COMMANDS, parse, split, wanted_format
from qbdoctor.cli.program import named
from qbdoctor.cli.wrapping import columns, wrapped
from qbdoctor.model.errors import UserError
from qbdoctor.model.terminal_text import harmless


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
        return int(command.run(args))
    except UserError as error:
        unwritten = error.code.startswith("output-")  # what cannot be written cannot be told there either
        if args.command == "check" and args.format != "human" and not unwritten:  # before the check could begin
            from qbdoctor.cli import early_error  # noqa: PLC0415

            return early_error.refuse(error, args.format, args.output)
        _say(error)
        return error.exit_code
    except KeyboardInterrupt:
        if args.command == "check" and args.format != "human":
            from qbdoctor.cli import early_error  # noqa: PLC0415

            stopped = UserError("interrupted", "The check was interrupted before it was complete.", 130)
            return early_error.refuse(stopped, args.format, args.output)
        print("qbdoctor: interrupted", file=sys.stderr)  # noqa: T201
        return 130


def _failed_early(error: UserError, given: Sequence[str]) -> int:
    """Say what is wrong with the command line, as a report where that is what the caller reads."""
    is_check = "check" in given or not any(word in COMMANDS for word in given)
    if wanted_format(split(given)[0]) != "human" and is_check:
        from qbdoctor.cli import early_error  # noqa: PLC0415

        return early_error.refuse(error, wanted_format(split(given)[0]))
    _say(error)
    return error.exit_code


def _say(error: UserError) -> None:
    text = harmless(named(f"qbdoctor: {error.message}"))
    print(wrapped(text, columns(sys.stderr)), file=sys.stderr)  # noqa: T201
