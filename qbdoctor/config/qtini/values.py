r"""Reads values as Qt takes them from the text after the equals sign, and writes the text that Qt would write.

Text goes in and out as :mod:`qbdoctor.config.qtini.document` hands it out: ASCII, with every byte above 127 as a lone surrogate
(Python's ``surrogateescape``). The rules are those of ``iniUnescapedStringList``, ``stringToVariant`` and
``iniEscapedString`` in Qt's src/corelib/io/qsettings.cpp; ``tests/unit/config/test_qtini_values.py`` compares them with the real
QSettings. A value of another type (``@Variant(…)``, ``@Size(…)`` and the like; qBittorrent stores none for its
Web UI) counts as the string that stands in the file.
"""

import codecs
import re
from collections.abc import Iterable

from qbdoctor.patterns import regex

_ESCAPES = dict(zip("abfnrtv\"?'\\", "\a\b\f\n\r\t\v\"?'\\", strict=True))
_ESCAPED = {
    "\0": r"\0",
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    '"': r"\"",
    "\\": r"\\",
}
_TOKEN = regex(
    r"""\\(?:x(?P<hex>[0-9A-Fa-f]+)|(?P<octal>[0-7]+)|(?P<newline>\r\n|\n\r)|(?P<other>[\s\S]?))"""
    r"""|(?P<quote>")|(?P<comma>,)|(?P<plain>[^\\",]+)""",
)
_INT = regex(r"\s*([+-]?[0-9]+)\s*\Z", re.ASCII)


def _joined(text: str) -> str:
    """Make one character of each surrogate pair, as UTF-16 does."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _strings(raw: str, *, utf8: bool) -> list[str]:
    """Return the value's strings before what "@" says of their type; more than one if there is an unquoted comma."""
    decoder = codecs.getincrementaldecoder("utf-8-sig" if utf8 else "latin-1")("replace")
    done: list[str] = []
    text = ""
    keep = 0  # up to here, blanks at the end are not cut off
    open_quote = quoted = False
    skip_blanks = True
    ended = False
    for token in _TOKEN.finditer(raw):
        kind = token.lastgroup
        part = token[0]
        if kind == "comma" and open_quote:
            kind = "plain"
        if kind == "plain":
            if skip_blanks:
                part = part.lstrip(" \t")
                keep = len(text)
            text += decoder.decode(part.encode("ascii", "surrogateescape"))
        elif kind == "quote":
            quoted = True
            open_quote = not open_quote
        elif kind == "comma":
            done.append(text if quoted else text[:keep] + text[keep:].rstrip(" \t"))
            text, keep, quoted = "", 0, False
        elif kind == "hex":
            text += chr(int(token["hex"], 16) & 0xFFFF)
        elif kind == "octal":
            text += chr(int(token["octal"], 8) & 0xFFFF)
        elif kind == "other":
            ended = part == "\\" or (part == "\\x" and token.end() == len(raw))
            text += _ESCAPES.get(part[1:], "")
        if kind not in ("plain", "quote"):
            keep = len(text)
        skip_blanks = kind == "comma" or (kind == "quote" and not open_quote)
    if not (quoted or ended):
        text = text[:keep] + text[keep:].rstrip(" \t")
    return [_joined(each) for each in [*done, text]]


def _string(text: str, *, utf8: bool) -> str:
    """Return what a lone string stands for, by Qt's marks of types."""
    if text.endswith(")"):
        if text.startswith("@ByteArray("):
            return _latin1(text[11:-1]).decode("utf-8", "replace")
        if utf8 and text.startswith("@String("):
            return text[8:-1]
        if text == "@Invalid()":
            return ""
    return text[1:] if text.startswith("@@") else text


def _latin1(text: str) -> bytes:
    # Qt counts in UTF-16: a character beyond U+FFFF gives two question marks
    return b"".join(c.encode("latin-1", "replace") if c < "\U00010000" else b"??" for c in text)


def is_list(raw: str) -> bool:
    """Whether an unquoted comma makes a list of the value. Qt gives such a value as an empty string."""
    return len(_strings(raw, utf8=True)) > 1


def is_invalid(raw: str) -> bool:
    """Whether the value is Qt's empty one, ``@Invalid()``; Qt writes empty lists so."""
    return _strings(raw, utf8=True) == ["@Invalid()"]


def is_bytes(raw: str) -> bool:
    """Whether the value is a byte array, ``@ByteArray(…)``."""
    strings = _strings(raw, utf8=True)
    return len(strings) == 1 and strings[0].startswith("@ByteArray(") and strings[0].endswith(")")


def to_text(raw: str, *, utf8: bool = True) -> str:
    """Return the value as a string; empty for a list, as ``QVariant::toString`` has it.

    ``utf8`` False reads bytes above 127 as Latin-1, as Qt 5 does.
    """
    strings = _strings(raw, utf8=utf8)
    return _string(strings[0], utf8=utf8) if len(strings) == 1 else ""


def to_bool(raw: str, default: bool = True) -> bool:
    """Return the value as a boolean: false are only "", "0" and "false" in any case, so "no" and "off" are true.

    ``default`` is for lists and ``@Invalid()``. qBittorrent 4.5.2 and later take the setting's own default there
    (measured for ``LocalHostAuth``, whose default is true).
    """
    if is_list(raw) or is_invalid(raw):
        return default
    return to_text(raw).lower() not in ("", "0", "false")


def to_int(raw: str, default: int) -> int:
    """Return the value as a number of 32 bits: 0 for text that is none, as ``QString::toInt`` has it.

    ``default`` is for lists and ``@Invalid()``, which convert to no number at all.
    """
    if is_list(raw) or is_invalid(raw):
        return default
    match = _INT.match(to_text(raw))
    number = int(match[1]) if match and len(match[1]) < 20 else 0
    return number if -(2**31) <= number < 2**31 else 0


def to_list(raw: str, *, utf8: bool = True) -> tuple[str, ...]:
    """Return the value as strings: one for a value without an unquoted comma, none for ``@Invalid()``."""
    if is_invalid(raw):
        return ()
    return tuple(_string(each, utf8=utf8) for each in _strings(raw, utf8=utf8))


def to_bytes(raw: str) -> bytes:
    """Return the value as bytes: those in ``@ByteArray(…)``, else the string's UTF-8; empty for a list."""
    if is_bytes(raw):
        return _latin1(_strings(raw, utf8=True)[0][11:-1])
    return to_text(raw).encode("utf-8", "surrogatepass")


def from_bool(value: bool) -> str:
    """Return the text Qt writes for a boolean."""
    return "true" if value else "false"


def from_text(text: str, *, utf8: bool = True) -> str:
    """Return the text Qt writes for a string; with ``utf8`` False all ASCII, as Qt 5 does, which every Qt reads alike."""
    if utf8 and "\0" in text:
        text = f"@String({text})"
    elif text.startswith("@"):
        text = "@" + text
    return _escaped(text, utf8=utf8)


def from_list(texts: Iterable[str], *, utf8: bool = True) -> str:
    """Return the text Qt writes for a list of strings; a list of one is written as that string."""
    raws = [from_text(text, utf8=utf8) for text in texts]
    return ", ".join(raws) if raws else "@Invalid()"


def from_bytes(value: bytes) -> str:
    """Return the text Qt writes for a byte array."""
    return _escaped(f"@ByteArray({value.decode('latin-1')})", utf8=False)


def _escaped(text: str, *, utf8: bool) -> str:
    out = []
    hex_digits_too = False  # after an escape that takes every hexadecimal digit following it
    for unit in _units(text):
        if hex_digits_too and unit in "0123456789abcdefABCDEF":
            out.append(f"\\x{ord(unit):x}")
        elif unit in _ESCAPED:
            out.append(_ESCAPED[unit])
            hex_digits_too = unit == "\0"
        elif unit < " " or (unit >= "\x7f" and not utf8):
            out.append(f"\\x{ord(unit):x}")
            hex_digits_too = True
        else:
            out.append(unit)
            hex_digits_too = False
    done = _joined("".join(out))
    if any(c in text for c in ";,=") or done[:1] == " " or done[-1:] == " ":
        done = f'"{done}"'
    return done.encode("utf-8").decode("ascii", "surrogateescape")


def _units(text: str) -> str:
    """UTF-16's code units, each as a character."""
    if all(c < "\U00010000" for c in text):
        return text
    data = text.encode("utf-16-be", "surrogatepass")
    return "".join(chr(high << 8 | low) for high, low in zip(data[::2], data[1::2], strict=True))
