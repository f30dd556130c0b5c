"""Finds other configs than the one looked at: that of another process which serves the address, and those at
usual places that nothing uses.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.config import password_hash
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.storage import files
from qbdoctor.target import paths
from qbdoctor.target.address import parse_ip

if TYPE_CHECKING:
    from qbdoctor.model.exchanges import Exchange
    from qbdoctor.target.description import Target
    from qbdoctor.target.processes import Instance

HASH = "Password_PBKDF2"


def other_server(target: Target, first: Exchange) -> Instance | None:
    """Return the local process that serves the target's address with another config than the one that was given.

    ``first`` is an answer from that address: only one that came from this machine says anything.
    """
    if not target.config_given or target.direct or first.peer is None:
        return None
    peer = parse_ip(first.peer)
    if peer is None or not (peer.is_loopback or first.peer == first.local):
        return None
    for other in target.others:
        if other.config_file is None or other.shares_network is False:
            continue
        for text, port in other.listening or ():
            bound = parse_ip(text)
            if port == target.address.port and bound is not None and (bound.is_unspecified or bound == peer):
                return other
    return None


def fitting_config(target: Target, given: Secret | None, environment: Mapping[str, str]) -> Path | None:
    """Return a config at a usual place whose password is the given one, and which no running process uses.

    Costs a PBKDF2 for each such file that sets a password. The factory password says nothing about whose it is.
    """
    used = [target.config_file, *(other.config_file for other in target.others)]
    if target.config_file is None or not given or given.reveal() == password_hash.FACTORY_PASSWORD:
        return None
    from qbdoctor.config.settings import Settings  # noqa: PLC0415

    system = paths.System(sys.platform, environment, paths.home_folder(sys.platform, environment))
    for place in paths.default_configs(system):
        if not files.is_file(place) or any(file is not None and files.same_file(file, place) for file in used):
            continue
        try:
            stored = Settings.load(place).secret(HASH)
        except UserError:
            continue
        parsed = password_hash.parse_hash(stored) if stored else None
        if isinstance(parsed, password_hash.StoredHash) and password_hash.verify(parsed, given):
            return place
    return None
