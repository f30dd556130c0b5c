"""Checks as they are declared, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qbdoctor.model.basics import Confidence, Json, RemedyKind, Severity, Status
from qbdoctor.model.exchanges import Evidence
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import field, frozen

if TYPE_CHECKING:
    from typing import Any


@frozen
class Finding:
    """What one check found: a cause's id, how sure it is, one sentence, and what was seen.

    ``values`` fill the places (``{port}``) in the catalogue's remedies. ``severity`` overrides the catalogue's where
    the same cause is at times the reason that calls fail and at times only a warning. ``remedies`` come before the
    catalogue's own.
    """

    cause: str
    confidence: Confidence
    summary: str
    evidence: tuple[Evidence, ...] = ()
    severity: Severity | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()


@frozen
class Judgement:
    """A check's answer. ``skip`` and ``unknown`` must say why in ``reason``.

    ``wants`` names comparisons: the engine makes them and asks the check once more, with them among the observations.
    """

    status: Status
    summary: str
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    wants: tuple[str, ...] = ()


@frozen
class Check:
    """A check as it is declared, one a file. ``judge`` is pure: observations in, a judgement out.

    ``id`` is the file's name with hyphens; ``order`` decides the place in the report; ``causes`` are the ids it can
    find; ``about`` is its page for ``qbdoctor explain``: what it looks at, what it sends, what it can show.
    """

    id: str
    title: str
    order: int
    judge: Callable[[Any], Judgement]
    causes: tuple[str, ...]
    about: str


@frozen
class Remedy:
    """One way out. ``commands`` can be typed or pasted as they stand; ``loosens``: it makes the server less secure."""

    kind: RemedyKind
    text: str
    commands: tuple[str, ...] = ()
    fix: str | None = None
    loosens: bool = False

    def to_json(self) -> Json:
        """Return the contract's remedy object."""
        return {"kind": self.kind, "fix": self.fix, "text": self.text, "commands": list(self.commands)}
