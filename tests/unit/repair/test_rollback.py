"""Rollback by setting: what others did to the file since stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import RollbackRequest
from tests.support import systems
from tests.support.journals import AUTH, KEY, LIST, NEW, OLD, apply, on_disk, rewritten


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


def test_a_key_that_is_gone_is_put_where_it_is_read(journal: Journal, config: Path) -> None:
    """5.3 reads ``[WebUI]`` alone, once it has moved the settings there."""
    record = apply(journal, config)
    rewritten(config, migrated=True)
    data = config.read_bytes().replace(b"LocalHostAuth=true\n", b"")
    config.write_bytes(data)
    assert journal.rollback(record, RollbackRequest(force=True)).state == "rolled-back"
    assert config.read_bytes() == data + b"LocalHostAuth=false\n"


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
    assert journal.rollback(record, RollbackRequest(force=True)).state == "rolled-back"
    assert (record.folder / "conflict.conf").read_bytes() == data
    assert systems.has_mode(record.folder / "conflict.conf", 0o600)
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


def test_the_last_of_duplicates_goes_back(journal: Journal, config: Path) -> None:
    config.write_bytes(OLD.replace(b"WebUI\\L", b"WebUI\\LocalHostAuth=0\nWebUI\\L"))
    record = apply(journal, config)
    data = config.read_bytes() + b"Own=1\n"
    config.write_bytes(data)
    journal.rollback(record)
    assert config.read_bytes() == data.replace(b"Auth=true", b"Auth=false")


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


def test_other_bytes_go_back_by_setting(journal: Journal, config: Path) -> None:
    """Bytes that are no UTF-8 stay what they are, though no JSON can hold them."""
    line = b"WebUI\\ServerDomains=\xc3\xa4\xff.example\n"
    config.write_bytes(OLD + line)
    record = apply(journal, config, DOMAINS)
    json.dumps(record.to_json(), ensure_ascii=False).encode()
    config.write_bytes(config.read_bytes() + b"Own=1\n")
    journal.rollback(record)
    assert config.read_bytes() == OLD + line + b"Own=1\n"


def test_the_oldest_of_three_names_all_that_are_newer(journal: Journal, config: Path) -> None:
    """The command that a refusal names works, and nobody else is blamed for what our own records did."""
    setting = ("SessionTimeout", "Preferences", "WebUI\\SessionTimeout")
    first, second, third = (apply(journal, config, SettingEdit(*setting, value)) for value in ("160", "170", "180"))
    command = f"qbdoctor rollback {third.id} {second.id} {first.id}"
    for named, holder in (([first], third), ([third, first], second)):
        (refusal,) = journal.plan_rollback(named).refusals
        assert f"the newer record {holder.id}" in refusal
        assert command in refusal
        assert "someone else" not in refusal
    assert journal.plan_rollback([first, second, third]).refusals == ()
