"""Draws the way of a request: one line of text for a terminal, a picture for a page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from html import escape

from qbdoctor.model.route import Hop, Route
from qbdoctor.reports.text import sentence
from qbdoctor.values import frozen

_LINE = 17
"""Height of a line of text in the picture, in its units, which are pixels until a narrow screen shrinks them."""
_PAD = 12
_MOST_LINES = 3


def line(route: Route, room: int = 0) -> str:
    """Return the way as one line: hops, the Host header where it becomes known or changes, ✗ where it breaks.

    With ``room`` (in letters) what says the least is left out until it fits.
    """
    told = [_told(route, facts, hosts) for facts, hosts in (("all", True), ("between", True), ("between", False))]
    told.append(_told(route, "", hosts=False))
    return next((text for text in told if not room or _letters(text) <= room), sentence(told[-1], room))


def _told(route: Route, facts: str, hosts: bool) -> str:
    first = route.hops[0]
    said = [sentence(first.facts[0] if first.facts else first.name)]
    if first.facts and first.name != "this machine":
        said[0] = f"{sentence(first.name)} ({said[0]})"
    if route.breaks_at("hop", 0):
        said[0] = f"✗ {said[0]}"
    before: str | None = None
    for index, hop in enumerate(route.hops[1:]):
        host = route.hosts[index] if hosts else None
        arrow = " ✗→ " if route.breaks_at("leg", index) else " → "
        if host is not None and host != before:
            said.append(f"{arrow}Host: {sentence(host)}")
            arrow, before = " → ", host
        mark = "✗ " if route.breaks_at("hop", index + 1) else ""
        shown = hop.facts if facts == "all" or (facts and hop.kind != "server") else ()
        told = ", ".join(map(sentence, shown))
        said.append(f"{arrow}{mark}{sentence(hop.name)}{f' ({told})' if told else ''}")
    return "".join(said)


@frozen
class _Box:
    """A hop as it is drawn: ``name`` and ``lines`` fit its width."""

    name: tuple[str, ...]
    lines: tuple[str, ...]
    broken: bool

    @property
    def height(self) -> int:
        return (len(self.name) + len(self.lines)) * _LINE + 2 * _PAD


def pictures(route: Route) -> str:
    """Return the way as two inline pictures, of which the page's style shows one: beside each other, below each other."""
    return _across(route) + _down(route)


def _across(route: Route) -> str:
    width, gap = 200, 48
    boxes = [_box(route, index, width) for index in range(len(route.hops))]
    height = max(box.height for box in boxes)
    parts: list[str] = []
    for index, box in enumerate(boxes):
        left = index * (width + gap) + 1
        parts += _drawn(box, left, 1, width, height)
        if index:
            parts += _arrow(route.breaks_at("leg", index - 1), (left - gap, 1 + height // 2), (left, 1 + height // 2))
    return _picture(route, "across", len(boxes) * (width + gap) - gap + 2, height + 2, parts)


def _down(route: Route) -> str:
    width, gap = 340, 34
    parts: list[str] = []
    top = 1
    for index in range(len(route.hops)):
        box = _box(route, index, width)
        if index:
            parts += _arrow(route.breaks_at("leg", index - 1), (1 + width // 2, top - gap), (1 + width // 2, top))
        parts += _drawn(box, 1, top, width, box.height)
        top += box.height + gap
    return _picture(route, "down", width + 2, top - gap + 1, parts)


def _picture(route: Route, kind: str, width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg class="way {kind}" role="img" aria-labelledby="way-{kind} way-{kind}-text" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">\n<title id="way-{kind}">The way of a request</title>\n'
        f'<desc id="way-{kind}-text">{escape(line(route))}</desc>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _box(route: Route, index: int, width: int) -> _Box:
    """Return a hop's texts; the server also shows the Host that arrives, and a broken place its cause."""
    hop: Hop = route.hops[index]
    room = (width - 2 * _PAD) * 10 // 73  # a letter of the fixed font is 7.3 wide at most, at 12 pixels
    lines = list(hop.facts)
    if index and (host := route.hosts[index - 1]) is not None:
        lines.append(f"Host: {host}")
    broken = route.breaks_at("hop", index)
    mark = "✗ " if broken else ""
    leads_to_break = route.breaks_at("leg", index - 1)
    if route.broken is not None and (broken or leads_to_break):
        lines.append(route.broken.cause)
    told = tuple(piece for text in lines for piece in _wrapped(sentence(text), room))
    return _Box(tuple(_wrapped(mark + sentence(hop.name), room)), told, broken)


def _drawn(box: _Box, left: int, top: int, width: int, height: int) -> Iterator[str]:
    state = ' class="broken"' if box.broken else ""
    yield f'<rect{state} x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>'
    at = top + _PAD + 12
    for number, text in enumerate((*box.name, *box.lines)):
        bold = ' class="name"' if number < len(box.name) else ""
        yield f'<text{bold} x="{left + _PAD}" y="{at + number * _LINE}">{escape(text)}</text>'


def _arrow(broken: bool, start: tuple[int, int], end: tuple[int, int]) -> Iterator[str]:
    """Yield the arrow between two boxes; one that calls do not get over has a cross."""
    (x, y), (to_x, to_y) = start, end
    state = ' class="broken"' if broken else ""
    head = f"M{to_x - 9} {to_y - 5}L{to_x} {to_y}L{to_x - 9} {to_y + 5}"
    if x == to_x:
        head = f"M{to_x - 5} {to_y - 9}L{to_x} {to_y}L{to_x + 5} {to_y - 9}"
    yield f'<path{state} d="M{x} {y}L{to_x} {to_y}{head}"/>'
    if broken:
        mid_x, mid_y = (x + to_x) // 2 - 3, (y + to_y) // 2 - 3
        cross = f"M{mid_x - 7} {mid_y - 7}l14 14M{mid_x + 7} {mid_y - 7}l-14 14"
        yield f'<path class="broken cross" d="{cross}"/>'


def _wrapped(text: str, room: int) -> list[str]:
    """Return the text in lines of at most so many letters, at words where there are any; what is too much is cut."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if _letters(joined) <= room:
            lines[-1] = joined
            continue
        lines.append("")
        for letter in word:
            if _letters(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    lines = [one for one in lines if one]
    if len(lines) > _MOST_LINES:
        lines = lines[:_MOST_LINES]
        lines[-1] = lines[-1][:-1] + "…"
    return lines


def _letters(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
