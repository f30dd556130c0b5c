"""Runs ``qbdoctor clients``: what the HTTP clients of this machine do with a release's session cookie."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable

from qbdoctor import releases
from qbdoctor.cli import outcome, output
from qbdoctor.cli.target_options import observer
from qbdoctor.clients.lab import Lab, both, simulated
from qbdoctor.clients.render import human, known_human, known_json, to_json
from qbdoctor.clients.survey import Tried, survey
from qbdoctor.model.errors import UserError
from qbdoctor.releases import KNOWN, Version


def run(args: argparse.Namespace) -> int:
    """Try every client and print the table: 0; 3 where none of them could be tried."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "clients: --format is human or json.")
    if args.known:
        return _known(args)
    python = _python(args.python)
    if args.live:
        what, tried = _live(args, python)
    else:
        with simulated(_release(args.release)) as lab:
            what, tried = lab.what, tuple(_told(survey(lab, python, stop_when_refused=False), args))
    code = 0 if any(each.outcome in ("kept", "dropped") for each in tried) else 3
    if args.format == "json":
        output.deliver_json(to_json(what, python, tried, code), args.output)
    else:
        outcome.deliver_text(human(what, python, tried), args.output)
    return code


def _known(args: argparse.Namespace) -> int:
    """Print what is known of programs and libraries; nothing is run or sent."""
    if args.format == "json":
        output.deliver_json(known_json(), args.output)
    else:
        outcome.deliver_text(known_human(), args.output)
    return 0


def _live(args: argparse.Namespace, python: str) -> tuple[str, tuple[Tried, ...]]:
    """Try the real server, once qbdoctor's own login has shown that the password is right: no attempt can then fail."""
    mine = observer(args)
    seen = mine.seen
    try:
        if seen.anonymous.status == 200:
            raise UserError(
                "bypassed", "The server lets this machine in without a login: a client's cookie shows nothing.", 3
            )
        sign_in = seen.sign_in
        password = seen.password
        if sign_in.outcome != "accepted" or password is None:
            raise UserError("no-login", f"--live: {sign_in.text or sign_in.outcome}; qbdoctor check says more.", 3)
        address = seen.target.address
        urls = both(address.url) if address.is_loopback else (("ip" if address.is_ip else "name", address.url),)
        lab = Lab(urls, seen.asked.username or "admin", password, f"the server at {address.url}")
        return lab.what, tuple(_told(survey(lab, python, stop_when_refused=True), args))
    finally:
        mine.close()


def _told(tried: Iterable[Tried], args: argparse.Namespace) -> Iterable[Tried]:
    for each in tried:
        if not args.quiet and sys.stderr.isatty():
            output.say(f"{each.probe.name} by {each.kind}: {each.outcome}")
        yield each


def _python(given: str | None) -> str:
    if given is None:
        return sys.executable
    found = shutil.which(given)
    if found is None:
        raise UserError("bad-python", f"--python: {given} is no program that can be run: name a Python interpreter.")
    return found


def _release(given: str | None) -> Version:
    if given is None:
        return releases.NEWEST
    version = Version.parse(given)
    if version not in KNOWN:
        raise UserError("bad-release", f"--release: {given} is no release between {KNOWN[0]} and {KNOWN[-1]}.")
    return version
