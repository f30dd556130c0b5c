"""Runs ``qbdoctor explain``: a cause, check or fix in full; without an id a list of all."""

from __future__ import annotations

import sys

from qbdoctor.cli import outcome, output, program, wrapping
from qbdoctor.diagnosis.catalogue import explain, symptoms
from qbdoctor.diagnosis.catalogue import pages as catalogue_pages
from qbdoctor.model.errors import UserError
from qbdoctor.registry import described_checks as checks
from qbdoctor.registry import described_fixes as fixes
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import replace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

_SHORTEST = 3
"""Fewer letters name no program."""


def run(args: argparse.Namespace) -> int:
    """Print the pages that were asked for, or the list of everything that has one."""
    if args.format not in ("human", "json"):
        raise UserError("usage", "explain: --format is human or json.")
    if args.coverage:
        return _coverage(args)
    if not args.ids:
        return _list(args)
    words = " ".join(args.ids)
    seen = () if _is_known(args.ids) else symptoms.search(words)
    if seen:
        return _behind(args, seen)
    program_page = None if _is_known(args.ids) else _program_page(words)
    pages = [program_page] if program_page is not None else [_page(name) for name in args.ids]
    if args.format == "json":
        data = [dict(page.data) for page in pages]
        output.deliver_json(data[0] if len(data) == 1 else data, args.output)
    else:
        output.deliver(program.named("\n".join(page.text(_width(args)) for page in pages)), args.output)
    return 0


def _is_known(names: Sequence[str]) -> bool:
    """Return whether one of these has a page. Checks and fixes are asked only where no cause is named so."""
    if any(name in catalogue_pages.ids() for name in names):
        return True
    return bool({*(check.id for check in checks()), *(fix.id for fix in fixes())}.intersection(names))


def _behind(args: argparse.Namespace, seen: Sequence[symptoms.Symptom]) -> int:
    """Print the causes behind what somebody sees, the most frequent first."""
    if args.format == "json":
        data = [{"symptom": one.title, "causes": list(one.causes)} for one in seen]
        output.deliver_json(data, args.output)
        return 0
    lines = []
    for one in seen:
        lines += [one.title, "", "Most frequent first; qbdoctor check tells which it is:"]
        lines += _rows((cause, catalogue_pages.page(cause).title) for cause in one.causes).split("\n")
        lines.append("")
    lines.append("In full: qbdoctor explain ID")
    outcome.deliver_text("\n".join(lines) + "\n", args.output)
    return 0


def _width(args: argparse.Namespace) -> int:
    """Return how wide the text may be: as the terminal is, at most as wide as it is elsewhere."""
    found = wrapping.columns(sys.stdout) if args.output in {None, "-"} else None
    return min(found or explain.WIDTH, explain.WIDTH)


def _page(name: str) -> explain.Explanation:
    if name in catalogue_pages.ids():
        page = explain.cause_page(catalogue_pages.page(name))
        return _with_programs(page) if name == "cookie-renamed" else page
    for check in checks():
        if check.id == name:
            return explain.check_page(check)
    for fix in fixes():
        if fix.id == name:
            return explain.fix_page(fix)
    if name == "mend-source":
        raise UserError("unknown-id", "mend-source is what qbdoctor lint --fix PATH does: lines of a program.")
    known = (*catalogue_pages.ids(), *(check.id for check in checks()), *(fix.id for fix in fixes()))
    from qbdoctor.cli import suggest  # noqa: PLC0415 - for a typing error alone

    near = ", ".join(suggest.suggest(name, known))
    hint = f"did you mean {near}?" if near else "qbdoctor explain lists what there is."
    raise UserError("unknown-id", f"nothing is called {name!r}: {hint}")


def _with_programs(page: explain.Explanation) -> explain.Explanation:
    """Return the page with what is known of programs: which version of them is needed."""
    from qbdoctor.trace import known_clients  # noqa: PLC0415 - this page alone needs it

    text = "\n".join(f"- {one.name}: {known_clients.told(one)}" for one in known_clients.KNOWN_CLIENTS)
    section = explain.Section("What version do I need?", (explain.Block(text),))
    return replace(page, sections=(*page.sections, section), data={**page.data, "clients": known_clients.to_json()})


def _program_page(words: str) -> explain.Explanation | None:
    """Return what is known of the programs whose name holds these words: which version works with 5.2 and later."""
    from qbdoctor.trace import known_clients  # noqa: PLC0415 - seldom needed

    low = words.strip().lower()
    if len(low) < _SHORTEST:
        return None
    found = [one for one in known_clients.KNOWN_CLIENTS if low in one.name.lower()]
    exact = [one for one in found if low == one.name.lower()]
    if not found or (not exact and any(low in name for name in catalogue_pages.ids())):  # `client`, `api`
        return None
    named = exact or found
    text = "\n".join(f"- {one.name}: {known_clients.told(one)}" for one in named)
    more = "qbdoctor explain cookie-renamed says what changed with 5.2.0; qbdoctor clients --known has all programs."
    section = explain.Section("What version works with 5.2 and later?", (explain.Block(f"{text}\n\n{more}"),))
    names = {one.name for one in named}
    data = {"clients": [one for one in known_clients.to_json() if one["name"] in names]}
    return explain.Explanation(named[0].name if len(named) == 1 else words, "A program", (section,), data)


def _list(args: argparse.Namespace) -> int:
    pages = catalogue_pages.pages()
    if args.format == "json":
        data = {
            "causes": explain.list_causes_json(pages),
            "checks": [{"id": check.id, "title": check.title, "causes": list(check.causes)} for check in checks()],
            "fixes": [
                {"id": fix.id, "title": fix.title, "effect": fix.effect, "answers": list(fix.answers)}
                for fix in fixes()
            ],
        }
        output.deliver_json(data, args.output)
        return 0
    looks = _rows((check.id, f"{check.title}: {', '.join(check.causes)}") for check in checks())
    mends = _rows((fix.id, f"{fix.title} ({fix.effect} security): {', '.join(fix.answers)}") for fix in fixes())
    causes = explain.list_causes(pages, _width(args))
    signs = "\n".join(f"  {one.title}" for one in symptoms.symptoms())
    first = f"What is seen (qbdoctor explain 403 leads to the causes)\n{signs}\n\n{causes}"
    outcome.deliver_text(f"{first}\n\nChecks\n{looks}\n\nFixes\n{mends}\n", args.output)
    return 0


def _rows(pairs: Iterable[tuple[str, str]]) -> str:
    found = list(pairs)
    width = max(len(name) for name, _ in found)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in found)


def _coverage(args: argparse.Namespace) -> int:
    """Print which causes the tests of this version saw named on which real release, how sure and how fast."""
    import json  # noqa: PLC0415 - the table alone needs them
    from importlib import resources  # noqa: PLC0415

    text = resources.files("qbdoctor").joinpath("coverage.json").read_text("utf-8")
    if args.format == "json":
        output.deliver(text, args.output)
        return 0
    table = json.loads(text)
    releases = table["releases"]
    cells: dict[str, dict[str, str]] = {}
    for row in table["causes"]:
        cells.setdefault(row["cause"], {})[row["release"]] = f"{row['confidence']} {row['ms']} ms"
    width = max(len(cause) for cause in cells)
    lines = [f"{'cause':<{width}}  " + "  ".join(f"{release:<16}" for release in releases)]
    lines += [
        f"{cause:<{width}}  " + "  ".join(f"{cells[cause].get(release, '-'):<16}" for release in releases)
        for cause in sorted(cells, key=lambda one: (catalogue_pages.page(one).rank, one))
    ]
    lines += [
        "",
        "Named in live tests against these real releases: the surest confidence and the median time of a whole run;",
        "`none`: no qBittorrent ran in that scene.",
    ]
    output.deliver("\n".join(line.rstrip() for line in lines) + "\n", args.output)
    return 0
