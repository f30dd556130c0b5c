"""Looks up what a release's Web API offers, and what its read calls hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbdoctor.releases import rule
from qbdoctor.releases.actions import ACTIONS, LEGACY_VERSIONS, NO_RESULT, SCOPES
from qbdoctor.releases.response_fields import GONE, Rows
from qbdoctor.releases.rule_table import WEBAPI
from qbdoctor.releases.versions import FUTURE, Version, known


def has_action(name: str, version: Version) -> bool:
    """Whether a release knows the action ("torrents/stop")."""
    action = ACTIONS.get(name)
    if action is None:
        return False
    until = FUTURE if action.until is None else known(action.until)
    return known(action.since) <= version.release <= until


def has_scope(name: str, version: Version) -> bool:
    """Whether a release knows any action of the scope ("torrents")."""
    return name in SCOPES and any(has_action(each, version) for each in ACTIONS if each.startswith(f"{name}/"))


def status_of(action: str, version: Version) -> int:
    """Return the status of an action that succeeds."""
    return int(rule("status.no_result", version)) if action in NO_RESULT else 200


def webapi(version: Version) -> str:
    """Return what app/webapiVersion answers. Raises StopIteration for a release that is not known."""
    return next(number for number, first, last in WEBAPI if known(first) <= version <= known(last))


def legacy_versions(version: Version) -> tuple[int, int]:
    """Return the version of the v1 API and the oldest one it is compatible with."""
    return [numbers for since, numbers in LEGACY_VERSIONS if known(since) <= version][-1]


def fields(table: Mapping[str, Rows], version: Version) -> dict[str, Any]:
    """Return the fields that a release has, with their values; one that it has no more is left out."""
    found = {}
    for name, rows in table.items():
        values = [value for since, value in rows if known(since) <= version.release]
        if values and values[-1] is not GONE:
            found[name] = values[-1]
    return found


COMPARED = tuple(known(text) for text in ("4.2.5", "4.5.2", "5.1.0", "5.3.0"))
"""The releases whose stand-in is held to a real server by tests/live/simulator/test_simulate.py; others follow the table."""
