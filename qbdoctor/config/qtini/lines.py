r"""Takes the lines of one key out of a settings file's bytes, and puts them back where they stood.

Unlike :mod:`qbdoctor.config.qtini.edit` it takes a key by what Qt makes of it, in whatever spelling it stands: what goes may be
misspelled. Nothing here touches a disk; the result is read again, and every other entry must be what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from qbdoctor.config.qtini import edit as qtini_edit
from qbdoctor.config.qtini.document import QtIni, Unreadable, path_of
from qbdoctor.config.qtini.edit import EditRefused
from qbdoctor.values import field, frozen

_TRIES = 8
"""Places that are tried for a line before it goes to the end of its section."""


@frozen
class TakenOut:
    """The file without the key. ``raw`` is the value that counted, ``line`` its 1-based line; None: it was not there."""

    data: bytes = field(repr=False)
    line: int | None = None
    raw: str | None = field(default=None, repr=False)


class _Run(NamedTuple):
    """Lines of the key that stand together, without their ends, and the lines around them; None: there is none."""

    lines: tuple[bytes, ...]
    before: bytes | None
    after: bytes | None
    open_end: bool


def readable(data: bytes, *, ignore_case: bool = False) -> QtIni:
    """Return the file as Qt reads it. Raises :class:`~qbdoctor.config.qtini.edit.Refused` where an edit would be uncertain."""
    try:
        file = QtIni.parse(data, ignore_case=ignore_case)
    except Unreadable as error:
        raise EditRefused(error.reason, error.line) from error
    for hazard in file.hazards:
        raise EditRefused(hazard.reason, hazard.line)
    return file


def take_out(data: bytes, section: str, key: str, *, ignore_case: bool = False) -> TakenOut:
    """Take out all lines of the key and nothing else. Raises :class:`~qbdoctor.config.qtini.edit.Refused`."""
    old = readable(data, ignore_case=ignore_case)
    found = old.all(section, key)
    counts = old.get(section, key)
    if counts is None:
        return TakenOut(data)
    gone = {_index(data, each.span[0]) for each in found}
    if len(gone) < len(found):
        raise EditRefused("two keys stand on one line", counts.line)
    kept = b"".join(line for at, line in enumerate(data.splitlines(keepends=True)) if at not in gone)
    new = readable(kept, ignore_case=ignore_case)
    if new.all(section, key) or _rest(new, section, key) != _rest(old, section, key):
        raise EditRefused("taking the key out would change more than that", counts.line)
    return TakenOut(kept, counts.line, counts.raw)


def put_back(data: bytes, before: bytes, section: str, key: str, *, ignore_case: bool = False) -> bytes:
    """Put the lines of a key back as they stood in ``before``, instead of those that are there now.

    Each goes between the lines that were around it, else to one of them, else to the end of its section. Raises
    :class:`~qbdoctor.config.qtini.edit.Refused`.
    """
    old = readable(before, ignore_case=ignore_case)
    wanted = [each.raw for each in old.all(section, key)]
    counts = old.get(section, key)
    if counts is None:
        return take_out(data, section, key, ignore_case=ignore_case).data
    free = take_out(data, section, key, ignore_case=ignore_case).data
    present = readable(free, ignore_case=ignore_case)
    rest = _rest(present, section, key)
    made = free
    for run in _runs(before, {_index(before, each.span[0]) for each in old.all(section, key)}):
        held = len(readable(made, ignore_case=ignore_case).all(section, key))
        raws = wanted[: held + len(run.lines)]
        for one in _placed(made, run, section, ignore_case=ignore_case):
            if _holds(one, section, key, rest, raws, ignore_case):
                made = one
                break
        else:  # around them nothing is as it was: one line, with the value that counted
            return qtini_edit.set_value(free, section, key, counts.raw, ignore_case=ignore_case).data
    return made


def _index(data: bytes, offset: int) -> int:
    """Return the 0-based line of a byte; a file that may be edited has no line end but LF and CR LF."""
    return data.count(b"\n", 0, offset)


def _rest(file: QtIni, section: str, key: str) -> list[tuple[str, str]]:
    path = path_of(section, key)
    fold = str.lower if file.ignore_case else str
    return [(name, raw) for name, raw in file.pairs if fold(name) != fold(path)]


def _runs(data: bytes, gone: set[int]) -> Iterator[_Run]:
    lines = data.splitlines(keepends=True)
    at = 0
    while at < len(lines):
        if at not in gone:
            at += 1
            continue
        end = at
        while end in gone:
            end += 1
        held = tuple(line.rstrip(b"\r\n") for line in lines[at:end])
        around = [lines[each].rstrip(b"\r\n") if 0 <= each < len(lines) else None for each in (at - 1, end)]
        yield _Run(held, around[0], around[1], end == len(lines) and not lines[-1].endswith(b"\n"))
        at = end


def _placed(data: bytes, run: _Run, section: str, *, ignore_case: bool) -> Iterator[bytes]:
    """Yield the file with the lines of a run in each place that may be theirs, the likeliest first."""
    file = QtIni.parse(data, ignore_case=ignore_case)
    newline = file.newline.encode()
    lines = data.splitlines(keepends=True)
    bare = [line.rstrip(b"\r\n") for line in lines]
    follows = {at for at in range(len(lines) + 1) if (bare[at - 1] if at else None) == run.before}
    leads = {at for at in range(len(lines) + 1) if (bare[at] if at < len(lines) else None) == run.after}
    places = [*sorted(follows & leads), *sorted(follows - leads), *sorted(leads - follows)]
    offsets = [len(b"".join(lines[:at])) for at in places[:_TRIES]]
    if (end := file.end_of(section)) is not None:
        offsets.append(end)
    for at in offsets:
        head, tail = data[:at], data[at:]
        text = newline.join(run.lines)
        if head and not head.endswith(b"\n"):
            yield head + newline + text + tail
        else:
            yield head + text + (b"" if run.open_end and not tail else newline) + tail


def _holds(
    data: bytes, section: str, key: str, rest: list[tuple[str, str]], raws: list[str], ignore_case: bool
) -> bool:
    try:
        file = readable(data, ignore_case=ignore_case)
    except EditRefused:
        return False
    return [each.raw for each in file.all(section, key)] == raws and _rest(file, section, key) == rest
