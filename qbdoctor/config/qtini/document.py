r"""Reads qBittorrent.conf and qBittorrent.ini as Qt reads them, and knows where in the file each value stands.

The lines are kept by iniparse; the grammar is Qt's. iniparse's own grammar must not be used on these files: it takes
``RememberLastSavePath=`` for a comment, cuts quoted values at `` ;``, and swallows indented keys. Its list of line
types is a way in, so those of :mod:`qbdoctor.config.qtini.grammar` replace its own. The grammar is that of Qt 6; where
Qt 5 reads a line otherwise, that line is one of :attr:`QtIni.hazards`.
``tests/unit/config/test_qtini_document.py`` compares the result with the real QSettings.
"""

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from qbdoctor.config.qtini.grammar import EOL, Document, Option, Rest, Section, Wanted, last_part
from qbdoctor.config.qtini.hazards import Hazard, hazards
from qbdoctor.values import field, frozen

MAX_BYTES = 16 * 1024 * 1024
"""Larger files are not read: real ones have 1 to 200 KB."""

_BOM = b"\xef\xbb\xbf"
_WORTH_KEEPING = 1 << 17  # bytes: a run reads a file a dozen times for the same keys, and small ones quickly


class Unreadable(ValueError):
    """The bytes are no settings file. Holds the 1-based line, where there is one, and the reason, without any value."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.reason = reason
        self.line = line


@frozen
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
    return f"{group.removeprefix('%') if is_general(group) else group}/{key}"


def is_general(group: str) -> bool:
    """Whether it is the group that Qt keeps for keys without one, or one that must not be taken for it."""
    return group.lstrip("%").lower() == "general"


def _section_and_key(path: str) -> tuple[str, str]:
    group, slash, key = path.replace("\\", "%5C").partition("/")
    if not slash:
        return "General", group
    return "%" + group if is_general(group) else group, key.replace("/", "\\")


class _View:
    """The file as iniparse has it: every line, or those that can be the keys with these last parts.

    ``begin`` is the place of the text's first byte in the file; ``lone``: a carriage return alone ends lines.
    """

    def __init__(self, text: str, begin: int, wanted: Wanted | None, *, ignore_case: bool, lone: bool) -> None:
        self.wanted = wanted
        self._begin = begin
        self._lone = lone
        self._document = Document(text, wanted, ignore_case=ignore_case)
        if "".join([line.line or "" for line in self._document.lines()]) != text:
            raise Unreadable("this release of iniparse does not keep the lines as they are")

    def walk(self) -> Iterator[tuple[int, int, Any]]:
        """Yield the 1-based number of each line, the offset of its first byte, and iniparse's object for it."""
        number, offset = 1, self._begin
        for line in self._document.lines():
            if text := line.line:
                yield number, offset, line
                offset += len(text)
                number += len(EOL.findall(text)) if self._lone else text.count("\n")

    @cached_property
    def options(self) -> list[Option]:
        """The objects of iniparse for the options, with what an :class:`Entry` needs to know."""
        found = []
        group = spelled = ""
        for number, offset, line in self.walk():
            if isinstance(line, Option):
                line.__dict__.update(path=group + line.name, number=number, section=spelled, at=offset)
                found.append(line)
            elif isinstance(line, Section):
                group, spelled = line.name, line.spelled
        return found

    @property
    def skips_options(self) -> bool:
        """Whether lines that nobody asked for have options among them."""
        return any(isinstance(line, Rest) and line.options for line in self._document.lines())

    def option(self, group: str, name: str) -> Option | None:
        """Return the last option of that name in all sections of the group."""
        return self._document.option(group, name) if self.options else None  # these know where they stand


def _entry(option: Option) -> Entry:
    start = option.at + option.start
    span = (start, start + len(option.value))
    names = _section_and_key(option.path)
    return Entry(*names, option.value, option.number, option.section, option.spelled, option.path, span)


class QtIni:
    """A settings file as Qt reads it. Make one with :meth:`parse`."""

    def __init__(self, data: bytes, wanted: Wanted | None, ignore_case: bool) -> None:
        self.bom = data.startswith(_BOM)
        self.ignore_case = ignore_case
        self.data = data
        self._text = data.removeprefix(_BOM).decode("ascii", "surrogateescape")
        self._part = self._view(wanted)

    @classmethod
    def parse(
        cls,
        data: bytes,
        *,
        ignore_case: bool = False,
        keys: Iterable[str] | None = None,
        near: Callable[[str], bool] | None = None,
    ) -> "QtIni":
        """Read the bytes of a file; ``ignore_case`` as Qt does on Windows. Raises :class:`Unreadable`.

        ``keys`` are those that will be looked up, which is quicker then; all the others are found too. With ``near``, which
        is given a key or a section as it is spelled, :attr:`asked` has those of which it says so.
        """
        if len(data) > MAX_BYTES:
            raise Unreadable(f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB")
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Unreadable("the file is in UTF-16, which Qt does not read", 1)
        if (nul := data.find(0)) >= 0:
            raise Unreadable("a NUL byte stands in the file", 1 + len(EOL.findall(data[:nul].decode("latin-1"))))
        wanted: Wanted | None = None
        if keys is not None:
            fold = ignore_case or near is not None
            wanted = Wanted(frozenset(_last_part(key, fold) for key in keys), fold, near)
        made = cls if len(data) < _WORTH_KEEPING else _parsed
        return made(data, wanted, ignore_case)

    def of_same_keys(self, data: bytes) -> "QtIni":
        """Read other bytes for the same keys, by the same rules. Raises :class:`Unreadable`."""
        keys, _, near = self._part.wanted or (None, False, None)
        return self.parse(data, ignore_case=self.ignore_case, keys=keys, near=near)

    def _view(self, wanted: Wanted | None) -> _View:
        lone = self.data.count(b"\r") != self.data.count(b"\r\n")
        begin = len(_BOM) if self.bom else 0
        return _View(self._text, begin, wanted, ignore_case=self.ignore_case, lone=lone)

    @cached_property
    def _whole(self) -> _View:
        return self._part if self._part.wanted is None else self._view(None)

    def has(self, wanted: Wanted | None) -> bool:
        """Whether all of these were asked for."""
        mine = self._part.wanted
        if mine is None or wanted is None:
            return mine is None
        if wanted.near not in (None, mine.near) or (wanted.ignore_case and not mine.ignore_case):
            return False
        return {name.lower() if mine.ignore_case else name for name in wanted.names} <= mine.names

    def _with(self, path: str) -> _View:
        """Where to look this path up."""
        wanted = self._part.wanted
        found = wanted is None or _last_part(path, wanted.ignore_case) in wanted.names
        return self._part if found else self._whole

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The path and the raw value of each entry, in the order of the file."""
        return [(option.path, option.value) for option in self._whole.options]

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Every ``key=value`` in the order of the file, overruled ones too."""
        return tuple(_entry(option) for option in self._whole.options)

    @cached_property
    def asked(self) -> tuple[Entry, ...]:
        """The entries with the last part of a key that was asked for, and those of which ``near`` said so.

        In the order of the file; others may be among them.
        """
        return tuple(_entry(option) for option in self._part.options)

    @cached_property
    def is_empty(self) -> bool:
        """Whether there is no ``key=value`` at all."""
        return not self._part.options and not self._part.skips_options

    def header_before(self, offset: int) -> str | None:
        """Return the section, as it is spelled, that a line which starts here is in; None before the first one."""
        at = bisect_left(self._headers, offset, key=lambda header: header[0])
        return self._headers[at - 1][1] if at else None

    @cached_property
    def _headers(self) -> list[tuple[int, str]]:
        return [(offset, line.spelled) for _, offset, line in self._part.walk() if isinstance(line, Section)]

    def _folded(self, path: str) -> str:
        return path.lower() if self.ignore_case else path

    def all(self, section: str, key: str) -> tuple[Entry, ...]:
        """Every entry that is this key to Qt, in the order of the file, however it is spelled."""
        path = self._folded(path_of(section, key))
        return tuple(_entry(option) for option in self._with(path).options if self._folded(option.path) == path)

    def get(self, section: str, key: str) -> Entry | None:
        r"""Return the entry whose value Qt uses.

        Qt reads the groups in the order of their names, so that ``[Preferences\WebUI]`` overrules ``[Preferences]``
        and both overrule ``[General]``, wherever they stand in the file. Within one group the last one counts.
        """
        path = self._folded(path_of(section, key))
        view = self._with(path)
        groups = [path[: at + 1] for at in range(len(path) - 1, -1, -1) if path[at] == "/"]
        found = (view.option(group, path[len(group) :]) for group in [*groups, ""])
        return next((_entry(option) for option in found if option is not None), None)

    def lookalikes(self, section: str, key: str) -> tuple[Entry, ...]:
        r"""Entries with superfluous separators (``WebUI\\Port``): other keys, but saved as this one the next time."""
        path = self._folded(path_of(section, key))
        return tuple(
            _entry(option)
            for option in self._with(path).options
            if ("//" in option.path or "/" in (option.path[:1], option.path[-1:]))
            and self._folded(re.sub("/+", "/", option.path).strip("/")) == path != self._folded(option.path)
        )

    def end_of(self, section: str) -> int | None:
        """Byte after the last option's line of the last such section; after its header if it is empty."""
        group = self._folded(path_of(section, ""))
        inside, end = group == "", None
        for _, offset, line in self._part.walk():
            if isinstance(line, Section):
                inside = self._folded(line.name) == group
            if inside and isinstance(line, Section | Option):
                end = offset + len(line.line)
            elif inside and isinstance(line, Rest) and line.options:
                end = offset + line.options
        return end

    @cached_property
    def hazards(self) -> tuple[Hazard, ...]:
        """What in the file makes an edit uncertain, in the order of the file; see :class:`Hazard`."""
        return tuple(hazards(self._text, bom=self.bom))

    @cached_property
    def newline(self) -> str:
        r"""The line end that most lines have; for a file without any, Qt's own: ``\r\n`` on Windows, else ``\n``."""
        windows = self.data.count(b"\r\n")
        counts = {"\n": self.data.count(b"\n") - windows, "\r\n": windows, "\r": self.data.count(b"\r") - windows}
        newline = max(counts, key=lambda end: counts[end])
        return newline if counts[newline] else "\r\n" if self.ignore_case else "\n"


_kept: deque[QtIni] = deque(maxlen=4)


def _parsed(data: bytes, wanted: Wanted | None, ignore_case: bool) -> QtIni:
    """Return the file, one that was read before if it has what is wanted."""
    for file in _kept:
        if file.ignore_case == ignore_case and file.has(wanted) and file.data == data:
            return file
    _kept.append(QtIni(data, wanted, ignore_case))
    return _kept[-1]


def _last_part(key: str, ignore_case: bool) -> str:
    last = last_part(key.replace("\\", "/"))
    return last.lower() if ignore_case else last
