"""What ``fix`` and ``rollback`` say of what they would do, did or left: for people and as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qbdoctor import output
from qbdoctor.model import Json
from qbdoctor.records import Change, Record

CHANGE_SCHEMA = "qbdoctor.change/1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of ``fix`` or ``rollback`` ended. ``lines`` are for people, one thought each."""

    command: str
    state: str
    lines: tuple[str, ...]
    exit_code: int
    records: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()

    def to_json(self) -> Json:
        """Return the outcome as an object (``qbdoctor.change/1``)."""
        return {
            "schema": CHANGE_SCHEMA,
            "command": self.command,
            "state": self.state,
            "text": " ".join(self.lines),
            "changes": [
                {"setting": one.setting, "before": one.before, "after": one.after, "diff": list(one.diff())}
                for one in self.changes
            ],
            "records": [record.to_json() for record in self.records],
            "exit_code": self.exit_code,
        }


def deliver(outcome: Outcome, args: argparse.Namespace) -> int:
    """Print the outcome in the format asked for and return its exit code."""
    if args.format == "json":
        text = json.dumps(outcome.to_json(), ensure_ascii=False, indent=2) + "\n"
    else:
        text = "".join(f"{line}\n" for line in outcome.lines)
    output.deliver(text, args.output)
    return outcome.exit_code


def shown(changes: Iterable[Change]) -> Sequence[str]:
    """Return the diff lines of changes, indented, secrets masked."""
    return [f"    {line}" for change in changes for line in change.diff()]
