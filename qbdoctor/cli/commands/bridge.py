"""Runs ``qbdoctor bridge``: an old client in front, today's server behind, each with its own login."""

from __future__ import annotations

import argparse
import asyncio
import os

from qbdoctor.bridge.dialect import Speech
from qbdoctor.bridge.gate import networks
from qbdoctor.bridge.human import human
from qbdoctor.bridge.result import BridgeResult
from qbdoctor.bridge.session import BridgeOptions, Session
from qbdoctor.cli import outcome, output, program
from qbdoctor.cli.target_options import verification
from qbdoctor.model.errors import UserError
from qbdoctor.releases import KNOWN
from qbdoctor.target.address import parse_host_port
from qbdoctor.target.description import TargetOptions
from qbdoctor.target.resolve import resolve

SPOKEN = "5.1"
"""The last series with the old login."""


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C, then print which client needed what."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "bridge: --format is human or json.")
    made = _served(args)
    if args.format == "json":
        output.deliver_json(made.to_json(), args.output)
    else:
        outcome.deliver_text(human(made), args.output)
    return 0


def _served(args: argparse.Namespace) -> BridgeResult:
    try:
        from qbdoctor.forwarding.forwarder import Forwarder  # noqa: F401, PLC0415 - only there is aiohttp needed
    except ImportError:
        raise program.lacks("bridge", "aiohttp", "trace", since="3.12") from None
    speech = Speech.parse(args.speak or SPOKEN, given=args.speak is not None)
    if speech is None:
        raise UserError(
            "bad-release",
            f"--speak: {args.speak} is no release between {KNOWN[0]} and {KNOWN[-1]}: write 5.1 or 4.6.7.",
        )
    options = BridgeOptions(
        target=resolve(TargetOptions(args.url, args.profile, args.config, args.container), env=os.environ).address,
        speech=speech,
        listen=parse_host_port(args.listen) if args.listen else None,
        allowed=networks(args.allow),
        verify=verification(args),
        quiet=bool(args.quiet),
        consent=bool(args.yes),
    )
    return asyncio.run(Session(options).run())
