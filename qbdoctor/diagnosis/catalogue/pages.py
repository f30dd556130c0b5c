"""Reads the catalogue: what is known about every cause, from one TOML file each (``causes/<cause-id>.toml``).

Only the pages that a report needs are read. The texts are templates: ``{port}`` is replaced by a finding's value,
``{url|http://127.0.0.1:8080}`` has a text for when there is none, and what cannot be filled is left out rather than
shown with a hole. Braces around anything that is not a place (nginx, JSON, curl's ``%{http_code}``) stay as they are.

Two places build phrases that depend on the release, because 5.3 moved the settings to another section:
``{key:Port}`` names a setting, ``{edit:Port=8080}`` is how it is changed by hand, ``{file:Port=8080}`` the same in the
file alone, for where the options are of no use.

No page holds a release's number of its own. ``{since:cookie.name}`` is the release with which that rule of
:mod:`qbdoctor.releases` changed, ``{until:cookie.name}`` the last one before; ``{since:method.post_only/2}`` means the
second of several changes. ``{oldest}``, ``{newest}`` and ``{before_oldest}`` are the ends of that table. They are filled
when a page is read, before anything else, in texts, bounds and conditions alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from qbdoctor.diagnosis.catalogue import built, phrases, systems
from qbdoctor.diagnosis.catalogue.page_parts import BOUND, CatalogueError, CatalogueStep, CausePage, RemedyTemplate
from qbdoctor.diagnosis.catalogue.phrases import PLACES, STAND_INS
from qbdoctor.model.findings import Remedy
from qbdoctor.patterns import regex
from qbdoctor.type_checking import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

_PLACE = regex(
    r"\{(?:(?P<verb>key|edit|file):(?P<what>(?:[^{}]|\{[^{}]*\})+)|(?P<name>[a-z_]+)(?:\|(?P<default>[^{}]*))?)\}"
)
_ACTIVE = regex(r"[\"'`$;|&<>\x00-\x1f\x7f]")  # would end or change a quoted shell word, or a line of a config
_CONTROL = regex(r"[\x00-\x1f\x7f]")


def _folder() -> Path:
    from pathlib import Path  # noqa: PLC0415 - 3 ms, and only where nothing was kept

    return Path(__file__).with_name("causes")  # importlib.resources takes 9 ms to load


@cache
def ids() -> tuple[str, ...]:
    """Return the ids of all causes, in the alphabet's order; no page is read."""
    found = list(built.table("CAUSES")) or sorted(
        entry.name[:-5] for entry in _folder().iterdir() if entry.name.endswith(".toml")
    )
    if not found:
        raise CatalogueError("the catalogue of causes is empty: qbdoctor is not installed whole")
    return tuple(found)


@cache
def page(cause: str) -> CausePage:
    """Return the page of a cause; KeyError if there is none (a plug-in's cause, or a typing error)."""
    if cause not in ids():
        raise KeyError(cause)
    kept = built.table("CAUSES")
    if kept:
        return _of_row(kept[cause])
    from qbdoctor.diagnosis.catalogue import page_file  # noqa: PLC0415 - 10 ms, and only where nothing was kept

    return page_file.read(_folder() / f"{cause}.toml")


def _of_row(row: Mapping[str, Any]) -> CausePage:
    confirm = tuple(CatalogueStep(**one) for one in row["confirm"])
    return CausePage(**{**row, "confirm": confirm, "remedies": tuple(RemedyTemplate(**one) for one in row["remedies"])})


def pages() -> tuple[CausePage, ...]:
    """Return all pages by rank."""
    return tuple(sorted((page(cause) for cause in ids()), key=lambda one: (one.rank, one.id)))


def fill(page: CausePage, values: Mapping[str, str], *, stand_ins: bool = False) -> tuple[Remedy, ...]:
    """Return the remedies of a page with the values in their places, least invasive first.

    A command with a place that has neither value nor default is left out; so is a remedy whose text has one, whose
    commands are all gone, or whose condition is known to fail. With ``stand_ins`` such a place shows its own name in
    capitals instead: for a page that is read without a target.
    """
    return tuple(remedy for _, remedy in filled(page, values, stand_ins=stand_ins))


def filled(
    page: CausePage, values: Mapping[str, str], *, stand_ins: bool = False
) -> tuple[tuple[RemedyTemplate, Remedy], ...]:
    """Return the same, each with what it was made from."""
    done: list[tuple[RemedyTemplate, Remedy]] = []
    for template in page.remedies:
        if not applies(template.when, values):
            continue
        step = _filled(template.text, template.commands, values, stand_ins)
        if step is not None:
            made = Remedy(template.kind, step.text, step.commands, template.fix or None, template.loosens)
            done.append((template, made))
    return tuple(done)


def steps(page: CausePage, values: Mapping[str, str], *, stand_ins: bool = False) -> tuple[CatalogueStep, ...]:
    """Return the steps that confirm a cause by hand, filled by the same rules as :func:`fill`."""
    filled = (_filled(step.text, step.commands, values, stand_ins) for step in page.confirm)
    return tuple(step for step in filled if step is not None)


def prose(text: str, values: Mapping[str, str]) -> str:
    """Return a page's ``see`` or ``why`` with its places filled, or standing as words where there is no value."""
    return _replace(systems.text(text, systems.of_server(values)), values, stand_ins=True, command=False) or ""


def applies(when: str, values: Mapping[str, str]) -> bool:
    """Return False if one of the conditions is known to fail: the release is out of bounds, or ``values`` says no."""
    release = _release(values.get("version", ""))
    for condition in when.split():
        bound = BOUND.fullmatch(condition)
        if bound is None:
            if values.get(condition) == "no" or not systems.is_for(condition, values):
                return False
        elif release and (release >= _release(bound[2])) != (bound[1] == ">="):
            return False
    return True


def _release(version: str) -> tuple[int, ...]:
    """Return a release's numbers, padded to three so that 5.2 and 5.2.0 compare equal; () if there is none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    if found is None:
        return ()
    numbers = tuple(int(part) for part in found[1].split("."))
    return numbers + (0,) * (3 - len(numbers))


def _filled(text: str, commands: tuple[str, ...], values: Mapping[str, str], stand_ins: bool) -> CatalogueStep | None:
    server = systems.of_server(values)
    said = _replace(systems.text(text, server), values, stand_ins=stand_ins, command=False)
    if said is None:
        return None
    filled = [_replace(command, values, stand_ins=stand_ins, command=True) for command in commands]
    given = [whole for whole in filled if whole is not None]
    worded = [made for whole in given if (made := systems.command(whole, server)) is not None]
    if commands and not worded:
        return None
    said = systems.remark(said, worded, server)
    # A block stands or falls as one, and is shown line by line.
    return CatalogueStep(said, tuple(line for whole in worded for line in whole.split("\n")))


def _replace(template: str, values: Mapping[str, str], *, stand_ins: bool, command: bool) -> str | None:
    """Return the template filled in one pass (a value is never read as a template), or None if a place stays empty."""
    bad = _ACTIVE if command else _CONTROL
    whole = True

    def put(match: re.Match[str]) -> str:
        nonlocal whole
        if match["verb"]:
            inner = _replace(match["what"], values, stand_ins=stand_ins, command=command)
            whole = whole and inner is not None
            return _setting(match["verb"], inner or "", values)
        if match["name"] not in PLACES:
            return match[0]
        if match["name"] == "plain":
            whole = whole and (stand_ins or values.get("plain") != "no")
            return ""
        value = values.get(match["name"], "")
        if value and not bad.search(value):
            return value
        if match["default"] is not None:
            return match["default"]
        whole = whole and stand_ins
        return STAND_INS.get(match["name"], match["name"].upper())

    text = _PLACE.sub(put, template)
    return text if whole else None


def layout_since() -> str:
    """Return the release that moved the settings to another section."""
    kept: str = built.table("LAYOUT_SINCE")
    if kept:
        return kept
    from qbdoctor import releases  # noqa: PLC0415 - as above

    return str(releases.change_of("config.layout").since)


def _setting(verb: str, what: str, values: Mapping[str, str]) -> str:
    """Return the words for a setting or its edit, for the section that the release reads."""
    section = values.get("section", "")
    if section not in ("Preferences", "WebUI") and values.get("version"):
        from qbdoctor import releases  # noqa: PLC0415 - as above

        version = releases.Version.parse(values["version"])
        section = releases.rule("config.layout", version) if version else ""
    old, new = f"WebUI\\{what} in [Preferences]", f"{what} in [WebUI]"
    both = f"{old} (from {layout_since()} on: {new})"
    words = {"Preferences": old, "WebUI": new}.get(section, both)
    if verb == "key":
        return words
    file = values.get("config_file") or "qBittorrent.conf (qBittorrent.ini on Windows and macOS)"
    file = systems.text(file, systems.of_server(values))
    return phrases.edit(what, words, _CONTROL.sub("?", file), options=verb == "edit")
