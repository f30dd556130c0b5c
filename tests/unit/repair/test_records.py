"""Rollback records: the JSON and its schema, their order, damaged ones, and the two spellings of a setting."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing

from qbdoctor import releases
from qbdoctor.config import conversions
from qbdoctor.model.errors import Refused
from qbdoctor.releases import Version
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest, Damaged, Record, TargetRecord, history_json, parse
from qbdoctor.reports.schema import load
from qbdoctor.storage import private
from tests.support import systems

RECORD, HISTORY = load("record/1"), load("history/1")
REGISTRY: Any = referencing.Registry().with_resources(
    [(schema["$id"], referencing.Resource.from_contents(schema)) for schema in (RECORD, HISTORY)]
)
VALIDATOR = jsonschema.Draft202012Validator(RECORD)
HISTORY_VALIDATOR = jsonschema.Draft202012Validator(HISTORY, registry=REGISTRY)
OLD = b"[Preferences]\nWebUI\\LocalHostAuth=false\n"
EDITS = [
    SettingEdit("LocalHostAuth", "Preferences", "WebUI\\LocalHostAuth", "true"),
    SettingEdit("Password_PBKDF2", "Preferences", "WebUI\\Password_PBKDF2", "hush"),
]


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "qBittorrent.conf"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Journal:
    return Journal(tmp_path / "state", clock=clock)


@pytest.fixture
def record(journal: Journal, config: Path) -> Record:
    return apply(journal, config)


def apply(journal: Journal, config: Path) -> Record:
    made = journal.apply_file(config, EDITS, ChangeRequest("require-localhost-auth", "requested", "run"))
    assert made is not None
    return made


def test_every_state_is_valid(journal: Journal, config: Path, record: Record) -> None:
    jsonschema.Draft202012Validator.check_schema(RECORD)
    jsonschema.Draft202012Validator.check_schema(HISTORY)
    verified = journal.mark_verified(record, "403 without a cookie")
    back = journal.rollback(verified)
    before: dict[str, Any] = {}
    live = journal.apply_api(
        {"web_ui_port": 1},
        {"web_ui_port": 2},
        before.update,
        lambda: before,
        ChangeRequest("x", "requested", "r", TargetRecord("http://h:1", None, None)),
    )
    assert live is not None
    for each in (record, verified, back, live):
        held = each.to_json()
        VALIDATOR.validate(held)
        assert parse(json.loads(json.dumps(held)), each.folder) == each
    (record.folder.parent / "20200101T000000.000Z-x-00000000").mkdir()
    history = history_json(journal.records())
    HISTORY_VALIDATOR.validate(history)
    assert len(history["records"]) == 3


Mutation = Callable[[dict[str, Any]], object]
INVALID: dict[str, Mutation] = {
    "another schema": lambda r: r.update(schema="qbdoctor.record/2"),
    "no state of ours": lambda r: r.update(state="done"),
    "a secret": lambda r: r["changes"][1].update(after="hush"),
    "a file that is none": lambda r: r.update(file=None),
    "no digest": lambda r: r["file"]["before"].update(sha256="x"),
    "no changes": lambda r: r.update(changes=[]),
    "a backup elsewhere": lambda r: r.update(backup="before./../x"),
    "verified by nothing": lambda r: r.update(state="verified"),
    "no time": lambda r: r["states"][0].update(at="yesterday"),
}


@pytest.mark.parametrize("name", INVALID)
def test_the_schema_rejects(name: str, record: Record) -> None:
    held = json.loads(json.dumps(record.to_json()))
    INVALID[name](held)
    assert not VALIDATOR.is_valid(held)
    assert not HISTORY_VALIDATOR.is_valid({"schema": "qbdoctor.history/1", "records": [held]})


def test_what_it_says(record: Record, config: Path) -> None:
    held = record.to_json()
    assert held["file"]["before"]["mode"] == f"{config.stat().st_mode & 0o7777:04o}"
    assert held["by"]["uid"] == (None if systems.WINDOWS else os.getuid())
    assert held["changes"][0]["json"] == {"name": "bypass_local_auth", "before": True, "after": False}
    assert held["changes"][1]["after"] == "***"
    assert held["changes"][1]["before"] is None
    assert record.id == f"20270115T080000.000Z-require-localhost-auth-{record.id[-8:]}"
    assert "hush" not in (record.folder / "record.json").read_text()
    assert json.loads((record.folder / "values.json").read_text()) == {"Password_PBKDF2": [None, "hush"]}


# --- order ------------------------------------------------------------------------------------------------------------


def test_order_when_the_clock_goes_back(journal: Journal, config: Path, clock: Clock) -> None:
    made = []
    for step in (0.0, 0.0, 0.0004, -86400, 10, -1e9):
        clock.now += step
        config.write_bytes(OLD)
        made.append(apply(journal, config).id)
    assert made == sorted(made)
    assert [each.id for each in journal.records()] == made[::-1]
    assert len({each[:20] for each in made}) == len(made)


def test_order_after_names_that_are_no_times(journal: Journal, config: Path, record: Record) -> None:
    for name in ("99999999T999999.999Z-x", "zzz", "20270115T080000.900Z-damaged-00000000"):
        (record.folder.parent / name).mkdir()
    config.write_bytes(OLD)
    assert apply(journal, config).id > "20270115T080000.900Z"


@pytest.mark.parametrize("fix", ["", "../x", "A", "a/b", "-", "x" * 80])
def test_a_fix_is_a_plain_name(fix: str, journal: Journal, config: Path) -> None:
    with pytest.raises(ValueError, match="no id of a fix"):
        journal.apply_file(config, EDITS, ChangeRequest(fix, "requested", "r"))
    assert config.read_bytes() == OLD


# --- damaged ones -----------------------------------------------------------------------------------------------------

DAMAGE: dict[str, tuple[Mutation | bytes | None, str]] = {
    "gone": (None, "cannot be read"),
    "empty": (b"", "no JSON"),
    "half": (b'{"schema": "qbdoctor.record/1",', "no JSON: line 1"),
    "binary": (b"\xff\xfe\0", "no text|no JSON"),
    "deep": (b"[" * 100_000, "no record|no JSON"),
    "a list": (b"[]", "no object"),
    "another format": (b"{}", "no record"),
    "a newer one": (lambda r: r.update(schema="qbdoctor.record/2"), "another qbdoctor"),
    "a member lacks": (lambda r: r.pop("changes"), "changes"),
    "a wrong type": (lambda r: r.update(run=7), "run"),
    "a wrong type inside": (lambda r: r["changes"][0].update(line="x"), "int"),
    "no object inside": (lambda r: r.update(by=3), "member"),
    "no states": (lambda r: r.update(states=[]), "state"),
    "another state": (lambda r: r.update(state="verified"), "state"),
    "a state of its own": (lambda r: r["states"][0].update(state="done"), "done"),
    "another's": (lambda r: r.update(id="20260101T000000.000Z-x-00000000"), "does not belong"),
    "a backup elsewhere": (lambda r: r.update(backup="../../config"), "does not belong"),
    "no file": (lambda r: r.update(file=None), "no file"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged(name: str, journal: Journal, config: Path, record: Record) -> None:
    damage, reason = DAMAGE[name]
    path = record.folder / "record.json"
    if damage is None:
        path.unlink()
    elif isinstance(damage, bytes):
        path.write_bytes(damage)
    else:
        held = record.to_json()
        damage(held)
        path.write_text(json.dumps(held))
    config.write_bytes(OLD)
    good = apply(journal, config)
    found = journal.records()
    assert found[0] == good
    assert isinstance(found[1], Damaged)
    text = found[1].text()
    assert str(record.backup_file) in text
    assert text.count("\n") == 0
    with pytest.raises(Refused, match=reason):
        journal.rollback(record)
    HISTORY_VALIDATOR.validate(history_json(found))
    assert journal.recover() == ()
    assert journal.rollback(good).state == "rolled-back"


@systems.links
def test_not_a_folder_of_ours(journal: Journal, config: Path, record: Record, tmp_path: Path) -> None:
    root = record.folder.parent
    (root / "20200101T000000.000Z-file-00000000").write_bytes(b"")
    (root / "20200102T000000.000Z-link-00000000").symlink_to(record.folder)
    (root / ".hidden").mkdir()
    found = journal.records()
    assert [type(each) for each in found] == [Record, Damaged, Damaged]


def test_find(journal: Journal, config: Path, record: Record) -> None:
    config.write_bytes(OLD)
    other = apply(journal, config)
    assert journal.find(record.id) == record
    assert journal.find(other.id[-8:]) == other
    for name, text in (("2027", "2 records"), ("nothing", "no record"), ("", "no record"), ("../state", "no record")):
        with pytest.raises(Refused, match=text):
            journal.find(name)


def test_a_full_disk_leaves_no_record(journal: Journal, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = private.write_private

    def full(path: Path, data: bytes) -> None:
        if path.name == "record.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data)

    monkeypatch.setattr(private, "write_private", full)
    with pytest.raises(Refused, match="nothing was changed"):
        apply(journal, config)
    assert config.read_bytes() == OLD
    assert list((journal.store.root).iterdir()) == []


# --- two spellings of a setting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "raw", "value"),
    [
        ("LocalHostAuth", "false", True),
        ("LocalHostAuth", "true", False),
        ("AuthSubnetWhitelistEnabled", "true", True),
        ("AuthSubnetWhitelist", "10.0.0.0/8, 192.168.0.0/16", "10.0.0.0/8\n192.168.0.0/16"),
        ("AuthSubnetWhitelist", "@Invalid()", ""),
        ("SessionTimeout", "3600", 3600),
        ("ServerDomains", '"a;b"', "a;b"),
        ("ServerDomains", "\\xe4.example", "ä.example"),
    ],
)
def test_both_say_the_same(setting: str, raw: str, value: object) -> None:
    assert conversions.json_value(setting, raw) == value
    written = conversions.raw_value(setting, value)
    assert written is not None
    assert conversions.meaning(setting, written) == conversions.meaning(setting, raw)


def test_what_an_absent_key_means() -> None:
    assert conversions.json_value("LocalHostAuth", None) is False
    assert conversions.json_value("UseUPnP", None) is None  # it depends on the release
    assert conversions.json_value("UseUPnP", None, Version.parse("5.3.0")) is False


def test_what_has_no_second_spelling() -> None:
    for setting in ("Password_PBKDF2", "APIKey", "FileLogger/MaxSizeBytes", "SessionCookieName", "no such setting"):
        assert conversions.json_name(setting) is None
        assert conversions.json_value(setting, "1") is None
        assert conversions.raw_value(setting, 1) is None
    assert conversions.raw_value("LocalHostAuth", "true") is None  # of another type than app/preferences has


def test_same_meaning() -> None:
    same = [("LocalHostAuth", "false", '"false"'), ("LocalHostAuth", "0", "FALSE"), ("LocalHostAuth", "no", "true"),
            ("SessionTimeout", "60", '" 60"'), ("ServerDomains", '"a"', "a"), ("Unknown", "a, b", "a,b")]  # fmt: skip
    for setting, one, other in same:
        assert conversions.meaning(setting, one) == conversions.meaning(setting, other)
    differ = [("LocalHostAuth", None, "true"), ("ServerDomains", "a", '"a,b"'), ("Unknown", "a", None)]
    for setting, first, second in differ:
        assert conversions.meaning(setting, first) != conversions.meaning(setting, second)
    assert conversions.same_json("AuthSubnetWhitelist", "a\nb", "a, b")
    assert not conversions.same_json("LocalHostAuth", True, 1)


def test_every_setting_of_the_api_has_both() -> None:
    for key in releases.KEYS:
        if conversions.json_name(key.name) is None:
            continue
        value = conversions.json_value(key.name, None, releases.NEWEST)
        raw = conversions.raw_value(key.name, value)
        assert raw is not None, key.name
        assert conversions.same_json(key.name, conversions.json_value(key.name, raw, releases.NEWEST), value), key.name
        assert conversions.setting_of(str(key.json), Version.parse(key.since)) == key.name


def test_a_diff_can_be_printed(journal: Journal, config: Path) -> None:
    config.write_bytes(b"[Preferences]\nWebUI\\Username=\xc3\xa4\xff\x1b[2J\n")
    plan = journal.plan_file(config, [SettingEdit("Username", "Preferences", "WebUI\\Username", "admin")])
    for change in plan.changes:
        json.dumps(change.before, ensure_ascii=False).encode()
    assert plan.diff()[0] == "-[Preferences] WebUI\\Username=ä\N{REPLACEMENT CHARACTER}\\x1b[2J"


def test_a_folder_that_a_virus_scanner_holds_is_waited_for(
    journal: Journal, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows renames no folder while another program has a file in it open: the record's, as it is made and as it goes."""
    tried: dict[str, int] = {}
    replace, rename = Path.replace, Path.rename

    def held(self: Path) -> bool:
        tried[self.name] = tried.get(self.name, 0) + 1
        if self.is_dir() and tried[self.name] < 3:
            error = PermissionError(errno.EACCES, "in use")
            error.winerror = 5  # type: ignore[attr-defined]
            raise error
        return False

    monkeypatch.setattr(Path, "replace", lambda self, target: held(self) or replace(self, target))
    monkeypatch.setattr(Path, "rename", lambda self, target: held(self) or rename(self, target))
    record = journal.apply_file(config, EDITS[:1], ChangeRequest("require-localhost-auth", "requested", "run"))
    assert record is not None
    journal.store.remove(record)
    assert tried[record.folder.name] == 3
    assert not record.folder.exists()
