"""Edits that set no value: a key taken out, a key moved, the file replaced. What the journal makes of them and takes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qbdoctor.config.settings import Settings
from qbdoctor.model.edits import Move, Remove, ReplaceFile
from qbdoctor.model.errors import Refused
from qbdoctor.repair.edits.file_plan import FileEdit
from qbdoctor.repair.journal import redo
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest, Record, RollbackRequest
from qbdoctor.reports.schema import load
from tests.support import systems

ODD = Remove("Preferences", "WebUI\\BypassLocalAuth", "LocalHostAuth")
MOVE = Move("LocalHostAuth", "BitTorrent", "WebUI\\LocalHostAuth", "Preferences", "WebUI\\LocalHostAuth")
PORT = SettingEdit("Port", "Preferences", "WebUI\\Port", "9999")
START = (
    b"[BitTorrent]\r\nWebUI\\LocalHostAuth=false ; mine\r\nSession\\Port=1\r\n\r\n[Preferences]\r\n"
    b"WebUI\\BypassLocalAuth=true\r\nWebUI\\Port=8080\r\nWebUI\\BypassLocalAuth=off"
)
REMOVED = START.replace(b"WebUI\\BypassLocalAuth=true\r\n", b"").replace(b"WebUI\\BypassLocalAuth=off", b"")
MOVED = START.replace(b"WebUI\\LocalHostAuth=false ; mine\r\n", b"") + b"\r\nWebUI\\LocalHostAuth=false"
BESIDE = b"[Preferences]\nWebUI\\Port=8080\nWebUI\\Password_PBKDF2=canary-hash\nDownloads\\SavePath=/x\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "c" / "qBittorrent.conf"
    path.parent.mkdir()
    path.write_bytes(START)
    path.chmod(0o640)
    return path


@pytest.fixture
def beside(config: Path) -> Path:
    path = config.with_name("qBittorrent_new.conf")
    path.write_bytes(BESIDE)
    path.chmod(0o604)
    return path


def apply(journal: Journal, config: Path, *edits: FileEdit, **keywords: Any) -> Record:
    made = journal.apply_file(config, edits, ChangeRequest("some-fix", "requested", "run"), **keywords)
    assert made is not None
    jsonschema.Draft202012Validator(load("record/1")).validate(made.to_json())
    return made


# --- applied, and back to the byte ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("edit", "after"), [(ODD, REMOVED), (MOVE, MOVED)], ids=["remove", "move"])
def test_there_and_back_to_the_byte(journal: Journal, config: Path, edit: FileEdit, after: bytes) -> None:
    plan = journal.plan_file(config, [edit])
    assert plan.result == after
    record = apply(journal, config, edit)
    assert config.read_bytes() == after
    assert journal.apply_file(config, [edit], ChangeRequest("some-fix", "requested", "run")) is None, "so already"
    (dry,) = journal.plan_rollback([record]).steps
    assert (dry.how, dry.refusals) == ("whole-file", ())
    assert journal.rollback(record).state == "rolled-back"
    assert config.read_bytes() == START
    assert systems.has_mode(config, 0o640)


def test_what_the_diff_shows(journal: Journal, config: Path) -> None:
    assert journal.plan_file(config, [ODD]).diff() == ("-[Preferences] WebUI\\BypassLocalAuth=off",)
    assert journal.plan_file(config, [MOVE]).diff() == (
        "-[BitTorrent] WebUI\\LocalHostAuth=false",
        "+[Preferences] WebUI\\LocalHostAuth=false",
    )
    changes = apply(journal, config, MOVE).to_json()["changes"]
    assert [(one["setting"], one["before"], one["after"]) for one in changes] == [
        ("[BitTorrent] WebUI\\LocalHostAuth", "false", None),
        ("LocalHostAuth", None, "false"),
    ]
    assert changes[1]["json"] == {"name": "bypass_local_auth", "before": False, "after": True}


def test_several_fixes_on_one_file(journal: Journal, config: Path) -> None:
    first = journal.plan_file(config, [ODD])
    second = journal.plan_file(config, [MOVE], on=first)
    third = journal.plan_file(config, [PORT], on=second)
    records = []
    for plan, edit in ((first, ODD), (second, MOVE), (third, PORT)):
        records.append(apply(journal, config, edit, expect_sha256=plan.sha256))
    assert config.read_bytes() == third.result
    for record in reversed(records):
        journal.rollback(record)
    assert config.read_bytes() == START


@pytest.mark.parametrize(
    ("key", "value", "meant", "shown"),
    [
        ("Password", "hunter2", "Password_PBKDF2", False),
        ("BypassLocalAuth", "true", "LocalHostAuth", True),
        ("Pin", "1234", "", True),
        ("PasswordPin", "1234", "", False),
        ("LogUrl", "http://u:p@h/", "", False),
        ("BypassAuthSubnetWhitelist", "10.0.0.0/8, 192.168.0.0/16", "AuthSubnetWhitelist", True),
        ("Whatever", "some text", "", False),
        ("ApiKey", "qbt_x", "APIKey", False),
        ("Servers", "a.lan", "ServerDomains", False),
    ],
)
def test_a_value_that_may_be_a_secret_is_masked(
    journal: Journal, config: Path, key: str, value: str, meant: str, shown: bool
) -> None:
    before = f"[Preferences]\nWebUI\\{key}={value}\nx=y\n".encode()
    config.write_bytes(before)
    record = apply(journal, config, Remove("Preferences", f"WebUI\\{key}", meant))
    said = (record.folder / "record.json").read_text() + str(record.changes[0].diff())
    assert (value in said) is shown
    config.write_bytes(config.read_bytes() + b"z=1\n")
    journal.rollback(record)
    assert config.read_bytes() == before + b"z=1\n"


# --- moved ------------------------------------------------------------------------------------------------------------


def test_a_place_that_is_taken(journal: Journal, config: Path) -> None:
    config.write_bytes(START + b"\r\nWebUI\\LocalHostAuth=true\r\n")
    before = config.read_bytes()
    with pytest.raises(Refused, match=r"line 9.*line 2") as caught:
        apply(journal, config, MOVE)
    assert (caught.value.code, config.read_bytes(), journal.records()) == ("ambiguous-setting", before, ())


def test_a_secret_that_is_moved(journal: Journal, config: Path) -> None:
    config.write_bytes(b'[BitTorrent]\nWebUI\\Password_PBKDF2="@ByteArray(canary)"\n')
    move = Move("Password_PBKDF2", "BitTorrent", "WebUI\\Password_PBKDF2", "WebUI", "Password_PBKDF2")
    record = apply(journal, config, move)
    assert config.read_bytes() == b'[BitTorrent]\n\n[WebUI]\nPassword_PBKDF2="@ByteArray(canary)"\n'
    assert "canary" not in (record.folder / "record.json").read_text() + str([one.diff() for one in record.changes])
    config.write_bytes(config.read_bytes() + b"Port=1\n")
    journal.rollback(record)
    assert config.read_bytes() == b'[BitTorrent]\nWebUI\\Password_PBKDF2="@ByteArray(canary)"\n\n[WebUI]\nPort=1\n'


def test_one_that_a_later_release_moved_on(journal: Journal, config: Path) -> None:
    """From [WebUI] to [Preferences] for an old release, and back by 5.3: that is no place of ours any more."""
    config.write_bytes(b"[WebUI]\nLocalHostAuth=false\n\n[Preferences]\nWebUI\\Port=1\n")
    record = apply(
        journal, config, Move("LocalHostAuth", "WebUI", "LocalHostAuth", "Preferences", "WebUI\\LocalHostAuth")
    )
    config.write_bytes(b"[WebUI]\nLocalHostAuth=false\nPort=1\n")
    assert journal.rollback(record).state == "rolled-back"
    assert config.read_bytes() == b"[WebUI]\nLocalHostAuth=false\nPort=1\n", "it stands where it stood before"


# --- others were at it meanwhile --------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", [ODD, MOVE], ids=["remove", "move"])
def test_another_key_was_changed(journal: Journal, config: Path, edit: FileEdit) -> None:
    record = apply(journal, config, edit)
    config.write_bytes(config.read_bytes().replace(b"8080", b"9090"))
    (dry,) = journal.plan_rollback([record]).steps
    assert (dry.how, dry.refusals) == ("by-setting", ())
    journal.rollback(record)
    assert config.read_bytes() == START.replace(b"8080", b"9090"), "all lines, where they stood"


def test_the_lines_that_were_around_it_are_gone(journal: Journal, config: Path) -> None:
    record = apply(journal, config, ODD)
    config.write_bytes(b"[Preferences]\nA=1\n\n[Z]\nb=2\n")
    journal.rollback(record)
    assert (
        config.read_bytes()
        == b"[Preferences]\nWebUI\\BypassLocalAuth=true\nA=1\nWebUI\\BypassLocalAuth=off\n\n[Z]\nb=2\n"
    )


def test_the_same_key_was_set_again(journal: Journal, config: Path) -> None:
    record = apply(journal, config, ODD)
    now = config.read_bytes() + b"WebUI\\BypassLocalAuth=mine\r\n"
    config.write_bytes(now)
    assert "changed by someone else" in journal.plan_rollback([record]).refusals[0]
    with pytest.raises(Refused, match="changed by someone else") as caught:
        journal.rollback(record)
    assert (caught.value.exit_code, config.read_bytes()) == (4, now)
    journal.rollback(record, RollbackRequest(force=True))
    assert config.read_bytes() == START
    assert (record.folder / "conflict.conf").read_bytes() == now


def test_a_moved_value_was_changed(journal: Journal, config: Path) -> None:
    record = apply(journal, config, MOVE)
    config.write_bytes(config.read_bytes().replace(b"Auth=false", b"Auth=true"))
    with pytest.raises(Refused, match="LocalHostAuth was changed by someone else"):
        journal.rollback(record)
    journal.rollback(record, RollbackRequest(force=True))
    assert config.read_bytes() == START


def test_a_newer_record_on_the_same_setting(journal: Journal, config: Path) -> None:
    first = apply(journal, config, MOVE)
    second = apply(journal, config, SettingEdit("LocalHostAuth", "Preferences", "WebUI\\LocalHostAuth", "true"))
    with pytest.raises(Refused, match=f"newer record {second.id}"):
        journal.rollback(first)
    assert journal.plan_rollback([first, second]).refusals == ()
    journal.rollback(second)
    journal.rollback(first)
    assert config.read_bytes() == START


@pytest.mark.parametrize("edit", [ODD, MOVE], ids=["remove", "move"])
def test_made_again(journal: Journal, config: Path, edit: FileEdit) -> None:
    record = apply(journal, config, edit)
    after = config.read_bytes()
    back = journal.rollback(record)
    (again,) = redo.redo(journal, [back], config, run="again", guard=lambda: None, why="a test")
    assert (config.read_bytes(), again.standing) == (after, True)
    journal.rollback(again)
    assert config.read_bytes() == START


def test_through_the_web_api_there_is_no_way_back(journal: Journal, config: Path) -> None:
    record = apply(journal, config, MOVE)
    plan = journal.plan_rollback([record], via="api", read=lambda: {"bypass_local_auth": True})
    assert any("--restart" in text for text in plan.refusals)


# --- the file replaced ------------------------------------------------------------------------------------------------


def pair(config: Path) -> tuple[bytes, bytes | None]:
    new = config.with_name("qBittorrent_new.conf")
    return config.read_bytes(), new.read_bytes() if new.exists() else None


def test_adopted_and_back(journal: Journal, config: Path, beside: Path) -> None:
    record = apply(journal, config, ReplaceFile())
    assert pair(config) == (BESIDE, None)
    assert systems.has_mode(config, 0o640)
    assert {path.name for path in record.folder.glob("before.*")} == {"before.conf", "before.new.conf"}
    said = (record.folder / "record.json").read_text() + str([one.diff() for one in record.changes])
    assert "canary" not in said
    assert '"qBittorrent_new.conf"' in said
    assert journal.rollback(record).state == "rolled-back"
    assert pair(config) == (START, BESIDE)
    assert systems.has_mode(beside, 0o604)


def test_adopted_and_used_and_back(journal: Journal, config: Path, beside: Path) -> None:
    """A run rewrote it, and somebody changed another key: what the adoption changed goes back, the rest stays."""
    record = apply(journal, config, ReplaceFile())
    config.write_bytes(
        b"[BitTorrent]\nSession\\Queue=1\n\n[Preferences]\nDownloads\\SavePath=/x\nWebUI\\Password_PBKDF2=canary-hash\n"
        b"WebUI\\Port=7070\n"
    )
    back = journal.rollback(record)
    assert back.rollback is not None
    assert back.rollback.how == "by-setting"
    now = Settings.load(config)
    held = {entry.path: entry.raw for entry in now.ini.entries}
    assert held == {
        "BitTorrent/Session/Queue": "1",
        "BitTorrent/Session/Port": "1",
        "BitTorrent/WebUI/LocalHostAuth": "false",
        "Preferences/WebUI/BypassLocalAuth": "off",
        "Preferences/WebUI/Port": "7070",
    }
    assert beside.read_bytes() == BESIDE


def test_adopted_and_the_same_key_set_again(journal: Journal, config: Path, beside: Path) -> None:
    record = apply(journal, config, ReplaceFile())
    config.write_bytes(BESIDE.replace(b"canary-hash", b"other-hash"))
    with pytest.raises(Refused, match="Password_PBKDF2 was changed by someone else"):
        journal.rollback(record)
    assert pair(config) == (BESIDE.replace(b"canary-hash", b"other-hash"), None)
    journal.rollback(record, RollbackRequest(force=True))
    assert b"hash" not in config.read_bytes()
    assert beside.read_bytes() == BESIDE


def test_older_records_are_taken_back_beside_what_came_back(journal: Journal, config: Path, beside: Path) -> None:
    beside.unlink()
    older = apply(journal, config, PORT)
    beside.write_bytes(BESIDE)
    newer = apply(journal, config, ReplaceFile())
    journal.rollback(newer)
    journal.rollback(older)
    assert pair(config) == (START, BESIDE)


def test_two_adoptions_cannot_both_bring_their_file_back(journal: Journal, config: Path, beside: Path) -> None:
    first = apply(journal, config, ReplaceFile())
    beside.write_bytes(BESIDE.replace(b"/x", b"/y"))
    second = apply(journal, config, ReplaceFile())
    (refusal,) = journal.plan_rollback([first, second]).refusals
    assert first.id in refusal
    assert journal.plan_rollback([second]).refusals == ()


def test_adopted_and_another_one_left_since(journal: Journal, config: Path, beside: Path) -> None:
    record = apply(journal, config, ReplaceFile())
    beside.write_bytes(b"[Preferences]\nWebUI\\Port=1\n")
    assert "another one lies there" in journal.plan_rollback([record]).refusals[0]
    for force in (False, True):
        with pytest.raises(Refused, match="another one lies there"):
            journal.rollback(record, RollbackRequest(force=force))
    assert pair(config) == (BESIDE, b"[Preferences]\nWebUI\\Port=1\n")


@pytest.mark.parametrize("content", [b"", b"; nothing but this\n", b"\n\n", b"[Preferences]\n", None])
def test_one_that_qbittorrent_passes_over(journal: Journal, config: Path, beside: Path, content: bytes | None) -> None:
    beside.unlink()
    if content is not None:
        beside.write_bytes(content)
    assert journal.plan_file(config, [ReplaceFile()]).changes == ()
    assert pair(config) == (START, content)


def test_one_that_cannot_be_read_with_certainty(journal: Journal, config: Path, beside: Path) -> None:
    garbage = {b"\x00\x01\x02=\x03\n": "NUL", b"\xff\xfea\x00=\x001\x00": "UTF-16"}
    for content, word in garbage.items():
        beside.write_bytes(content)
        with pytest.raises(Refused, match=word):
            apply(journal, config, ReplaceFile())
    beside.unlink()
    beside.mkdir()
    with pytest.raises(Refused, match="no regular file"):
        apply(journal, config, ReplaceFile())
    beside.rmdir()
    if systems.WINDOWS:  # where a link takes rights that few have
        return
    beside.symlink_to("/etc/hostname")
    with pytest.raises(Refused, match="no regular file"):
        apply(journal, config, ReplaceFile())
    assert (config.read_bytes(), journal.records()) == (START, ())


def test_one_that_changed_since_the_plan(journal: Journal, config: Path, beside: Path) -> None:
    plan = journal.plan_file(config, [ReplaceFile()])
    beside.write_bytes(BESIDE + b"x=1\n")
    with pytest.raises(Refused, match="changed since the plan"):
        apply(journal, config, ReplaceFile(), expect_sha256=plan.sha256, expect_beside=plan.beside)
    assert config.read_bytes() == START


def test_the_same_content_in_both(journal: Journal, config: Path, beside: Path) -> None:
    beside.write_bytes(START)
    record = apply(journal, config, ReplaceFile())
    assert pair(config) == (START, None)
    journal.rollback(record)
    assert pair(config) == (START, START)


def test_made_again_after_a_rollback(journal: Journal, config: Path, beside: Path) -> None:
    back = journal.rollback(apply(journal, config, ReplaceFile()))
    redo.redo(journal, [back], config, run="again", guard=lambda: None, why="a test")
    assert pair(config) == (BESIDE, None)


def test_an_old_qbdoctor_wrote_no_such_member(journal: Journal, config: Path) -> None:
    record = apply(journal, config, ODD)
    held = json.loads((record.folder / "record.json").read_text())
    assert held.pop("beside") is None
    (record.folder / "record.json").write_text(json.dumps(held))
    journal.rollback(record)
    assert config.read_bytes() == START
