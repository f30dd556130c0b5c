"""Words what ``fix`` and ``rollback`` would do, did or left: for people and as JSON."""

from __future__ import annotations

import sys

from qbdoctor.cli import output, program, wrapping
from qbdoctor.model.errors import UserError
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import frozen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from qbdoctor.model.basics import Json
    from qbdoctor.repair.edits.changes import Change
    from qbdoctor.repair.journal.records import Record

CHANGE_SCHEMA = "qbdoctor.change/1"
UNSETTLED = (
    "A run was ended in the middle, or is at work: the next fix or rollback brings its record to an end (nothing is "
    "written here)."
)


@frozen
class CommandOutcome:
    """How a run of ``fix`` or ``rollback`` ended. ``lines`` are for people, one thought each."""

    command: str
    state: str
    lines: tuple[str, ...]
    exit_code: int
    records: tuple[Record, ...] = ()
    changes: tuple[Change, ...] = ()
    error: str | None = None
    """The stable code of what ended it early."""

    def to_json(self) -> Json:
        """Return the outcome as an object (``qbdoctor.change/1``)."""
        return {
            "schema": CHANGE_SCHEMA,
            "command": self.command,
            "state": self.state,
            "text": " ".join(line.strip() for line in self.lines if line.strip()),
            "changes": [
                {"setting": one.setting, "before": one.before, "after": one.after, "diff": list(one.diff())}
                for one in self.changes
            ],
            "records": [record.to_json() for record in self.records],
            "error": None if self.error is None else {"code": self.error, "message": self.lines[0]},
            "exit_code": self.exit_code,
        }


def run(args: argparse.Namespace, work: Callable[[], CommandOutcome]) -> int:
    """Do the work and deliver what came of it; what ends it early is one sentence, and an object for ``--json``."""
    if args.format not in ("human", "json"):
        raise UserError("usage", f"{args.command}: --format is human or json.")
    check_output(args.output)  # before anything is changed: nobody would learn of it
    try:
        outcome = work()
    except UserError as error:
        if args.format == "json":
            state = "refused" if error.exit_code == 4 else "error"
            _deliver(CommandOutcome(args.command, state, (error.message,), error.exit_code, error=error.code), args)
        raise
    _deliver(outcome, args)
    return outcome.exit_code


def check_output(name: str | None) -> None:
    """See that the result can be written where ``-o`` says. Raises :class:`UserError`."""
    if name is None or name == "-":
        return
    from qbdoctor.storage import files  # noqa: PLC0415 - with pathlib 4 ms, and most results go to standard output

    path = files.expanded(name)
    if path.is_dir():
        raise UserError("output-is-folder", f"--output: {path} is a folder: name a file.")
    if not path.parent.is_dir():
        raise UserError(
            "output-failed", f"--output: there is no folder {path.parent}: name a file in one that is there."
        )


def _deliver(outcome: CommandOutcome, args: argparse.Namespace) -> None:
    if args.format == "json":
        output.deliver_json(outcome.to_json(), args.output)
    else:
        deliver_text("".join(f"{line}\n" for line in outcome.lines), args.output)


def deliver_text(text: str, to: str | None) -> None:
    """Print text for people."""
    text = program.named(text)
    if to in {None, "-"}:
        text = wrapping.wrapped(text, wrapping.columns(sys.stdout))
    output.deliver(text, to)


def lines(changes: Iterable[Change]) -> Sequence[str]:
    """Return the diff lines of changes, indented, secrets masked."""
    return [f"    {line}" for change in changes for line in change.diff()]
