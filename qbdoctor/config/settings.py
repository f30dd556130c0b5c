r"""Reads the config file as one release does: every setting with its effective value, and where in the file it stands.

The grammar is :mod:`qbdoctor.config.qtini.document`'s, the meaning of a value :mod:`qbdoctor.config.qtini.values`',
and what differs by release stands in :mod:`qbdoctor.releases`. ``tests/live/check/test_settings.py`` compares
all of it with what real servers do.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from qbdoctor import releases
from qbdoctor.config.files import read_in_use, too_large
from qbdoctor.config.qtini.document import MAX_BYTES, Entry, QtIni, Unreadable
from qbdoctor.config.qtini.values import is_invalid, is_list, to_bool, to_bytes, to_int, to_list, to_text
from qbdoctor.config.subnets import Network, parse_subnets
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.patterns import regex
from qbdoctor.releases import Key, Layout, Version, VersionRange, fingerprints
from qbdoctor.values import field, frozen

MASK = "***"

_T = TypeVar("_T", bool, int, str, tuple[str, ...])
_DIGITS = regex(r"\s*([+-]?[0-9]+)\s*\Z", re.ASCII)
_LONGEST_NUMBER = 20  # characters of one of 64 bits, with its sign
_LAYOUTS: tuple[Layout, ...] = ("Preferences", "WebUI")
_AUTO_RUN = (("program", "enabled"), ("OnTorrentAdded/Program", "OnTorrentAdded/Enabled"))
"""What [AutoRun] has run, each with its switch."""
_KEYS = (
    *(releases.place(key.name, "WebUI")[1] for key in releases.KEYS),  # the other layout's end in the same part
    *(name for pair in _AUTO_RUN for name in pair),
)


def _near(spelled: str) -> bool:
    """Whether a section or a key may be of the Web UI's area; with "%57" or raw bytes it can read as anything."""
    lower = spelled.lower()
    return "web" in lower or "%" in lower or not spelled.isascii()


def _number(raw: str, default: int) -> int:
    """Return the number as QVariant::toInt makes it of a string: read with 64 bits, cut to 32 (measured on 4.2.5 to 5.3.0)."""
    match = None if is_list(raw) or is_invalid(raw) else _DIGITS.match(to_text(raw))
    if match is None or len(match[1]) > _LONGEST_NUMBER:
        return to_int(raw, default)
    number = int(match[1])
    return (number + 2**31) % 2**32 - 2**31 if -(2**63) <= number < 2**63 else 0


@frozen
class Found:
    """Where a setting stands in the file, and as what.

    ``raw`` is the text after the equals sign as it is spelled (bytes above 127 as lone surrogates), None for a secret.
    ``line`` counts from 1; ``section`` and ``key`` are as spelled. ``others`` are the lines of further entries of the
    same key, which this one overrules.
    """

    name: str
    raw: str | None = field(repr=False)
    line: int
    section: str
    key: str
    layout: Layout | None
    others: tuple[int, ...] = ()


@frozen
class _Hit:
    entry: Entry
    layout: Layout


class Settings:
    """A config file as a release reads it. Make one with :meth:`load` or :meth:`parse`.

    ``version`` is the release that reads the file, None where it is not known: then the file's MigrationVersion decides
    on the layout, and the newest release that leaves this number on the defaults. ``file`` and ``modified`` (UTC) are
    None for :meth:`parse`; ``size`` is in bytes, ``sha256`` in hexadecimal, both of the whole file.
    """

    def __init__(self, ini: QtIni, data: bytes, version: Version | None) -> None:
        self.ini = ini
        self.version = version
        self.file: Path | None = None
        self.modified: datetime | None = None
        self.size = len(data)
        self.sha256 = hashlib.sha256(data).hexdigest()
        found = ini.get(*releases.place("MigrationVersion", "WebUI"))
        self.migration: int | None = None if found is None or is_invalid(found.raw) else to_int(found.raw, 0)
        self.layouts = releases.layouts(version, self.migration)
        self.layout = self.layouts[0]
        self._reader = version or min(self.written_by.highest, releases.NEWEST)
        self._utf8 = releases.qt_reads_utf8(self._reader)

    @classmethod
    def parse(cls, data: bytes, version: Version | None = None, *, platform: str = sys.platform) -> Settings:
        """Read the bytes of a config file. Names are compared without case on Windows, as Qt does.

        Raises :class:`~qbdoctor.model.UserError`: ``config-too-large``, ``config-binary``, ``config-malformed``.
        """
        return cls._parse(data, version, platform, "the config")

    @classmethod
    def load(cls, path: Path, version: Version | None = None, *, platform: str = sys.platform) -> Settings:
        """Read a config file; at most 16 MiB, and only a regular file. In the middle of a save it reads the new file.

        Raises :class:`~qbdoctor.model.UserError`: ``config-missing``, ``config-is-folder``, ``config-unreadable``,
        ``config-too-large``, ``config-binary``, ``config-malformed``.
        """
        data, modified, where = read_in_use(path)
        settings = cls._parse(data, version, platform, str(where))
        settings.file, settings.modified = path, modified
        return settings

    @classmethod
    def _parse(cls, data: bytes, version: Version | None, platform: str, where: str) -> Settings:
        if len(data) > MAX_BYTES:
            raise too_large(where)
        if b"\0" in data or data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise UserError(
                "config-binary",
                f"{where} is not text in UTF-8 or Latin-1, so it is no config of qBittorrent: give the right file, "
                "or save it as UTF-8.",
            )
        try:
            ini = QtIni.parse(data, ignore_case=platform == "win32", keys=_KEYS, near=_near)
        except Unreadable as error:
            line = f", line {error.line}" if error.line is not None else ""
            raise UserError(
                "config-malformed", f"{where}{line}: {error.reason}; correct it while qBittorrent is stopped."
            ) from None
        return cls(ini, data, version)

    @property
    def written_by(self) -> VersionRange:
        """The releases that may have written the file last, by its MigrationVersion."""
        return fingerprints.from_migration(self.migration)

    # --- where a setting stands -------------------------------------------------------------------------------------

    def found(self, name: str) -> Found | None:
        """Where the effective value stands; None: the setting is absent where this release looks. Raises KeyError."""
        hit = self._hit(releases.key(name))
        return None if hit is None else self._found(releases.key(name), hit)

    def place(self, name: str) -> tuple[str, str]:
        """Section and key under which this release takes the setting, as qBittorrent spells them. Raises KeyError."""
        setting = releases.key(name)
        return releases.place(name, self._places(setting)[0])

    def explicit(self, name: str) -> bool:
        """Whether the file sets it where this release looks; else the default holds."""
        return self._hit(releases.key(name)) is not None

    def elsewhere(self, name: str) -> Found | None:
        """Return the setting in the place that this release does not read, or None."""
        setting = releases.key(name)
        if setting.fixed is not None:
            return None
        for layout in _LAYOUTS:
            if layout not in self._places(setting) and (entry := self._entry(setting, layout)) is not None:
                return self._found(setting, _Hit(entry, layout))
        return None

    def _found(self, setting: Key, hit: _Hit) -> Found:
        section, key = releases.place(setting.name, hit.layout)
        entry = hit.entry
        others = tuple(each.line for each in self.ini.all(section, key) if each.line != entry.line)
        return Found(
            name=setting.name,
            raw=None if setting.secret else entry.raw,
            line=entry.line,
            section=entry.spelled_section,
            key=entry.spelled_key,
            layout=None if setting.fixed else hit.layout,
            others=others,
        )

    def _entry(self, setting: Key, layout: Layout) -> Entry | None:
        return self.ini.get(*releases.place(setting.name, layout))

    def _hit(self, setting: Key) -> _Hit | None:
        if self.version is not None and not releases.reads(setting, self.version):
            return None
        for layout in self._places(setting):
            entry = self._entry(setting, layout)
            if entry is not None and not (self._skips_invalid and is_invalid(entry.raw)):
                return _Hit(entry, layout)
        return None

    def _places(self, setting: Key) -> tuple[Layout, ...]:
        return self.layouts if releases.moved(setting) else ("WebUI",)

    @property
    def _skips_invalid(self) -> bool:
        return bool(releases.rule("config.invalid_value", self._reader) == "absent")

    # --- effective values -------------------------------------------------------------------------------------------

    def boolean(self, name: str) -> bool:
        """Return the effective value. Qt takes only "", "0" and "false" in any case for false. Raises KeyError, TypeError."""
        setting, default = self._wanted(name, bool)
        hit = self._hit(setting)
        return default if hit is None else to_bool(hit.entry.raw, default=self._for_list(default, False))

    def integer(self, name: str) -> int:
        """Return the effective value: text that is no number is 0; of a large one the low 32 bits count, of Port the low 16.

        Raises KeyError, TypeError.
        """
        setting, default = self._wanted(name, int)
        hit = self._hit(setting)
        value = default if hit is None else _number(hit.entry.raw, self._for_list(default, 0))
        return value & 0xFFFF if setting.name == "Port" else value

    def text(self, name: str) -> str:
        """Return the effective text or path, blanks kept. Raises KeyError, and TypeError for a secret or another type."""
        setting, default = self._wanted(name, str)
        if setting.secret:
            raise TypeError(f"{setting.name} is a secret")
        return self._text(setting, default)

    def items(self, name: str) -> tuple[str, ...]:
        """Return the effective list as it stands in the file, bad entries included. Raises KeyError, TypeError."""
        setting, default = self._wanted(name, tuple)
        hit = self._hit(setting)
        return default if hit is None else to_list(hit.entry.raw, utf8=self._utf8)

    def secret(self, name: str) -> Secret | None:
        """Return the effective value of a secret; None where neither the file nor the release has one. Raises KeyError."""
        setting, default = self._wanted(name, str)
        value = self._text(setting, default)
        return Secret(value) if value else None

    def _text(self, setting: Key, default: str) -> str:
        hit = self._hit(setting)
        if hit is None:
            return default
        raw = hit.entry.raw
        if is_list(raw):
            return default if releases.rule("config.list_as_text", self._reader) == "default" else ""
        if setting.kind == "bytes":
            return to_bytes(raw).decode("utf-8", "replace")
        return to_text(raw, utf8=self._utf8)

    def _wanted(self, name: str, kind: type[_T]) -> tuple[Key, _T]:
        setting = releases.key(name)
        default = releases.default(setting, self._reader)
        if type(default) is not kind:
            raise TypeError(f"{setting.name} is no {kind.__name__}")
        return setting, default

    def _for_list(self, default: _T, empty: _T) -> _T:
        """Return what a list, or an empty value of Qt's, is where one value is wanted."""
        return default if releases.rule("config.list_as_scalar", self._reader) == "default" else empty

    def value_text(self, name: str) -> str:
        """Return the effective value as it may be shown: "true", "3600", "a, b"; for a secret "***". Raises KeyError."""
        setting = releases.key(name)
        if setting.secret:
            return MASK if self.secret(name) else ""
        match setting.kind:
            case "bool":
                return "true" if self.boolean(name) else "false"
            case "int":
                return str(self.integer(name))
            case "list":
                return ", ".join(self.items(name))
            case _:
                return self.text(name)

    def programs(self) -> tuple[tuple[str, int, str], ...]:
        """Return what [AutoRun] has run: key, line and command, but for those that are switched off beside it."""
        found = []
        for key, switch in _AUTO_RUN:
            entry, on = self.ini.get("AutoRun", key), self.ini.get("AutoRun", switch)
            if entry is not None and (on is None or to_bool(on.raw, True)):
                found.append((key, entry.line, to_text(entry.raw, utf8=self._utf8) or entry.raw))
        return tuple(found)

    # --- lists of addresses and names -------------------------------------------------------------------------------

    def whitelist(self) -> tuple[tuple[Network, ...], tuple[str, ...]]:
        """AuthSubnetWhitelist: the networks that count, and the entries that qBittorrent drops without a word.

        Whether it is looked at at all is AuthSubnetWhitelistEnabled.
        """
        return parse_subnets(self.items("AuthSubnetWhitelist"))

    def trusted_proxies(self) -> tuple[tuple[Network, ...], tuple[str, ...]]:
        """TrustedReverseProxiesList: the networks that count, and the entries that are dropped.

        Whether it is looked at at all is ReverseProxySupportEnabled. A list without one valid entry switches the
        support off (measured on 4.5.2 to 5.3.0).
        """
        support = releases.rule("proxy.support", self._reader)
        if support is None:
            return (), ()
        entries = [each.strip() for each in self.text("TrustedReverseProxiesList").split(";")]
        networks, bad = parse_subnets(each for each in entries if each)
        if support == "addresses":
            bad += tuple(each for each in entries if "/" in each and each not in bad)
            networks = tuple(each for each in networks if each.prefixlen == each.max_prefixlen)
        return networks, bad

    def server_domains(self) -> tuple[str, ...]:
        """ServerDomains: the patterns that a Host header is matched with; "*" matches every name."""
        return tuple(each.strip() for each in self.text("ServerDomains").split(";") if each.strip())


def wait_until(
    path: Path, version: Version | None, says: Callable[[Settings], bool], seconds: float
) -> Settings | None:
    """Read the file again and again until it says so; returns it then, None if it does not in time."""
    end = time.monotonic() + seconds
    while True:
        with suppress(UserError):  # it is being replaced at this moment
            if says(settings := Settings.load(path, version)):
                return settings
        if time.monotonic() > end:
            return None
        time.sleep(0.05)
