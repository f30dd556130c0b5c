"""Asks whether a change is to stay, or says how that is told; the watchdog keeps the time meanwhile."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from qbdoctor.cli import output
from qbdoctor.cli.changes import prompts
from qbdoctor.cli.outcome import CommandOutcome
from qbdoctor.model.errors import UserError
from qbdoctor.repair.journal import confirmations
from qbdoctor.repair.restart import watchdog_client
from qbdoctor.values import replace

if TYPE_CHECKING:
    from qbdoctor.repair.journal.journal import Journal
    from qbdoctor.repair.restart.watchdog_client import WatchdogClient


def decision(
    args: argparse.Namespace,
    journal: Journal,
    run: str,
    watchdog: WatchdogClient,
    until: str,
    outcome: CommandOutcome,
) -> CommandOutcome:
    """Have what was done confirmed: a person is asked, anybody else is told how. Returns how it ended."""
    ids = [record.id for record in outcome.records]
    if args.yes or not prompts.person_answers():
        how = f"It is undone at {until} unless confirmed: qbdoctor fix --confirm {run}"
        watchdog.release(done=False)
        records = tuple(confirmations.of_ids(journal, ids))
        return replace(outcome, state="to-be-confirmed", lines=(*outcome.lines, how), records=records)
    for line in outcome.lines:
        output.say(line)
    if prompts.agreed("Does all work? Keep it?", seconds=args.confirm_within):
        try:
            kept = confirmations.confirm(journal, run)
        except UserError:  # the time was over while the answer was typed
            pass
        else:
            watchdog.release(done=False)
            return replace(outcome, lines=("✓ Confirmed: it stays.",), records=kept)
    left = watchdog_client.undo_now(watchdog)
    end = " ".join(left) or "Not confirmed: everything was put back as it was."
    return replace(
        outcome, state="undone", lines=(f"✗ {end}",), exit_code=4, records=tuple(confirmations.of_ids(journal, ids))
    )
