"""Finds where the config file and the running server say different things. Pure: settings and app/preferences in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qbdoctor import releases
from qbdoctor.config.subnets import parse_subnets
from qbdoctor.releases import Key
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from qbdoctor.config.settings import Settings

_HIDDEN = {"CustomHTTPHeaders"}  # people put tokens there


@frozen
class Difference:
    """One setting: what the file says and what the server runs with, as they may be shown; ``line`` in the file."""

    setting: str
    filed: str
    running: str
    line: int | None


def differences(settings: Settings, preferences: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Compare every setting that app/preferences shows with the file as this release (``settings.version``) reads it.

    Values are compared, never times: qBittorrent writes its file as well. What a type makes equal is equal: subnets in
    another spelling, a folder with and without its last slash.
    """
    found = []
    for key in releases.KEYS:
        if key.json is None or key.json not in preferences or key.secret or not key.readable:
            continue
        if settings.version is not None and not releases.reads(key, settings.version):
            continue
        theirs = preferences[key.json]
        if _equal(settings, key, theirs):
            continue
        place = settings.found(key.name)
        hidden = key.name in _HIDDEN
        filed = "…" if hidden else settings.value_text(key.name)
        running = "…" if hidden else _spelled(key, theirs)
        found.append(Difference(key.name, filed, running, place.line if place else None))
    return tuple(found)


def _equal(settings: Settings, key: Key, theirs: Any) -> bool:
    match key.kind:
        case "bool":
            return not isinstance(theirs, bool) or settings.boolean(key.name) == (theirs != key.inverted)
        case "int":
            return not isinstance(theirs, int) or settings.integer(key.name) == theirs
        case "list":
            return set(settings.whitelist()[0]) == set(parse_subnets(str(theirs).replace(",", "\n").splitlines())[0])
        case "path":
            return _folder(settings.text(key.name)) == _folder(str(theirs))
        case _:
            return settings.text(key.name).strip() == str(theirs).strip()


def _folder(path: str) -> str:
    return path.strip().replace("\\", "/").rstrip("/")


def _spelled(key: Key, theirs: Any) -> str:
    if key.kind == "bool":
        return "true" if theirs != key.inverted else "false"
    return ", ".join(str(theirs).split()) if key.kind == "list" else str(theirs)
