r"""Reads qBittorrent.conf and qBittorrent.ini as Qt reads them, and knows where in the file each value stands.

The lines are kept by iniparse; the grammar is Qt's. iniparse's own grammar must not be used on these files: it takes
``RememberLastSavePath=`` for a comment, cuts quoted values at `` ;``, and swallows indented keys. Its list of line
types is a way in, so the four types below replace its own. From iniparse come the model that keeps every line as it
was, the merging of sections of one name, and the look-up in which the last of two equal keys wins.

The grammar is that of ``readIniLine``, ``readIniFile``, ``readIniSection`` and ``iniUnescapedKey`` in Qt's
src/corelib/io/qsettings.cpp (Qt 6; where Qt 5 reads a line otherwise, that line is one of :attr:`QtIni.hazards`).
``tests/test_qtini.py`` compares the result with the real QSettings.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

from iniparse import ini

MAX_BYTES = 16 * 1024 * 1024
"""Larger files are not read: real ones have 1 to 200 KB."""

_BOM = b"\xef\xbb\xbf"
_VIRTUAL = "\0"  # stands for the section that Qt opens before the first line; no line of a file can be this one
_TRIMMED = "\t\n\v\f\r "  # what QByteArrayView::trimmed() takes off

# One line as Qt takes it: quotes and a backslash carry it over line ends, an unquoted semicolon ends it.
_ESCAPE = r"\\(?:\r\n|\n\r|[\s\S])?"
_QUOTED = rf'"(?:[^"\\]++|{_ESCAPE})*+"?'
_BODY = rf'(?:[^\r\n;"\\]++|{_ESCAPE}|{_QUOTED})*+'
_END = r"(?:;[^\r\n]*+)?+(?:\r\n|\r|\n)?+"
_LINE = re.compile(_BODY + _END)
_OPTION = re.compile(
    rf'[ \t]*+(?!\[)((?:[^\r\n;"\\=]++|{_ESCAPE}|{_QUOTED})*+)=([ \t]*+)({_BODY}){_END}\Z',
)
_SECTION = re.compile(rf"[ \t]*+(\[{_BODY}){_END}\Z")
_BLANK = re.compile(r"[ \t]*+(?:;[^\r\n]*+)?+[\r\n]*+\Z")
_CONTENT = re.compile(_BODY)
_OPEN_END = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
_EOL = re.compile(r"\r\n|\r|\n")
_OPEN_QUOTE = re.compile(rf'(?:[^"\\]++|{_ESCAPE}|"(?:[^"\\]++|{_ESCAPE})*+")*+"')
_PERCENT = re.compile(r"%(?:U(?=([\s\S]{4}))|(?!U)(?=([\s\S]{2})))")
_HEX = re.compile(r"\s*\+?(?:0[xX])?([0-9A-Fa-f]+)\s*\Z", re.ASCII)  # what QStringView::toUShort(&ok, 16) takes
_ODD_PERCENT = re.compile(r"%(?!U[0-9A-Fa-f]{4}|[0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ORDINARY = re.compile(r'[\w.\\-]++=[^\x00-\x1f\x7f";\\]*+\r?\n\Z', re.ASCII)
_PLAIN = re.compile(r"[!-$&-~ ]*+\Z")  # printable ASCII without "%"


class Unreadable(ValueError):
    """The bytes are no settings file. Holds the 1-based line, where there is one, and the reason, without any value."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


class Hazard(NamedTuple):
    """A line that Qt 5 and Qt 6 take differently, or that reaches over its end: read, but not to be edited around."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    r"""One ``key=value`` of the file.

    ``section`` and ``key`` are as Qt takes them, ``\`` between the parts of the key; keys outside any group are in
    "General", those of the real group of that name in "%General". ``raw`` is the value's text, not yet unquoted, bytes
    above 127 as lone surrogates. ``line`` counts from 1. ``path`` is the name that QSettings gives the key; ``span``
    the value's first byte and the one after its last. The value may be a secret, so it is not in the ``repr``.
    """

    section: str
    key: str
    raw: str = field(repr=False)
    line: int
    spelled_section: str
    spelled_key: str
    path: str = field(default="", compare=False)
    span: tuple[int, int] = field(default=(0, 0), compare=False)


def path_of(section: str, key: str) -> str:
    r"""Name QSettings' path of a key: "Preferences" and ``WebUI\Port`` give "Preferences/WebUI/Port"."""
    key = key.replace("\\", "/")
    if section.lower() == "general":
        return key
    group = section.replace("\\", "/")
    return f"{group.removeprefix('%') if _is_general(group) else group}/{key}"


def _is_general(group: str) -> bool:
    return group.lstrip("%").lower() == "general"


def _section_and_key(path: str) -> tuple[str, str]:
    group, slash, key = path.replace("\\", "%5C").partition("/")
    if not slash:
        return "General", group
    return "%" + group if _is_general(group) else group, key.replace("/", "\\")


def _unescaped(spelled: str) -> str:
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


def _group(name: str) -> str:
    if name.lower() == "general":
        return ""
    return (name[1:] if name.lower() == "%general" else _unescaped(name)) + "/"


def _without_blanks(value: str) -> str:
    """Take off the blanks at the end, but where they count.

    That is in an open quote and after anything that follows a closed one; and after half a UTF-8 character, for which
    Qt 6 has U+FFFD if something follows and nothing if not.
    """
    short = value.rstrip(" \t")
    if not short.isascii() and "\ufffd" in short.encode("ascii", "surrogateescape").decode("utf-8", "replace")[-1:]:
        return value
    closed = short.endswith('"') and not _is_open(value) and not _OPEN_END.search(short[:-1])
    return short if closed or '"' not in value else value


class _Section(ini.SectionLine):  # type: ignore[misc]  # iniparse has no types
    """``[name]``; iniparse knows it by Qt's group, which ends in "/" and is empty for [General]."""

    @classmethod
    def parse(cls, line: str) -> "_Section | None":
        new = cls.__new__(cls)
        if line == _VIRTUAL:
            new.__dict__.update(line="", name="", spelled="", closed=True)
            return new
        if (match := _SECTION.match(line)) is None:
            return None
        name, bracket, _ = match[1].partition("]")
        name = name[1:].strip(_TRIMMED)
        # Into __dict__, as LineType's __setattr__ is for changes and takes five times as long
        new.__dict__.update(line=line, name=_group(name), spelled=name, closed=bool(bracket))
        return new


class _Option(ini.OptionLine):  # type: ignore[misc]  # iniparse has no types
    """``key=value``; iniparse knows it by Qt's key within the group."""

    @classmethod
    def parse(cls, line: str) -> "_Option | None":
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
            name=_unescaped(spelled),
            spelled=spelled,
            value=value,
            equals=equals - 1,
            start=start,
        )
        return new

    def entry(self) -> "Entry":
        start = self.at + self.start
        names = _section_and_key(self.path)
        span = (start, start + len(self.value))
        return Entry(*names, self.value, self.number, self.section, self.spelled, self.path, span)


class _Blank(ini.EmptyLine):  # type: ignore[misc]  # iniparse has no types
    """An empty line or a comment."""

    @classmethod
    def parse(cls, line: str) -> "_Blank | None":
        if _BLANK.match(line) is None:
            return None
        new = cls.__new__(cls)
        new.__dict__["line"] = line
        return new


class _Other(ini.CommentLine):  # type: ignore[misc]  # iniparse has no types
    """Text without "=": Qt passes over it and says FormatError."""

    @classmethod
    def parse(cls, line: str) -> "_Other":
        new = cls.__new__(cls)
        new.__dict__["line"] = line
        return new


class _Lines:
    """What iniparse reads from: one call, one line as Qt takes it, its line end with it."""

    def __init__(self, text: str) -> None:
        self.readline = partial(next, self._each(text), "")

    @staticmethod
    def _each(text: str) -> Iterator[str]:
        yield _VIRTUAL
        for match in _LINE.finditer(text):
            yield match[0]


class _Config(ini.INIConfig):  # type: ignore[misc]  # iniparse has no types
    _line_types = (_Option, _Blank, _Section, _Other)

    def lines(self) -> Iterator[Any]:
        """Every line in the order of the file."""
        for outer in self._data.contents:
            if not isinstance(outer, ini.LineContainer):
                yield outer
                continue
            for inner in outer.contents:
                yield inner.contents[0] if isinstance(inner, ini.LineContainer) else inner

    def option(self, group: str, name: str) -> _Option | None:
        """The last option of that name in all sections of the group."""
        container = self._sections[group]._options.get(name) if group in self._sections else None
        return None if container is None else container.contents[0]


class QtIni:
    """A settings file as Qt reads it. Make one with :meth:`parse`."""

    def __init__(self, data: bytes, config: _Config, *, ignore_case: bool) -> None:
        self.bom = data.startswith(_BOM)
        self.ignore_case = ignore_case
        self.data = data
        self._config = config

    @classmethod
    def parse(cls, data: bytes, *, ignore_case: bool = False) -> "QtIni":
        """Read the bytes of a file; ``ignore_case`` as Qt does on Windows. Raises :class:`Unreadable`."""
        if len(data) > MAX_BYTES:
            raise Unreadable(f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB")
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Unreadable("the file is in UTF-16, which Qt does not read", 1)
        if (nul := data.find(0)) >= 0:
            raise Unreadable("a NUL byte stands in the file", 1 + len(_EOL.findall(data[:nul].decode("latin-1"))))
        text = data.removeprefix(_BOM).decode("ascii", "surrogateescape")
        fold = str.lower if ignore_case else None
        config = _Config(_Lines(text), optionxformvalue=fold, sectionxformvalue=fold)
        if "".join([line.line or "" for line in config.lines()]) != text:
            raise Unreadable("this release of iniparse does not keep the lines as they are")
        return cls(data, config, ignore_case=ignore_case)

    def _walk(self) -> Iterator[tuple[int, int, Any]]:
        """The 1-based number of each line, the offset of its first byte, and iniparse's object for it."""
        number, offset = 1, len(_BOM) if self.bom else 0
        lone = self.data.count(b"\r") != self.data.count(b"\r\n")
        for line in self._config.lines():
            if text := line.line:
                yield number, offset, line
                offset += len(text)
                number += len(_EOL.findall(text)) if lone else text.count("\n")

    @cached_property
    def _options(self) -> list[_Option]:
        """The objects of iniparse for the options, with what an :class:`Entry` needs to know."""
        found = []
        group = spelled = ""
        for number, offset, line in self._walk():
            if isinstance(line, _Option):
                line.__dict__.update(path=group + line.name, number=number, section=spelled, at=offset)
                found.append(line)
            elif isinstance(line, _Section):
                group, spelled = line.name, line.spelled
        return found

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The path and the raw value of each entry, in the order of the file."""
        return [(option.path, option.value) for option in self._options]

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every ``key=value`` in the order of the file, overruled ones too."""
        return tuple(option.entry() for option in self._options)

    def _folded(self, path: str) -> str:
        return path.lower() if self.ignore_case else path

    def all(self, section: str, key: str) -> tuple[Entry, ...]:
        """Every entry that is this key to Qt, in the order of the file, however it is spelled."""
        path = self._folded(path_of(section, key))
        return tuple(option.entry() for option in self._options if self._folded(option.path) == path)

    def get(self, section: str, key: str) -> Entry | None:
        r"""The entry whose value Qt uses.

        Qt reads the groups in the order of their names, so that ``[Preferences\WebUI]`` overrules ``[Preferences]``
        and both overrule ``[General]``, wherever they stand in the file. Within one group the last one counts.
        """
        path = self._folded(path_of(section, key))
        groups = [path[: at + 1] for at in range(len(path) - 1, -1, -1) if path[at] == "/"]
        if not self._options:  # this also tells the options where they stand
            return None
        found = (self._config.option(group, path[len(group) :]) for group in [*groups, ""])
        return next((option.entry() for option in found if option is not None), None)

    def lookalikes(self, section: str, key: str) -> tuple[Entry, ...]:
        r"""Entries with superfluous separators (``WebUI\\Port``): other keys, but saved as this one the next time."""
        path = self._folded(path_of(section, key))
        return tuple(
            option.entry()
            for option in self._options
            if ("//" in option.path or "/" in (option.path[:1], option.path[-1:]))
            and self._folded(re.sub("/+", "/", option.path).strip("/")) == path != self._folded(option.path)
        )

    def count_before(self, offset: int) -> int:
        """How many entries stand on lines that start before this byte."""
        return bisect_left(self._options, offset, key=lambda option: option.at)

    def end_of(self, section: str) -> int | None:
        """Byte after the last option's line of the last such section; after its header if it is empty."""
        group = self._folded(path_of(section, ""))
        inside, end = group == "", None
        for _, offset, line in self._walk():
            if isinstance(line, _Section):
                inside = self._folded(line.name) == group
            if inside and isinstance(line, (_Section, _Option)):
                end = offset + len(line.line)
        return end

    @cached_property
    def hazards(self) -> tuple[Hazard, ...]:
        """What in the file makes an edit uncertain, in the order of the file; see :class:`Hazard`."""
        return tuple(self._hazards())

    def _hazards(self) -> Iterator[Hazard]:
        after_comment = False
        first_group = True
        for number, _, line in self._walk():
            text: str = line.line
            if _ORDINARY.match(text) and not (first_group and self.bom):
                after_comment = False
                continue
            if "\r" in text and text.count("\r") != text.count("\r\n"):
                yield Hazard(number, "a carriage return without a line feed stands in the line")
            content = not isinstance(line, _Blank)
            if content:
                for reason in _line_hazards(line, text):
                    yield Hazard(number, reason)
                if after_comment and text[0] in " \t":
                    yield Hazard(number, "an indented line follows a comment, which Qt 5 and Qt 6 take differently")
                if isinstance(line, _Section):
                    first_group = False
                elif first_group and self.bom:
                    yield Hazard(number, "a byte order mark and a key before the first section: only Qt 6 reads it")
            if ";" in text:
                after_comment = text.startswith(";", len(_match(_CONTENT, text)))
            elif content or text.strip("\r\n"):
                after_comment = False

    @cached_property
    def newline(self) -> str:
        r"""The line end that most lines have; for a file without any, Qt's own: ``\r\n`` on Windows, else ``\n``."""
        windows = self.data.count(b"\r\n")
        counts = {"\n": self.data.count(b"\n") - windows, "\r\n": windows, "\r": self.data.count(b"\r") - windows}
        newline = max(counts, key=lambda end: counts[end])
        return newline if counts[newline] else "\r\n" if self.ignore_case else "\n"


def _line_hazards(line: Any, text: str) -> Iterator[str]:
    if '"' in text or "\\" in text:
        content = _match(_CONTENT, text)
        if _EOL.search(content) or _OPEN_END.search(content) or _is_open(content):
            yield "a quote is left open, or a backslash stands at the end of the line"
    if isinstance(line, _Section):
        name = text.partition("]")[0]
        if not line.closed:
            yield "the section's name has no closing bracket"
    elif isinstance(line, _Option):
        name = text[: line.equals]
    else:
        name = _match(_CONTENT, text)
    name = name.strip(" \t")
    if _CONTROL.search(name):
        yield "a control character stands in a name"
    if _ODD_PERCENT.search(name) and not isinstance(line, _Other) and line.spelled.lower() != "%general":
        yield "a percent sign in a name is followed by no two hexadecimal digits"
    if "\udcef\udcbb\udcbf" in name:
        yield "a byte order mark stands in a name"


def _match(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text)
    return match[0] if match else ""


def _is_open(text: str) -> bool:
    return _OPEN_QUOTE.match(text) is not None
