r"""Finds values of the config that Qt reads unlike a person does, and settings that stand in it more than once.

Pure: settings in, oddities out. The rules were measured on 4.2.5 to 5.3.0 (``tests/live/check/test_settings.py``): only
nothing, ``0`` and ``false`` are false; text that is no number is 0; an unquoted ``;`` ends a value, an unquoted ``,``
makes a list of it; of several equal keys the last one counts. No value of a secret leaves this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.config.key_lint import Oddity
from qbdoctor.config.subnets import parse_subnet
from qbdoctor.patterns import regex
from qbdoctor.releases import Key
from qbdoctor.releases.versions import KNOWN

if TYPE_CHECKING:
    from qbdoctor.config.qtini.document import Entry
    from qbdoctor.config.settings import Settings

_YES = {"true", "1", "yes", "y", "on", "t", "enabled", "enable"}
_NO = {"false", "0", "no", "n", "off", "f", "none", "null", "nil", "disabled", "disable", "0.0", "00"}
_COMMENT = regex(r"\s*(?:#|//).*\Z", re.DOTALL)
_NUMBER = regex(r"\s*[+-]?[0-9]+\s*\Z", re.ASCII)
_WORD = regex(r"[^\s;,]+\Z")
_LOOKS_LIKE_A_NAME = regex(r"\*|.*[.:*]")
_PORTS = range(1, 65536)
_SEPARATED = ("ServerDomains", "TrustedReverseProxiesList")
_HIDDEN = {"CustomHTTPHeaders"}  # people put tokens there
_QUOTE = "a quote is left open"


def lint_values(settings: Settings) -> tuple[Oddity, ...]:
    """Return the settings whose value, as this release takes it, is hardly what the file's text suggests."""
    found: list[Oddity] = []
    for key in releases.KEYS:
        if key.fixed is not None or settings.found(key.name) is None:
            continue
        found.extend(_twice(settings, key))
        if not key.secret:
            found.extend(_read_otherwise(settings, key))
    found.extend(_swallowed(settings))
    return tuple(found)


def cut_off(settings: Settings, name: str) -> str | None:
    """Return what an unquoted ``;`` cut off a value, if it looks like more of the value and not like a comment.

    ``10.0.0.0/8;192.168.0.0/16`` is cut; ``8080 ; the usual port`` is a value with a comment. Raises KeyError.
    """
    entry = _entry(settings, name)
    if entry is None:
        return None
    data = settings.ini.data
    end = next((at for at in range(entry.span[1], len(data)) if data[at : at + 1] in b"\r\n"), len(data))
    rest = data[entry.span[1] : end].decode("utf-8", "replace")
    blanks, mark, after = rest.partition(";")
    if not mark or blanks.strip() or not after.strip():
        return None
    parts = [part.strip() for part in re.split(r"[;,]", after) if part.strip()]
    if blanks and not all(_WORD.match(part) and _LOOKS_LIKE_A_NAME.match(part) for part in parts):
        return None
    return after.strip()


def _entry(settings: Settings, name: str) -> Entry | None:
    found = settings.found(name)
    if found is None:
        return None
    return settings.ini.get(*releases.place(name, found.layout or settings.layout))


def _at(settings: Settings, key: Key) -> int:
    found = settings.found(key.name)
    return found.line if found else 0


def _odd(settings: Settings, key: Key, text: str) -> Oddity:
    line = _at(settings, key)
    return Oddity("ambiguous-setting", key.name, line, f"{key.name} (line {line}) {text}")


def _read_otherwise(settings: Settings, key: Key) -> Iterator[Oddity]:
    entry = _entry(settings, key.name)
    if entry is None:
        return
    match key.kind:
        case "bool":
            yield from _boolean(settings, key, entry)
        case "int":
            yield from _number(settings, key, entry)
        case "text" | "path":
            yield from _text(settings, key, entry)


def _boolean(settings: Settings, key: Key, entry: Entry) -> Iterator[Oddity]:
    from qbdoctor.config.qtini.values import is_invalid, is_list, to_text  # noqa: PLC0415 - heavy: iniparse comes along

    if is_invalid(entry.raw):
        return
    effective = settings.boolean(key.name)
    counts = f"counts as {'true' if effective else 'false'}"
    if is_list(entry.raw):
        yield _odd(settings, key, f"holds a comma, so it is a list for Qt, and {counts}")
        return
    text = to_text(entry.raw)
    bare = _COMMENT.sub("", text).strip().strip("'\"").strip().lower()
    if not text.strip():
        if releases.default(key, settings.version or releases.NEWEST) is True:
            yield _odd(settings, key, f"is empty: that {counts}, and is not the default")
    elif bare in _YES | _NO:
        if (bare in _YES) != effective:
            yield _odd(settings, key, f"is {text.strip()[:40]!r}: that {counts} (only 0, false and nothing are false)")
    else:
        yield _odd(settings, key, f"is neither true nor false: {text.strip()[:40]!r} {counts}")


def _number(settings: Settings, key: Key, entry: Entry) -> Iterator[Oddity]:
    from qbdoctor.config.qtini.values import is_invalid, is_list, to_text  # noqa: PLC0415

    if is_invalid(entry.raw):
        return
    effective = settings.integer(key.name)
    text = to_text(entry.raw)
    if is_list(entry.raw) or not _NUMBER.match(text):
        yield _odd(settings, key, f"is no whole number: {_shown(entry.raw)} counts as {_meaning(key, effective)}")
    elif int(text) != effective:
        yield _odd(settings, key, f"is out of range: {text.strip()[:24]} counts as {_meaning(key, effective)}")
    elif key.name == "Port" and effective not in _PORTS:
        yield _odd(settings, key, f"counts as {_meaning(key, effective)}")


def _shown(raw: str) -> str:
    return repr(raw.encode("ascii", "surrogateescape").decode("utf-8", "replace")[:40])


def _meaning(key: Key, number: int) -> str:
    if key.name == "Port" and number == 0:
        return "0, which is a random port"
    return f"{number}, which means never" if key.seconds and number <= 0 else str(number)


def _text(settings: Settings, key: Key, entry: Entry) -> Iterator[Oddity]:
    from qbdoctor.config.qtini.values import is_list  # noqa: PLC0415

    value = "" if key.name in _HIDDEN else f": {settings.text(key.name)!r}"
    if is_list(entry.raw):
        text = f"holds a comma outside quotes, so it is a list for Qt and its text is lost{value}"
        yield _odd(settings, key, f"{text}{_after_upgrade(settings, key)}")
        return
    cut = cut_off(settings, key.name)
    if cut is not None:
        yield _odd(settings, key, f"holds a ; outside quotes: what follows is a comment, and this is left{value}")
    elif key.name in _SEPARATED:
        yield from _separated(settings, key)
    if key.name == "Username" and not entry.raw.isascii() and _latin(settings):
        text = (
            f"Username (line {entry.line}) has letters beyond ASCII as UTF-8, which a build with Qt 5 reads as others "
            f"({settings.text('Username')!r})"
        )
        yield Oddity("ambiguous-setting", "Username", entry.line, text, "possible")


def _after_upgrade(settings: Settings, key: Key) -> str:
    """Say what the newest release makes of a list that this one reads otherwise; a secret is not shown."""
    if settings.version is None or key.name in _HIDDEN:
        return ""
    # Built with Qt 6, and it reads the section that older releases wrote.
    from qbdoctor.config.settings import Settings  # noqa: PLC0415

    newer = Settings.parse(settings.ini.data, min(filter(releases.qt_reads_utf8, KNOWN)))
    later = newer.text(key.name)
    if later == settings.text(key.name):
        return ""
    return f"; after an upgrade to {newer.version} or later it counts as {later!r}"


def _latin(settings: Settings) -> bool:
    """Whether the release that reads the file is known, and is mostly built with Qt 5."""
    return settings.version is not None and not releases.qt_reads_utf8(settings.version)


def _separated(settings: Settings, key: Key) -> Iterator[Oddity]:
    """Find commas in lists of names and proxies: those are separated by ``;``, and a comma makes one entry of two."""
    wrong = [each.strip() for each in settings.text(key.name).split(";") if re.search(r"[,\s]", each.strip())]
    if wrong:
        yield _odd(settings, key, f"takes ; between its entries, so {wrong[0][:80]!r} is one entry, which fits nothing")
        return
    if key.name != "TrustedReverseProxiesList" or not settings.boolean("ReverseProxySupportEnabled"):
        return
    bad = settings.trusted_proxies()[1]
    if bad:
        why = (
            "no address or subnet"
            if parse_subnet(bad[0]) is None
            else "a subnet, and this release takes addresses only"
        )
        yield _odd(settings, key, f"has an entry that is dropped without a word: {bad[0][:80]!r} is {why}")


def _twice(settings: Settings, key: Key) -> Iterator[Oddity]:
    """Yield the same key more than once, with different values: the last one of the place that wins counts."""
    found = settings.found(key.name)
    if found is None or found.layout is None:
        return
    counts = _entry(settings, key.name)
    if counts is None:
        return
    for layout in settings.layouts:
        for entry in settings.ini.all(*releases.place(key.name, layout)):
            if entry.line != counts.line and not _same(key, entry.raw, counts.raw):
                text = (
                    f"{key.name} stands in lines {entry.line} and {counts.line} with different values: line {counts.line} "
                    "counts"
                )
                yield Oddity("ambiguous-setting", key.name, counts.line, text)
                return


def _same(key: Key, one: str, other: str) -> bool:
    from qbdoctor.config.qtini.values import to_bool, to_bytes, to_list  # noqa: PLC0415

    if key.kind == "bool":
        return to_bool(one) == to_bool(other)
    return to_bytes(one) == to_bytes(other) if key.kind == "bytes" else to_list(one) == to_list(other)


def _swallowed(settings: Settings) -> Iterator[Oddity]:
    """Yield a quote that nothing closes, or a backslash at a line's end: the next lines belong to the value, with their keys.

    qBittorrent never writes a value over several lines, so that nobody means this.
    """
    lines = settings.ini.data.splitlines()
    for hazard in settings.ini.hazards:
        if hazard.reason.startswith(_QUOTE) and b"=" in b"".join(lines[hazard.line : hazard.line + 1]):
            text = (
                f"line {hazard.line} ends within quotes or with a backslash, so that the next line belongs to it and is "
                "no setting of its own"
            )
            yield Oddity("ambiguous-setting", f"line {hazard.line}", hazard.line, text)
