"""Renders a trace for a person: one line for each exchange as it happens, and the verdict at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from qbdoctor.model.report import Cause
from qbdoctor.trace.evidence import carries, outcome
from qbdoctor.trace.exchange import Seen
from qbdoctor.trace.result import TracedClient, TraceResult, ended_with

_MARKS = {"healthy": "✓", "problem": "✗", "unknown": "?"}
_EVIDENCE = 5
_REMEDIES = 3


def live(each: Seen) -> str:
    """Return the line of an exchange that has just ended."""
    agent = each.agent or "no user agent"
    note = f"  ({each.notes[0]})" if each.notes else ""
    return (
        f"#{each.n}  {each.method} {each.path}  with {carries(each)} → {outcome(each)}   {each.address}, {agent}{note}"
    )


def human(made: TraceResult, *, quiet: bool = False, verbose: bool = False, width: int | None = None) -> str:
    """Return the verdict, each client's causes with what shows them, and the line that mends it."""
    lines = [f"{_MARKS[made.state]} {made.headline}"]
    if not quiet:
        for client in made.clients:
            lines += ["", *_client(client, verbose=verbose)]
        if made.trace.run_exit:
            lines += ["", f"The program {ended_with(made.trace.run_exit)}."]
        if made.trace.notes:
            lines += ["", *(f"Note: {note}" for note in made.trace.notes)]
    return "".join(f"{folded}\n" for line in lines for folded in _fold(line, width))


def _fold(line: str, width: int | None) -> list[str]:
    if width is None or len(line) <= width or line.startswith("       "):  # what is copied is never broken
        return [line]
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(line, max(width, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _client(client: TracedClient, *, verbose: bool) -> Iterator[str]:
    part = client.conversation
    many = "1 request" if len(part.seen) == 1 else f"{len(part.seen)} requests"
    yield f"Client {client.number}: {part.who}, {many} to {part.host or 'no host'}"
    if not client.causes:
        yield "  nothing wrong seen"
    for cause in client.causes:
        yield from _cause(cause, verbose=verbose)


def _cause(cause: Cause, *, verbose: bool) -> Iterator[str]:
    yield f"  {cause.severity.upper()}  {cause.id}  {cause.confidence}"
    yield f"    {cause.summary}"
    shown = cause.evidence if verbose else cause.evidence[:_EVIDENCE]
    for piece in shown:
        if piece.kind == "experiment":
            yield f"    Proof: only {piece.data['factor']} differs: {piece.data['shows']}"
            for name in ("a", "b"):
                asked, got = piece.data[name]["request"], piece.data[name]["response"]
                headers = ", ".join(f"{key}: {value}" for key, value in asked["headers"].items() if key != "User-Agent")
                yield f"      {name.upper()}  {asked['method']} {asked['url']}  {headers} → {got['status']}"
        else:
            yield f"    seen: {piece.text}"
    remedies = cause.remedies if verbose else cause.remedies[:_REMEDIES]
    for number, remedy in enumerate(remedies, 1):
        yield f"    {number}. {remedy.text}"
        yield from (f"       {command}" for command in remedy.commands)
