"""Renders the survey of HTTP clients, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from qbdoctor import __version__
from qbdoctor.clients.survey import Tried
from qbdoctor.model.basics import Json
from qbdoctor.releases import change_of
from qbdoctor.trace import known_clients

SCHEMA = "qbdoctor.clients/1"
KNOWN_SCHEMA = "qbdoctor.known-clients/1"


def to_json(what: str, python: str, tried: Sequence[Tried], code: int) -> Json:
    """Return the result as ``qbdoctor.clients/1``."""
    return {
        "schema": SCHEMA,
        "tool": {"name": "qbdoctor", "version": __version__},
        "server": what,
        "python": python,
        "clients": [each.to_json() for each in tried],
        "exit_code": code,
    }


def human(what: str, python: str, tried: Sequence[Tried]) -> str:
    """Return the table, and what mends each client that drops the cookie."""
    names = list(dict.fromkeys(each.probe.name for each in tried))
    kinds = list(dict.fromkeys(each.kind for each in tried))
    heads = {"ip": "by IP", "name": "by name"}
    rows = [["client", "version", *(heads[kind] for kind in kinds), "why"]]
    mends: dict[str, str] = {}
    for name in names:
        mine = {each.kind: each for each in tried if each.probe.name == name}
        first = next(iter(mine.values()))
        why = next((each.why for each in mine.values() if each.why), "")
        cells = [_cell(mine.get(kind), first) for kind in kinds]
        rows.append([name, first.version or "-", *cells, why])
        for each in mine.values():
            if each.mend:
                mends.setdefault(name, each.mend)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"What clients do with the session cookie of {what} (Python: {python})", ""]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if mends:
        lines += ["", "What mends it"]
        lines += [f"  {name}: {mend}" for name, mend in mends.items()]
    return "\n".join(lines) + "\n"


def _cell(tried: Tried | None, first: Tried) -> str:
    if tried is None:
        return "absent" if first.outcome == "absent" else "-"
    marks = {"kept": "kept", "dropped": "DROPPED", "refused": "refused", "failed": "failed", "absent": "absent"}
    return f"{marks[tried.outcome]}{f' ({tried.call})' if tried.call and tried.outcome == 'dropped' else ''}"


def known_json() -> Json:
    """Return the table of known programs as ``qbdoctor.known-clients/1``."""
    return {
        "schema": KNOWN_SCHEMA,
        "tool": {"name": "qbdoctor", "version": __version__},
        "needed_from": str(change_of("cookie.name").since),
        "clients": known_clients.to_json(),
        "exit_code": 0,
    }


def known_human() -> str:
    """Return the table of known programs: from which release of theirs they work, by whose word."""
    rows = known_clients.KNOWN_CLIENTS
    wide = max(len(one.name) for one in rows)
    lines = [
        f"Programs and libraries, and what is known of them with qBittorrent {change_of('cookie.name').since} and later.",
        "",
    ]
    lines += [f"{one.name:<{wide}}  {known_clients.told(one)}" for one in rows]
    return "\n".join(lines) + "\n"
