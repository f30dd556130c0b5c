"""Runs ``qbdoctor trace``: a recording proxy in front of the real server, and what each client does wrong."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys

from qbdoctor.cli import output, program
from qbdoctor.cli.target_options import verification
from qbdoctor.model.errors import UserError
from qbdoctor.target.description import TargetOptions
from qbdoctor.target.resolve import resolve
from qbdoctor.trace.exchange import Trace
from qbdoctor.trace.human import human
from qbdoctor.trace.result import load, result
from qbdoctor.trace.session import Session


def run(args: argparse.Namespace) -> int:
    """Trace, or judge a saved trace again, and print the result."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "trace: --format is human or json.")
    trace = load(args.replay) if args.replay else _trace(args)
    made = result(trace)
    if args.save:
        output.deliver_json(made.to_json(), args.save)
    if args.format == "human":
        width = shutil.get_terminal_size().columns if args.output is None and sys.stdout.isatty() else None
        text = human(made, quiet=args.quiet, verbose=bool(args.verbose), width=width)
        output.deliver(program.named(text), args.output)
    else:
        output.deliver_json(made.to_json(), args.output)
    return made.exit_code


def _trace(args: argparse.Namespace) -> Trace:
    try:
        from qbdoctor.forwarding.forwarder import Forwarder  # noqa: F401, PLC0415 - only there is aiohttp needed
    except ImportError:
        raise program.lacks("trace", "aiohttp", "trace", since="3.12") from None
    target = resolve(TargetOptions(args.url, args.profile, args.config, args.container), env=os.environ).address
    command = list(args.run or ())
    if command[:1] == ["--"]:
        del command[0]
    if args.run is not None and not command:
        raise UserError("usage", "--run: name the command behind --, such as --run -- python client.py.")
    return asyncio.run(Session(args, target, command, verification(args)).run())
