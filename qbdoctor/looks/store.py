"""Keeps the last good look of each target in the state folder: small, atomic, pruned; one that cannot be kept stops nothing."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from qbdoctor.looks.look import Look, parse
from qbdoctor.model.errors import Refused
from qbdoctor.storage import foreign, private, trust
from qbdoctor.values import replace

MOST_LOOKS = 100
_MOST_BYTES = 256 * 1024
_KEY_BYTES = 32
_STALE_SECONDS = 3600


class Store:
    """The looks below a state folder: a file a target, named by a digest of which target it is, and the key."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "looks"
        self._usable: bool | None = None

    @property
    def usable(self) -> bool:
        """Whether the folder is one that may be believed and written to: nobody else can put anything into it."""
        if self._usable is None:
            try:
                trust.check_ours(self.folder)
                self._usable = True
            except (Refused, OSError):
                self._usable = False
        return self._usable

    def key(self, *, make: bool) -> bytes | None:
        """Return the key of the keyed hashes, made at first if ``make``; None where there is none."""
        if not self.usable:
            return None
        path = self.folder / "key"
        for _ in range(2):
            with suppress(OSError):
                held = foreign.read(path, _KEY_BYTES + 1, follow=False)
                return held if len(held) == _KEY_BYTES else None
            if not make:
                return None
            with suppress(OSError):
                private.make_private_path(self.folder)
                private.write_private(path, new_key())
        return None

    def last(self, identities: Iterable[str]) -> Look | None:
        """Return the last good look at the target that has one of these identities, the first that fits; None without one."""
        if not self.usable:
            return None
        for identity in identities:
            with suppress(OSError, ValueError, RecursionError):
                data = foreign.read(self._path(identity), _MOST_BYTES + 1, follow=False)
                if len(data) <= _MOST_BYTES:
                    return parse(json.loads(data))
        return None

    def keep(self, look: Look, identities: Iterable[str]) -> bool:
        """Keep a look under each identity of its target; False where that was not possible."""
        if not self.usable:
            return False
        data = (json.dumps(look.to_json(), indent=1, ensure_ascii=True) + "\n").encode()
        if len(data) > _MOST_BYTES:
            return False
        try:
            private.make_private_path(self.folder)
            for identity in identities:
                # A power cut may take it: then the next healthy check makes it. Waiting for the disk is 10 ms and more.
                private.replace_private(self._path(identity), data, durable=False)
            self._prune()
        except OSError:
            return False
        return True

    def _path(self, identity: str) -> Path:
        return self.folder / f"{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}.json"

    def _prune(self) -> None:
        """Remove the oldest looks beyond :data:`MOST_LOOKS`, and what runs left that were killed an hour ago or more."""
        for path in private.leftovers(self.folder):
            if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                private.discard_file(path)
        found = [path for path in self.folder.iterdir() if path.suffix == ".json" and not path.name.startswith(".")]
        if len(found) > MOST_LOOKS:
            for path in sorted(found, key=lambda one: one.stat().st_mtime)[:-MOST_LOOKS]:
                private.discard_file(path)


@cache
def new_key() -> bytes:
    """Return the key that this run keeps where there is none yet."""
    return os.urandom(_KEY_BYTES)


def identities(look: Look) -> list[str]:
    """Return what a target is known by: its config file, then its address; the first is the surer one."""
    container = look.facts.get("container", "")
    known = [f"container {container}" if "container_id" in look.facts else "", look.facts.get("config_file", "")]
    return [one for one in (*known, look.url) if one]


def carried_over(now: Look, before: Look | None) -> Look:
    """Return a look with what only an earlier one saw, of the same source: a check without a login sees less."""
    if before is None or before.facts.get("started") != now.facts.get("started"):
        return now
    return replace(now, facts={**before.facts, **now.facts})
