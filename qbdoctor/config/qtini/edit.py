r"""Changes one setting in the bytes of a settings file, and nothing else; or refuses and names the line.

Nothing here touches a disk. Each function takes the file's bytes and gives the new ones. Before, the file must be free
of everything that makes an edit uncertain (:attr:`qbdoctor.config.qtini.document.QtIni.hazards`) and the key spelled
as Qt spells it.

After, it is proven that every other entry is what it was. The new file has no hazard either, so in both no line reaches
over its end, and what a line means hangs on its own text and on the section that it is in. The lines outside the edit
are the same bytes; the sections begin where they did; and the lines of the edit are read again by themselves.
"""

import string

from qbdoctor.config.qtini.document import QtIni, Unreadable, is_general, path_of
from qbdoctor.values import field, frozen

_BOM = b"\xef\xbb\xbf"
_KEY_CHARACTERS = frozenset(string.ascii_letters + string.digits + "_-.\\")


class EditRefused(ValueError):
    """The edit would be uncertain. Holds the 1-based line, where there is one, and the reason, without any value."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


@frozen
class _Cut:
    """The bytes from ``start`` to ``end`` become ``text``: in the place of one path with its value, another or none.

    ``before`` None: nothing goes.
    """

    start: int
    end: int
    text: bytes = field(repr=False)
    before: tuple[str, str] | None = field(repr=False)
    after: tuple[str, str] | None = field(repr=False)


@frozen
class Edited:
    """The file after an edit.

    ``line`` is the 1-based line of the key in the new bytes, or where it stood when it is gone; ``before`` and
    ``after`` are the value's text in the file, None for none. They may be secret, so they are not in the ``repr``.
    """

    data: bytes = field(repr=False)
    line: int | None
    before: str | None = field(repr=False)
    after: str | None = field(repr=False)


def opened(data: bytes, *keys: str, ignore_case: bool = False) -> QtIni:
    """Read a file for edits of these keys; ``ignore_case`` as Qt does on Windows. Raises :class:`Refused`."""
    try:
        file = QtIni.parse(data, ignore_case=ignore_case, keys=keys)
    except Unreadable as error:
        raise EditRefused(error.reason, error.line) from error
    for hazard in file.hazards:
        raise EditRefused(hazard.reason, hazard.line)
    return file


def set_value(data: bytes, section: str, key: str, raw: str, *, ignore_case: bool = False) -> Edited:
    r"""Give the key the value whose text in the file is ``raw``.

    Of equal keys in one section the last one changes, which is the one Qt uses. An absent key becomes a line after the
    last option of its section, or a new section at the end of the file. ``section`` and ``key`` are as in
    :class:`qbdoctor.config.qtini.document.Entry`; ``ignore_case`` as Qt does on Windows. Raises :class:`Refused`.
    """
    return _set(opened(data, key, ignore_case=ignore_case), section, key, raw)[0]


def remove_key(data: bytes, section: str, key: str, *, ignore_case: bool = False) -> Edited:
    """Take out the lines of the key, all of them if there are several; an absent key changes nothing.

    Raises :class:`Refused`.
    """
    return _remove(opened(data, key, ignore_case=ignore_case), section, key)[0]


def _set(old: QtIni, section: str, key: str, raw: str) -> tuple[Edited, QtIni]:
    _check_spelling(old, section, key)
    value = _bytes_of(raw)
    entry = old.get(section, key)
    if entry is not None:
        cut = _Cut(*entry.span, value, (entry.path, entry.raw), (entry.path, raw))
    else:
        place = old.end_of(section)
        at = len(old.data) if place is None else place
        line = _escaped(key) + b"=" + value
        text = _new_section(old, section, line) if place is None else _new_line(old, at, line)
        cut = _Cut(at, at, text, None, (path_of(section, key), raw))
    new = _carried_out(old, [cut])
    written = new.get(section, key)
    if written is None or written.raw != raw:
        raise EditRefused("Qt would not use the value as written")
    return Edited(new.data, written.line, entry.raw if entry else None, raw), new


def _remove(old: QtIni, section: str, key: str) -> tuple[Edited, QtIni]:
    _check_spelling(old, section, key)
    entry = old.get(section, key)
    if entry is None:
        return Edited(old.data, None, None, None), old
    # Never cuts off a byte order mark: a key on that line is a hazard
    cuts = [_Cut(*_lines_of(old, *each.span), b"", (each.path, each.raw), None) for each in old.all(section, key)]
    new = _carried_out(old, cuts)
    if new.get(section, key) is not None:
        raise EditRefused("Qt would still find the key")
    return Edited(new.data, entry.line, entry.raw, None), new


def _lines_of(file: QtIni, start: int, end: int) -> tuple[int, int]:
    """Where the lines of these bytes begin and end, the line end with them."""
    start = max(file.data.rfind(b"\n", 0, start) + 1, len(_BOM) if file.bom else 0)
    return start, end if _begins_line(file, end) else file.data.find(b"\n", end) + 1 or len(file.data)


def _begins_line(file: QtIni, at: int) -> bool:
    return at == (len(_BOM) if file.bom else 0) or file.data[at - 1 : at] == b"\n"


def _carried_out(old: QtIni, cuts: list[_Cut]) -> QtIni:
    parts, kept_from = [], 0
    for cut in cuts:
        parts += [old.data[kept_from : cut.start], cut.text]
        kept_from = cut.end
    data = b"".join([*parts, old.data[kept_from:]])
    try:
        new = old.of_same_keys(data)
        for hazard in new.hazards:
            raise EditRefused(f"the edit would make a line uncertain: {hazard.reason}", hazard.line)
        if not _is_proven(old, new, cuts):
            raise EditRefused("the edit would change more than the one key")
    except Unreadable as error:
        raise EditRefused(f"the file would not be readable any more: {error.reason}", error.line) from error
    return new


def _is_proven(old: QtIni, new: QtIni, cuts: list[_Cut]) -> bool:
    """Whether the new file has what the cuts were to change and else what the old one has; neither has a hazard."""
    place = shifted = 0  # up to here the old and the new file are compared
    for cut in cuts:
        start, end = _lines_of(old, cut.start, cut.end)
        new_start = shifted + start - place
        new_end = new_start + end - start + len(cut.text) - (cut.end - cut.start)
        section = old.header_before(start)
        same = old.data[place:start] == new.data[shifted:new_start] and section == new.header_before(new_start)
        before = _pairs(old, section, old.data[start:end])
        after = [cut.after] if cut.after else []
        if cut.before is None:
            after = before + after
        elif before != [cut.before]:
            return False
        if not same or _pairs(old, section, new.data[new_start:new_end]) != after:
            return False
        place, shifted = end, new_end
        if place == len(old.data):
            continue
        if not _begins_line(new, shifted) or old.header_before(place) != new.header_before(shifted):
            return False
    return old.data[place:] == new.data[shifted:]


def _pairs(file: QtIni, section: str | None, lines: bytes) -> list[tuple[str, str]]:
    """Return the entries of lines that stand in this section."""
    header = b"" if section is None else b"[" + section.encode("ascii", "surrogateescape") + b"]\n"
    return QtIni.parse(header + lines, ignore_case=file.ignore_case).pairs


def _check_spelling(file: QtIni, section: str, key: str) -> None:
    r"""Refuse if the file has the key in a spelling other than Qt's own, such as ``[Preferences\WebUI]``."""
    path = path_of(section, key)
    present = file.all(section, key)
    if "" in path.split("/") or not (present or path.isprintable()):
        raise EditRefused("that is no name of a setting")
    sections = {_header(section)[1:-1].decode()}
    if sections == {"General"}:
        sections = {"General", "general", ""}
    name = _escaped(key).decode()
    for entry in present:
        if entry.spelled_key != name or entry.spelled_section not in sections:
            where = f"in [{entry.spelled_section}]" if entry.spelled_section else "before any section"
            raise EditRefused(f"the key stands {where}, spelled {entry.spelled_key}", entry.line)
    for entry in file.lookalikes(section, key):
        raise EditRefused("the key stands here with superfluous separators", entry.line)


def _bytes_of(raw: str) -> bytes:
    """Return the value's bytes, if a line with it would be read back so and end where it ends."""
    try:
        value = raw.encode("ascii", "surrogateescape")
        alone = QtIni.parse(b"[s]\nk=" + value + b"\nz=\n")
    except ValueError:
        # Not "from error": what went wrong has the value in it
        raise EditRefused("the new value cannot be written: it is not the text of a value in such a file") from None
    if alone.pairs != [("s/k", raw), ("s/z", "")] or alone.hazards:
        raise EditRefused("the new value cannot be written: it would not be read back as it is")
    return value


def _new_line(file: QtIni, at: int, line: bytes) -> bytes:
    newline = file.newline.encode()
    return line + newline if file.data[:at].endswith(b"\n") else newline + line


def _new_section(file: QtIni, section: str, line: bytes) -> bytes:
    newline = file.newline.encode()
    text = _header(section) + newline + line
    body = file.data.removeprefix(_BOM)
    if not body:
        return text + newline
    if not body.endswith(b"\n"):
        return newline * 2 + text
    blank = body in (b"\n", b"\r\n") or body.endswith((b"\n\n", b"\n\r\n"))
    return (b"" if blank else newline) + text + newline


def _header(section: str) -> bytes:
    if section.lower() in ("general", "%general"):
        return b"[" + section.encode() + b"]"
    # A group whose name is "%General" is "%%General" here, as "General" is "%General"; Qt writes [%25General]
    return b"[" + _escaped(section.removeprefix("%") if is_general(section) else section) + b"]"


def _escaped(name: str) -> bytes:
    r"""Return a section or key as Qt writes it: ``\`` between parts, %XX or %UXXXX for most other characters."""
    units = name.replace("/", "\\").encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(
        chr(code) if chr(code) in _KEY_CHARACTERS else f"%{code:02X}" if code <= 0xFF else f"%U{code:04X}"
        for code in codes
    ).encode()
