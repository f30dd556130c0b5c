r"""Reads the lines of a settings file as Qt takes them: line types for iniparse, and iniparse reading a file of them.

The grammar is that of ``readIniLine``, ``readIniFile``, ``readIniSection`` and ``iniUnescapedKey`` in Qt's
src/corelib/io/qsettings.cpp. From iniparse come the model that keeps every line as it was, the merging of sections of
one name, and the look-up in which the last of two equal keys wins.

To make an object of a line takes ten times as long as to find its end. So who wants a few keys says which, and
iniparse is handed one by one only the lines that can be these, and the sections' headers; the lines between go to it
in one piece (:class:`Rest`).
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from iniparse import ini

from qbdoctor.patterns import regex

VIRTUAL = "\0"
"""Stands for the section that Qt opens before the first line; no line of a file can be this one."""

_TRIMMED = "\t\n\v\f\r "  # what QByteArrayView::trimmed() takes off

# One line as Qt takes it: quotes and a backslash carry it over line ends, an unquoted semicolon ends it.
_ESCAPE = r"\\(?:\r\n|\n\r|[\s\S])?"
_QUOTED = rf'"(?:[^"\\]++|{_ESCAPE})*+"?'
_BODY = rf'(?:[^\r\n;"\\]++|{_ESCAPE}|{_QUOTED})*+'
_END = r"(?:;[^\r\n]*+)?+(?:\r\n|\r|\n)?+"
_OPTION = regex(
    rf'[ \t]*+(?!\[)((?:[^\r\n;"\\=]++|{_ESCAPE}|{_QUOTED})*+)=([ \t]*+)({_BODY}){_END}\Z',
)
_SECTION = regex(rf"[ \t]*+(\[{_BODY}){_END}\Z")
_BLANK = regex(r"[ \t]*+(?:;[^\r\n]*+)?+[\r\n]*+\Z")
_CONTENT = regex(_BODY)
LINE = regex(_BODY + _END)
EOL = regex(r"\r\n|\r|\n")
# The same. Group 1 is a key that reads as it is spelled, but for what "%" stands for; group 2 stands before lines, some
# hundreds at a time, that have neither a key nor a header. CPython before 3.11.5 goes wrong where what a possessive
# quantifier repeats fails in its middle, so there is none of these here.
_KEYED = regex(
    r"[ \t]*+([!#-:<>-Z\\\]-~][ !#-:<>-~\udc80-\udcff]*+)(?<!\\)="
    rf'{_BODY}{_END}|()(?:[ \t]*+(?!\[)[^\r\n;"\\=]*+(?:;[^\r\n]*+)?(?:\r\n|\r|\n)){{1,500}}|{_BODY}{_END}'
)
_ESCAPED = regex(r"[%\udc80-\udcff]")
# No ordinary name has in it what these stand for; a byte EF can be the beginning of a mark that Qt takes off
_STRANGE = regex(r"(?:[^%\udcef]|%(?:2[0-9A-Ca-c]|[89A-Fa-f][0-9A-Fa-f]))*\Z")
_ORDINARY = regex(r"[\w.-]*+\Z", re.ASCII)

_OPEN_QUOTE = regex(rf'(?:[^"\\]++|{_ESCAPE}|"(?:[^"\\]++|{_ESCAPE})*+")*+"')
_OPEN_END = regex(r"(?<!\\)(?:\\\\)*\\\Z")
_PERCENT = regex(r"%(?:U(?=([\s\S]{4}))|(?!U)(?=([\s\S]{2})))")
_HEX = regex(r"\s*\+?(?:0[xX])?([0-9A-Fa-f]+)\s*\Z", re.ASCII)  # what QStringView::toUShort(&ok, 16) takes
_PLAIN = regex(r"[!-$&-~ ]*+\Z")  # printable ASCII without "%"


def content(line: str) -> str:
    """Return the line without comment and line end."""
    match = _CONTENT.match(line)
    return match[0] if match else ""


def is_open(text: str) -> bool:
    """Return whether a quote is open at the end, or a backslash stands there."""
    return _OPEN_QUOTE.match(text) is not None or _OPEN_END.search(text) is not None


def unescaped(spelled: str) -> str:
    """Return a name as Qt reads it, with "/" between its parts."""
    if _PLAIN.match(spelled):
        return spelled.replace("\\", "/")
    # Bytes that are no UTF-8 stay lone surrogates; Qt puts U+FFFD there. No key of qBittorrent has any.
    text = spelled.encode("ascii", "surrogateescape").decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    text = text.replace("\\", "/")
    done, position = [], 0
    for percent in _PERCENT.finditer(text):
        digits = percent[1] or percent[2]
        if percent.start() >= position and (number := _HEX.match(digits)):
            done += [text[position : percent.start()], chr(int(number[1], 16))]
            position = percent.end() + len(digits)
    text = "".join(done) + text[position:]
    # %UD83D%UDE00 is one character; a raw byte that was kept as a surrogate pairs with nothing before it
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def last_part(path: str) -> str:
    """Return what stands in a path behind all separators but those at its end."""
    return path.rstrip("/").rpartition("/")[2]


def _group(name: str) -> str:
    if name.lower() == "general":
        return ""
    return (name[1:] if name.lower() == "%general" else unescaped(name)) + "/"


def _without_blanks(value: str) -> str:
    """Take off the blanks at the end, but where they count.

    That is in an open quote and after anything that follows a closed one; and after half a UTF-8 character, for which
    Qt 6 has U+FFFD if something follows and nothing if not.
    """
    short = value.rstrip(" \t")
    if not short.isascii() and "\ufffd" in short.encode("ascii", "surrogateescape").decode("utf-8", "replace")[-1:]:
        return value
    closed = short.endswith('"') and _OPEN_QUOTE.match(value) is None and not _OPEN_END.search(short[:-1])
    return short if closed or '"' not in value else value


class Section(ini.SectionLine):  # type: ignore[misc]  # iniparse has no types
    """``[name]``; iniparse knows it by Qt's group, which ends in "/" and is empty for [General]."""

    @classmethod
    def parse(cls, line: str) -> "Section | None":
        """Return the line, or None if it is none of this type."""
        new = cls.__new__(cls)
        if line == VIRTUAL:
            new.__dict__.update(line="", name="", spelled="", closed=True)
            return new
        if (match := _SECTION.match(line)) is None:
            return None
        name, bracket, _ = match[1].partition("]")
        name = name[1:].strip(_TRIMMED)
        # Into __dict__, as LineType's __setattr__ is for changes and takes five times as long
        new.__dict__.update(line=line, name=_group(name), spelled=name, closed=bool(bracket))
        return new


class Option(ini.OptionLine):  # type: ignore[misc]  # iniparse has no types
    """``key=value``; iniparse knows it by Qt's key within the group.

    ``equals`` and ``start`` are the places of the equals sign and of the value in the line.
    """

    @classmethod
    def parse(cls, line: str) -> "Option | None":
        """Return the line, or None if it is none of this type."""
        if (match := _OPTION.match(line)) is None:
            return None
        spelled, blanks, value = match.groups()
        spelled = spelled.strip(_TRIMMED)
        if value[-1:] in " \t":
            value = _without_blanks(value)
        equals = match.start(2)  # the first byte after it
        start = equals + (len(blanks) if value else 0)
        new = cls.__new__(cls)
        new.__dict__.update(
            line=line,
            name=unescaped(spelled),
            spelled=spelled,
            value=value,
            equals=equals - 1,
            start=start,
        )
        return new


class Blank(ini.EmptyLine):  # type: ignore[misc]  # iniparse has no types
    """An empty line or a comment."""

    @classmethod
    def parse(cls, line: str) -> "Blank | None":
        """Return the line, or None if it is none of this type."""
        if _BLANK.match(line) is None:
            return None
        new = cls.__new__(cls)
        new.__dict__["line"] = line
        return new


class Other(ini.CommentLine):  # type: ignore[misc]  # iniparse has no types
    """Text without "=": Qt passes over it and says FormatError."""

    @classmethod
    def parse(cls, line: str) -> "Other":
        """Return the line, whatever it is."""
        new = cls.__new__(cls)
        new.__dict__["line"] = line
        return new


KINDS = (Option, Blank, Section, Other)


class _Piece(str):
    """Lines that nobody asked for. ``options`` is the place after the last option's line in it, 0 for none."""

    __slots__ = ("options",)
    options: int


class Rest(ini.CommentLine):  # type: ignore[misc]  # iniparse has no types
    """Lines that nobody asked for, in one piece; no section's header is among them."""

    @classmethod
    def parse(cls, line: str) -> "Rest | None":
        """Return the line, or None if it is none of this type."""
        if not isinstance(line, _Piece):
            return None
        new = cls.__new__(cls)
        new.__dict__.update(line=line, options=line.options)
        return new


class Wanted(NamedTuple):
    """Which options are asked for: those with these last parts (in small letters, if without case).

    With ``near`` also those of whose key or section, as they are spelled, it says so. Others may be among them.
    """

    names: frozenset[str]
    ignore_case: bool
    near: Callable[[str], bool] | None = None


class Document(ini.INIConfig):  # type: ignore[misc]  # iniparse has no types
    """A file as iniparse has it: all its lines, or those that can be options which are wanted."""

    _line_types = (Rest, *KINDS)

    def __init__(self, text: str, wanted: Wanted | None, *, ignore_case: bool) -> None:
        fold = str.lower if ignore_case else None
        pieces = _lines(text) if wanted is None else _pieces(text, wanted)
        super().__init__(_Reader(pieces), optionxformvalue=fold, sectionxformvalue=fold)

    def lines(self) -> Iterator[Any]:
        """Every line in the order of the file."""
        for outer in self._data.contents:
            if not isinstance(outer, ini.LineContainer):
                yield outer
                continue
            for inner in outer.contents:
                yield inner.contents[0] if isinstance(inner, ini.LineContainer) else inner

    def option(self, group: str, name: str) -> Option | None:
        """Return the last option of that name in all sections of the group."""
        container = self._sections[group]._options.get(name) if group in self._sections else None
        return None if container is None else container.contents[0]


class _Reader:
    """What iniparse reads from."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.readline = partial(next, lines, "")


def _lines(text: str) -> Iterator[str]:
    yield VIRTUAL
    for match in LINE.finditer(text):
        yield match[0]


def _pieces(text: str, asked: Wanted) -> Iterator[str]:
    names, ignore_case, near = asked
    yield VIRTUAL
    begin = end = 0  # of the lines that nobody asked for; the end of the last option among them
    inside = False  # a section of which that is said
    # Without case, a letter beyond ASCII can be the same as one of ASCII
    plainly = not ignore_case and all(_ORDINARY.match(name) for name in names)
    for match in _KEYED.finditer(text):
        key = match[1]
        if key is None:
            if match[2] is not None:
                continue
            wanted, is_option = _is_wanted(match[0], names, ignore_case)
            if near is not None and (wanted or is_option):
                found = near(match[0])
                inside = inside if is_option else found
                wanted = wanted or inside or found
            if not wanted:
                end = match.end() if is_option else end
                continue
        elif not inside and (near is None or not near(key)):
            last = key.rstrip(" ").replace("\\", "/").rpartition("/")[2]
            folded = last.lower() if ignore_case else last
            if folded not in names and last and not _ESCAPED.search(last):
                end = match.end()
                continue
            if last and plainly and _STRANGE.match(last) and last not in names:
                end = match.end()
                continue
            if not _is_wanted(match[0], names, ignore_case)[0]:
                end = match.end()
                continue
        yield from _piece(text, begin, match.start(), end)
        yield match[0]
        begin = end = match.end()
    yield from _piece(text, begin, len(text), end)


def _piece(text: str, begin: int, stop: int, end: int) -> Iterator[str]:
    if begin < stop:
        piece = _Piece(text[begin:stop])
        piece.options = end - begin
        yield piece


def _is_wanted(line: str, names: frozenset[str], ignore_case: bool) -> tuple[bool, bool]:
    """Whether the line is a header or can be one of the keys; whether it is an option."""
    if (option := Option.parse(line)) is None:
        return line.lstrip(" \t").startswith("["), False
    last = last_part(option.name)
    # Without a name of its own, it can look like the key of which its section is the last part
    return not last or (last.lower() if ignore_case else last) in names, True
