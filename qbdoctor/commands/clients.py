"""``qbdoctor clients``: what the HTTP clients of this machine do with a release's session cookie."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence

from qbdoctor import __version__, output, releases
from qbdoctor.clients.lab import Lab, both, simulated
from qbdoctor.clients.survey import Tried, survey
from qbdoctor.model.basics import Json, Secret
from qbdoctor.model.errors import UserError
from qbdoctor.releases import KNOWN, Version
from qbdoctor.run import observer

SCHEMA = "qbdoctor.clients/1"


def run(args: argparse.Namespace) -> int:
    """Try every client and print the table: 0; 3 where none of them could be tried."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "clients: --format is human or json.")
    python = _python(args.python)
    if args.live:
        what, tried = _live(args, python)
    else:
        with simulated(_release(args.release)) as lab:
            what, tried = lab.what, tuple(_told(survey(lab, python, stop_when_refused=False), args))
    code = 0 if any(each.outcome in ("kept", "dropped") for each in tried) else 3
    if args.format == "json":
        output.deliver(json.dumps(to_json(what, python, tried, code), ensure_ascii=False, indent=2) + "\n", args.output)
    else:
        output.deliver(human(what, python, tried), args.output)
    return code


def _live(args: argparse.Namespace, python: str) -> tuple[str, tuple[Tried, ...]]:
    """Try the real server, once qbdoctor's own login has shown that the password is right: no attempt can then fail."""
    mine = observer(args)
    seen = mine.seen
    typed: list[Secret] = []
    if (ask := mine.ask_password) is not None:
        mine.ask_password = _kept(ask, typed)
    try:
        if seen.anonymous.status == 200:
            raise UserError(
                "bypassed", "The server lets this machine in without a login: a client's cookie shows nothing.", 3
            )
        sign_in = seen.sign_in
        password = seen.asked.password or next(iter(typed), None)
        if sign_in.outcome != "accepted" or password is None:
            raise UserError("no-login", f"--live: {sign_in.text or sign_in.outcome}; qbdoctor check says more.", 3)
        address = seen.target.address
        urls = both(address.url) if address.is_loopback else (("ip" if address.is_ip else "name", address.url),)
        lab = Lab(urls, seen.asked.username or "admin", password, f"the server at {address.url}")
        return lab.what, tuple(_told(survey(lab, python, stop_when_refused=True), args))
    finally:
        mine.close()


def _kept(ask: Callable[[str], Secret | None], typed: list[Secret]) -> Callable[[str], Secret | None]:
    """Ask as before, and keep what was typed: the clients log in with it too."""

    def asking(username: str) -> Secret | None:
        given = ask(username)
        typed.extend([given] if given is not None else [])
        return given

    return asking


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


def to_json(what: str, python: str, tried: Sequence[Tried], code: int) -> Json:
    """Return the result as ``qbdoctor.clients/1``."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "qbdoctor", "version": __version__},
        "server": what,
        "python": python,
        "clients": [each.to_json() for each in tried],
        "exit_code": code,
    }


def human(what: str, python: str, tried: Sequence[Tried]) -> str:
    """Return the table, and what mends each client that drops the cookie."""
    names = list(dict.fromkeys(each.probe.name for each in tried))
    kinds = list(dict.fromkeys(each.kind for each in tried))
    heads = {"ip": "by IP", "name": "by name"}
    rows = [["client", "version", *(heads[kind] for kind in kinds), "why"]]
    mends: dict[str, str] = {}
    for name in names:
        mine = {each.kind: each for each in tried if each.probe.name == name}
        first = next(iter(mine.values()))
        why = next((each.why for each in mine.values() if each.why), "")
        cells = [_cell(mine.get(kind), first) for kind in kinds]
        rows.append([name, first.version or "-", *cells, why])
        for each in mine.values():
            if each.mend:
                mends.setdefault(name, each.mend)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"What clients do with the session cookie of {what} (Python: {python})", ""]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if mends:
        lines += ["", "What mends it"]
        lines += [f"  {name}: {mend}" for name, mend in mends.items()]
    return "\n".join(lines) + "\n"


def _cell(tried: Tried | None, first: Tried) -> str:
    if tried is None:
        return "absent" if first.outcome == "absent" else "-"
    marks = {"kept": "kept", "dropped": "DROPPED", "refused": "refused", "failed": "failed", "absent": "absent"}
    return f"{marks[tried.outcome]}{f' ({tried.call})' if tried.call and tried.outcome == 'dropped' else ''}"
