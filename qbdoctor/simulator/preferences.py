"""Answers app/preferences and app/setPreferences of the stand-in."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from qbdoctor import releases
from qbdoctor.config.qtini.values import from_bool, from_list, from_text
from qbdoctor.config.settings import Settings
from qbdoctor.config.subnets import parse_subnets
from qbdoctor.model.basics import Secret
from qbdoctor.releases import Key
from qbdoctor.releases.preferences_table import PREFERENCES
from qbdoctor.releases.response_fields import COMPUTED
from qbdoctor.releases.web_api import fields
from qbdoctor.simulator.state import StandIn


class Rejected(Exception):
    """A preference that the release does not take, in its own words."""


def preferences(standin: StandIn) -> dict[str, Any]:
    """app/preferences, secrets included as the release shows them; made-up values for paths and ports of peers."""
    version, settings = standin.version, standin.config.settings
    folder = standin.torrents.default_save_path()
    own = {"file_log_path": "", "save_path": folder, "temp_path": f"{folder.rstrip('/')}/temp"}
    table = fields(PREFERENCES, version)
    found = {name: own.get(name, 0) if value is COMPUTED else value for name, value in table.items()}
    found.update(standin.other_preferences)
    for key in releases.KEYS:
        if key.json and key.readable and releases.reads(key, version):
            found[key.json] = _shown(key, settings)
    return found


def _shown(key: Key, settings: Settings) -> bool | int | str:
    if key.secret:
        stored = settings.secret(key.name)
        return stored.reveal() if stored else ""
    if key.kind == "bool":
        return settings.boolean(key.name) != key.inverted
    if key.kind == "int":
        return settings.integer(key.name)
    return "\n".join(map(str, settings.whitelist()[0])) if key.kind == "list" else settings.text(key.name)


def set_preferences(standin: StandIn, text: str) -> None:
    """Apply a JSON object of preferences; text that is none changes nothing. Raises :class:`Rejected`.

    What the release looks at before user and password is then kept in the config, though not in effect.
    """
    given = _parsed(text)
    wanted = dict(given) if isinstance(given, dict) else {}
    refused = _refused(standin, wanted)
    if refused is not None:
        for name in releases.rule("preferences.before_credentials", standin.version):
            if name in wanted:
                _keep(standin, name, wanted[name])
        raise Rejected(refused)
    username = wanted.get("web_ui_username")
    if username is not None and len(_as_text(username)) < 3:
        del wanted["web_ui_username"]  # older releases pass over it without a word
    for name, value in wanted.items():
        _keep(standin, name, value)
    standin.apply()


def _parsed(text: str) -> Any:
    """Return the JSON value, or None for what Qt does not take for one."""
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def _finite(word: str) -> float:
    """Return a number. Raises ValueError for NaN and what is too large, which Python takes and Qt does not."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(word)
    return number


def _refused(standin: StandIn, wanted: dict[str, Any]) -> str | None:
    """Why the user name or the password is not taken."""
    for what in ("username", "password"):
        value = wanted.get(f"web_ui_{what}")
        least = releases.rule(f"{what}.min_length", standin.version)
        if value is not None and len(_as_text(value)) < least:
            return f"WebUI {what} must be at least {least} characters long"
        if what == "username" and ":" in _as_text(value) and releases.rule("username.no_colon", standin.version):
            return "WebUI username cannot contain a colon"
    return None


def _keep(standin: StandIn, name: str, value: Any) -> None:
    key = releases.key_for_json(name, standin.version)
    if key is not None:
        if not key.writable:
            return
        if name == "web_ui_password":
            standin.temporary = None
            standin.config.set_password(Secret(_as_text(value)))
        else:
            standin.config.set(key.name, _raw(key, value, utf8=releases.qt_reads_utf8(standin.version)))
        return
    default = fields(PREFERENCES, standin.version).get(name)
    if not isinstance(default, bool | int | str):
        return
    taken = (
        _as_bool(value)
        if isinstance(default, bool)
        else _as_number(value)
        if isinstance(default, int)
        else _as_text(value)
    )
    if taken != standin.other_preferences.get(name, default):
        standin.other_preferences[name] = taken
        standin.config.dirty = True


def _raw(key: Key, value: Any, *, utf8: bool) -> str:
    """Return what Qt makes of a JSON value, as it is spelled in the file."""
    match key.kind:
        case "bool":
            return from_bool(_as_bool(value) != key.inverted)
        case "int":
            return str(_as_number(value))
        case "list":
            entries = [each for each in re.split(r"[\n,]", _as_text(value)) if parse_subnets([each])[0]]
            return from_list(entries, utf8=utf8)
        case _:
            return from_text(_as_text(value), utf8=utf8)


def _as_bool(value: Any) -> bool:
    if isinstance(value, str):
        return value.lower() not in ("", "0", "false")
    return not isinstance(value, list | dict) and bool(_as_number(value or 0))


def _as_number(value: Any) -> int:
    try:
        return round(value) if isinstance(value, int | float) else int(str(value))
    except ValueError:
        return 0


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return from_bool(value)
    if value is None or isinstance(value, list | dict):
        return ""
    return str(value).encode("utf-8", "replace").decode()  # half a surrogate pair has no place in a file
