"""Saves all that a check saw, without a secret (``qbdoctor.saved/1``), and gives it back to be judged again elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from qbdoctor.looks import look as looks
from qbdoctor.looks import words
from qbdoctor.looks.annotations import fits
from qbdoctor.looks.encoding import CLASSES, decode, encode
from qbdoctor.looks.look import Look
from qbdoctor.model.basics import Json
from qbdoctor.model.errors import UserError
from qbdoctor.observe.base.observations import NotObserved, Observations
from qbdoctor.patterns import regex
from qbdoctor.storage import files, foreign
from qbdoctor.values import frozen, replace

if TYPE_CHECKING:
    from qbdoctor.model.report import Report
    from qbdoctor.observe.observer import Observer

SCHEMA = "qbdoctor.saved/1"
_SCHEMAS = regex(r"qbdoctor\.saved/[1-9][0-9]{0,8}")
_MOST_BYTES = 16 * 1024 * 1024


@frozen
class Saved:
    """A saved check: its look and what was seen."""

    look: Look
    observer: Observer

    @property
    def taken(self) -> datetime | None:
        """When it was saved."""
        return words.parsed(self.look.taken)


def to_json(observer: Observer, report: Report, look: Look) -> Json:
    """Return all that a check saw as JSON; what cannot be written is left out and named."""
    hide = observer.wire.masks.hide
    seen: dict[str, Json] = {}
    left_out: list[str] = []
    for name, value in observer.seen.taken().items():
        try:
            seen[name] = encode(_without_secrets(name, value), hide)
        except TypeError:
            left_out.append(name)
    comparisons = {name: encode(made, hide) for name, made in observer.seen.comparisons.items()}
    return {
        "schema": SCHEMA,
        "tool": {"name": "qbdoctor", "version": report.version},
        "saved": report.started,
        "system": sys.platform,
        "verdict": {"state": report.state, "headline": hide(report.headline), "exit_code": report.exit_code},
        "causes": [{"id": one.id, "severity": one.severity, "confidence": one.confidence} for one in report.causes],
        "look": _shared(look).to_json(),
        "seen": seen,
        "comparisons": comparisons,
        "left_out": left_out,
        "cookies": list(observer.session.cookies),
        "login_attempts": observer.login_attempts,
    }


def _without_secrets(name: str, value: Any) -> Any:
    if name == "preferences" and isinstance(value, Mapping):
        return {key: "***" if "header" in key and isinstance(one, str) and one else one for key, one in value.items()}
    return value


def _shared(look: Look) -> Look:
    """Return a look without keyed hashes: they are for this machine, whose key they need, alone."""
    return replace(
        look,
        facts={name: text for name, text in look.facts.items() if not text.startswith("keyed:")},
        settings={name: one for name, one in look.settings.items() if not one.value.startswith("keyed:")},
    )


def load(path: Path) -> Saved:
    """Return what was saved. Raises :class:`UserError` with what is wrong with the file."""
    try:
        data = foreign.read(path, _MOST_BYTES + 1)
    except OSError as error:
        raise UserError(
            "saved-unreadable", f"{path} cannot be read ({error.strerror}): name a file that check --save made."
        ) from None
    if len(data) > _MOST_BYTES:
        raise UserError(
            "saved-too-large", f"{path} is larger than {_MOST_BYTES >> 20} MiB: no file that check --save made."
        )
    try:
        held = json.loads(data.decode(files.encoding(data)))
    except (ValueError, RecursionError):
        held = None
    schema = held.get("schema") if isinstance(held, dict) else None
    if isinstance(schema, str) and schema != SCHEMA and _SCHEMAS.fullmatch(schema):
        raise UserError("saved-newer", f"{path} was written by a newer qbdoctor ({schema}): read it with that one.")
    if schema != SCHEMA:
        raise UserError("saved-damaged", f"{path} is no file that check --save made: make it anew.")
    try:
        return _read(held)
    except (KeyError, TypeError, ValueError, AttributeError, NotObserved, UserError) as error:
        raise damaged(path, error) from None


def damaged(file: Path | str, error: Exception) -> UserError:
    """Return the error for a saved look that holds what none does, or lacks what each has."""
    return UserError("saved-damaged", f"{file} is damaged ({type(error).__name__}: {error}): make it anew.")


_KINDS = {
    name: str(member.fget.__annotations__["return"])
    for name, member in vars(Observations).items()
    if isinstance(member, property) and member.fget is not None
}
"""What each observation is, by the class that gives it."""


def _read(held: Json) -> Saved:
    taken: dict[str, Any] = {}
    for name, value in held["seen"].items():
        try:
            kept = decode(value)
        except (ValueError, UserError):
            continue
        if name not in _KINDS or fits(kept, _KINDS[name], CLASSES):
            taken[name] = kept
        # else another release's: who asks for it is told that the saved look does not hold it
    seen = Observations(taken)
    for name, value in held["comparisons"].items():
        try:
            compared = decode(value)
        except (ValueError, UserError):
            compared = ()
        seen.comparisons[name] = compared if fits(compared, "tuple[Comparison, ...]", CLASSES) else ()
    target = seen.target
    observer = SimpleNamespace(
        seen=seen,
        target=target,
        address=target.address,
        wire=SimpleNamespace(masks=SimpleNamespace(hide=lambda text: text), certificate=None, exchanges=[]),
        session=SimpleNamespace(cookies=dict.fromkeys(map(str, held["cookies"]))),
        login_attempts=1 if held["login_attempts"] else 0,
        close=lambda: None,
        saved=True,
    )
    return Saved(looks.parse(held["look"]), cast("Observer", observer))
