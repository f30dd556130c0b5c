"""What the real QSettings says, and files to ask it about."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from qbdoctor.config.qtini import values as qtini_values
from tests.kit import needs

CORPUS = {path.stem: path for path in sorted((Path(__file__).parents[1] / "data" / "corpus").glob("*.conf"))}
UNREADABLE = {"nul-byte": 2, "nul-filled": 1, "utf16be": 1, "utf16le": 1}
READABLE = [name for name in CORPUS if name not in UNREADABLE]


class Oracle:
    """Reads and writes settings files with PySide6's QSettings."""

    def __init__(self) -> None:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        self.core: Any = needs.qt("QtCore")
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
        weakref.finalize(self, shutil.rmtree, self.folder)
        self.numbers = itertools.count()

    def _path(self) -> Path:
        # A new name each time: QSettings keeps what it read from a name, and a new file can have the old time and size
        return self.folder / f"{next(self.numbers)}.ini"

    def read(self, data: bytes) -> dict[str, Any]:
        """Every path with its value; a path that QSettings lists and cannot look up has None."""
        path = self._path()
        path.write_bytes(data)
        settings = self.core.QSettings(str(path), self.core.QSettings.Format.IniFormat)
        # allKeys first, as qBittorrent does: it makes Qt read every section, in its order
        found = {key: self.normal(settings.value(key)) if key else None for key in settings.allKeys()}
        path.unlink()
        return found

    def written(self, value: Any) -> bytes:
        """The bytes Qt writes after "k=" for a value."""
        path = self._path()
        settings = self.core.QSettings(str(path), self.core.QSettings.Format.IniFormat)
        settings.setValue("s/k", self.core.QByteArray(value) if isinstance(value, bytes) else value)
        settings.sync()
        data = path.read_bytes().removeprefix(b"[s]\nk=").removesuffix(b"\n")
        path.unlink()
        return data

    def integer(self, text: str) -> int:
        number, ok = self.core.QLocale.c().toInt(text)
        return int(number) if ok else 0

    def normal(self, value: Any) -> Any:
        if isinstance(value, self.core.QByteArray):
            return ("bytes", value.data())
        if isinstance(value, str):
            return as_pyside(value)
        if isinstance(value, list | tuple):
            return [self.normal(each) for each in value]
        return None if value is None else "another type"


def as_pyside(text: str) -> str:
    """PySide6 drops lone surrogates, and a byte order mark at the start, on the way to Python."""
    return "".join(c for c in text if not "\ud800" <= c <= "\udfff").removeprefix("\ufeff")


def as_qt(raw: str) -> Any:
    """A raw value in the shape of :meth:`Oracle.read`, by qbdoctor's own reading."""
    if qtini_values.is_invalid(raw):
        return None
    if qtini_values.is_list(raw):
        return [as_pyside(each) for each in qtini_values.to_list(raw)]
    return ("bytes", qtini_values.to_bytes(raw)) if qtini_values.is_bytes(raw) else as_pyside(qtini_values.to_text(raw))


def is_comparable(value: Any) -> bool:
    """Whether qbdoctor takes the value as Qt does: none of another type, and no list that has one in it."""
    return value != "another type" and not (
        isinstance(value, list) and any(not isinstance(each, str) or each == "another type" for each in value)
    )


def is_plain(path: str) -> bool:
    """Whether QSettings can look the path up: it takes superfluous slashes off what it is asked for."""
    return path != "" and "" not in path.split("/") and "\ufeff" not in path


PIECES = [
    b"[",
    b"]",
    b"[S]",
    b"[T]",
    b"[General]",
    b"[%General]",
    b"[S\\W]",
    b"[ S ]",
    b"[s]",
    b"S\\W\\k",
    b"W\\k",
    b"W/k",
    b"w\\k",
    b"k",
    b"=",
    b"=",
    b"=1",
    b"=true",
    b"=x, y",
    b"\n",
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"\t",
    b";",
    b"; c",
    b"#",
    b'"',
    b"\\",
    b"\\\n",
    b"%57",
    b"%U0057",
    b"%",
    b"%zz",
    b"%2F",
    b"%5C",
    b"%+1",
    b"% 1",
    b"%0x",
    b"%U0x1f",
    b"%U+123",
    b"%-1",
    b"%\xc2\xa01",
    b"\xc3\xa9",
    b"\xef\xbb\xbf",
    b"\x0b",
    b"\x0c",
    b"\\\\",
    b"//",
    b"general",
    b"%general",
    b",",
    b"@",
    b"@Invalid()",
    b"@ByteArray(",
    b")",
    b"\x01",
]
"""What random files are made of, of every kind that matters to the grammar; W\\k in [S] is the key to be edited."""

wild_files = st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join)

_NAMES = [
    b"k",
    b"W\\k",
    b"W\\k",
    b"W\\k",
    b"w\\k",
    b"W\\l",
    b"REM",
    b"#x",
    b"S\\W\\k",
    b"%C3%A9",
    b"a.b-c",
    b"W/k",
    b"x y",
]
_VALUES = [
    b"",
    b"1",
    b"true",
    b"false",
    b"a b",
    b'"q ; r"',
    b"x, y",
    b"@Invalid()",
    b"C:\\\\d",
    b"\\x41",
    b'say \\"',
    b"\xc3\xa9",
    b"\xe9",
    b"50%",
    b"a=b",
    b'"a" b',
    b"@ByteArray(z)",
    b'"open',
    b"end\\",
]
_blanks = st.sampled_from([b"", b"", b"", b" ", b"\t ", b"  "])
_ends = st.sampled_from([b"\n", b"\n", b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r\n", b"\r"])
_comments = st.sampled_from([b"", b"", b"", b"", b";c", b" ; it's \"", b" ;; \\"])


def _join(*parts: st.SearchStrategy[bytes] | bytes) -> st.SearchStrategy[bytes]:
    return st.tuples(*(st.just(part) if isinstance(part, bytes) else part for part in parts)).map(b"".join)


_option = _join(
    st.sampled_from([b"", b"", b"", b"", b"", b" "]),
    st.sampled_from(_NAMES),
    _blanks,
    b"=",
    _blanks,
    st.sampled_from(_VALUES[:-2] * 12 + _VALUES),
    _blanks,
    _comments,
)
_section = _join(
    st.sampled_from(
        [b"[S]"] * 10 + [b"[T]", b"[General]", b"[%General]", b"[S\\W]", b"[s]", b"[ S ] x", b"[U"],
    ),
    _comments,
)
_others = st.sampled_from([b"", b"", b"; c", b" ; c", b"# c", b"no", b"  "])
_line = st.one_of(_option, _option, _option, _section, _others)


@st.composite
def likely_files(draw: st.DrawFn) -> bytes:
    """A file much like a real one, mostly with one kind of line end."""
    lines = draw(st.lists(_line, max_size=9))
    end = draw(_ends.filter(lambda end: end != b"\r"))
    mixed = draw(st.integers(0, 9)) == 0
    body = b"".join(line + (draw(_ends) if mixed else end) for line in lines)
    if draw(st.integers(0, 3)) == 0:
        body = body.removesuffix(end)
    return draw(st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf"])) + body
