"""Finds what qBittorrent's log says of refused Host, Origin and Referer headers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from qbdoctor.patterns import regex
from qbdoctor.target.log import QUOTES, LogLine, first_address
from qbdoctor.values import frozen

RejectionKind = Literal["host", "port", "origin", "referer", "cross-site"]


_AFTER = ".,:;：。，、╱/)।"


_HOST = regex(r"[^\s/]*")


_FETCH_SITES = {"cross-site", "same-site", "same-origin", "none"}


OWN_FETCH_SITES = {"cross-site": "Cross-Site", "same-site": "Same-Site"}
"""How qbdoctor itself spells these: browsers use small letters and the server reads any, so its log tells them apart."""


OWN_NAMES = ".qbdoctor.invalid"


def of_others(rejections: Sequence[Rejection]) -> tuple[Rejection, ...]:
    """Return those that no run of qbdoctor sent, neither this one nor an earlier one.

    It writes the scheme of its Origin in capitals, which means the same to every release (measured, 4.2.5 to 5.3.0), and
    sends what was refused once more as browsers write it: such a line follows upon the marked one.
    """
    found: list[Rejection] = []
    mine: Rejection | None = None
    for one in rejections:
        if _is_marked(one):
            mine = one
            continue
        if mine is None or not _repeats(one, mine):
            found.append(one)
        mine = None
    return tuple(found)


def _is_marked(rejection: Rejection) -> bool:
    scheme, _, rest = rejection.received.partition("://")
    return rejection.received in OWN_FETCH_SITES.values() or scheme.isupper() or rest.endswith(OWN_NAMES)


def _repeats(one: Rejection, marked_one: Rejection) -> bool:
    """Return whether that is the same request, sent at once as a browser writes it."""
    same = (one.source, one.received) == (marked_one.source, unmarked(marked_one.received))
    if one.when is None or marked_one.when is None:
        return same
    return same and 0 <= (one.when - marked_one.when).total_seconds() <= REPEATED_WITHIN


REPEATED_WITHIN = 5
"""Seconds from our marked request to the same one without the mark: they are sent one upon the other."""


def marked(value: str) -> str:
    """Return an Origin, Referer or Sec-Fetch-Site as qbdoctor sends it first: see :func:`of_others`."""
    if value in OWN_FETCH_SITES:
        return OWN_FETCH_SITES[value]
    scheme, mark, rest = value.partition("://")
    return f"{scheme.upper()}{mark}{rest}" if mark else value


def unmarked(value: str) -> str:
    """Return the same as browsers write it."""
    scheme, mark, rest = value.partition("://")
    return f"{scheme.lower()}{mark}{rest}" if mark else value.lower()


@frozen
class Rejection:
    """A request refused for its headers: ``received`` is the header's value, ``expected`` the port or origin it met."""

    kind: RejectionKind
    source: str
    received: str
    expected: str | None
    when: datetime | None


def host_rejections(lines: Sequence[LogLine]) -> tuple[Rejection, ...]:
    """Return the requests refused for their Host, Origin or Referer, or by Sec-Fetch-Site (5.3), oldest first."""
    return tuple(found for line in lines if (found := _rejection(line)) is not None)


def _rejection(line: LogLine) -> Rejection | None:
    """Read a line about headers: the source, then one or two values, all in the same quotes.

    Other lines have that shape as well (a port map that failed: the local address, then a message), so that each value
    must be one that such a header can have.
    """
    if line.level != "W" or (found := first_address(line.text)) is None or not found.quoted:
        return None
    opening = line.text[: found.start].rstrip()[-1:]
    if line.text[found.end :].lstrip()[:1] not in QUOTES[opening]:
        return None  # the address is but the beginning of a quoted text
    values = _quoted(line.text, found.end + 1, opening, QUOTES[opening])
    if not 1 <= len(values) <= 2:
        return None
    first, second = values[0], values[-1]
    kind = _origin_kind(line.text, first)
    if kind == "cross-site" or "://" in first or first == "null":
        return Rejection(kind, found.address, first, second, line.when) if len(values) == 2 else None
    if not _HOST.fullmatch(second) or not _HOST.fullmatch(first):
        return None
    if len(values) == 2 and first.isdigit():
        return Rejection("port", found.address, second, first, line.when)
    return Rejection("host", found.address, first, None, line.when)  # two in Greek of 4.2.5: the port's text for both


def _quoted(text: str, start: int, opening: str, closings: str) -> list[str]:
    """Return the values in quotes from ``start`` on.

    An apostrophe within a word opens nothing; two translations forget to close a quote, and the next label ends it then.
    Without a pattern that looks ahead at every place: a client chooses the values, and their length.
    """
    closing = re.compile(f"[{re.escape(closings)}]")
    labelled = re.compile(rf"[:：]\s*{re.escape(opening)}")
    gap = re.compile(r"\.?\s")
    found: list[str] = []
    while (start := text.find(opening, start)) >= 0:
        start += 1
        if start > 1 and not (text[start - 2].isspace() or text[start - 2] in ":：("):
            continue
        closed = closing.search(text, start)
        last = len(text) if closed is None else closed.start()
        label = max((one.start() for one in labelled.finditer(text, start, last + 1)), default=-1)
        cut = gap.search(text, start, max(start, label))
        if cut is not None:
            found.append(text[start : cut.start()].strip())
            start = cut.start()
        elif closed is None:
            found.append(text[start:].strip())
            break
        elif last + 1 >= len(text) or text[last + 1].isspace() or text[last + 1] in _AFTER:
            found.append(text[start:last].strip())
            start = last + 1
    return found


def _origin_kind(text: str, received: str) -> RejectionKind:
    """Return which header held the value: a Referer has a path, as browsers send it always, and an Origin has none."""
    if received.lower() in _FETCH_SITES or "sec-fetch-site" in text.lower():
        return "cross-site"
    path = received.partition("://")[2].partition("/")[1]
    return "referer" if path or "referer" in text.lower() else "origin"
