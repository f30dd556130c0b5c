"""Describes what an edit changes: settings before and after, and files beside the config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from qbdoctor.model.basics import Json
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from typing import Literal

    Via = Literal["file", "api"]
else:
    Via = str

LOCK = "lockfile"
"""An instance's lock, in the config's folder (qtlocalpeer.cpp 5.2.0:96, localpeer.cpp 0402289ea:130)."""


@frozen
class Side:
    """A file before or after the change. ``mode`` is as in ``chmod 0640``; owners are None where there are none."""

    sha256: str
    size: int
    mode: str
    uid: int | None
    gid: int | None


@frozen
class Beside:
    """A second file that the change took away, as it was; ``backup`` is its copy's name in the record's folder."""

    path: str
    backup: str
    side: Side

    @property
    def is_lock(self) -> bool:
        """Whether it is an instance's lock: then the config is neither written nor replaced by it."""
        return PurePath(self.path).name == LOCK


@frozen
class JsonChange:
    """The same change in app/preferences; a value is None where it is not known."""

    name: str
    before: Json
    after: Json


@frozen
class Change:
    """One setting. ``before`` and ``after`` are the text in the file as it may be shown, None for none.

    ``section``, ``key`` and ``line`` say where in the file, where that is known. Lines of a program's source have a line
    and no key.
    """

    setting: str
    before: str | None
    after: str | None
    secret: bool = False
    section: str | None = None
    key: str | None = None
    line: int | None = None
    json: JsonChange | None = None

    @property
    def is_source(self) -> bool:
        """Whether it is lines of a program's source."""
        return self.key is None and self.line is not None

    def diff(self) -> tuple[str, ...]:
        """Return the change as lines that start with "-" and "+", as it may be shown."""
        if self.is_source:
            sides = (("-", self.before), ("+", self.after))
            return tuple(
                f"{sign}{_shown(line)}" for sign, text in sides if text is not None for line in text.split("\n")
            )
        name = self.setting if self.key is None else f"[{self.section}] {self.key}"
        old = () if self.before is None else (f"-{name}={_shown(self.before)}",)
        return old if self.after is None else (*old, f"+{name}={_shown(self.after)}")


def _shown(raw: str) -> str:
    """Return the text without anything that moves a cursor."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in raw)


Raws = Mapping[str, tuple[str | None, str | None]]
