"""Finds for the fixes of single keys the odd keys of one kind, and the one that a person named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor.config.key_lint import Oddity, as_read_by, lint_keys

if TYPE_CHECKING:
    from qbdoctor.config.settings import Settings
    from qbdoctor.observe.base.observations import Observations

EVERY = "all"
"""What stands for all keys where one could be named."""


def as_read(seen: Observations) -> Settings | None:
    """Return the config as the running release reads it, as far as that is known."""
    if seen.settings is None:
        return None
    return as_read_by(seen.settings, seen.version if seen.has("version") else None)


def odd_keys(seen: Observations, cause: str, only: str = EVERY) -> tuple[Oddity, ...]:
    """Return what the check holds against keys under this cause; not what is only told as an info."""
    read = as_read(seen)
    found = () if read is None else lint_keys(read)
    return tuple(one for one in found if one.cause == cause and one.severity is None and _is(one, only))


def not_there(seen: Observations, cause: str, only: str, what: str) -> str:
    """Return why a key that was named cannot be meant, or ""."""
    if only == EVERY or odd_keys(seen, cause, only):
        return ""
    there = ", ".join(dict.fromkeys(one.setting for one in odd_keys(seen, cause))) or "none"
    return f"the file has no {what} {only}; what there is: {there}."


def _is(one: Oddity, only: str) -> bool:
    key = one.setting.partition("] ")[2] or one.setting
    return only in {EVERY, one.setting, key}
