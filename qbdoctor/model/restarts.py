"""Tells whether this program can restart a qBittorrent of this system, and takes advice to do so out of texts where it cannot.

On Windows and macOS it is the desktop program, which this program restarts nowhere: its own menu ends it in order, and
neither system tells another process how a program was started to the last variable. A window that is told to close may only
hide in the tray. psutil reads Windows' services and starts or stops none.
"""

from __future__ import annotations

from qbdoctor.model import system
from qbdoctor.patterns import regex

_ADVICE = regex(
    r"[,;]? or (?:of a running one that it may restart for that \(--restart\), which also ends every session and every ban"
    r"|(?:have it restarted(?: for that)? |restart qBittorrent )?with --restart(?:, which ends all sessions)?"
    r"|with rollback --restart|use --restart|let --restart do it)"
    r"|, else with --restart, which stops it and starts it again"
)
_ALONE = "; while it runs with --restart alone, which stops it and starts it again"


def possible() -> bool:
    """Return whether ``--restart`` and ``--confirm-within`` are there on this system."""
    return system.is_linux()


def fit(text: str) -> str:
    """Return a text for people without the advice to have this program restart qBittorrent, where it cannot."""
    return text if possible() else _ADVICE.sub("", text.replace(_ALONE, ""))
