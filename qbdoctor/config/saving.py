"""Names the file that a save of qBittorrent writes beside its config.

A save writes ``qBittorrent_new.conf`` whole, removes the old config and renames the new one (measured, 4.2.5 to 5.3.0). For a
few hundredths of a millisecond, or seconds where processor or disk are busy, there is no file of the config's name.
"""

from __future__ import annotations

import os
from pathlib import Path


def unfinished_save(config: Path) -> Path:
    """Return the path at which qBittorrent writes a new config before it renames it over this one."""
    return config.with_name(f"{config.stem}_new{config.suffix}")


def has_config(config: Path) -> bool:
    """Return whether there is a config of that name, be it in the middle of a save."""
    # The last look is for a new file that was renamed between the first two.
    return any(map(os.path.isfile, (config, unfinished_save(config), config)))
