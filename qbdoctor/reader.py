"""Which release will read the config file next, and so in which section an edit belongs."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor import releases
from qbdoctor.releases import Version
from qbdoctor.releases import fingerprints as signs

if TYPE_CHECKING:
    from qbdoctor.observe import Observer

PROGRAMS = ("qbittorrent-nox", "qbittorrent")


def reader(observer: Observer) -> Version | None:
    """Return the release that runs on this config, else the one that is installed; None where neither is certain.

    An installed program counts for the config in the platform's own place alone: one that was named may be a container's,
    whose program is not this machine's. Sends nothing that was not sent before.
    """
    seen = observer.seen
    if seen.has("version") and seen.version is not None:
        return seen.version
    settings = seen.settings
    if settings is not None and settings.version is not None:
        return settings.version
    if seen.has("releases") and seen.releases.single is not None:
        return seen.releases.single
    target = observer.target
    return _installed(os.environ.get("PATH")) if target.instance is None and not target.config_given else None


@functools.cache  # the programs' files are searched as a whole, and every step of a fix asks
def _installed(search_path: str | None) -> Version | None:
    """Return the release of the programs on the search path, where all of them keep the settings in the same section."""
    paths = [Path(found).resolve() for name in PROGRAMS if (found := shutil.which(name, path=search_path))]
    known = [version for version in map(signs.from_binary, paths) if version is not None]
    if not known or len(known) < len(paths):
        return None
    return max(known) if len({releases.rule("config.migrates_below", version) for version in known}) == 1 else None
