"""Begins the offline check of a password as soon as a config is known, beside all that is loaded and asked after that.

The hash takes as long as all the rest of a check, so what is read for it is one line, as qBittorrent itself writes it: any
other form waits until the config is read whole. Nothing is decided here: the offline check takes what was computed for the
hash that it finds itself, and else computes it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.model.basics import Secret
from qbdoctor.patterns import regex
from qbdoctor.storage import foreign

if TYPE_CHECKING:
    from qbdoctor.config.password_hash import Verifier

_LINE = regex(rb'(?m)^(?:WebUI\\)?Password_PBKDF2="(@ByteArray\([A-Za-z0-9+/=:]+\))"\r?$')
_MOST = 1 << 20
"""Bytes; a config has some thousand."""


class HashAhead:
    """Begins to verify a password, the factory one where none is given. ``verifier`` is None until there was a config."""

    def __init__(self, given: Secret | None) -> None:
        self.verifier: Verifier | None = None
        self._given = given

    def begin(self, config: Path | bytes) -> None:
        """Begin with this config, a file or what one holds. Never raises for what it is: who needs it says so."""
        # Here, not above: a target elsewhere does without them.
        from qbdoctor.config.password_hash import FACTORY_PASSWORD, StoredHash, Verifier, parse_hash  # noqa: PLC0415

        self.verifier = self.verifier or Verifier()
        with suppress(OSError, ValueError):
            found = _LINE.search(config if isinstance(config, bytes) else foreign.read(config, _MOST))
            parsed = parse_hash(Secret(found[1].decode("ascii"))) if found is not None else None
            if isinstance(parsed, StoredHash):
                self.verifier.begin(parsed, self._given if self._given is not None else Secret(FACTORY_PASSWORD))
