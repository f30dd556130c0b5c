"""Describes what changed between two looks at a target, for a report."""

from __future__ import annotations

from qbdoctor.model.basics import Json
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from typing import Literal


@frozen
class SeenChange:
    """One thing that is not as it was. ``when`` is RFC 3339, UTC, where the server's log or process dates it.

    A secret has neither ``before`` nor ``after``. ``explains`` are ids of causes of the same report; ``told`` is the change
    in words, ``dated`` its time in words, in local time.
    """

    what: str
    before: str | None
    after: str | None
    when: str | None = None
    explains: tuple[str, ...] = ()
    told: str = ""
    dated: str = ""

    def to_json(self) -> Json:
        """Return the contract's item of changes."""
        return {
            "what": self.what,
            "before": self.before,
            "after": self.after,
            "when": self.when,
            "explains": list(self.explains),
        }

    def text(self) -> str:
        """Return the change in words, with its time where that is known."""
        return f"{self.told} ({self.dated})" if self.dated else self.told


@frozen
class SeenChanges:
    """What changed since a time (RFC 3339, UTC), what explains the first error first, what explains nothing last.

    ``by`` says what the present is held against: the last healthy "look", the server's "log", or "saved" for a file.
    ``lead`` begins the sentence that tells them: "Since it last worked (Tuesday 21:04)".
    """

    since: str
    by: Literal["look", "log", "saved"]
    items: tuple[SeenChange, ...]
    lead: str = ""

    @property
    def telling(self) -> tuple[SeenChange, ...]:
        """The changes that explain a cause."""
        return tuple(one for one in self.items if one.explains)

    @property
    def others(self) -> tuple[SeenChange, ...]:
        """The changes that explain nothing."""
        return tuple(one for one in self.items if not one.explains)

    def to_json(self) -> Json:
        """Return the contract's changes object."""
        return {"since": self.since, "by": self.by, "items": [item.to_json() for item in self.items]}


@frozen
class FailingClient:
    """An address whose requests the server refuses, by its log. Times are RFC 3339, UTC; ``told`` is it in words.

    ``what`` is "login", "banned", "host", "port", "origin", "referer" or "cross-site"; ``sent`` the header's last value,
    which a stranger chose. ``own`` is True for the address that qbdoctor itself comes from.
    """

    address: str
    what: str
    count: int
    first: str | None
    last: str | None
    sent: str = ""
    own: bool = False
    told: str = ""

    def to_json(self) -> Json:
        """Return the report's member of failing_clients."""
        return {
            "address": self.address,
            "what": self.what,
            "count": self.count,
            "first": self.first,
            "last": self.last,
            "sent": self.sent or None,
            "own": self.own,
        }


@frozen
class UndoneChange:
    """A verified change of qbdoctor's own that no longer holds: its record and fix, the setting, the values as people read them.

    ``verified`` is when it was last known to hold (RFC 3339, UTC); ``where`` says in what the present value stands.
    """

    record: str
    fix: str
    setting: str
    wanted: str
    now: str
    verified: str
    where: str

    def to_json(self) -> Json:
        """Return the member of a history's record that tells it."""
        return {"setting": self.setting, "wanted": self.wanted, "now": self.now, "where": self.where}
