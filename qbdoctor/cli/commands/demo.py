"""Runs ``qbdoctor demo``: the incident from start to end, on a throw-away instance that leaves nothing behind."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from types import FrameType

from qbdoctor.cli import output, program, wrapping
from qbdoctor.model import shell
from qbdoctor.model.errors import UserError
from qbdoctor.model.terminal_text import harmless
from qbdoctor.simulator.throwaway import INCIDENT, DemoServer, Say, StepFailed, environment, temporary_folder

FIXES = ("require-localhost-auth", "disable-subnet-whitelist")
"""qBittorrent takes up to six where a router does not answer; here it has none to ask."""


def run(args: argparse.Namespace) -> int:
    """Play the incident. 0: every step came out; 1: one did not; KeyboardInterrupt passes once all is cleared away."""
    if args.url or args.profile or args.config:
        raise UserError("usage", "demo takes no target: it makes a throw-away instance of its own.")
    if args.format != "human" or args.output is not None:
        raise UserError("usage", "demo is told to people on standard output: leave --format, --json and --output out.")
    if args.if_none_runs and _one_is_found():
        return 0
    say: Say = (lambda _: None) if args.quiet else _say
    began = time.monotonic()
    code = 0
    with _terminated_as_interrupted():
        instance = DemoServer(temporary_folder())
        try:
            with environment(instance.folder, instance.password):
                _play(instance, say, standin=args.standin)
        except (StepFailed, OSError) as failed:
            code = 1
            _say(f"   ✗ {failed}")
        finally:
            left = _clear_away(instance)
            if left:
                _say(f"✗ Left behind: {left}")
    if left:
        return 1
    say("\nNothing is left behind: the process is gone, and so is the folder with its records.")
    how = "Every step came out" if code == 0 else "The demonstration did not come out"
    _say(f"{'✗' if code else '✓'} {how} ({time.monotonic() - began:.1f} s, {instance.name}).")
    return code


def _play(instance: DemoServer, say: Say, *, standin: bool) -> None:
    """Play the six steps. Raises :class:`StepFailed`."""
    say("1. A throw-away qBittorrent with the incident's settings")
    if why := instance.start(standin=standin):
        say(f"   {why}")
    say(f"   {', '.join(f'{key}={value}' for key, value in INCIDENT.items())}")
    say(f"   {instance.name} answers at {instance.url}")

    say("\n2. What is wrong?")
    found = _run_command(say, "check", "--profile", str(instance.profile), expect=1)
    say(f"   {found.partition(chr(10))[0]}")
    if "exposed-bypass" not in found:
        raise StepFailed("the check did not name exposed-bypass")
    instance.call(say, "A call without a cookie", 200)

    say("\n3. The incident's two settings, put right while it runs")
    said = _run_command(say, "fix", *FIXES, "--yes", "--profile", str(instance.profile), expect=0)
    _show(say, said)

    say("\n4. What was really wrong")
    instance.call(say, "A call without a cookie", 403)
    keeps, drops = instance.client(keeps=True), instance.client(keeps=False)
    for client in (keeps, drops):
        instance.log_in(client)
    say(f"   The same login, twice: {instance.login_answer}")
    instance.call(say, "The next call of the client that kept the cookie", 200, keeps)
    instance.call(say, "The next call of the client that dropped it", 403, drops)
    say("   That is the incident: aiohttp's default jar drops the cookies of hosts that are IP addresses. One factor")
    say("   differs, and it is not SameSite: both were given the same attributes, and the server took the cookie back.")

    say("\n5. Taken back, while it runs")
    _run_command(say, "rollback", "--yes", expect=0)
    instance.call(say, "A call without a cookie", 200)

    say("\n6. The same in the file of a stopped qBittorrent")
    instance.stop()
    before = instance.file.read_bytes()
    say(f"   Stopped. {instance.file.name}: SHA-256 {_short(before)}")
    said = _run_command(say, "fix", *FIXES, "--yes", "--via", "file", "--profile", str(instance.profile), expect=0)
    _show(say, said)
    fixed = instance.file.read_bytes()
    differing = sum(old != new for old, new in zip_longest(before.splitlines(), fixed.splitlines()))
    say(f"   SHA-256 {_short(fixed)}: {differing} lines differ, the others are as they were")
    if differing != len(FIXES):
        raise StepFailed(f"{differing} lines of the file changed, not {len(FIXES)}")
    _run_command(say, "rollback", "--yes", expect=0)
    after = instance.file.read_bytes()
    say(f"   SHA-256 {_short(after)}: {'as before, to the byte' if after == before else 'NOT as before'}")
    if after != before:
        raise StepFailed("the file is not what it was before")


def _one_is_found() -> bool:
    """Whether there is a qBittorrent here to look at, so that its report stays on the screen."""
    from qbdoctor.target.description import TargetOptions  # noqa: PLC0415 - seldom needed
    from qbdoctor.target.resolve import resolve  # noqa: PLC0415

    try:
        resolve(TargetOptions())
    except UserError as error:
        return error.code != "no-target"
    return True


def _say(text: str) -> None:
    output.write(f"{wrapping.wrapped(harmless(program.named(text)), wrapping.columns(sys.stdout))}\n")


def _show(say: Say, said: str) -> None:
    """Repeat where a command makes its changes, the diff, and how it was verified. Raises :class:`StepFailed` without a diff."""
    lines = [line.strip() for line in said.splitlines()]
    for line in lines:
        if line.startswith(("Plan", "-", "+", "✓")):
            say(f"     {line}")
    if sum(line.startswith(("-", "+")) for line in lines) != 2 * len(FIXES):
        raise StepFailed("the diff does not show one line changed for each fix")


def _short(data: bytes) -> str:
    return f"{hashlib.sha256(data).hexdigest()[:16]}…"


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C meanwhile, so that it clears away as well."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _clear_away(instance: DemoServer) -> str:
    """Stop the process and delete the folder; what is left of them, seen afresh, or nothing."""
    quiet = []
    for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C would leave half of it
        with contextlib.suppress(ValueError):
            quiet.append((number, signal.signal(number, signal.SIG_IGN)))
    try:
        instance.stop()
        shutil.rmtree(instance.folder, ignore_errors=True)
    finally:
        for number, before in quiet:
            signal.signal(number, before)
    left = [str(instance.folder)] if instance.folder.exists() else []
    return ", ".join([*_processes_of(instance.folder), *left])


def _processes_of(folder: Path) -> list[str]:
    import psutil  # noqa: PLC0415 - late: importing this module stays cheap

    return [
        f"process {process.pid}"
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
    ]


def _run_command(say: Say, *words: str, expect: int) -> str:
    """Run a command of qbdoctor, in this process; its standard output. Raises :class:`StepFailed`."""
    from qbdoctor.cli.main import main  # noqa: PLC0415 - it is what started us

    say(f"   {shell.PROMPTS[shell.at_hand()]} qbdoctor {shell.join(words)}")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    if code == 130:
        raise KeyboardInterrupt
    if code != expect:
        said = (err.getvalue() or out.getvalue()).strip()
        raise StepFailed(f"exit code {code}, not {expect}: {said}")
    say(f"   exit code {code}")
    return out.getvalue()
