"""The history of watches: made and migrated, bounded, shared, whole after a kill and a full disk, and never in the way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qbdoctor.looks.look import Look, Setting
from qbdoctor.model.errors import UserError
from qbdoctor.watch.base.events import Event
from qbdoctor.watch.base.glances import FullLook, Glance
from qbdoctor.watch.history import database, store
from qbdoctor.watch.history.store import HOUR, MINUTE, History
from tests.kit import needs
from tests.support import systems

URL = "http://nas.lan:8080"
OK = Glance(1_700_000_000.0, 0.0, "ok", ms=20, status=200, with_session=True, release="5.3.0")
LOST = replace(OK, kind="asks-login", status=403)
LOOK = FullLook(
    OK.at,
    Look("2023-11-14T22:13:20Z", "0", URL, {"release": "5.3.0"}, {"Port": Setting("8080", True)}, "file"),
    "healthy",
    "fine",
)
REPORT = cast("Any", SimpleNamespace())


def rows(state: Path, query: str) -> list[Any]:
    with database.read_only(state) as held:
        return list(held.execute(query))


def opened(state: Path, troubles: list[str] | None = None, url: str = URL) -> History:
    told: list[str] = [] if troubles is None else troubles
    made = History(state, url, told.append)
    made.open()
    return made


def test_what_was_seen_is_there_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made = opened(state)
    made.checked(LOOK, REPORT)
    for number in range(100):
        made.looked(replace(OK, at=OK.at + 60 * number, refreshed=number % 50 == 0), "")
    made.looked(replace(LOST, at=OK.at + 6000), "restarted")
    made.looked(replace(OK, kind="down", status=None, ms=9000, at=OK.at + 6060), "")
    made.happened(Event("restarted", OK.at + 6000, "It was", after="x", explains=("ip-banned",)), "healthy")
    made.close()
    assert rows(state, f"SELECT sum(looks), sum(ok), sum(down), max(ms_max) FROM buckets WHERE size={HOUR}") == [
        (102, 100, 1, 20.0)
    ]
    assert rows(state, f"SELECT count(*) FROM buckets WHERE size={MINUTE}") == [(102,)]
    assert rows(state, "SELECT status, cause, count FROM refusals") == [(403, "restarted", 1)]
    assert rows(state, "SELECT looks, refreshes, ended_by FROM sessions") == [(100, 1, "restarted")]
    assert rows(state, "SELECT state, cause FROM states") == [("healthy", None)]
    again = History(state, URL, print).open()
    assert again is not None
    assert (again.look, again.state) == (LOOK.look, "healthy")
    assert History(state, "http://other:1", print).open() is None
    for path in state.iterdir():
        assert systems.has_mode(path, 0o600), path


def test_an_older_file_is_brought_to_this_version_with_what_it_holds(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / database.NAME)
    old.executescript(database.MIGRATIONS[0])
    old.execute("INSERT INTO targets VALUES (7, ?, NULL)", (URL,))
    old.execute("INSERT INTO events VALUES (1, 7, 5.0, 'restarted', 'It was', NULL, NULL, '[]', 'healthy', 'w')")
    old.execute("PRAGMA user_version=1")
    old.commit()
    old.close()
    made = opened(tmp_path)
    made.looked(OK, "")
    made.close()
    assert rows(tmp_path, "SELECT event, target FROM events") == [("restarted", 7)]
    assert rows(tmp_path, "SELECT target, looks FROM sessions") == [(7, 1)]
    assert rows(tmp_path, "PRAGMA user_version") == [(len(database.MIGRATIONS),)]


def test_a_file_of_a_later_qbdoctor_is_left_alone(tmp_path: Path) -> None:
    opened(tmp_path).close()
    held = sqlite3.connect(tmp_path / database.NAME)
    held.execute("PRAGMA user_version=99")
    held.close()
    before = (tmp_path / database.NAME).read_bytes()
    with pytest.raises(UserError, match="newer qbdoctor"):
        opened(tmp_path)
    assert (tmp_path / database.NAME).read_bytes() == before


@pytest.mark.parametrize("damage", [b"no database at all" * 100, None])
def test_a_damaged_file_is_kept_aside(tmp_path: Path, damage: bytes | None) -> None:
    made = opened(tmp_path)
    for number in range(300):
        made.happened(Event("restarted", OK.at + number, "It was" * 50), "healthy")
    made.close()
    path = tmp_path / database.NAME
    data = path.read_bytes()
    path.write_bytes(damage or data[:4096] + b"\xff" * 8192 + data[12_288:])
    troubles: list[str] = []
    again = opened(tmp_path, troubles)
    again.looked(OK, "")
    again.close()
    assert "damaged" in troubles[0]
    assert len(list(tmp_path.glob("history.sqlite.damaged-*"))) == 1
    assert rows(tmp_path, "SELECT count(*) FROM events") == [(0,)]


def test_it_stays_small_whatever_the_clock_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", {MINUTE: 50, HOUR: 20})
    monkeypatch.setattr(store, "MOST_ROWS", {"events": 30, "sessions": 10, "states": 10})
    monkeypatch.setattr(store, "MOST_REFUSALS", 25)
    monkeypatch.setattr(store, "PRUNE_EVERY", 50)
    made = opened(tmp_path)
    for number in range(1000):
        at = OK.at + 700 * number + (10 * 366 * 86_400 if number == 500 else 0)
        made.looked(replace(LOST if number % 3 else OK, at=at), "session-lost")
        made.happened(Event("restarted", at, "It was"), "healthy")
    made._prune_now()
    made.close()
    counted = {
        table: rows(tmp_path, f"SELECT count(*) FROM {table}")[0][0]
        for table in ("buckets", "events", "sessions", "refusals")
    }
    assert counted == {"buckets": 70, "events": 30, "sessions": 10, "refusals": 25}
    newest = rows(tmp_path, f"SELECT max(start) FROM buckets WHERE size={MINUTE} AND start < {OK.at + 900_000}")[0][0]
    assert newest == int((OK.at + 700 * 999) // 60) * 60, "one moment in the far future costs one row"


def test_two_watches_note_the_same_thing_once_and_each_look(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    for number in range(50):
        one.looked(replace(OK, at=OK.at + number), "")
        other.looked(replace(OK, at=OK.at + number), "")
    one.happened(Event("restarted", OK.at, "It was"), "healthy")
    other.happened(Event("restarted", OK.at + 20, "It was"), "healthy")
    other.happened(Event("restarted", OK.at + 2000, "It was again"), "healthy")
    one.happened(Event("banned", OK.at + 1, "It was"), "healthy")
    one.happened(Event("banned", OK.at + 2, "It was, and again"), "healthy")
    one.close()
    other.close()
    assert rows(tmp_path, "SELECT event FROM events ORDER BY id") == [("restarted",)] * 2 + [("banned",)] * 2
    assert rows(tmp_path, f"SELECT sum(looks) FROM buckets WHERE size={HOUR}") == [(100,)]
    assert rows(tmp_path, "SELECT looks FROM sessions") == [(50,), (50,)]


def test_a_full_disk_is_told_once_and_nothing_is_lost_meanwhile(tmp_path: Path) -> None:
    troubles: list[str] = []
    made = opened(tmp_path, troubles)
    assert made._made is not None
    made.looked(OK, "")
    (pages,) = made._made.execute("PRAGMA page_count").fetchone()
    made._made.execute(f"PRAGMA max_page_count={pages}")
    for number in range(2000):
        made.looked(replace(OK, at=OK.at + 60 * number), "")
        made.happened(Event("restarted", OK.at + 60 * number, "It was"), "healthy")
        if troubles and number > 1000:
            break
    assert troubles == [
        "The history cannot be written (database or disk is full); what comes is kept in memory until it can be."
    ]
    made._made.execute("PRAGMA max_page_count=100000")
    made.looked(replace(OK, at=OK.at + 900_000), "")
    made.close()
    assert troubles[1:] == ["The history is written again."]
    assert rows(tmp_path, "SELECT count(*) FROM events")[0][0] > 900
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]


_FILLER = """
import os, sys
from dataclasses import replace
from pathlib import Path
from qbdoctor.watch.base.events import Event
from tests.unit.watch.test_history import OK, opened, rows
state, troubles = Path(sys.argv[1]), []
made = opened(state, troubles)
made.looked(OK, "")
filler = os.open(state / "other program's", os.O_WRONLY | os.O_CREAT)
try:
    while os.write(filler, b"x" * 4096):
        pass
except OSError as error:
    assert error.errno == 28, error
for number in range(1, 1500):
    made.looked(replace(OK, at=OK.at + 60 * number), "")
    made.happened(Event("restarted", OK.at + 60 * number, "It was" * 20), "healthy")
assert len(troubles) == 1 and "cannot be written" in troubles[0] and "full" in troubles[0], troubles
os.ftruncate(filler, 0)
made.looked(replace(OK, at=OK.at + 900_000), "")
made.close()
assert troubles[1:] == ["The history is written again."], troubles
assert rows(state, "PRAGMA integrity_check") == [("ok",)]
assert rows(state, "SELECT count(*) FROM events") == [(1499,)]
assert rows(state, "SELECT sum(looks) FROM buckets WHERE size=3600") == [(1501,)]
print("whole")
"""


@pytest.mark.extended
def test_a_file_system_that_is_really_full_is_told_once_and_nothing_is_lost(tmp_path: Path) -> None:
    """As above on a tmpfs of 4 MiB that another program fills; in a mount namespace, so that nothing stays mounted."""
    needs.mounts()
    mount = f'mount -t tmpfs -o size=4m,mode=700 none {tmp_path} && exec "$@"'
    run = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", _FILLER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.stdout == "whole\n", run.stderr


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    place = tmp_path / "no folder"
    place.write_text("")
    troubles: list[str] = []
    made = opened(place / "state", troubles)
    made.looked(OK, "")
    made.checked(LOOK, REPORT)
    made.close()
    assert len(troubles) == 1
    assert "cannot be written" in troubles[0]


_WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.unit.watch.test_history import OK, opened
made = opened(Path(sys.argv[1]))
for number in range(10**9):
    made.looked(replace(OK, at=OK.at + 60 * number), "")
    if number == 0:
        print("writes", flush=True)
"""


@pytest.mark.extended
def test_killed_in_a_write_it_is_whole_and_goes_on(tmp_path: Path) -> None:
    counted = 0
    for number in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": "."},
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"writes\n"
        time.sleep(0.05 + 0.037 * number)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
        minutes = rows(tmp_path, f"SELECT sum(looks) FROM buckets WHERE size={MINUTE}")[0][0]
        hours = rows(tmp_path, f"SELECT sum(looks) FROM buckets WHERE size={HOUR}")[0][0]
        assert minutes <= hours, "one look is one transaction (minutes are pruned)"
        assert hours > counted
        counted = hours
    troubles: list[str] = []
    opened(tmp_path, troubles).close()
    assert not troubles
