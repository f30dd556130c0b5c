"""Holds the config of the stand-in: a file that is read once and rewritten whole, or no file at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from qbdoctor import releases
from qbdoctor.config.password_hash import make_hash
from qbdoctor.config.qtini.document import path_of
from qbdoctor.config.qtini.values import from_bytes, from_list, is_bytes, is_invalid, to_bytes, to_list
from qbdoctor.config.saving import unfinished_save
from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Secret
from qbdoctor.releases import Version


class Config:
    """The config file, held in memory as qBittorrent holds it.

    ``file`` is None for one that is nowhere; ``dirty``: memory is not what was written last. Raises
    :class:`~qbdoctor.model.UserError` as :meth:`Settings.load` does.
    """

    def __init__(self, file: Path | None, version: Version) -> None:
        self.file = file
        self.version = version
        self.settings = Settings.parse(b"", version) if file is None else Settings.load(file, version)
        self._pairs = dict(self.settings.ini.pairs)
        if len(self.settings.layouts) > 1:  # what stands in the old place wins, and is moved
            for key in filter(releases.moved, releases.KEYS):
                old, new = (path_of(*releases.place(key.name, layout)) for layout in self.settings.layouts)
                if old in self._pairs:
                    self._pairs[new] = self._pairs.pop(old)
            section, name = releases.place("MigrationVersion", "WebUI")
            self._pairs[path_of(section, name)] = str(releases.rule("config.migrates_below", version))
        self.settings = Settings.parse(self._text(), version)
        self.dirty = True

    @classmethod
    def made(cls, version: Version, raw: Mapping[str, str], password: Secret) -> Config:
        """Return a config without a file: settings by their name, as raw text of the file, and the password to take."""
        config = cls(None, version)
        for name, text in raw.items():
            config.set(name, text)
        config.set_password(password)
        return config

    def set(self, name: str, raw: str) -> None:
        """Give a setting the text ``raw``, unless that changes nothing."""
        before = self._pairs.get(place := path_of(*self.settings.place(name)))
        held = self.settings.value_text(name)
        self._pairs[place] = raw
        changed = Settings.parse(self._text(), self.version)
        if changed.value_text(name) == held and not releases.key(name).secret:
            self._pairs.pop(place) if before is None else self._pairs.update({place: before})
            return
        self.settings = changed
        self.dirty = True

    def set_password(self, password: Secret) -> None:
        """Keep the hash of a password, in the release's own form."""
        name = releases.hash_key(self.version)
        if name.endswith("ha1"):
            self.set(name, hashlib.md5(password.reveal().encode(), usedforsecurity=False).hexdigest())
            return
        made = make_hash(password).reveal()
        self.set(name, from_bytes(made.removeprefix("@ByteArray(").removesuffix(")").encode()))

    def save(self) -> None:
        """Write the whole file beside the old one and rename it over it."""
        if self.file is not None:
            beside = unfinished_save(self.file)
            beside.write_bytes(self._text())
            beside.replace(self.file)
        self.dirty = False

    def _text(self) -> bytes:
        """Return the file as QSettings writes it: sections and keys sorted, comments gone, values in Qt's own spelling."""
        sections: dict[str, list[str]] = {}
        for path, raw in sorted(self._pairs.items()):
            section, slash, key = path.partition("/")
            if not slash:
                section, key = "General", path
            sections.setdefault(section, []).append(f"{key.replace('/', chr(92))}={self._respelled(raw)}\n")
        text = "\n".join(f"[{section}]\n{''.join(lines)}" for section, lines in sections.items())
        return text.encode("ascii", "surrogateescape")

    def _respelled(self, raw: str) -> str:
        utf8 = releases.qt_reads_utf8(self.version)
        if is_invalid(raw):
            return "@Invalid()"
        return from_bytes(to_bytes(raw)) if is_bytes(raw) else from_list(to_list(raw, utf8=utf8), utf8=utf8)
