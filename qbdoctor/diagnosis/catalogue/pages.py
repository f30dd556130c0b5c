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
from pathlib import Path
from typing import Any, TypeVar

from qbdoctor import releases
from qbdoctor.diagnosis.catalogue import phrases, systems
from qbdoctor.diagnosis.catalogue.phrases import PLACES, STAND_INS
from qbdoctor.model.basics import CONFIDENCES, REMEDY_KINDS, SEVERITIES, Confidence, RemedyKind, Severity
from qbdoctor.model.findings import Remedy
from qbdoctor.patterns import regex
from qbdoctor.releases import NEWEST, OLDEST, Version
from qbdoctor.releases.versions import BEFORE_OLDEST
from qbdoctor.values import frozen

T = TypeVar("T")

CONDITIONS: Mapping[str, str] = {
    "container": "where qBittorrent runs in a container or behind a port mapping",
    "proxy": "where a reverse proxy stands in front",
    "unmounted": "where its configuration is not known to lie in a volume",
    "numbers": "where the folder's owner and the container's user are not both known",
    "unread": "where its configuration cannot be read",
    "another_port": "where qBittorrent listens on another number than the clients use",
    "own_address": "where the address that the server sees is the client's own, not a proxy's",
    "local": "where LocalHostAuth is false",
    "subnet": "where the subnet whitelist is on",
    "wrong_name": "where the certificate is made for another name",
    "unknown_issuer": "where the client does not know who issued the certificate",
    "another_type": "where a script or style comes with a type that browsers refuse",
    "untrusted_proxy": "where qBittorrent does not trust the proxy that stands in front",
    "none_alive": "where the proxy says that no server behind it is alive",
    "aiohttp": "where the client is written with aiohttp",
    "linux": "where the server runs on Linux",
    "windows": "where it runs on Windows",
    "macos": "where it runs on macOS",
    "from_macos": "where the client runs on macOS",
}
"""Conditions a remedy may have besides a release: left out where ``values`` says ``no`` for it."""

GROUPS: Mapping[str, str] = {
    "reaching": "Reaching it",
    "refused": "Refused before any login (401)",
    "credentials": "Credentials",
    "identity": "Who the server thinks you are",
    "session": "The session",
    "config": "The configuration file",
    "other": "Other",
    "client": "Seen in a client's traffic or code",
}

BREAKS: Mapping[str, str] = {
    "client": "at the client",
    "entrance": "before anything answers",
    "front": "at what stands in front of qBittorrent",
    "address": "in the address, or at what stands in front of qBittorrent and should change it",
    "passage": "between what stands in front and qBittorrent",
    "server": "at qBittorrent",
}
"""Where on the way calls fail, for the picture of the way; ``breaks`` of a page, by default its group's."""
_BREAKS_OF_GROUP: Mapping[str, str] = {"client": "client", "session": "client"}

_PLACE = regex(
    r"\{(?:(?P<verb>key|edit|file):(?P<what>(?:[^{}]|\{[^{}]*\})+)|(?P<name>[a-z_]+)(?:\|(?P<default>[^{}]*))?)\}"
)
_RELEASE = regex(
    r"\{(?:(?P<side>since|until):(?P<rule>[a-z0-9_.]+)(?:/(?P<number>\d))?|(?P<end>oldest|newest|before_oldest))\}"
)
_ACTIVE = regex(r"[\"'`$;|&<>\x00-\x1f\x7f]")  # would end or change a quoted shell word, or a line of a config
_CONTROL = regex(r"[\x00-\x1f\x7f]")
_BOUND = regex(r"(>=|<)(\d+(?:\.\d+)*)")


class CatalogueError(Exception):
    """A page of the catalogue is not what it must be: a fault of this program, never of the target."""


@frozen
class CatalogueStep:
    """One step of confirming a cause by hand; ``commands`` can be pasted."""

    text: str
    commands: tuple[str, ...] = ()


@frozen
class RemedyTemplate:
    """A remedy with places. ``when`` holds conditions, all of which must not be known to fail."""

    kind: RemedyKind
    text: str
    commands: tuple[str, ...] = ()
    fix: str = ""
    loosens: bool = False
    when: str = ""


@frozen
class CausePage:
    """What is known about one cause.

    ``severity`` is the usual one, a finding may override it. ``rank`` orders the report: what stops everything first.
    ``reach`` is the most a finding can claim. ``explains`` names the symptoms folded under this cause when it stands
    and is at least as severe as they are. ``diagnosed`` is False where no check of this version names the cause yet.
    """

    id: str
    group: str
    title: str
    severity: Severity
    rank: int
    reach: Confidence
    reach_note: str
    explains: tuple[str, ...]
    since: str
    until: str
    see: str
    why: str
    confirm: tuple[CatalogueStep, ...]
    remedies: tuple[RemedyTemplate, ...]
    seen_also: tuple[str, ...]
    diagnosed: bool
    breaks: str = "server"


def _folder() -> Path:
    return Path(__file__).with_name("causes")  # importlib.resources takes 9 ms to load


@cache
def ids() -> tuple[str, ...]:
    """Return the ids of all causes, in the alphabet's order; no page is read."""
    found = sorted(entry.name[:-5] for entry in _folder().iterdir() if entry.name.endswith(".toml"))
    if not found:
        raise CatalogueError("the catalogue of causes is empty: qbdoctor is not installed whole")
    return tuple(found)


@cache
def page(cause: str) -> CausePage:
    """Return the page of a cause; KeyError if there is none (a plug-in's cause, or a typing error)."""
    if cause not in ids():
        raise KeyError(cause)
    import tomllib  # noqa: PLC0415 - a check that finds nothing reads no page

    text = (_folder() / f"{cause}.toml").read_text(encoding="utf-8")
    try:
        return _parse(cause, tomllib.loads(_RELEASE.sub(_release_number, text)))
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"causes/{cause}.toml: {error}") from error


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
        bound = _BOUND.fullmatch(condition)
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


def _release_number(match: re.Match[str]) -> str:
    """Return the release that a place names. Raises KeyError and ValueError for a rule that there is not."""
    if match["end"]:
        ends = {"oldest": OLDEST, "newest": NEWEST, "before_oldest": BEFORE_OLDEST}
        return str(ends[match["end"]])
    number = int(match["number"] or 0)
    changed = releases.change_of(match["rule"], number)
    if match["side"] == "since":
        return str(changed.since)
    rows = releases.rules(match["rule"])
    return str(rows[rows.index(changed) - 1].until)


def _setting(verb: str, what: str, values: Mapping[str, str]) -> str:
    """Return the words for a setting or its edit, for the section that the release reads."""
    section = values.get("section", "")
    if section not in ("Preferences", "WebUI"):
        version = Version.parse(values.get("version", ""))
        section = releases.rule("config.layout", version) if version else ""
    old, new = f"WebUI\\{what} in [Preferences]", f"{what} in [WebUI]"
    both = f"{old} (from {releases.change_of('config.layout').since} on: {new})"
    words = {"Preferences": old, "WebUI": new}.get(section, both)
    if verb == "key":
        return words
    file = values.get("config_file") or "qBittorrent.conf (qBittorrent.ini on Windows and macOS)"
    file = systems.text(file, systems.of_server(values))
    return phrases.edit(what, words, _CONTROL.sub("?", file), options=verb == "edit")


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
        if condition not in CONDITIONS and not _BOUND.fullmatch(condition):
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
