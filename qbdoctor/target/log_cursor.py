"""Remembers where a log ends, to tell what is written after it: its times have whole seconds, its bytes an order."""

from __future__ import annotations

from pathlib import Path

from qbdoctor.storage import foreign
from qbdoctor.target.log import DEFAULT_LIMIT, LogLine, parse
from qbdoctor.values import frozen


@frozen
class LogEnd:
    """A log, which file it was (device and inode, None where there was none) and how many bytes it had."""

    path: Path
    file: tuple[int, int] | None
    size: int

    @classmethod
    def now(cls, path: Path) -> LogEnd:
        """Return where the log ends now; one that cannot be looked at has no end, so all of it is new."""
        try:
            state = path.stat()
        except OSError:
            return cls(path, None, 0)
        return cls(path, (state.st_dev, state.st_ino), state.st_size)

    def lines_since(self) -> tuple[LogLine, ...]:
        """Return what was written since; all of a log that was rotated in between, nothing of one that cannot be read."""
        now = LogEnd.now(self.path)
        start = self.size if now.file == self.file and now.size >= self.size else 0
        try:
            data = foreign.read_from(self.path, start, DEFAULT_LIMIT)
        except OSError:
            return ()
        return tuple(parse(data.decode("utf-8", errors="replace")))
