"""Reads the TOML file of a page: its texts in one line a paragraph, and the releases that it names by their rules."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from qbdoctor import releases
from qbdoctor.diagnosis.catalogue import phrases
from qbdoctor.diagnosis.catalogue.page_parts import (
    BOUND,
    BREAKS,
    CONDITIONS,
    GROUPS,
    CatalogueError,
    CatalogueStep,
    CausePage,
    RemedyTemplate,
)
from qbdoctor.model.basics import CONFIDENCES, REMEDY_KINDS, SEVERITIES
from qbdoctor.patterns import regex

T = TypeVar("T")
_BREAKS_OF_GROUP: Mapping[str, str] = {"client": "client", "session": "client"}
_RELEASE = regex(
    r"\{(?:(?P<side>since|until):(?P<rule>[a-z0-9_.]+)(?:/(?P<number>\d))?|(?P<end>oldest|newest|before_oldest))\}"
)


def read(file: Path) -> CausePage:
    """Return the page that a file holds. Raises CatalogueError."""
    text = file.read_text(encoding="utf-8")
    try:
        return _parse(file.stem, tomllib.loads(_RELEASE.sub(_release_number, text)))
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"causes/{file.name}: {error}") from error


def _release_number(match: re.Match[str]) -> str:
    """Return the release that a place names. Raises KeyError and ValueError for a rule that there is not."""
    if match["end"]:
        ends = {"oldest": releases.OLDEST, "newest": releases.NEWEST, "before_oldest": releases.BEFORE_OLDEST}
        return str(ends[match["end"]])
    number = int(match["number"] or 0)
    changed = releases.change_of(match["rule"], number)
    if match["side"] == "since":
        return str(changed.since)
    rows = releases.rules(match["rule"])
    return str(rows[rows.index(changed) - 1].until)


def _parse(cause: str, data: dict[str, Any]) -> CausePage:
    confirm = _confirm(data.pop("confirm"))
    breaks = data.pop("breaks", _BREAKS_OF_GROUP.get(data["group"], "server"))
    made = CausePage(
        id=cause,
        group=_one_of(data.pop("group"), tuple(GROUPS)),
        title=str(data.pop("title")),
        severity=_one_of(data.pop("severity"), SEVERITIES),
        rank=int(data.pop("rank")),
        reach=_one_of(data.pop("reach"), CONFIDENCES),
        reach_note=_flow(data.pop("reach_note")),
        explains=tuple(data.pop("explains", ())),
        since=str(data.pop("since", "")),
        until=str(data.pop("until", "")),
        see=_flow(data.pop("see")),
        why=_flow(data.pop("why")),
        confirm=confirm,
        remedies=tuple(_remedy(one) for one in data.pop("remedies")),
        seen_also=tuple(data.pop("seen_also", ())),
        diagnosed=bool(data.pop("diagnosed", True)),
        breaks=_one_of(breaks, tuple(BREAKS)),
    )
    if data:
        raise ValueError(f"unknown keys: {', '.join(data)}")
    return made


def _confirm(rows: list[dict[str, Any]]) -> tuple[CatalogueStep, ...]:
    """Return the steps; the first that ``needs`` a password, a session or a key has a step before it that gets it."""
    made: list[CatalogueStep] = []
    needed: list[str] = []
    for row in rows:
        need = str(row.pop("needs", ""))
        for one in ("password", "session") if need == "session" else (need,) if need else ():
            if one not in needed:
                made.append(CatalogueStep(*phrases.PREPARATIONS[one]))
                needed.append(one)
        made.append(CatalogueStep(_flow(row.pop("text")), _commands(row)))
        if row:
            raise ValueError(f"unknown keys in a step: {', '.join(row)}")
    if needed:
        made.append(CatalogueStep(*phrases.REMOVAL))
    return tuple(made)


def _remedy(data: dict[str, Any]) -> RemedyTemplate:
    when = str(data.pop("when", ""))
    for condition in when.split():
        if condition not in CONDITIONS and not BOUND.fullmatch(condition):
            raise ValueError(f"unknown condition: {condition}")
    made = RemedyTemplate(
        kind=_one_of(data.pop("kind"), REMEDY_KINDS),
        text=_flow(data.pop("text")),
        fix=str(data.pop("fix", "")),
        loosens=bool(data.pop("loosens", False)),
        when=when,
        commands=_commands(data),
    )
    if data:
        raise ValueError(f"unknown keys in a remedy: {', '.join(data)}")
    return made


def _commands(data: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(command).strip("\n") for command in data.pop("commands", ()))


def _one_of(value: Any, allowed: tuple[T, ...]) -> T:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(map(str, allowed))}")
    found: T = value
    return found


def _flow(text: str) -> str:
    """Return text whose lines were broken for the file's sake as one line a paragraph or list item.

    Lines indented by four blanks are quotations (log lines, headers) and stay as they are.
    """
    out: list[str] = []
    joining = False
    for raw in text.strip("\n").split("\n"):
        line = raw.rstrip()
        if line.startswith("    ") or not line:
            out.append(line)
            joining = False
        elif joining and not line.startswith("- "):
            out[-1] += " " + line.strip()
        else:
            out.append(line)
            joining = True
    return "\n".join(out)
