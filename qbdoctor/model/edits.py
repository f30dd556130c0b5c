"""Defines fixes as they are declared, and what they plan: edits that name settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qbdoctor.model.basics import Secret
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import field, frozen

if TYPE_CHECKING:
    from typing import Any, Literal

    Effect = Literal["hardens", "keeps", "loosens"]
else:
    Effect = str


@frozen
class Added:
    """One more entry of a setting that holds a list: what is there stays; nothing changes where it is there already."""

    entry: str


@frozen
class NewPassword:
    """A password that is to be set: the file gets a hash of it, made once; the Web API takes it as it is."""

    plain: Secret
    hashed: Secret


SettingValue = bool | int | str | tuple[str, ...] | Added | NewPassword


@frozen
class Edit:
    """One setting and the value that it is to have; None takes the key out. Names the setting, never a line."""

    setting: str
    value: SettingValue | None


@frozen
class Remove:
    r"""A key that is no setting: all its lines go, all else stays. Named as Qt takes it ("Preferences", ``WebUI\X``).

    ``meant`` is the real setting that it stands for, "" for none: whether its value may be shown depends on that.
    """

    section: str
    key: str
    meant: str = ""

    @property
    def setting(self) -> str:
        """What the record calls it: no setting has such a name."""
        return f"[{self.section}] {self.key}"


@frozen
class Move:
    """The value of a key goes to the place where the release reads this setting, which must be free; its lines go."""

    setting: str
    section: str
    key: str
    to_section: str
    to_key: str


@frozen
class ReplaceFile:
    """The file gets the content of the one that qBittorrent left beside it (``qBittorrent_new.conf``), which goes."""

    @property
    def setting(self) -> str:
        """What a refusal calls it."""
        return "the whole file"


@frozen
class RemoveLock:
    """The lock of an instance that is gone (``lockfile`` beside the config) goes; the config stays as it is."""

    @property
    def setting(self) -> str:
        """What a refusal calls it."""
        return "the lock"


@frozen
class SourceLines:
    """Lines ``first`` to ``last`` of a program's source get other bytes; ``last`` before ``first``: new ones stand before it.

    ``before`` and ``after`` are the same as they may be shown, None for no line, without their line ends.
    """

    first: int
    last: int
    data: bytes = field(repr=False)
    before: str | None
    after: str | None

    @property
    def setting(self) -> str:
        """What a record calls it."""
        if self.last > self.first:
            return f"lines {self.first} to {self.last}"
        return f"line {self.first}" if self.last == self.first else f"before line {self.first}"


AnyEdit = Edit | Remove | Move | ReplaceFile | RemoveLock


@frozen
class Effectiveness:
    """What the server did after a fix: ``works`` is None where no address that we hold can show it."""

    works: bool | None
    text: str


@frozen
class Input:
    """A value that a fix must be told, by ``--set NAME=VALUE``.

    ``about`` says what it is, with its article; ``read`` returns the text in its one form or raises ValueError, whose text
    completes a sentence. ``found`` is its name among a finding's values, ``default`` what stands in where nothing is
    known. ``secret``: a person is asked, or a file read; never an option's value.
    """

    name: str
    about: str
    read: Callable[[str], str]
    found: str = ""
    default: str = ""
    secret: bool = False


@frozen
class Fix:
    """A fix as it is declared, one a file; pure planning, only the journal writes.

    ``plan(seen, cause)`` returns the edits; ``cause`` is the id that was found, None where a person asked for the fix
    by name, and an empty result means that this fix does not apply to it. ``judge(before, after)`` says what the
    server's own acts show, from observations taken before and after. ``exposes`` says what one that loosens opens;
    ``provided`` on what, outside of qBittorrent, it depends that ``effect`` is true, completing "provided that".

    ``inputs`` are what it must be told; with any, its functions take the values (``given``) as one more argument.
    ``forbids(seen, via)`` returns why it must not be made this way ("api" or "file"), or "".
    ``file_only``: the Web API has no way for it. ``by_value``: whether it loosens depends on the values that it makes
    effective, and is judged by them (:mod:`qbdoctor.repair.exposure`); ``effect`` is what it does else.
    """

    id: str
    title: str
    order: int
    answers: tuple[str, ...]
    effect: Effect
    plan: Callable[..., tuple[AnyEdit, ...]]
    judge: Callable[..., Effectiveness]
    changes: str
    about: str
    exposes: str = ""
    provided: str = ""
    inputs: tuple[Input, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    forbids: Callable[..., str] | None = None
    file_only: bool = False
    by_value: bool = False

    def edits(self, seen: Any, cause: str | None) -> tuple[AnyEdit, ...]:
        """Return the edits, with the values that were given."""
        return self.plan(seen, cause, *self._told)

    def shown(self, before: Any, after: Any) -> Effectiveness:
        """Return what the server's own acts show, by the values that were given."""
        return self.judge(before, after, *self._told)

    def refused(self, seen: Any, via: str) -> str:
        """Return why it must not be made this way, or ""."""
        why = self.forbids(seen, via, *self._told) if self.forbids is not None else ""
        if not why and self.file_only and via == "api":
            return (
                "it changes lines of the file, which the Web API cannot: stop qBittorrent and use --via file, or have it "
                "restarted for that with --restart."
            )
        return why

    @property
    def _told(self) -> tuple[Mapping[str, Any], ...]:
        return (self.given,) if self.inputs else ()
