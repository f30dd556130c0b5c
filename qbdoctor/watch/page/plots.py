"""Draws a stretch of time as SVG values: answers, verdicts, events and latency on one axis. Texts stand beside, not in it."""

from __future__ import annotations

from dataclasses import dataclass

from qbdoctor.watch.base.events import BAD, GOOD
from qbdoctor.watch.history.reading import Slot, Span

WIDTH = 1000.0
ANSWERS = (0.0, 26.0)
VERDICTS = (32.0, 12.0)
EVENTS = (50.0, 14.0)
LATENCY = (70.0, 60.0)
HEIGHT = 132.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with the class that gives its colour."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Mark:
    """An event's place on the axis, with its words."""

    x: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """All that one picture shows. ``mean`` and ``highest`` are the points of polylines, one for each run without a gap."""

    answers: tuple[Box, ...]
    verdicts: tuple[Box, ...]
    marks: tuple[Mark, ...]
    mean: tuple[str, ...]
    highest: tuple[str, ...]
    top_ms: float


def plot(span: Span) -> Plot:
    """Return the picture of a stretch of time."""
    width = WIDTH / len(span.slots)
    top = max((slot.ms_max for slot in span.slots), default=0.0) or 1.0
    return Plot(
        tuple(_answer(number * width, width, slot) for number, slot in enumerate(span.slots) if slot.looks),
        _verdicts(span),
        tuple(Mark(_x(span, one.at), _kind(one.id), one.text) for one in span.events),
        _lines(span, top, highest=False),
        _lines(span, top, highest=True),
        top,
    )


def _x(span: Span, at: float) -> float:
    return min(max((at - span.begin) / (span.end - span.begin), 0.0), 1.0) * WIDTH


def _kind(event: str) -> str:
    return "bad" if event in BAD else "good" if event in GOOD else "note"


def _answer(x: float, width: float, slot: Slot) -> Box:
    """Return a slot's bar: whole where all went well, half where something was refused, a third where nothing came."""
    y, height = ANSWERS
    kind, part = "good", 1.0
    if slot.down:
        kind, part = "bad", 0.35
    elif slot.refused or slot.odd or (slot.ok and slot.asks_login):
        kind, part = "care", 0.65
    return Box(round(x, 2), round(y + height * (1 - part), 2), round(width * 0.92, 2), round(height * part, 2), kind)


def _verdicts(span: Span) -> tuple[Box, ...]:
    ends = [*(at for at, _ in span.states), span.end][1:]
    kinds = {"healthy": "good", "problem": "bad"}
    y, height = VERDICTS
    found = []
    for (at, state), end in zip(span.states, ends, strict=True):
        x = _x(span, at)
        part = 1.0 if state == "healthy" else 0.5
        found.append(
            Box(
                round(x, 2),
                y + height * (1 - part),
                round(max(_x(span, end) - x, 0.5), 2),
                height * part,
                kinds.get(state, "care"),
            )
        )
    return tuple(found)


def _lines(span: Span, top: float, *, highest: bool) -> tuple[str, ...]:
    width = WIDTH / len(span.slots)
    y, height = LATENCY
    runs: list[list[str]] = [[]]
    for number, slot in enumerate(span.slots):
        if slot.looks - slot.down <= 0:
            if runs[-1]:
                runs.append([])
            continue
        value = slot.ms_max if highest else slot.ms
        left, at = number * width, y + height * (1 - value / top)
        runs[-1] += [f"{left:.1f},{at:.1f}", f"{left + width:.1f},{at:.1f}"]
    return tuple(" ".join(run) for run in runs if run)
