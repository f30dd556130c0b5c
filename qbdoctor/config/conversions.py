r"""Converts one setting between its two spellings: the text in the file and the value in app/preferences.

Both say the same setting, and a change made the one way may have to be taken back the other way. Values are compared
by what Qt makes of them, never by their spelling: ``"false"`` is ``false``.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import NamedTuple

from qbdoctor import releases
from qbdoctor.config.qtini import values as qtini_values
from qbdoctor.model.basics import Json
from qbdoctor.releases import Default, Key, Layout, Version

MASK = "***"
_OTHER_UNIT = {"FileLogger/MaxSizeBytes"}  # bytes in the file, KiB in JSON
_LAYOUTS: tuple[Layout, ...] = ("Preferences", "WebUI")


class SettingPlace(NamedTuple):
    r"""Section and key as :mod:`qbdoctor.config.qtini.document` has them: "Preferences" and ``WebUI\LocalHostAuth``."""

    section: str
    key: str


def known(setting: str) -> Key | None:
    """Return the setting as the table of releases has it, or None for a key that is no setting of the Web UI."""
    try:
        return releases.key(setting)
    except KeyError:
        return None


def places(setting: str) -> tuple[SettingPlace, ...]:
    r"""Return where releases have the setting: one place, or two (``[Preferences] WebUI\X`` and ``[WebUI] X``)."""
    if known(setting) is None:
        return ()
    return tuple(dict.fromkeys(SettingPlace(*releases.place(setting, layout)) for layout in _LAYOUTS))


def is_secret(setting: str) -> bool:
    """Return whether the table of releases calls the setting a secret."""
    found = known(setting)
    return found is not None and found.secret


def meaning(setting: str, raw: str | None) -> Hashable:
    """Return what Qt makes of the text in the file, for comparing; None for an absent key."""
    if raw is None:
        return None
    found = known(setting)
    default = releases.default(found, releases.NEWEST) if found is not None else None
    match default:
        case bool():
            return qtini_values.to_bool(raw, default)
        case int():
            return qtini_values.to_int(raw, default)
    if found is not None and found.kind == "bytes":
        return qtini_values.to_bytes(raw)
    return qtini_values.to_list(raw)


def shown(raw: str | None, *, secret: bool) -> str | None:
    """Return a text of the file as records hold it: masked if it is a secret, its bytes as UTF-8 else."""
    if raw is None:
        return None
    return MASK if secret else raw.encode("ascii", "surrogateescape").decode("utf-8", "replace")


def json_name(setting: str) -> str | None:
    """Return the name in app/preferences under which the setting can be read and written; None if there is none."""
    found = known(setting)
    if found is None or found.secret or not found.writable or found.kind == "bytes" or found.name in _OTHER_UNIT:
        return None
    return found.json


def setting_of(name: str, version: Version | None) -> str:
    """Return the setting behind a name of app/preferences; the name itself where no setting is known."""
    found = releases.key_for_json(name, version or releases.NEWEST)
    return name if found is None else found.name


def json_value(setting: str, raw: str | None, version: Version | None = None) -> Json:
    """Return the value in app/preferences that says the same; None where there is none or it is not known.

    For an absent key it is the release's default: without a version only if all releases agree on one.
    """
    found = known(setting)
    if found is None or json_name(setting) is None:
        return None
    if raw is None:
        values = {value for _, value in found.defaults}
        default = releases.default(found, version or releases.NEWEST)
        return _json(found, default) if version is not None or len(values) == 1 else None
    value: Default
    match found.kind:
        case "bool":
            value = qtini_values.to_bool(raw, default=bool(found.defaults[-1][1]))
        case "int":
            value = qtini_values.to_int(raw, 0)
        case "list":
            value = qtini_values.to_list(raw)
        case _:
            value = qtini_values.to_text(raw)
    return _json(found, value)


def _json(found: Key, value: Default) -> Json:
    if isinstance(value, tuple):
        return "\n".join(value)
    return not value if found.inverted else value


def raw_value(setting: str, value: Json) -> str | None:
    """Return the text in the file that says the same as a value of app/preferences; None where there is none."""
    found = known(setting)
    if found is None or json_name(setting) is None:
        return None
    match found.kind, value:
        case "bool", bool():
            return qtini_values.from_bool(value is not found.inverted)
        case "int", int() if not isinstance(value, bool):
            return str(value)
        case "list", str():
            return qtini_values.from_list(_entries(value), utf8=False)
        case (("text" | "path"), str()):
            return qtini_values.from_text(value, utf8=False)  # all ASCII: every release reads it alike
    return None


def same_json(setting: str, one: Json, other: Json) -> bool:
    """Return whether two values of app/preferences mean the same; true and 1 do not, two spellings of a list do."""
    found = known(setting)
    if found is not None and found.kind == "list" and isinstance(one, str) and isinstance(other, str):
        return _entries(one) == _entries(other)
    return type(one) is type(other) and bool(one == other)


def _entries(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in re.split(r"[\n,]", text) if entry.strip())
