"""The journal and a running qBittorrent: two functions stand for its Web API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.releases import Version
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest, Record, RollbackRequest, TargetRecord
from tests.support.journals import AUTH, KEY, NEW, OLD, apply, left, on_disk, rewritten


class Server:
    """Preferences of a running qBittorrent."""

    def __init__(self, **preferences: Any) -> None:
        self.held: dict[str, Any] = {"bypass_local_auth": True, "web_ui_port": 8080, **preferences}
        self.deaf = False
        self.broken = 0

    def write(self, wanted: Mapping[str, Any]) -> None:
        if self.broken:
            self.broken -= 1
            raise ConnectionError("gone")
        if not self.deaf:
            self.held.update(wanted)

    def read(self) -> Mapping[str, Any]:
        return dict(self.held)


TARGET = TargetRecord("http://127.0.0.1:8080", None, None)
ON, OFF = {"bypass_local_auth": True}, {"bypass_local_auth": False}


def apply_live(journal: Journal, server: Server, target: TargetRecord = TARGET) -> Record:
    record = journal.apply_api(
        ON, OFF, server.write, server.read, ChangeRequest("require-localhost-auth", "bypass-active", "r", target),
        version=Version.parse("5.3.0"),
    )  # fmt: skip
    assert record is not None
    return record


def test_live_and_back(journal: Journal) -> None:
    server = Server()
    record = apply_live(journal, server)
    assert server.held["bypass_local_auth"] is False
    assert (record.changes[0].before, record.changes[0].after) == ("false", "true")
    assert json.loads(record.backup_file.read_bytes()) == ON
    plan = journal.plan_rollback([record], read=server.read)
    assert plan.diff() == ("-LocalHostAuth=true", "+LocalHostAuth=false")
    with pytest.raises(Refused, match="Web API"):
        journal.rollback(record)
    journal.rollback(record, RollbackRequest(write=server.write, read=server.read))
    assert server.held["bypass_local_auth"] is True


def test_live_nothing_to_do(journal: Journal) -> None:
    server = Server()
    assert journal.apply_api(ON, ON, server.write, server.read, ChangeRequest("x", "requested", "r", TARGET)) is None
    assert journal.records() == ()


def test_live_the_record_comes_first(journal: Journal) -> None:
    server = Server()

    def write(wanted: Mapping[str, Any]) -> None:
        (record,) = journal.records()
        assert isinstance(record, Record)
        assert record.state == "preparing"
        assert json.loads(record.backup_file.read_bytes()) == ON
        server.write(wanted)

    journal.apply_api(ON, OFF, write, server.read, ChangeRequest("x", "requested", "r", TARGET))


def test_live_not_taken(journal: Journal) -> None:
    server = Server()
    server.deaf = True
    with pytest.raises(Refused, match="did not take bypass_local_auth"):
        apply_live(journal, server)
    (record,) = journal.records()
    assert getattr(record, "state", None) == "abandoned"


def test_live_broken(journal: Journal) -> None:
    server = Server()
    server.broken = 1
    with pytest.raises(ConnectionError):
        apply_live(journal, server)
    (record,) = journal.records()
    assert getattr(record, "state", None) == "abandoned"
    server.broken = 2
    with pytest.raises(Refused, match="--via file"):
        apply_live(journal, server)
    newest = journal.records()[0]
    assert isinstance(newest, Record)
    assert newest.state == "applied"  # nobody can know; the rollback looks
    assert journal.rollback(newest, RollbackRequest(write=server.write, read=server.read)).state == "rolled-back"
    assert server.held["bypass_local_auth"] is True


def test_live_killed(journal: Journal) -> None:
    """What ends before the answer counts as applied: the rollback looks."""
    server = Server()
    record = apply_live(journal, server)
    for state in ("preparing", "rolling-back"):
        left(journal, record, state)
        assert len(journal.recover()) == 1
        assert on_disk(journal, record).state == "applied"
    journal.rollback(record, RollbackRequest(write=server.write, read=server.read))
    assert server.held["bypass_local_auth"] is True


def test_live_rollback_broken(journal: Journal) -> None:
    server = Server()
    record = apply_live(journal, server)
    server.broken = 1
    with pytest.raises(ConnectionError):
        journal.rollback(record, RollbackRequest(write=server.write, read=server.read))
    assert on_disk(journal, record).state == "applied"
    assert journal.recover() == ()
    assert journal.rollback(record, RollbackRequest(write=server.write, read=server.read)).state == "rolled-back"


def test_live_changed_by_someone_else(journal: Journal) -> None:
    server = Server(web_ui_session_timeout=3600)
    before, after = {"web_ui_session_timeout": 3600}, {"web_ui_session_timeout": 60}
    record = journal.apply_api(
        before, after, server.write, server.read, ChangeRequest("set-session-timeout", "requested", "r", TARGET)
    )
    assert record is not None
    server.held["web_ui_session_timeout"] = 7
    with pytest.raises(Refused, match="SessionTimeout was changed"):
        journal.rollback(record, RollbackRequest(write=server.write, read=server.read))
    journal.rollback(record, RollbackRequest(write=server.write, read=server.read, force=True))
    assert server.held["web_ui_session_timeout"] == 3600
    assert json.loads((record.folder / "conflict.json").read_bytes()) == {"web_ui_session_timeout": 7}


def test_live_secret(journal: Journal) -> None:
    server = Server()
    record = journal.apply_api(
        {}, {"web_ui_password": "hush-hush"}, server.write, server.read, ChangeRequest("set-password", "requested", "r", TARGET),
    )  # fmt: skip
    assert record is not None
    for path in record.folder.iterdir():
        assert b"hush" not in path.read_bytes()
    with pytest.raises(Refused, match="cannot be taken back"):
        journal.rollback(record, RollbackRequest(write=server.write, read=server.read))


@pytest.mark.parametrize("absent", [False, True])
def test_made_in_the_file_taken_back_live(absent: bool, journal: Journal, config: Path) -> None:
    if absent:
        config.write_bytes(OLD.replace(b"WebUI\\LocalHostAuth=false\n", b""))
    edit = AUTH if not absent else SettingEdit("LocalHostAuth", "Preferences", KEY, "false")
    record = apply(journal, config, edit)
    server = Server(bypass_local_auth=absent)
    journal.rollback(record, RollbackRequest(via="api", write=server.write, read=server.read))
    assert server.held["bypass_local_auth"] is (not absent)  # absent: the default of every release


@pytest.mark.parametrize("migrated", [False, True])
def test_made_live_taken_back_in_the_file(migrated: bool, journal: Journal, config: Path) -> None:
    server = Server()
    record = apply_live(journal, server, TargetRecord("http://127.0.0.1:8080", str(config), None))
    config.write_bytes(NEW)
    rewritten(config, migrated=migrated)
    data = config.read_bytes()
    journal.rollback(record, RollbackRequest(via="file"))
    assert config.read_bytes() == data.replace(b"Auth=true", b"Auth=false")


def test_made_live_and_no_file_known(journal: Journal, config: Path) -> None:
    record = apply_live(journal, Server())
    with pytest.raises(Refused, match="--config"):
        journal.rollback(record, RollbackRequest(via="file"))
    config.write_bytes(NEW)
    journal.rollback(record, RollbackRequest(via="file", path=config))
    assert config.read_bytes() == OLD
