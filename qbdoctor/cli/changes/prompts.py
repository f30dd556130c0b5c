"""Asks before something is changed: a terminal is asked, everything else must have said ``--yes``."""

from __future__ import annotations

import sys
import time

from qbdoctor.cli.output import say


def person_answers() -> bool:
    """Return whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str, *, seconds: float | None = None) -> bool:
    """Ask on standard error; only y or yes agrees, and neither an end of input nor silence for ``seconds`` does."""
    sys.stderr.write(f"{question} [y/N] " if seconds is None else f"{question} ({seconds:g} s) [y/N] ")
    sys.stderr.flush()
    if seconds is not None and not _typed(seconds):
        say("")
        return False
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        say("")
    return answer.strip().lower() in {"y", "yes"}


def _typed(seconds: float) -> bool:
    """Wait until a line was typed, or the input ended."""
    import select  # noqa: PLC0415 - seldom needed

    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left)[0]:  # not poll, which knows no terminals on macOS
            return True
    return False
