"""Opens the history of watches (``STATE/history.sqlite``): its tables, their migrations, and what is done with a damaged file."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from qbdoctor.model.errors import UserError
from qbdoctor.storage import private, trust

NAME = "history.sqlite"
BUSY_SECONDS = 2.0

MIGRATIONS = (
    """
    CREATE TABLE targets (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, last_look TEXT);
    CREATE TABLE buckets (
        target INTEGER NOT NULL, size INTEGER NOT NULL, start INTEGER NOT NULL, looks INTEGER NOT NULL, ok INTEGER NOT NULL,
        asks_login INTEGER NOT NULL, refused INTEGER NOT NULL, odd INTEGER NOT NULL, down INTEGER NOT NULL,
        ms_sum REAL NOT NULL, ms_max REAL NOT NULL, refreshes INTEGER NOT NULL, PRIMARY KEY (target, size, start)
    ) WITHOUT ROWID;
    CREATE TABLE refusals (
        target INTEGER NOT NULL, hour INTEGER NOT NULL, status INTEGER NOT NULL, cause TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (target, hour, status, cause)
    ) WITHOUT ROWID;
    CREATE TABLE events (
        id INTEGER PRIMARY KEY, target INTEGER NOT NULL, at REAL NOT NULL, event TEXT NOT NULL, text TEXT NOT NULL,
        before TEXT, after TEXT, explains TEXT NOT NULL, state TEXT NOT NULL, watcher TEXT NOT NULL
    );
    CREATE INDEX events_at ON events (target, at);
    """,
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY, target INTEGER NOT NULL, began REAL NOT NULL, last REAL NOT NULL, looks INTEGER NOT NULL,
        refreshes INTEGER NOT NULL, ended_by TEXT, watcher TEXT NOT NULL
    );
    CREATE INDEX sessions_began ON sessions (target, began);
    CREATE TABLE states (id INTEGER PRIMARY KEY, target INTEGER NOT NULL, at REAL NOT NULL, state TEXT NOT NULL, cause TEXT);
    CREATE INDEX states_at ON states (target, at);
    """,
)
"""Each brings the file to the next version (``PRAGMA user_version``); what was released is never edited."""


def open_history(state: Path) -> tuple[sqlite3.Connection, str]:
    """Open the history below a state folder, made or brought to this version, and say what was amiss with it ("" for nothing).

    A file that is damaged is kept aside and a new one made. Raises OSError and sqlite3.Error where that is not possible,
    and :class:`UserError` for a folder that others may write to or a file of a later qbdoctor.
    """
    trust.check_ours(state)
    private.make_private_path(state)
    path = state / NAME
    private.make_private_file(path)
    try:
        return connect(path), ""
    except sqlite3.OperationalError:
        raise  # locked, or a full disk: the file itself may be whole
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{NAME}.damaged-{time.time():.0f}")
        private.rename_file(path, aside)
        for end in ("-wal", "-shm"):
            private.discard_file(path.with_name(NAME + end))
        private.make_private_file(path)
        return connect(path), f"The history was damaged ({error}); it is kept as {aside}, and a new one begins."


def connect(path: Path) -> sqlite3.Connection:
    """Open the file and bring it to this version."""
    made = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("PRAGMA synchronous=NORMAL")
        made.execute("PRAGMA journal_size_limit=1048576")
        (fault,) = made.execute("PRAGMA quick_check(1)").fetchone()
        if fault != "ok":
            raise sqlite3.DatabaseError(fault)  # noqa: TRY301 - as SQLite itself says it of other damage
        _migrate(made, path)
    except BaseException:
        made.close()
        raise
    return made


def _migrate(made: sqlite3.Connection, path: Path) -> None:
    if _version(made) > len(MIGRATIONS):
        raise UserError(
            "history-newer", f"{path} was written by a newer qbdoctor: watch with that one, or move it away."
        )
    if _version(made) == len(MIGRATIONS):
        return
    made.execute("BEGIN IMMEDIATE")
    try:
        for script in MIGRATIONS[_version(made) :]:  # another watch may have done it meanwhile
            for statement in filter(str.strip, script.split(";")):
                made.execute(statement)
        made.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
        made.execute("COMMIT")
    except BaseException:
        made.execute("ROLLBACK")
        raise


def _version(made: sqlite3.Connection) -> int:
    return int(made.execute("PRAGMA user_version").fetchone()[0])


def read_only(state: Path) -> closing[sqlite3.Connection]:
    """Open the file for reading alone, for as long as the ``with`` lasts. Raises sqlite3.Error."""
    path = (state / NAME).absolute()
    return closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS))
