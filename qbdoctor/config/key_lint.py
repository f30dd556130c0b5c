r"""Finds keys of a config file that no release reads, and those that stand where this release does not look.

Pure: settings in, oddities out. Only the Web UI's own areas are judged (``[Preferences] WebUI\…``, ``[WebUI]``,
``[WebAPI]``) and keys elsewhere that bear the name of a Web UI setting; the rest of the file is no business of ours.
What real servers of 4.2.5 to 5.3.0 write after every preference was changed is the test that nothing here is named
wrongly (``tests/live/check/test_config.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.model.basics import Confidence, Severity
from qbdoctor.releases import NEWEST, Key, Layout, Version
from qbdoctor.releases.versions import known
from qbdoctor.values import frozen, replace

if TYPE_CHECKING:
    from qbdoctor.config.qtini.document import Entry
    from qbdoctor.config.settings import Settings

_LAYOUTS: tuple[Layout, ...] = ("Preferences", "WebUI")

# Written in guides and scripts, read by no release; with what was meant. Empty: nothing of the kind exists.
_PHANTOMS = {
    "bypasslocalauth": "LocalHostAuth",
    "bypassauthsubnetwhitelist": "AuthSubnetWhitelist",
    "bypassauthsubnetwhitelistenabled": "AuthSubnetWhitelistEnabled",
    "localauth": "LocalHostAuth",
    "user": "Username",
    "password": "Password_PBKDF2",
    "csrf": "CSRFProtection",
    "domainlist": "ServerDomains",
    "alternativewebuienabled": "AlternativeUIEnabled",
    "alternativewebuipath": "RootFolder",
    "banlist": "",
    "logurl": "",
}
# Too common to say whose they are when they stand elsewhere.
_COMMON = {"enabled", "address", "port", "username", "useupnp", "rootfolder", "apikey", "https/enabled", "https/key"}
# [Locking] password_PBKDF2 is the desktop window's own lock.
_LOCKING = "locking"
_COMMENTED = ("#", "//", "rem ")
_FEW = 2


@frozen
class Oddity:
    """One thing in the file that is not read as its author meant.

    ``setting`` is the key as the file spells it (never a value), ``line`` counts from 1, ``text`` is a sentence
    without a full stop that names the line. ``severity`` overrides the catalogue's. ``meant`` is the real key, if any,
    ``name`` what the table of releases calls it. ``section`` and ``place`` are the key as Qt takes it.
    """

    cause: str
    setting: str
    line: int
    text: str
    confidence: Confidence = "likely"
    severity: Severity | None = None
    meant: str = ""
    name: str = ""
    section: str = ""
    place: str = ""


def as_read_by(settings: Settings, version: Version | None) -> Settings:
    """Return the settings as this release reads the same bytes; unchanged where the release is not known."""
    if version is None or settings.version == version:
        return settings
    from qbdoctor.config.settings import Settings  # noqa: PLC0415 - loads iniparse, which --help does without

    reader = Settings(settings.ini, settings.ini.data, version)
    reader.file, reader.modified = settings.file, settings.modified
    return reader


def shown(setting: str, layout: Layout) -> str:
    r"""Return a setting as people look for it: ``WebUI\Port in [Preferences]``."""
    section, key = releases.place(setting, layout)
    return f"{key} in [{section}]"


def lint_keys(settings: Settings) -> tuple[Oddity, ...]:
    """Return the keys that this release (``settings.version``, else whichever may read the file) takes no notice of."""
    return tuple(_Lint(settings).all())


_MOST_STRANGERS = 100
"""Keys of none that are named: nobody reads more, and finding what was meant takes milliseconds for each."""
_LONGEST_NAME = 80


class _Lint:
    """One file; the entries are walked once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.version = settings.version
        self.fold = settings.ini.ignore_case
        self.places = settings.layouts
        self.wanted = self.places[0]
        self.known = {self._folded(path): hit for path, hit in _known().items()}

    def _folded(self, path: str) -> str:
        return path.lower() if self.fold else path

    def all(self) -> Iterator[Oddity]:
        unread: list[tuple[Entry, Key, Layout]] = []
        strangers = 0
        for entry in self.settings.ini.asked:
            hit = self.known.get(self._folded(entry.path))
            if hit is None:
                found = self._stranger(entry) if strangers < _MOST_STRANGERS else None
                if found is not None:
                    strangers += 1
                    yield found
                continue
            key, layout = hit
            if self.version is not None and not releases.reads(key, self.version):
                yield from self._other_release(entry, key)
            elif layout is not None and layout not in self._read_places(key):
                unread.append((entry, key, layout))
        yield from self._unread(unread)

    def _read_places(self, key: Key) -> tuple[Layout, ...]:
        return self.places if releases.moved(key) else ("WebUI",)

    # --- known keys that have no effect ----------------------------------------------------------------------------

    def _other_release(self, entry: Entry, key: Key) -> Iterator[Oddity]:
        """Yield a key that only newer releases read; of older ones the old password's hash, if none took its place."""
        version = self.version
        if version is None or (key.fixed is not None and key.fixed[0] != "WebAPI"):
            return
        name = _spelled(entry)
        if version.release < known(key.since):
            text = f"{name} (line {entry.line}) is read from {key.since} on; this is {version}, which does not know it"
        elif key.name == releases.hash_key(releases.OLDEST) and not self.settings.explicit(releases.hash_key(version)):
            text = (
                f"{name} (line {entry.line}) is a password of releases up to {key.until}; {version} does not read it, and "
                "no other is set"
            )
        else:
            return  # left over from an older release that read it: nothing was meant by it now
        yield Oddity("unknown-key", name, entry.line, text, severity="info")

    def _unread(self, unread: list[tuple[Entry, Key, Layout]]) -> Iterator[Oddity]:
        """Known settings in a place that is not read: left by a newer release, misplaced, or in both places."""
        lost: list[tuple[Entry, Key]] = []
        for entry, key, _ in unread:
            counts = self.settings.found(key.name)
            if counts is None or counts.layout is None:
                lost.append((entry, key))
            elif not _same_text(self.settings, key, entry, counts.layout):
                text = (
                    f"{key.name} stands in two places with different values: line {counts.line} counts, line "
                    f"{entry.line} ({_spelled(entry)}) does not"
                )
                yield Oddity("ambiguous-setting", key.name, entry.line, text, meant=shown(key.name, counts.layout))
        new_place = [one for one in lost if one[0].path.partition("/")[0].lower() == "webui"]
        if self.version is None:
            yield from self._unread_by_an_unknown(lost)
        elif self.wanted == "Preferences" and new_place and self._written_by_newer(new_place):
            yield self._newer(new_place)
            yield from self._misplaced(one for one in lost if one not in new_place)
        else:
            yield from self._misplaced(lost)

    def _unread_by_an_unknown(self, lost: list[tuple[Entry, Key]]) -> Iterator[Oddity]:
        """Without the release only a file that carries its writer's number says anything, and that not for sure."""
        if self.settings.migration is not None:
            yield from self._misplaced(iter(lost), "possible")

    def _written_by_newer(self, lost: list[tuple[Entry, Key]]) -> bool:
        """Whether qBittorrent itself wrote the section: by its mark in the file, or by what no person writes there."""
        below = releases.rule("config.migrates_below", NEWEST)
        if (self.settings.migration or 0) >= below:
            return True
        names = {key.name for _, key in lost}
        return len(names) > _FEW and bool(names & {"Password_PBKDF2", "Port"})

    def _newer(self, lost: list[tuple[Entry, Key]]) -> Oddity:
        names = ", ".join(dict.fromkeys(key.name for _, key in lost))
        first = releases.rules("config.layout")[-1].since
        text = (
            f"The file was written by {first} or later: {self.version} does not read its section [WebUI], so that these "
            f"settings are as if they were not there: {names}"
        )
        return Oddity("config-from-newer-release", "WebUI", lost[0][0].line, text)

    def _misplaced(
        self, lost: Iterator[tuple[Entry, Key]] | list[tuple[Entry, Key]], confidence: Confidence = "likely"
    ) -> Iterator[Oddity]:
        for entry, key in lost:
            meant = shown(key.name, self._read_places(key)[0])
            text = f"{_spelled(entry)} (line {entry.line}) is not read there: it belongs as {meant}"
            yield self._placed(
                Oddity("misplaced-key", _spelled(entry), entry.line, text, confidence, meant=meant), entry, key
            )

    # --- keys that are none ----------------------------------------------------------------------------------------

    def _stranger(self, entry: Entry) -> Oddity | None:
        parts = entry.path.split("/")
        if any(part.lower().startswith(_COMMENTED) for part in parts):
            return None  # meant as a comment; it is none for Qt, but has no effect either
        lower = [part.lower() for part in parts if part]
        if not lower:
            return None
        tidy = "/".join(lower)
        hit = _known_lower().get(tidy)
        if hit is not None and (hit[0].fixed is None or hit[0].fixed[0] == "WebAPI"):
            return self._misspelled(entry, hit[0], hit[1])
        named = _name_in(lower, parts)
        if named is not None:
            meant = shown(named.name, self._read_places(named)[0])
            text = f"{_spelled(entry)} (line {entry.line}) is not read there: it belongs as {meant}"
            return self._placed(Oddity("misplaced-key", _spelled(entry), entry.line, text, meant=meant), entry, named)
        inner = _inner(lower)
        return None if inner is None else self._unknown(entry, inner)

    def _misspelled(self, entry: Entry, key: Key, layout: Layout | None) -> Oddity:
        spelled = shown(key.name, layout or "WebUI")
        why = "upper and lower case count" if "//" not in entry.path else "one separator too many"
        text = f"{_spelled(entry)} (line {entry.line}) is not read: the setting is {spelled}, and {why}"
        return self._placed(Oddity("unknown-key", _spelled(entry), entry.line, text, meant=spelled), entry, key)

    @staticmethod
    def _placed(oddity: Oddity, entry: Entry, key: Key | None) -> Oddity:
        return replace(oddity, name=key.name if key else "", section=entry.section, place=entry.key)

    def _unknown(self, entry: Entry, inner: str) -> Oddity | None:
        if self.version is not None and self.version.release > NEWEST:
            return None  # a release newer than this table may read it
        name = nearest(inner)
        confidence: Confidence = "likely" if name is not None else "possible"
        meant = shown(name, self.wanted) if name else ""
        text = f"{_spelled(entry)} (line {entry.line}) is read by no release" + (
            f": the setting is called {meant}" if meant else ""
        )
        found = Oddity("unknown-key", _spelled(entry), entry.line, text, confidence, meant=meant)
        return self._placed(found, entry, releases.key(name) if name else None)


def nearest(inner: str) -> str | None:
    """Return the setting that a name of none may have meant; "" if it is a known phantom without one, None if unknown.

    ``inner`` is the name below the Web UI's area, parts joined by "/", in any case; the Web API's own names
    (``bypass_local_auth``) are understood too.
    """
    lower = inner.lower()
    bare = lower.replace("_", "")
    if bare in _PHANTOMS:
        return _PHANTOMS[bare]
    for key in releases.KEYS:
        if key.json is not None and key.json.lower() == lower:
            return key.name
    if len(lower) > _LONGEST_NAME:
        return None
    names = {key.name.lower(): key.name for key in releases.KEYS if key.fixed is None}
    from difflib import get_close_matches  # noqa: PLC0415 - only for a name that nobody knows

    found = get_close_matches(lower, names, n=1, cutoff=0.7)
    return names[found[0]] if found else None


@cache
def _known() -> dict[str, tuple[Key, Layout | None]]:
    """Qt's path of every setting in every place, with the place; None where it is the same for all releases."""
    from qbdoctor.config.qtini.document import path_of  # noqa: PLC0415 - loads iniparse

    found: dict[str, tuple[Key, Layout | None]] = {}
    for key in releases.KEYS:
        for layout in _LAYOUTS:
            found[path_of(*releases.place(key.name, layout))] = (key, None if key.fixed else layout)
    return found


@cache
def _known_lower() -> dict[str, tuple[Key, Layout | None]]:
    return {path.lower(): hit for path, hit in _known().items()}


@cache
def _movable() -> dict[str, Key]:
    return {key.name.lower(): key for key in releases.KEYS if key.fixed is None}


def _name_in(lower: list[str], parts: list[str]) -> Key | None:
    r"""Return the setting whose name stands in a foreign place: after another section's ``WebUI\``, or bare.

    ``[BitTorrent] WebUI\Port``, ``[WebUI] WebUI\Port`` and ``[Preferences] LocalHostAuth`` are such.
    """
    names = _movable()
    if "webui" in lower:
        last = len(lower) - 1 - lower[::-1].index("webui")
        inner = "/".join(lower[last + 1 :])
        # The area itself is not a foreign place.
        if last > 0 and lower[:last] != ["preferences"] and inner in names:
            return names[inner]
    for size in (1, 2):
        inner = "/".join(lower[-size:])
        if inner not in names or inner in _COMMON or _inner(lower) == inner:
            continue
        secret_of_another = lower[0] == _LOCKING or parts[-1] != names[inner].name.split("/")[-1]
        if names[inner].secret and secret_of_another:
            continue
        return names[inner]
    return None


def _inner(lower: list[str]) -> str | None:
    """Return the name below the Web UI's own areas, or None for a key of another area."""
    if lower[:2] == ["preferences", "webui"] and len(lower) > _FEW:
        return "/".join(lower[2:])
    return "/".join(lower[1:]) if lower[0] in {"webui", "webapi"} and len(lower) > 1 else None


def _spelled(entry: Entry) -> str:
    """Return the key as the file spells it, with its section; shortened, and without control characters."""
    key = re.sub(r"[^\x20-\x7e]", "?", entry.spelled_key)[:80]
    return f"[{re.sub(r'[^ -~]', '?', entry.spelled_section)[:40]}] {key}" if entry.spelled_section else key


def _same_text(settings: Settings, key: Key, entry: Entry, layout: Layout) -> bool:
    from qbdoctor.config.qtini.values import to_bytes, to_list  # noqa: PLC0415 - only files with two places need it

    other = settings.ini.get(*releases.place(key.name, layout))
    if other is None:
        return True
    if key.kind == "bytes":
        return to_bytes(other.raw) == to_bytes(entry.raw)
    return to_list(other.raw) == to_list(entry.raw)
