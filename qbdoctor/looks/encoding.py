"""Writes observations as JSON and reads them again, whatever system and release of qbdoctor wrote them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from qbdoctor.config.settings import Settings
from qbdoctor.looks.annotations import fits
from qbdoctor.looks.redaction import config_text, log_lines
from qbdoctor.model import changes, exchanges
from qbdoctor.model.basics import Json, Secret
from qbdoctor.observe.base import observed_values
from qbdoctor.observe.base.config_place import ConfigPlace
from qbdoctor.releases import Version, VersionRange
from qbdoctor.target.address import Address
from qbdoctor.target.command_line import CommandLine
from qbdoctor.target.description import Target
from qbdoctor.target.engines import container
from qbdoctor.target.engines.port_mappings import PortMapping
from qbdoctor.target.listeners import Listener
from qbdoctor.target.log import LogLine
from qbdoctor.target.log_rejections import Rejection
from qbdoctor.target.processes import Instance

KIND = "is"
_MOST_DEPTH = 40
_TYPES: dict[str, type[Any]] = {
    one.__name__: one
    for one in (
        *(value for value in vars(observed_values).values() if is_dataclass(value) and isinstance(value, type)),
        *(value for value in vars(exchanges).values() if is_dataclass(value) and isinstance(value, type)),
        *(value for value in vars(container).values() if is_dataclass(value) and isinstance(value, type)),
        PortMapping, changes.UndoneChange, Address, CommandLine, ConfigPlace, Instance, Listener, LogLine, Rejection, Target,
    )
}  # fmt: skip
CLASSES = frozenset((*_TYPES, "Secret", "Settings", "Version", "VersionRange", "datetime", "HandedOut", "InstanceLock"))
"""The classes that annotations of what is kept name; the last two are never kept."""
_NOT_KEPT = {"environment": ("PORT", "PROFILE", "HOME", "CONFIGURATION", "DIR")}
"""Of a mapping in a member of this name only the values whose name ends so."""

_HEADERS = frozenset(
    (
        "alt-svc", "cache-control", "connection", "content-encoding", "content-length", "content-security-policy",
        "content-type", "cross-origin-embedder-policy", "cross-origin-opener-policy", "cross-origin-resource-policy",
        "date", "expires", "keep-alive", "location", "permissions-policy", "pragma", "referrer-policy",
        "retry-after", "server", "set-cookie", "strict-transport-security", "transfer-encoding", "vary", "via",
        "www-authenticate", "x-content-type-options", "x-frame-options", "x-xss-protection",
    )
)  # fmt: skip
"""Of an answer only the values of these: a custom header of the server's or a proxy's may hold a token."""


class NotReadable(ValueError):
    """The JSON holds what this qbdoctor does not know."""


def encode(value: Any, hide: Callable[[str], str]) -> Json:
    """Return a value as JSON; ``hide`` takes the secrets out of its texts. Raises TypeError for what cannot be written."""
    match value:
        case None | bool() | int() | float():
            if isinstance(value, int) or value is None or isinstance(value, float):
                return value
        case str():
            return hide(value)
        case Secret():
            return {KIND: "secret", "empty": not value}
        case Settings():
            return _settings(value, hide)
        case Version():
            return {KIND: "version", "text": str(value)}
        case VersionRange():
            return {KIND: "range", "ends": [str(value.lowest), str(value.highest)]}
        case PurePath():
            return {KIND: "path", "text": hide(str(value)), "windows": isinstance(value, PureWindowsPath)}
        case datetime():
            return {KIND: "time", "text": value.isoformat()}
        case tuple() | list():
            items = log_lines(value) if value and isinstance(value[0], LogLine) else value
            return [encode(one, hide) for one in items]
        case frozenset() | set():
            return [encode(one, hide) for one in sorted(value)]
        case Mapping():
            return {KIND: "map", "items": [[str(name), encode(one, hide)] for name, one in value.items()]}
    if is_dataclass(value) and type(value).__name__ in _TYPES:
        members = {one.name: _member(one.name, getattr(value, one.name)) for one in fields(value)}
        return {KIND: type(value).__name__, "with": {name: encode(one, hide) for name, one in members.items()}}
    raise TypeError(type(value).__name__)


def _member(name: str, value: Any) -> Any:
    ends = _NOT_KEPT.get(name)
    if ends is not None and isinstance(value, Mapping):
        return {key: text if key.endswith(ends) else "***" for key, text in value.items()}
    if name == "headers" and isinstance(value, tuple):
        return tuple((key, text if key.lower() in _HEADERS else "***") for key, text in value)
    if name == "handed":  # the whole config, as an engine handed it out
        return None
    if name == "command" and isinstance(value, tuple):  # a torrent's link may hold a passkey
        return tuple("…" if "://" in part or part.startswith("magnet:") else part for part in value)
    return value


def _settings(value: Settings, hide: Callable[[str], str]) -> Json:
    return {
        KIND: "settings",
        "text": hide(config_text(value).decode("utf-8", "replace")),
        "version": str(value.version) if value.version is not None else None,
        "file": encode(value.file, hide),
        "modified": encode(value.modified, hide),
        "windows": value.ini.ignore_case,
    }


def decode(held: Json, depth: int = 0) -> Any:
    """Return the value that JSON stands for. Raises :class:`NotReadable`, and ValueError for what is damaged."""
    if depth > _MOST_DEPTH:
        raise NotReadable("it is nested too deeply")
    if held is None or isinstance(held, str | bool | int | float):
        return held
    if isinstance(held, list):
        return tuple(decode(one, depth + 1) for one in held)
    try:
        return _object(held, depth)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise NotReadable(
            f"{held.get(KIND) if isinstance(held, dict) else held!r} is not understood: {error}"
        ) from None


def _object(held: dict[str, Json], depth: int) -> Any:
    match held[KIND]:
        case "secret":
            return Secret("" if held["empty"] else "***")
        case "version":
            return _version(held["text"])
        case "range":
            lowest, highest = held["ends"]
            return VersionRange(_version(lowest), _version(highest))
        case "path":
            return (PureWindowsPath if held["windows"] else PurePosixPath)(held["text"])
        case "time":
            return datetime.fromisoformat(held["text"])
        case "map":
            return {str(name): decode(one, depth + 1) for name, one in held["items"]}
        case "settings":
            version = _version(held["version"]) if held["version"] else None
            settings = Settings.parse(
                held["text"].encode("utf-8"), version, platform="win32" if held["windows"] else "linux"
            )
            settings.file, settings.modified = decode(held["file"]), decode(held["modified"])
            return settings
    kind = _TYPES[str(held[KIND])]
    given = {name: decode(one, depth + 1) for name, one in held["with"].items()}
    members = {one.name: one for one in fields(kind)}
    missing = [
        name
        for name, one in members.items()
        if name not in given and one.default is MISSING and one.default_factory is MISSING
    ]
    if missing:
        raise NotReadable(f"{kind.__name__} lacks {', '.join(missing)}")
    wrong = [name for name, one in members.items() if name in given and not fits(given[name], str(one.type), CLASSES)]
    if wrong:
        raise NotReadable(f"{kind.__name__} holds another kind of {', '.join(wrong)}")
    return kind(**{name: value for name, value in given.items() if name in members})


def _version(text: str) -> Version:
    found = Version.parse(text)
    if found is None:
        raise NotReadable(f"{text!r} is no version")
    return found
