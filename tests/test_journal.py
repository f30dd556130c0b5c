"""The journal: two lines changed and nothing else, and back again, whatever happens in between."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from qbdoctor import atomic, locks
from qbdoctor.atomic import Refused
from qbdoctor.journal import Journal, SettingEdit
from qbdoctor.model import UserError
from qbdoctor.records import Record, Target
from qbdoctor.releases import Version

KEY = "WebUI\\LocalHostAuth"
AUTH = SettingEdit("LocalHostAuth", "Preferences", KEY, "true")
LIST = SettingEdit("AuthSubnetWhitelistEnabled", "Preferences", "WebUI\\AuthSubnetWhitelistEnabled", "false")
OLD = b"[Meta]\nMigrationVersion=8\n\n[Preferences]\nWebUI\\AuthSubnetWhitelistEnabled=true\n"
OLD += b"WebUI\\LocalHostAuth=false\nWebUI\\Port=8080\n"
NEW = OLD.replace(b"Auth=false", b"Auth=true")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "qBittorrent.conf"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state", lock_seconds=0.3)


def apply(journal: Journal, config: Path, *edits: SettingEdit, **keywords: Any) -> Record:
    fix = "disable-subnet-whitelist" if edits == (LIST,) else "require-localhost-auth"
    record = journal.apply_file(config, edits or (AUTH,), fix=fix, reason="requested", run="run", **keywords)
    assert record is not None
    return record


def states(record: Record) -> list[str]:
    return [step.state for step in record.states]


def on_disk(journal: Journal, record: Record) -> Record:
    found = journal.find(record.id)
    assert isinstance(found, Record)
    return found


# --- files ------------------------------------------------------------------------------------------------------------

FILES: dict[str, tuple[bytes, bytes]] = {
    "LF": (OLD, NEW),
    "CRLF": (OLD.replace(b"\n", b"\r\n"), NEW.replace(b"\n", b"\r\n")),
    "BOM, CRLF": (b"\xef\xbb\xbf" + OLD.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + NEW.replace(b"\n", b"\r\n")),
    "no final newline": (OLD.rstrip(), NEW.rstrip()),
    "comment, spaces": (
        b"[Preferences]\n  WebUI\\LocalHostAuth = false ; c\n",
        b"[Preferences]\n  WebUI\\LocalHostAuth = true ; c\n",
    ),
    "last of duplicates": (
        b"[Preferences]\nWebUI\\LocalHostAuth=0\nWebUI\\LocalHostAuth=false\n",
        b"[Preferences]\nWebUI\\LocalHostAuth=0\nWebUI\\LocalHostAuth=true\n",
    ),
    "absent key": (b"[Preferences]\nA=1", b"[Preferences]\nA=1\nWebUI\\LocalHostAuth=true"),
    "absent section": (b"[A]\r\nb=1\r\n", b"[A]\r\nb=1\r\n\r\n[Preferences]\r\nWebUI\\LocalHostAuth=true\r\n"),
    "empty": (b"", b"[Preferences]\nWebUI\\LocalHostAuth=true\n"),
    "other bytes": (b"[Preferences]\nName=\xe4\xf6\xff\n" + OLD[-60:], b"[Preferences]\nName=\xe4\xf6\xff\n" + NEW[-59:]),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_one_line_changes_and_comes_back(name: str, journal: Journal, config: Path) -> None:
    old, new = FILES[name]
    config.write_bytes(old)
    config.chmod(0o640)
    record = apply(journal, config)
    assert config.read_bytes() == new
    assert states(record) == ["preparing", "applied"]
    assert record == on_disk(journal, record)
    assert record.backup_file.read_bytes() == old
    back = journal.rollback(record)
    assert config.read_bytes() == old
    assert back.rollback is not None
    assert back.rollback.how == "whole-file"
    assert states(back) == ["preparing", "applied", "rolling-back", "rolled-back"]
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert [each.name for each in config.parent.iterdir()] == [config.name]


def test_private(journal: Journal, config: Path) -> None:
    old = os.umask(0)
    try:
        record = apply(journal, config)
    finally:
        os.umask(old)
    for path in (record.folder, record.folder.parent, record.folder.parent.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in record.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_through_a_symbolic_link(journal: Journal, config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.conf"
    link.symlink_to(config)
    record = apply(journal, link)
    assert record.file is not None
    assert (record.file.path, record.file.real) == (str(link), str(config))
    assert link.is_symlink()
    journal.rollback(record)
    assert link.is_symlink()
    assert config.read_bytes() == OLD


def test_everything_is_durable_before_the_first_byte(
    journal: Journal, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither record nor backup may be lost with the power, once the target has changed; nor a rollback's intent."""
    synced: set[str] = set()
    seen: list[set[str]] = []
    fsync, replace, rename = os.fsync, Path.replace, Path.rename

    def note(handle: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def move(self: Path, target: Path, real: Callable[[Path, Path], Path]) -> Path:
        if Path(target) == config:
            seen.append(set(synced))
        for path in [each for each in synced if each == str(self) or each.startswith(f"{self}/")]:
            synced.add(path.replace(str(self), str(target), 1))
        synced.discard(str(Path(target).parent))  # its new name is not durable yet
        return real(self, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", lambda self, target: move(self, target, replace))
    monkeypatch.setattr(Path, "rename", lambda self, target: move(self, target, rename))
    record = apply(journal, config)
    journal.rollback(record)
    folder = record.folder
    for before in seen:
        for path in (folder, folder / "record.json", record.backup_file):
            assert str(path) in before, path
        assert any(path.startswith(str(config.parent / ".qbdoctor-")) for path in before)
    assert str(folder.parent) in seen[0]
    assert len(seen) == 2
    assert str(config.parent) in synced


def test_nothing_to_do(journal: Journal, config: Path) -> None:
    for raw in (b"true", b'"TRUE"', b"1", b"no"):
        config.write_bytes(OLD.replace(b"Auth=false", b"Auth=" + raw))
        assert journal.plan_file(config, [AUTH]).changes == ()
        assert journal.apply_file(config, [AUTH], fix="require-localhost-auth", reason="requested", run="r") is None
    assert journal.records() == ()


def test_a_plan_writes_nothing_and_is_what_is_done(journal: Journal, config: Path, tmp_path: Path) -> None:
    first = journal.plan_file(config, [AUTH])
    second = journal.plan_file(config, [LIST], on=first)
    assert first.diff() == (f"-[Preferences] {KEY}=false", f"+[Preferences] {KEY}=true")
    assert config.read_bytes() == OLD
    assert not (tmp_path / "state").exists()
    apply(journal, config, expect_sha256=first.sha256)
    apply(journal, config, LIST, expect_sha256=second.sha256)
    assert config.read_bytes() == second.result


REFUSED: dict[str, tuple[bytes, str]] = {
    "both places": (OLD + b"[WebUI]\nLocalHostAuth=false\n", "lines 6 and 9"),
    "alias": (b"[Preferences\\WebUI]\nLocalHostAuth=false\n", "line 1|line 2"),
    "open quote": (OLD + b'x="open\n', "line 8"),
    "lone CR": (OLD + b"x=1\ry=2\n", "line 8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_uncertain(name: str, journal: Journal, config: Path) -> None:
    data, text = REFUSED[name]
    config.write_bytes(data)
    with pytest.raises(Refused, match=text):
        apply(journal, config)
    assert config.read_bytes() == data
    assert journal.records() == ()


@pytest.mark.parametrize("data", [None, b"[Preferences]\nx=\0\n", "folder"])
def test_bad_files(data: bytes | str | None, journal: Journal, config: Path) -> None:
    config.unlink()
    if isinstance(data, bytes):
        config.write_bytes(data)
    elif data:
        config.mkdir()
    with pytest.raises(UserError) as caught:
        apply(journal, config)
    assert caught.value.exit_code in (2, 4)
    assert caught.value.message.count("\n") == 0
    assert journal.records() == ()


def test_refused_before_the_record(journal: Journal, config: Path) -> None:
    with pytest.raises(Refused, match="changed since the plan"):
        apply(journal, config, expect_sha256="0" * 64)
    with pytest.raises(Refused, match="it was started"):
        apply(journal, config, guard=lambda: "it was started")
    config.with_name("qBittorrent_new.conf").touch()
    config.chmod(0o444)
    with pytest.raises(Refused, match="read-only"):
        apply(journal, config)
    config.chmod(0o644)
    config.with_name("qBittorrent_new.conf").write_bytes(b"[Preferences]\n")
    with pytest.raises(Refused, match=r"qBittorrent_new\.conf is left"):
        apply(journal, config)
    assert (config.read_bytes(), journal.records()) == (OLD, ())


def test_a_state_folder_that_cannot_be(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"")
    with pytest.raises(Refused, match="--state-dir"):
        apply(Journal(tmp_path / "state"), config)
    assert config.read_bytes() == OLD


def test_locks_are_waited_for_and_told(journal: Journal, config: Path, tmp_path: Path) -> None:
    record = apply(journal, config)
    with locks.hold(config.parent, 1):  # as another run does, with a state folder of its own
        with pytest.raises(Refused, match="Another run"):
            apply(journal, config, LIST)
        with pytest.raises(Refused, match="Another run"):
            journal.rollback(record)
    with journal.locked(), pytest.raises(Refused, match="Another run"):
        apply(Journal(tmp_path / "state", lock_seconds=0.1), config, LIST)
    with journal.locked():  # again and again by the same run
        apply(journal, config, LIST)


# --- secrets ----------------------------------------------------------------------------------------------------------

HASHES = ('"@ByteArray(b2xkc2FsdA==:b2xkaGFzaA==)"', '"@ByteArray(bmV3c2FsdA==:bmV3aGFzaA==)"')
SECRET = SettingEdit("Password_PBKDF2", "Preferences", "WebUI\\Password_PBKDF2", HASHES[1])


def test_no_secret_is_shown(journal: Journal, config: Path) -> None:
    line = f"WebUI\\Password_PBKDF2={HASHES[0]}\n".encode()
    config.write_bytes(OLD + line)
    odd = SettingEdit("Odd", "Preferences", "Odd", "hush-hush", secret=True)
    record = apply(journal, config, SECRET, odd)
    shown = (record.folder / "record.json").read_text() + repr(record) + repr(SECRET)
    shown += str(journal.plan_rollback([record])) + str(journal.plan_file(config, [AUTH]))
    config.write_bytes(config.read_bytes().replace(b"bmV3aGFzaA", b"c29tZWVsc2Vz"))
    with pytest.raises(Refused) as caught:
        journal.rollback(record)
    shown += str(caught.value) + str(journal.plan_rollback([record]))
    for part in ("b2xk", "bmV3", "hush", "c29tZW"):
        assert part not in shown
    assert record.changes[0].diff() == (
        "-[Preferences] WebUI\\Password_PBKDF2=***",
        "+[Preferences] WebUI\\Password_PBKDF2=***",
    )


def test_a_secret_goes_back_by_setting(journal: Journal, config: Path) -> None:
    config.write_bytes(OLD + f"WebUI\\Password_PBKDF2={HASHES[0]}\n".encode())
    record = apply(journal, config, SECRET)
    edited = config.read_bytes() + b"Own=1\n"
    config.write_bytes(edited)
    journal.rollback(record)
    assert config.read_bytes() == edited.replace(HASHES[1].encode(), HASHES[0].encode())


# --- rollback by setting ----------------------------------------------------------------------------------------------


def rewritten(config: Path, *, migrated: bool = False) -> None:
    """What a run of qBittorrent leaves: sorted, own keys added; 5.3 moves the Web UI's settings."""
    lines = {line for line in config.read_text().split("\n") if line.startswith("WebUI\\")}
    text = "".join(f"{line}\n" for line in sorted(lines, reverse=True))
    if migrated:
        text = "[WebUI]\n" + text.replace("WebUI\\", "")
    config.write_text(f"[BitTorrent]\nSession\\Port=6881\n\n[Meta]\nMigrationVersion={12 if migrated else 8}\n\n"
                      f"{'' if migrated else '[Preferences]'}\n{text}")  # fmt: skip


@pytest.mark.parametrize("migrated", [False, True])
def test_runs_and_edits_in_between_survive(migrated: bool, journal: Journal, config: Path) -> None:
    first, second = apply(journal, config), apply(journal, config, LIST)
    rewritten(config, migrated=migrated)
    config.write_bytes(config.read_bytes().replace(b"8080", b"9090"))
    before = config.read_bytes()
    back = journal.rollback(first)
    assert config.read_bytes() == before.replace(b"Auth=true", b"Auth=false")
    assert back.rollback is not None
    assert back.rollback.how == "by-setting"
    journal.rollback(second)
    assert config.read_bytes() == before.replace(b"Auth=true", b"Auth=false").replace(b"Enabled=false", b"Enabled=true")


@pytest.mark.parametrize("migrated", [False, True])
def test_an_absent_key_is_absent_again(migrated: bool, journal: Journal, config: Path) -> None:
    config.write_bytes(OLD.replace(b"WebUI\\LocalHostAuth=false\n", b""))
    record = apply(journal, config)
    rewritten(config, migrated=migrated)
    journal.rollback(record)
    assert b"LocalHostAuth" not in config.read_bytes()


ANYONE: dict[str, tuple[bytes, bytes | None]] = {
    "ours": (b"Auth=true", b"Auth=false"),
    "ours, quoted": (b'Auth="true"', b"Auth=false"),
    "ours, another true": (b"Auth=1 ; mine", b"Auth=false ; mine"),
    "as before": (b"Auth=false", b"Auth=false"),
    "as before, spelled otherwise": (b'Auth="0"', b'Auth="0"'),
    "gone": (b"Gone=1", None),
}


@pytest.mark.parametrize("name", ANYONE)
def test_whose_value_it_is(name: str, journal: Journal, config: Path) -> None:
    present, wanted = ANYONE[name]
    record = apply(journal, config)
    data = NEW.replace(b"Auth=true", present) + b"Own=1\n"
    config.write_bytes(data)
    if wanted is None:
        assert journal.plan_rollback([record]).refusals
        with pytest.raises(Refused, match="changed by someone else"):
            journal.rollback(record)
        assert config.read_bytes() == data
        assert on_disk(journal, record).state == "applied"
    else:
        assert journal.plan_rollback([record]).refusals == ()
        assert journal.rollback(record).state == "rolled-back"
        assert config.read_bytes() == NEW.replace(b"Auth=true", wanted) + b"Own=1\n"


DOMAINS = SettingEdit("ServerDomains", "Preferences", "WebUI\\ServerDomains", "one.example")


def test_force_saves_first(journal: Journal, config: Path) -> None:
    record = apply(journal, config, DOMAINS)
    data = config.read_bytes().replace(b"one.example", b"two.example")
    config.write_bytes(data)
    plan = journal.plan_rollback([record], force=True)
    assert plan.refusals == ()
    assert plan.diff() == ("-[Preferences] WebUI\\ServerDomains=two.example",)
    assert journal.rollback(record, force=True).state == "rolled-back"
    assert (record.folder / "conflict.conf").read_bytes() == data
    assert stat.S_IMODE((record.folder / "conflict.conf").stat().st_mode) == 0o600
    assert config.read_bytes() == OLD


def test_one_of_two_settings_is_not_ours(journal: Journal, config: Path) -> None:
    """A record goes back whole or not at all."""
    record = apply(journal, config, AUTH, DOMAINS)
    data = config.read_bytes().replace(b"one.example", b"two.example")
    config.write_bytes(data)
    with pytest.raises(Refused, match="ServerDomains"):
        journal.rollback(record)
    assert config.read_bytes() == data


def test_lines_that_someone_added(journal: Journal, config: Path) -> None:
    config.write_bytes(OLD.replace(b"WebUI\\LocalHostAuth=false\n", b""))
    record = apply(journal, config)
    data = config.read_bytes().replace(b"[Preferences]\n", b"[Preferences]\nWebUI\\LocalHostAuth=false\n")
    config.write_bytes(data)
    with pytest.raises(Refused, match="several lines"):
        journal.rollback(record)
    assert config.read_bytes() == data


def test_the_same_setting_twice(journal: Journal, config: Path) -> None:
    older = apply(journal, config)
    newer = apply(journal, config, SettingEdit("LocalHostAuth", "Preferences", KEY, "false"))
    assert config.read_bytes() == OLD
    with pytest.raises(Refused, match=newer.id):
        journal.rollback(older)
    assert newer.id in str(journal.plan_rollback([older]).refusals)
    plan = journal.plan_rollback([older, newer])
    assert plan.refusals == ()
    assert [step.record.id for step in plan.steps] == [newer.id, older.id]
    assert journal.rollback(newer).state == "rolled-back"
    assert config.read_bytes() == NEW
    journal.rollback(older)
    assert config.read_bytes() == OLD


def test_only_once(journal: Journal, config: Path) -> None:
    record = apply(journal, config)
    journal.rollback(record)
    with pytest.raises(Refused, match="is rolled-back"):
        journal.rollback(record)
    with pytest.raises(Refused, match="is rolled-back"):
        journal.mark_verified(record, "403")


def test_verified_and_undone(journal: Journal, config: Path) -> None:
    record = journal.mark_verified(apply(journal, config), "GET app/version answered 403")
    assert on_disk(journal, record).verified_by == "GET app/version answered 403"
    other = apply(journal, config, LIST)
    undone = journal.undo(other, why="it still answers 200")
    assert "it still answers 200" in [step.note for step in undone.states]
    assert config.read_bytes() == NEW


@pytest.mark.parametrize("damage", [b"", b"[Preferences]\n", None])
def test_a_damaged_backup(damage: bytes | None, journal: Journal, config: Path) -> None:
    record = apply(journal, config)
    if damage is None:
        record.backup_file.unlink()
    else:
        record.backup_file.write_bytes(damage)
    with pytest.raises(Refused, match=r"before\.conf"):
        journal.rollback(record)
    assert config.read_bytes() == NEW


# --- the Web API ------------------------------------------------------------------------------------------------------


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


TARGET = Target("http://127.0.0.1:8080", None, None)
ON, OFF = {"bypass_local_auth": True}, {"bypass_local_auth": False}


def apply_live(journal: Journal, server: Server, target: Target = TARGET) -> Record:
    record = journal.apply_api(
        ON, OFF, server.write, server.read, fix="require-localhost-auth", reason="bypass-active", run="r", target=target,
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
    journal.rollback(record, write=server.write, read=server.read)
    assert server.held["bypass_local_auth"] is True


def test_live_nothing_to_do(journal: Journal) -> None:
    server = Server()
    assert (
        journal.apply_api(ON, ON, server.write, server.read, fix="x", reason="requested", run="r", target=TARGET)
        is None
    )
    assert journal.records() == ()


def test_live_the_record_comes_first(journal: Journal) -> None:
    server = Server()

    def write(wanted: Mapping[str, Any]) -> None:
        (record,) = journal.records()
        assert isinstance(record, Record)
        assert record.state == "preparing"
        assert json.loads(record.backup_file.read_bytes()) == ON
        server.write(wanted)

    journal.apply_api(ON, OFF, write, server.read, fix="x", reason="requested", run="r", target=TARGET)


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
    with pytest.raises(ConnectionError):
        apply_live(journal, server)
    assert len(journal.recover()) == 1
    newest = journal.records()[0]
    assert isinstance(newest, Record)
    assert newest.state == "applied"  # nobody can know; the rollback looks
    assert journal.rollback(newest, write=server.write, read=server.read).state == "rolled-back"
    assert server.held["bypass_local_auth"] is True


def test_live_rollback_broken(journal: Journal) -> None:
    server = Server()
    record = apply_live(journal, server)
    server.broken = 1
    with pytest.raises(ConnectionError):
        journal.rollback(record, write=server.write, read=server.read)
    assert on_disk(journal, record).state == "applied"
    assert journal.recover() == ()
    assert journal.rollback(record, write=server.write, read=server.read).state == "rolled-back"


def test_live_changed_by_someone_else(journal: Journal) -> None:
    server = Server(web_ui_session_timeout=3600)
    before, after = {"web_ui_session_timeout": 3600}, {"web_ui_session_timeout": 60}
    record = journal.apply_api(
        before, after, server.write, server.read, fix="set-session-timeout", reason="requested", run="r", target=TARGET
    )
    assert record is not None
    server.held["web_ui_session_timeout"] = 7
    with pytest.raises(Refused, match="SessionTimeout was changed"):
        journal.rollback(record, write=server.write, read=server.read)
    journal.rollback(record, write=server.write, read=server.read, force=True)
    assert server.held["web_ui_session_timeout"] == 3600
    assert json.loads((record.folder / "conflict.json").read_bytes()) == {"web_ui_session_timeout": 7}


def test_live_secret(journal: Journal) -> None:
    server = Server()
    record = journal.apply_api(
        {}, {"web_ui_password": "hush-hush"}, server.write, server.read, fix="set-password", reason="requested", run="r",
        target=TARGET,
    )  # fmt: skip
    assert record is not None
    for path in record.folder.iterdir():
        assert b"hush" not in path.read_bytes()
    with pytest.raises(Refused, match="cannot be taken back"):
        journal.rollback(record, write=server.write, read=server.read)


@pytest.mark.parametrize("absent", [False, True])
def test_made_in_the_file_taken_back_live(absent: bool, journal: Journal, config: Path) -> None:
    if absent:
        config.write_bytes(OLD.replace(b"WebUI\\LocalHostAuth=false\n", b""))
    edit = AUTH if not absent else SettingEdit("LocalHostAuth", "Preferences", KEY, "false")
    record = apply(journal, config, edit)
    server = Server(bypass_local_auth=absent)
    journal.rollback(record, via="api", write=server.write, read=server.read)
    assert server.held["bypass_local_auth"] is (not absent)  # absent: the default of every release


@pytest.mark.parametrize("migrated", [False, True])
def test_made_live_taken_back_in_the_file(migrated: bool, journal: Journal, config: Path) -> None:
    server = Server()
    record = apply_live(journal, server, Target("http://127.0.0.1:8080", str(config), None))
    config.write_bytes(NEW)
    rewritten(config, migrated=migrated)
    data = config.read_bytes()
    journal.rollback(record, via="file")
    assert config.read_bytes() == data.replace(b"Auth=true", b"Auth=false")


def test_made_live_and_no_file_known(journal: Journal, config: Path) -> None:
    record = apply_live(journal, Server())
    with pytest.raises(Refused, match="--config"):
        journal.rollback(record, via="file")
    config.write_bytes(NEW)
    journal.rollback(record, via="file", path=config)
    assert config.read_bytes() == OLD


# --- what ends in the middle ------------------------------------------------------------------------------------------

OTHER = NEW.replace(b"8080", b"9090")
TORN = NEW[:90] + OLD[90:]


def left(journal: Journal, record: Record, state: str, *, in_place: bool = False) -> None:
    """Put the record back into a state that only a killed run leaves."""
    held = json.loads((record.folder / "record.json").read_text())
    held["states"].append({"state": state, "at": held["created"], "note": None})
    (record.folder / "record.json").write_text(json.dumps(held | {"state": state, "in_place": in_place}))
    if in_place:
        journal.store.keep(record, "in-place.old", OLD if state == "preparing" else NEW)
        journal.store.keep(record, "in-place.new", NEW if state == "preparing" else OLD)


RECOVERIES = [
    ("preparing", False, OLD, "abandoned", OLD),
    ("preparing", False, NEW, "applied", NEW),
    ("preparing", False, OTHER, "applied", OTHER),  # someone edited since, and ours is in it
    ("preparing", False, OTHER.replace(b"Auth=true", b"Auth=0"), "abandoned", OTHER.replace(b"Auth=true", b"Auth=0")),
    ("preparing", False, TORN, "abandoned", TORN),  # not ours: we renamed
    ("preparing", True, TORN, "abandoned", OLD),
    ("preparing", True, OTHER, "applied", OTHER),
    ("rolling-back", False, NEW, "applied", NEW),
    ("rolling-back", False, OLD, "rolled-back", OLD),
    ("rolling-back", False, OTHER, "applied", OTHER),
    ("rolling-back", True, TORN, "rolled-back", OLD),
    ("rolling-back", True, OTHER, "applied", OTHER),
]


@pytest.mark.parametrize(("state", "in_place", "data", "ends", "then"), RECOVERIES)
def test_recovery(
    state: str, in_place: bool, data: bytes, ends: str, then: bytes, journal: Journal, config: Path
) -> None:
    record = apply(journal, config)
    if state == "rolling-back":
        journal.rollback(record)
    left(journal, record, state, in_place=in_place)
    config.write_bytes(data)
    atomic._temp(config).write_bytes(b"half")
    atomic._temp(record.folder / "record.json").write_bytes(b"half")
    (record.folder.parent / f".new-{record.id}").mkdir()
    (said,) = journal.recover()
    assert record.id in said
    assert (on_disk(journal, record).state, config.read_bytes()) == (ends, then)
    assert [each.name for each in config.parent.iterdir()] == [config.name]
    assert not [each for each in record.folder.parent.rglob("*") if each.name.startswith(".")]
    assert journal.recover() == ()


def test_recovery_of_what_is_gone(journal: Journal, config: Path) -> None:
    record = apply(journal, config)
    left(journal, record, "preparing")
    config.unlink()
    (said,) = journal.recover()
    assert "before.conf" in said


def test_recovery_while_another_run_is_at_work(journal: Journal, config: Path, tmp_path: Path) -> None:
    record = apply(journal, config)
    left(journal, record, "preparing")
    with locks.hold(config.parent, 1):
        assert "Another run" in str(journal.recover())
    with Journal(tmp_path / "state").locked():
        assert "Another run" in str(journal.recover())
    journal.recover()
    assert on_disk(journal, record).state == "applied"


def test_looking_makes_nothing(journal: Journal, tmp_path: Path) -> None:
    assert (journal.records(), journal.recover()) == ((), ())
    assert not (tmp_path / "state").exists()


class Stop(BaseException):
    """As Ctrl-C is."""


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), Stop()])
@pytest.mark.parametrize("what", ["apply", "rollback"])
@pytest.mark.parametrize("number", range(1, 6))
def test_any_failure_undoes_itself(
    what: str, number: int, error: BaseException, journal: Journal, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step that makes something durable, once."""
    record = apply(journal, config) if what == "rollback" else None
    before = config.read_bytes()
    calls = []

    def fail(real: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*arguments: Any) -> None:
            calls.append(real)
            if len(calls) == number:
                raise error
            real(*arguments)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "sync_folder", fail(atomic.sync_folder))
        patch.setattr(atomic, "replace_private", fail(atomic.replace_private))
        try:
            journal.rollback(record) if record else apply(journal, config)
        except (Refused, Stop):
            assert config.read_bytes() == before
        else:
            assert len(calls) < number, "the failure was passed over"
    journal.recover()
    for each in journal.records():
        assert isinstance(each, Record)
        assert each.state in ("applied", "abandoned", "rolled-back")
        if each.standing:
            journal.rollback(each)
    assert config.read_bytes() == OLD


# --- many at once -----------------------------------------------------------------------------------------------------

ROUNDS = 6


def _worker(number: int, state: Path, config: Path) -> None:
    journal = Journal(state, lock_seconds=60)
    name = f"Own{number}"
    for _ in range(ROUNDS):
        journal.recover()
        edit = SettingEdit(name, "Preferences", name, "after")
        record = journal.apply_file(config, [edit], fix="own", reason="requested", run=str(number))
        assert record is not None
        assert f"{name}=after\n".encode() in config.read_bytes()
        journal.rollback(record)
    record = journal.apply_file(config, [edit], fix="own", reason="requested", run=str(number))
    assert record is not None


@pytest.mark.parametrize("shared", [True, False])
def test_eight_at_once(shared: bool, config: Path, tmp_path: Path) -> None:
    """No update is lost and no lock stays, whether the runs share a state folder or only the target."""
    lines = b"".join(b"Own%d=before\n" % number for number in range(8))
    config.write_bytes(OLD + lines)
    folders = [tmp_path / ("state" if shared else f"state{number}") for number in range(8)]
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_worker, args=(n, folders[n], config)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert config.read_bytes() == OLD + lines.replace(b"before", b"after")
    for folder in sorted(set(folders)):
        journal = Journal(folder)
        assert journal.recover() == ()
        for record in journal.records():
            assert isinstance(record, Record)
            if record.standing:
                journal.rollback(record)
    assert config.read_bytes() == OLD + lines
    assert [each.name for each in config.parent.iterdir()] == [config.name]


def test_imports_are_few() -> None:
    """`history` is quick."""
    code = "import sys, qbdoctor.journal; print(sorted({'requests', 'rich', 'psutil', 'filelock'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
