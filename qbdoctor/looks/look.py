"""Defines a look: what one check saw of a target, as texts without a secret, and its JSON (``qbdoctor.look/1``)."""

from __future__ import annotations

from collections.abc import Mapping

from qbdoctor.model.basics import Json
from qbdoctor.patterns import regex
from qbdoctor.values import field, frozen

SCHEMA = "qbdoctor.look/1"
_SCHEMAS = regex(r"qbdoctor\.look/[1-9][0-9]{0,8}")
ABSENT = "none"
"""Stands for a secret that the config does not have."""
_LONGEST = 2000
_MOST = 300


class NewerLook(ValueError):
    """The look was written by a later qbdoctor."""


@frozen
class Setting:
    """A setting's effective value as it may be shown, and whether the file sets it at all.

    Where it may hold a secret, the value is a keyed hash (``keyed:…``), which only tells whether it changed.
    """

    value: str
    explicit: bool


@frozen
class Look:
    """What was seen at one time (``taken``, RFC 3339, UTC). ``facts`` are texts by name; what was not seen is not in them.

    ``source`` says where the settings come from ("file", "api", ""): values of different sources are not compared.
    """

    taken: str
    tool_version: str
    url: str
    facts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    source: str = ""

    def to_json(self) -> Json:
        """Return the look as JSON can hold it."""
        return {
            "schema": SCHEMA,
            "tool": {"name": "qbdoctor", "version": self.tool_version},
            "taken": self.taken,
            "url": self.url,
            "facts": dict(self.facts),
            "settings": {
                "source": self.source,
                "values": {name: {"value": one.value, "explicit": one.explicit} for name, one in self.settings.items()},
            },
        }


def parse(held: Json) -> Look:
    """Return the look that this JSON is. Raises ValueError with what is wrong: :class:`NewerLook` for a later schema."""
    schema = held.get("schema") if isinstance(held, dict) else None
    if schema != SCHEMA:
        if isinstance(schema, str) and _SCHEMAS.fullmatch(schema):
            raise NewerLook(f"it was written by a newer qbdoctor ({schema})")
        raise ValueError("it is no look of qbdoctor")
    try:
        values = held["settings"]["values"]
        return Look(
            taken=_text(held["taken"]),
            tool_version=_text(held["tool"]["version"]),
            url=_text(held["url"]),
            facts={_text(name): _text(value) for name, value in list(held["facts"].items())[:_MOST]},
            settings={
                _text(name): Setting(_text(one["value"]), one["explicit"] is True)
                for name, one in list(values.items())[:_MOST]
            },
            source=_text(held["settings"]["source"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks a member or has one of a wrong type ({error})") from None


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value[:_LONGEST]
