"""The record of a lock that was taken away: the config is never written, and what lies there since is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbdoctor.model.edits import RemoveLock
from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import ChangeRequest
from tests.support import systems

LOCK = b"4711\nqbittorrent-nox\nnas\n\nboot\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir(mode=0o700)
    file = folder / "qBittorrent.conf"
    file.write_bytes(b"[Preferences]\n")
    (folder / "lockfile").write_bytes(LOCK)
    return file


def removed(journal: Journal, config: Path) -> str:
    record = journal.apply_file(config, [RemoveLock()], ChangeRequest("remove-stale-lockfile", "requested", "run"))
    assert record is not None
    assert record.state == "applied"
    return record.id


def test_there_and_back(tmp_path: Path, config: Path) -> None:
    journal, lock, before = Journal(tmp_path / "state"), config.with_name("lockfile"), config.stat()
    lock.chmod(0o640)
    found = journal.find(removed(journal, config))
    assert not lock.exists()
    assert journal.apply_file(config, [RemoveLock()], ChangeRequest("x", "requested", "run")) is None
    config.write_bytes(b"[Preferences]\nx=1\n")  # qBittorrent saved since
    journal.rollback(found)  # type: ignore[arg-type]
    assert lock.read_bytes() == LOCK
    assert systems.has_mode(lock, 0o640)
    assert (config.read_bytes(), config.stat().st_ino) == (b"[Preferences]\nx=1\n", before.st_ino)


def test_another_lock_lies_there_since(tmp_path: Path, config: Path) -> None:
    journal, lock = Journal(tmp_path / "state"), config.with_name("lockfile")
    found = journal.find(removed(journal, config))
    lock.write_bytes(b"1\nother\n")
    with pytest.raises(Refused, match="another one lies there now"):
        journal.rollback(found)  # type: ignore[arg-type]
    assert lock.read_bytes() == b"1\nother\n"
    assert journal.find(found.id).state == "applied"  # type: ignore[union-attr]


def test_a_living_one_at_the_last_moment(tmp_path: Path, config: Path) -> None:
    journal, lock = Journal(tmp_path / "state"), config.with_name("lockfile")
    with pytest.raises(Refused, match="runs"):
        journal.apply_file(config, [RemoveLock()], ChangeRequest("x", "requested", "run"), guard=lambda: "it runs")
    assert (lock.read_bytes(), journal.records()) == (LOCK, ())
