"""Decides how much a report tells at a terminal: the steps from all to what fits on any screen."""

from __future__ import annotations

from qbdoctor.values import frozen


@frozen
class Detail:
    """How much is told. ``limit``: characters of a sentence, 0 for all; ``block``: lines of a command that is shown.

    ``remedy`` is the limit of a remedy's sentence, ``cell`` that of each half of a proof and of the line about the target.
    ``evidence`` is how many pieces beside the experiments, ``rest`` whether causes after the first are told in full,
    ``airy`` whether parts stand a line apart, ``changes`` how many are told of those since the target last worked,
    ``failing`` how many of the other clients that the server refuses.
    """

    limit: int
    remedy: int
    evidence: int
    remedies: int
    block: int
    rest: bool = False
    listed: bool = False
    notes: bool = False
    airy: bool = True
    cell: int = 0
    changes: int = 2
    failing: int = 0


ALL = Detail(
    limit=0,
    remedy=0,
    evidence=1000,
    remedies=1000,
    block=1000,
    rest=True,
    listed=True,
    notes=True,
    changes=1000,
    failing=50,
)
# A log line or a page can be any length; in full it is in the JSON, and with -v.
LEVELS = (
    Detail(
        limit=400,
        remedy=400,
        evidence=1000,
        remedies=3,
        block=1000,
        rest=True,
        listed=True,
        notes=True,
        changes=1000,
        failing=8,
    ),
    Detail(limit=400, remedy=400, evidence=2, remedies=3, block=1000, listed=True, notes=True, changes=4, failing=4),
    Detail(limit=300, remedy=300, evidence=1, remedies=3, block=4, failing=2),
    Detail(limit=240, remedy=240, evidence=1, remedies=2, block=2),
    Detail(limit=240, remedy=160, evidence=1, remedies=2, block=2),
    Detail(limit=240, remedy=160, evidence=1, remedies=1, block=2),
    Detail(limit=160, remedy=160, evidence=0, remedies=1, block=1),
    Detail(limit=160, remedy=160, evidence=0, remedies=1, block=1, airy=False),
    Detail(limit=100, remedy=100, evidence=0, remedies=1, block=1, airy=False, changes=1),
    Detail(limit=100, remedy=70, evidence=0, remedies=1, block=1, airy=False, cell=60, changes=1),
    Detail(limit=44, remedy=44, evidence=0, remedies=1, block=1, airy=False, cell=20, changes=1),
)
"""From the most to the least, each tried until the report fits on the screen; where no screen is given, the first."""
