"""Defines what all of the vocabulary is made of: the kinds of words, a secret, and the error that is told to people."""

from __future__ import annotations

from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Literal, NoReturn

    Json = Any
    """A value that :mod:`json` can write: there is no narrower recursive type that mypy, checks and plug-ins all bear."""

    Severity = Literal["error", "warning", "info"]
    Confidence = Literal["proven", "likely", "possible"]
    Status = Literal["pass", "fail", "warn", "skip", "unknown"]
    State = Literal["healthy", "problem", "unknown"]
    RemedyKind = Literal["fix", "client", "proxy", "deployment", "manual"]
    EvidenceKind = Literal["response", "setting", "process", "log", "file", "experiment"]
else:
    Json = object
    Severity = Confidence = Status = State = RemedyKind = EvidenceKind = str

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
STATES: tuple[State, ...] = ("healthy", "problem", "unknown")
CONFIDENCES: tuple[Confidence, ...] = ("proven", "likely", "possible")
REMEDY_KINDS: tuple[RemedyKind, ...] = ("fix", "client", "proxy", "deployment", "manual")

REPORT_SCHEMA = "qbdoctor.report/1"


class Secret:
    """A text that must never be shown: a password, a cookie's value, an API key, a hash.

    It cannot be formatted, pickled or written as JSON by accident: ``str()`` and f-strings raise
    :class:`TypeError`, ``repr()`` shows nothing. :meth:`reveal` is the one way out and easy to grep for.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret text, for sending or comparing, never for showing."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> NoReturn:
        raise TypeError("a secret cannot be formatted")

    def __format__(self, _spec: str) -> NoReturn:
        raise TypeError("a secret cannot be formatted")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")
