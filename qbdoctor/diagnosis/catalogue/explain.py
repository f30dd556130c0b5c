"""Renders the pages of ``qbdoctor explain``: pure text from the catalogue's data, and the same as data for ``--json``.

Nothing is printed here. Prose and quoted lines are wrapped, commands never are: they are there to be copied.
"""

from __future__ import annotations

import textwrap

from qbdoctor.diagnosis.catalogue import pages as catalogue_pages
from qbdoctor.diagnosis.catalogue import systems
from qbdoctor.diagnosis.catalogue.page_parts import CONDITIONS, GROUPS, CausePage, RemedyTemplate
from qbdoctor.model import restarts
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from qbdoctor.model.basics import Confidence, Json
    from qbdoctor.model.edits import Effect, Fix, Input
    from qbdoctor.model.findings import Check

WIDTH = 100

_REACH: Mapping[Confidence, str] = {
    "proven": "Up to proven: an experiment can show it.",
    "likely": "Up to likely: it can be seen, no experiment can show it.",
    "possible": "Up to possible: it can be suspected.",
}
_EFFECTS: Mapping[Effect, str] = {
    "hardens": "It hardens security: somebody who got in before does not any more.",
    "keeps": "It keeps security as it is.",
    "loosens": "It LOOSENS security, so it is never offered first and needs its own name on the command line.",
}
_BY_VALUE = (
    " That depends on the values, though: where one that comes into force by it loosens security, the plan says so and "
    "what it exposes, and the fix is made by its own name alone."
)
_LANGUAGE = (
    " In most containers both are below /config/qBittorrent. The texts in the log are in qBittorrent's own language."
)
_PLACES_OF_FILES: Mapping[systems.SystemName, str] = {
    "linux": (
        "The paths above are those of Linux, for the user that qBittorrent runs as and without --profile. An older log folder, "
        "~/.local/share/data/qBittorrent/logs, stays in use where it was there first. In most containers both files are below "
        "/config/qBittorrent, in hotio's they are /config/config/qBittorrent.conf and /config/data/logs/qbittorrent.log. "
        "On Windows they are %APPDATA%\\qBittorrent\\qBittorrent.ini and "
        "%LOCALAPPDATA%\\qBittorrent\\logs\\qbittorrent.log. The texts in the log are in qBittorrent's own language."
    ),
    "windows": (
        "The paths above are for the user that qBittorrent runs as and without --profile: "
        "%APPDATA%\\qBittorrent\\qBittorrent.ini and %LOCALAPPDATA%\\qBittorrent\\logs\\qbittorrent.log. A portable "
        f"installation has them in the folder profile beside qbittorrent.exe.{_LANGUAGE}"
    ),
    "macos": f"The paths above are those of macOS, for the user that qBittorrent runs as and without --profile.{_LANGUAGE}",
}
_KINDS: Mapping[str, str] = {
    "fix": "qbdoctor can do it",
    "client": "in the client",
    "proxy": "in the proxy",
    "deployment": "in the deployment",
    "manual": "by hand",
}


@frozen
class Block:
    """A piece of a section: text to be wrapped, then commands to be copied; ``number`` counts steps and remedies."""

    text: str
    commands: tuple[str, ...] = ()
    number: int = 0


@frozen
class Section:
    """A heading and what stands under it."""

    heading: str
    blocks: tuple[Block, ...]


@frozen
class Explanation:
    """A page as it is shown (:meth:`text`) and as data (``data``, for ``--json``)."""

    id: str
    title: str
    sections: tuple[Section, ...]
    data: Mapping[str, Json]

    def text(self, width: int = WIDTH) -> str:
        """Return the page as plain text, ending in one line break."""
        lines = [self.id, *_wrap(self.title, width, "", ""), ""]
        for section in self.sections:
            lines += [section.heading, *_section(section, width), ""]
        return "\n".join(lines).rstrip("\n") + "\n"


def cause_page(page: CausePage, values: Mapping[str, str] | None = None) -> Explanation:
    """Return the page of a cause; what ``values`` does not fill shows its default or its name in capitals."""
    known = values or {}
    see, why = catalogue_pages.prose(page.see, known), catalogue_pages.prose(page.why, known)
    steps = catalogue_pages.steps(page, known, stand_ins=True)
    shown = catalogue_pages.filled(page, known, stand_ins=True)
    sections = [
        Section("What you see", (Block(see),)),
        Section("Why", (Block(why),)),
        Section("Releases", (Block(_releases(page)),)),
        Section("How sure it can be", (Block(f"{_REACH[page.reach]} {page.reach_note}{_undiagnosed(page)}"),)),
        Section("Confirm it by hand", tuple(Block(s.text, s.commands, n) for n, s in enumerate(steps, 1))),
        Section(
            "What to do, least invasive first",
            tuple(Block(f"{_label(t)}: {r.text}", r.commands, n) for n, (t, r) in enumerate(shown, 1)),
        ),
    ]
    usual = ("$HOME/.local/share", "$HOME/.config", "$HOME/Library", "$env:APPDATA", "$env:LOCALAPPDATA")
    if any(place in line for step in steps for line in step.commands for place in usual):
        sections.append(Section("Where the files are", (Block(_PLACES_OF_FILES[systems.HERE]),)))
    if page.explains:
        lead = "Where this stands, the following are its symptoms and not named on their own"
        sections.append(Section("Explains", (Block(f"{lead}: {', '.join(page.explains)}."),)))
    if page.seen_also:
        sections.append(Section("See also", (Block(", ".join(page.seen_also)),)))
    data: dict[str, Json] = {
        "kind": "cause",
        "id": page.id,
        "title": page.title,
        "group": page.group,
        "severity": page.severity,
        "rank": page.rank,
        "confidence": page.reach,
        "confidence_note": page.reach_note,
        "diagnosed": page.diagnosed,
        "since": page.since or None,
        "until": page.until or None,
        "see": see,
        "why": why,
        "confirm": [{"text": step.text, "commands": list(step.commands)} for step in steps],
        "remedies": [
            {**remedy.to_json(), "loosens": template.loosens, "when": template.when or None}
            for template, remedy in shown
        ],
        "explains": list(page.explains),
        "see_also": list(page.seen_also),
    }
    return Explanation(page.id, page.title, tuple(sections), data)


def check_page(check: Check) -> Explanation:
    """Return the page of a check: what it looks at and sends, and the causes it can find."""
    rows = tuple(Block(f"{cause}: {_title(cause)}") for cause in check.causes)
    sections = [Section("What it does", (Block(check.about),))]
    if rows:
        sections.append(Section("Causes it can find", rows))
    data: dict[str, Json] = {
        "kind": "check",
        "id": check.id,
        "title": check.title,
        "about": check.about,
        "causes": list(check.causes),
    }
    return Explanation(check.id, check.title, tuple(sections), data)


def fix_page(fix: Fix) -> Explanation:
    """Return the page of a fix: what it changes, which causes it answers, and what it does to security."""
    exposes = f" What it exposes: {fix.exposes}" if fix.exposes else ""
    exposes += f" Provided that {fix.provided}." if fix.provided else ""
    rows = tuple(Block(f"{cause}: {_title(cause)}") for cause in fix.answers)
    told = "".join(f" --set {one.name}=VALUE" for one in fix.inputs if not (one.secret or one.default or one.found))
    commands = (f"qbdoctor fix {fix.id}{told} --dry-run", f"qbdoctor fix {fix.id}{told}", "qbdoctor rollback")
    how = (Block("See the change, apply it, take it back:", commands),)
    sections = [
        Section("What it does", (Block(restarts.fit(fix.about)),)),
        Section("What it changes", (Block(fix.changes),)),
        Section("Security", (Block(f"{_EFFECTS[fix.effect]}{_BY_VALUE if fix.by_value else ''}{exposes}"),)),
        *((Section("Causes it answers", rows),) if rows else ()),
        *((Section("What it is told", tuple(map(_input, fix.inputs))),) if fix.inputs else ()),
        Section("How", how),
    ]
    data: dict[str, Json] = {
        "kind": "fix",
        "id": fix.id,
        "title": fix.title,
        "about": restarts.fit(fix.about),
        "changes": fix.changes,
        "effect": fix.effect,
        "exposes": fix.exposes or None,
        "provided": fix.provided or None,
        "by_value": fix.by_value,
        "file_only": fix.file_only,
        "answers": list(fix.answers),
        "inputs": [
            {"name": one.name, "about": one.about, "default": one.default or None, "secret": one.secret}
            for one in fix.inputs
        ],
    }
    return Explanation(fix.id, fix.title, tuple(sections), data)


def _input(one: Input) -> Block:
    """Return what a value is, and where it comes from."""
    if one.secret:
        return Block(f"{one.about}: typed twice at the terminal or made up there, or --new-password-file FILE")
    without = f"without: {one.default}" if one.default else "without: what the check found" if one.found else "needed"
    return Block(f"--set {one.name}=VALUE: {one.about} ({without})")


def list_causes(pages: Iterable[CausePage], width: int = WIDTH) -> str:
    """Return one line a cause, in the catalogue's groups; ``*`` marks what no check names yet."""
    found = sorted(pages, key=lambda page: (page.rank, page.id))
    column = max((len(page.id) for page in found), default=0) + 2
    lines: list[str] = []
    for group, heading in GROUPS.items():
        rows = [page for page in found if page.group == group]
        if not rows:
            continue
        lines.append(heading)
        for page in rows:
            mark = " " if page.diagnosed else "*"
            lead = f"{mark} {page.id:<{column}}"
            lines += _wrap(page.title, width, lead, " " * len(lead))
        lines.append("")
    if any(not page.diagnosed for page in found):
        lines.append("* explained here; no check of this version names it yet")
    return "\n".join(lines).rstrip("\n") + "\n"


def list_causes_json(pages: Iterable[CausePage]) -> list[Json]:
    """Return the list of causes as data, by rank."""
    return [
        {"id": one.id, "title": one.title, "group": one.group, "severity": one.severity, "diagnosed": one.diagnosed}
        for one in sorted(pages, key=lambda page: (page.rank, page.id))
    ]


def _title(cause: str) -> str:
    try:
        return catalogue_pages.page(cause).title
    except KeyError:
        return "(a plug-in's cause)"


def _releases(page: CausePage) -> str:
    if page.since and page.until:
        return f"From {page.since} to {page.until}."
    if page.since:
        return f"From {page.since} on."
    if page.until:
        return f"Up to {page.until}."
    return "All releases."


def _undiagnosed(page: CausePage) -> str:
    return "" if page.diagnosed else " This version of qbdoctor explains it, but none of its checks names it yet."


def _label(template: RemedyTemplate) -> str:
    """Return what kind of remedy it is, and when it applies."""
    parts = [_KINDS[template.kind]]
    for condition in template.when.split():
        if condition.startswith(">="):
            parts.append(f"from {condition[2:]} on")
        elif condition.startswith("<"):
            parts.append(f"before {condition[1:]}")
        else:
            parts.append(CONDITIONS[condition])
    label = ", ".join(parts)
    return label[0].upper() + label[1:] if template.kind != "fix" else label  # the program's name stays small


def _section(section: Section, width: int) -> list[str]:
    lines: list[str] = []
    for block in section.blocks:
        lead = f"  {block.number}. " if block.number else "  "
        lines += _wrapped(block.text, lead, width)
        indent = " " * (len(lead) + 4)
        lines += [f"{indent}{command}".rstrip() for command in block.commands]
    return lines


def _wrapped(text: str, lead: str, width: int) -> list[str]:
    """Return text wrapped behind ``lead``; list items hang, as do quoted lines (four blanks) that are too long."""
    rest = " " * len(lead)
    lines: list[str] = []
    for number, line in enumerate(text.split("\n")):
        first = rest if number else lead
        if line.startswith("    "):
            quoted = rest + line
            lines += [quoted] if len(quoted) <= width else _wrap(line.strip(), width, f"{rest}    ", f"{rest}      ")
        elif line.startswith("- "):
            lines += _wrap(line, width, first, rest + "  ")
        else:
            lines += _wrap(line, width, first, rest) or [""]
    return lines


def _wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    """Return text wrapped without breaking a word, so that ids, options and addresses stay whole."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
