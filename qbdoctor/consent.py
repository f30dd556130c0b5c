"""Asking before something is changed: a terminal is asked, everything else must have said ``--yes``."""

from __future__ import annotations

import sys

from qbdoctor.output import say


def person_answers() -> bool:
    """Return whether somebody is there to answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Ask on standard error; only y or yes agrees, and an end of input does not."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        say("")
    return answer.strip().lower() in {"y", "yes"}
