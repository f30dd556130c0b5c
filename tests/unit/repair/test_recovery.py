"""What a run leaves that was ended in the middle, and failures at each step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Record
from qbdoctor.storage import locks, private
from tests.support.journals import NEW, OLD, apply, left, on_disk

OTHER = NEW.replace(b"8080", b"9090")
TORN = NEW[:102] + OLD[102:]
assert TORN not in (OLD, NEW)


RECOVERIES = [
    ("preparing", False, OLD, "abandoned", OLD),
    ("preparing", False, NEW, "applied", NEW),
    ("preparing", False, OTHER, "applied", OTHER),  # someone edited since, and ours is in it
    ("preparing", False, OTHER.replace(b"Auth=true", b"Auth=0"), "abandoned", OTHER.replace(b"Auth=true", b"Auth=0")),
    ("preparing", False, TORN, "applied", TORN),  # no write of ours, we rename; and "truse" is true to Qt
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
    private.temp_name(config).write_bytes(b"half")
    private.temp_name(record.folder / "record.json").write_bytes(b"half")
    (record.folder.parent / f".new-{record.id}").mkdir()
    (said,) = journal.recover()
    assert record.id in said
    assert (on_disk(journal, record).state, config.read_bytes()) == (ends, then)
    assert [each.name for each in config.parent.iterdir()] == [config.name]
    assert not [each for each in record.folder.parent.rglob("*") if each.name.startswith(".")]
    assert journal.recover() == ()


def test_copies_of_an_earlier_write_in_place_do_not_count(journal: Journal, config: Path) -> None:
    record = apply(journal, config)
    journal.rollback(record)
    left(journal, record, "rolling-back", in_place=True)
    left(journal, record, "rolling-back")
    config.write_bytes(TORN)
    journal.recover()
    assert config.read_bytes() == TORN  # no write of ours


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
        patch.setattr(private, "sync_folder", fail(private.sync_folder))
        patch.setattr(private, "replace_private", fail(private.replace_private))
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
