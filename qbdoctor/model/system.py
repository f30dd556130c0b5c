"""Names the system that this program runs on, asked when it matters, so that each system is judged on every system."""

from __future__ import annotations

import sys


def platform() -> str:
    """Return :data:`sys.platform`; through here, since type checkers take that for the one they run on."""
    return sys.platform


def is_linux() -> bool:
    """Return whether this is Linux."""
    return platform().startswith("linux")


def is_macos() -> bool:
    """Return whether this is macOS."""
    return platform() == "darwin"
