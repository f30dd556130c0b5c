"""Begins the offline check of a password as soon as a config is known, beside all that is loaded and asked after that.

The hash takes as long as all the rest of a check, so what is read for it is one line, as qBittorrent itself writes it: any
other form waits until the config is read whole. Nothing is decided here: the offline check takes what was computed for the
hash that it finds itself, and else computes it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from qbdoctor.model.basics import Secret
from qbdoctor.patterns import regex
from qbdoctor.storage import foreign
from qbdoctor.target import paths
from qbdoctor.target.command_line import program_index, read_options
from qbdoctor.target.engines.process_scan import CommandLines, command_lines
from qbdoctor.type_checking import TYPE_CHECKING

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

    def guess_here(self) -> CommandLines | None:
        """Begin with what the command lines of this machine tell, and return those that may be a qBittorrent's (Linux)."""
        lines = command_lines("qbittorrent")
        self.guess(lines or {})
        return lines

    def guess(self, lines: CommandLines) -> None:
        """Begin with the config that the only one of these uses that is a qBittorrent, by its environment (Linux)."""
        found = [(pid, line[at + 1 :]) for pid, line in lines.items() if (at := program_index(line)) is not None]
        if len(found) != 1:
            return
        (pid, arguments), environment = found[0], {}
        with suppress(OSError):
            for one in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                name, _, value = os.fsdecode(one).partition("=")
                environment[name] = value
        options = read_options(arguments, environment)
        system = paths.System(sys.platform, environment, paths.home_folder(sys.platform, environment))
        profile = None if options.profile is None else Path(f"/proc/{pid}/cwd", options.profile)
        self.begin(paths.config_file(system, profile=profile, configuration=options.configuration))

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
