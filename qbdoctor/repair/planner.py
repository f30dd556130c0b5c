"""Plans one fix run: which way each fix is made, and what it changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbdoctor.model.errors import Refused
from qbdoctor.repair.password_change import BY_FILE

if TYPE_CHECKING:
    from qbdoctor.repair.plan import PlanStep


def check_undoable(steps: Sequence[PlanStep], *, timed: bool) -> None:
    """Refuse to make live what could not be undone with the rest; ``timed``: or in time. Raises Refused."""
    for step in steps:
        if not step.texts or (step.before.keys() >= step.after.keys() and not timed):
            continue
        if len(steps) > 1:
            raise Refused(
                f"{step.fix.id}: if another of these fixes failed it could not be undone live with the rest: name it alone, "
                f"give the password that works now, or {BY_FILE}",
                "not-this-way",
            )
        if timed:
            raise Refused(
                f"{step.fix.id}: the Web API cannot put the old hash back, so nothing could undo it in time: {BY_FILE}",
                "not-this-way",
            )
