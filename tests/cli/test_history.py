"""Records over the years: clearing up, what older and newer versions wrote, other users' records, dependencies."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.repair.history import prune
from qbdoctor.repair.journal import confirmations
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Record, RollbackRequest
from tests.support.doctor import qbdoctor
from tests.support.fixed_config import edited, fixed, home
from tests.support.fixer import AUTH, LIST, ROOT, Terminal, change, new_config, records, sentence, state

OPENING = "bypass-localhost-auth"
extended = pytest.mark.extended  # seconds each, and with others like them
OLD_RECORDS = Path(__file__).parents[1] / "data" / "old_records"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return new_config(tmp_path / "profile")


def left() -> set[str]:
    return {path.name for path in (home() / "records").iterdir()}


def aged(name: str, days: float) -> None:
    held = json.loads((home() / "records" / name / "record.json").read_text())
    at = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    edited(name, states=[*held["states"][:-1], {**held["states"][-1], "at": at}])


# --- clearing up ------------------------------------------------------------------------------------------------------


def test_what_is_applied_stays(config: Path) -> None:
    (back,) = fixed(config, AUTH)
    change("rollback")
    (stands,) = fixed(config, LIST)
    before = state(config)
    plan = qbdoctor("history", "--prune", "--dry-run")
    assert (plan.code, back in plan.out, left()) == (0, True, {back, stands})
    assert f"kept: {stands}: it is verified" in plan.out
    asked = qbdoctor("history", "--prune")
    assert (asked.code, left()) == (2, {back, stands})
    assert "--yes is needed" in asked.out
    made = change("history", "--prune")
    assert (made["state"], [one["id"] for one in made["records"]], left()) == ("pruned", [back], {stands})
    again = change("history", "--prune")
    assert (again["state"], left()) == ("nothing-to-do", {stands})
    change("rollback")
    assert state(config)[0] != before[0]
    assert change("history", "--prune")["records"][0]["id"] == stands
    assert left() == set()
    assert change("history", "--prune")["state"] == "nothing-to-do"


@extended
def test_a_person_is_asked(config: Path) -> None:
    (back,) = fixed(config, AUTH)
    change("rollback")
    terminal = Terminal("history", "--prune")
    terminal.wait_for("for good?")
    assert terminal.type("n\n")[0] == 2
    assert left() == {back}
    terminal = Terminal("history", "--prune")
    terminal.wait_for("for good?")
    assert terminal.type("y\n")[0] == 0
    assert left() == set()


@extended
def test_the_young_and_the_others_stay(config: Path) -> None:
    ids = [*fixed(config, AUTH), *fixed(config, LIST)]
    change("rollback", "--all")
    aged(ids[0], 40)
    made = change("history", "--prune", "--older-than", "30")
    assert ([one["id"] for one in made["records"]], left()) == ([ids[0]], {ids[1]})
    refused = change("history", "--prune", ids[1], "--older-than", "1", code=4)
    assert "less than 1 days" in refused["text"]
    assert change("history", "--prune", ids[1])["state"] == "pruned"
    sentence(qbdoctor("history", "--prune", "nothing", "--yes"), 2, "no record nothing")
    sentence(qbdoctor("history", "--older-than", "3"), 2, "--prune")
    sentence(qbdoctor("history", "--prune", "--older-than", "x"), 2, "no number of days")


@extended
def test_what_cannot_be_read_stays_and_is_named(config: Path) -> None:
    names: list[str] = []
    for _ in range(3):
        names += fixed(config, AUTH)
        change("rollback")
    damaged, newer, _ = names
    (home() / "records" / damaged / "record.json").write_text("{")
    edited(newer, schema="qbdoctor.record/2", state="finished")
    run = qbdoctor("history", "--prune", "--yes")
    assert (run.code, left()) == (0, {damaged, newer})
    assert f"The record {damaged} is damaged" in run.out
    assert "another qbdoctor, a newer one (qbdoctor.record/2)" in run.out


@extended
def test_one_that_another_was_made_on_top_of_stays(config: Path) -> None:
    """Taken back by force below a newer one, whose own rollback brings its value again."""
    original = config.read_bytes()
    (first,) = fixed(config, AUTH)
    (second,) = fixed(config, OPENING)
    change("rollback", first, "--force")
    assert {one["id"]: one["state"] for one in records()} == {first: "rolled-back", second: "verified"}
    kept = qbdoctor("history", "--prune", "--yes")
    assert (kept.code, left()) == (0, {first, second})
    assert f"{second}, which is applied, was made on top of it" in kept.out
    change("rollback", second, "--force")
    change("history", "--prune")
    assert left() == set()
    assert b"LocalHostAuth=true" in config.read_bytes()  # what the first one's backup alone told was otherwise
    assert b"LocalHostAuth=false" in original


def test_one_that_waits_to_be_confirmed_stays(config: Path) -> None:
    (first,) = fixed(config, AUTH)
    change("rollback")
    (home() / "confirm").mkdir()
    waiting = {"run": "20261122T200000Z-abcdef", "seconds": 60, "until": "x", "pid": 1, "began": "", "records": [first]}
    (home() / "confirm" / "20261122T200000Z-abcdef.json").write_text(json.dumps(waiting))
    assert "it waits to be confirmed" in change("history", "--prune")["text"]
    assert left() == {first}


def test_one_that_will_wait_stays_before_it_does(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between `rollback --confirm-within` and its watchdog's word: another run may prune just then."""
    (first,) = fixed(config, AUTH)
    journal = Journal(home())
    record = journal.find(first)
    assert isinstance(record, Record)
    journal.rollback(record, RollbackRequest(note=confirmations.UNSETTLED))
    assert "may wait to be confirmed" in change("history", "--prune")["text"]
    assert left() == {first}
    monkeypatch.setattr(prune, "UNSETTLED_SECONDS", 0.0)  # a minute later nothing waits
    change("history", "--prune")
    assert left() == set()


KILLED = """
import os, shutil, sys
from pathlib import Path
from qbdoctor.repair.history import prune
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.storage import private

at = int(sys.argv[2])
def counted(name, real, calls=[]):
    def call(*arguments, **keywords):
        calls.append(name)
        if len(calls) == at:
            os._exit(77)
        return real(*arguments, **keywords)
    return call

journal = Journal(Path(sys.argv[1]))
ids = [one.id for one in prune.plan(journal).gone]
for module, name in ((Path, "rename"), (private, "sync_folder"), (os, "unlink"), (os, "rmdir"), (os, "open")):
    setattr(module, name, counted(name, getattr(module, name)))
print(len(prune.prune(journal, ids)[0]))
"""


@extended
def test_killed_anywhere_it_is_there_or_not(config: Path, tmp_path: Path) -> None:
    fixed(config, AUTH, LIST)
    change("rollback")
    (stands,) = fixed(config, AUTH)
    every = left()
    seen: set[int] = set()
    for at in range(1, 100):
        place = tmp_path / f"state{at}"
        shutil.copytree(home(), place)
        run = subprocess.run(
            [sys.executable, "-c", KILLED, str(place), str(at)], capture_output=True, text=True, cwd=ROOT
        )
        journal = Journal(place)
        listed = journal.records()
        assert all(isinstance(one, Record) for one in listed), listed
        assert stands in {one.id for one in listed}
        for one in listed:
            assert isinstance(one, Record)
            assert one.backup_file.exists()
        seen.add(len(listed))
        assert journal.recover() == ()
        rest = {path.name for path in (place / "records").iterdir()}
        assert rest == {one.id for one in listed} <= every
        if run.returncode == 0:
            break
        assert run.returncode == 77, run.stderr
    assert seen == {1, 2, 3}
    assert at > 10


def test_it_waits_for_the_lock(config: Path) -> None:
    fixed(config, AUTH)
    change("rollback")
    journal = Journal(home(), lock_seconds=0.05)
    with Journal(home()).locked(), pytest.raises(Refused, match="Another run"):
        from qbdoctor.repair.history import prune

        prune.prune(journal, [one.id for one in journal.records()])
    assert len(left()) == 1


# --- what other versions wrote ----------------------------------------------------------------------------------------


@pytest.fixture(params=["first", "second"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The state folder as an earlier version left it, made by that version's own code; its config is at tmp_path."""
    source = OLD_RECORDS / request.param
    config = tmp_path / "qBittorrent.conf"
    shutil.copy(source / "now.conf", config)
    config.chmod(0o640)
    for folder in source.iterdir():
        if folder.is_dir():
            place = home() / "records" / folder.name
            shutil.copytree(folder, place)
            held = (place / "record.json").read_text()
            (place / "record.json").write_text(held.replace("/old-home/qBittorrent.conf", str(config)))
    yield config


def test_an_older_record_is_listed_and_taken_back(old: Path) -> None:
    held = records()
    assert [one["state"] for one in held] == ["applied", "rolled-back", "verified"]
    assert all(one["diagnosis"] is None for one in held)
    first = held[-1]["id"]
    assert "The record holds no diagnosis." in qbdoctor("history", first, "--format", "markdown").out
    assert "canary" not in qbdoctor("history", first, "--json").out
    whole = (home() / "records" / first / "before.conf").read_bytes()
    change("rollback", first)
    assert old.read_bytes() == whole
    assert change("history", "--prune")["state"] == "pruned"
    assert [one["state"] for one in records()] == ["applied"]


@extended
def test_an_older_record_is_taken_back_by_its_settings(old: Path) -> None:
    """The secret's text is in its own file, which the first version called otherwise."""
    old.write_text(old.read_text() + "WebUI\\Address=127.0.0.1\n")
    change("rollback", records()[-1]["id"])
    text = old.read_text()
    assert 'Password_PBKDF2="@ByteArray(canary-old)"' in text
    assert "LocalHostAuth=false" in text
    assert "Address=127.0.0.1" in text


ADDED = ("diagnosis", "beside", "notes", "in_place", "rollback", "verified_by")


@pytest.mark.parametrize("lacks", [*(pytest.param(one, marks=extended) for one in ADDED), "all"])
def test_a_record_may_lack_what_was_added(config: Path, lacks: str) -> None:
    before = state(config)
    (name,) = fixed(config, AUTH)
    path = home() / "records" / name / "record.json"
    held = json.loads(path.read_text())
    for member in (
        ("diagnosis", "beside", "notes", "in_place", "rollback", "verified_by") if lacks == "all" else (lacks,)
    ):
        held.pop(member, None)
    path.write_text(json.dumps(held))
    change("rollback")
    assert state(config) == before


@extended
def test_what_a_later_version_added_is_kept(config: Path) -> None:
    (name,) = fixed(config, AUTH)
    edited(name, ticket={"id": "OPS-7"})
    change("rollback")
    assert records()[0]["ticket"] == {"id": "OPS-7"}


def test_a_newer_schema_is_named_and_left_alone(config: Path) -> None:
    (name,) = fixed(config, AUTH)
    edited(name, schema="qbdoctor.record/2", way="new")
    folder = home() / "records" / name
    before = state(config), {path.name: path.read_bytes() for path in folder.iterdir()}
    run = qbdoctor("history")
    assert run.code == 0
    assert f"{name} cannot be read here: it was written by another qbdoctor, a newer one (qbdoctor.record/2)" in run.err
    assert str(folder / "before.conf") in run.err
    (listed,) = records()
    assert "newer" in listed["damaged"]
    sentence(qbdoctor("rollback", name, "--yes"), 4, "newer", "qbdoctor.record/2", str(folder / "before.conf"))
    for options in ([], ["--all"], ["--last"], ["--force"]):
        assert qbdoctor("rollback", *options, "--yes").code == 2
    change("history", "--prune")
    assert qbdoctor("fix", AUTH, "--yes", "--config", str(config)).code == 0  # so already: no record
    after = state(config), {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after == before


# --- two on one setting -----------------------------------------------------------------------------------------------


def test_the_older_of_two_says_which_holds_it_and_how(config: Path) -> None:
    before = state(config)
    (first,) = fixed(config, AUTH)
    (second,) = fixed(config, OPENING)
    now = state(config)
    for options in (["--yes"], ["--dry-run"]):
        run = qbdoctor("rollback", first, *options)
        assert (run.code, state(config)) == (4, now)
        assert f"the newer record {second}" in run.out
        assert f"qbdoctor rollback {second} {first}" in run.out
        assert "--all" in run.out
    change("rollback", first, second)  # in any order
    assert state(config) == before


@extended
@pytest.mark.parametrize("options", [["--all"], []], ids=["all", "one by one"])
def test_the_newest_goes_first(config: Path, options: list[str]) -> None:
    before = state(config)
    for fix in (AUTH, OPENING, AUTH, OPENING):
        fixed(config, fix)
    plan = qbdoctor("rollback", *options, "--dry-run")
    assert plan.code == 0
    for _ in range(1 if options else 4):
        change("rollback", *options)
    assert state(config) == before


def test_a_dry_run_shows_the_diff_and_changes_nothing(config: Path) -> None:
    fixed(config, AUTH, LIST)
    now, kept = state(config), records()
    run = qbdoctor("rollback", "--dry-run")
    assert (run.code, state(config), records()) == (0, now, kept)
    lines = [line.strip() for line in run.out.splitlines()]
    for name, old, new in (("LocalHostAuth", "true", "false"), ("AuthSubnetWhitelistEnabled", "false", "true")):
        at = lines.index(f"-[Preferences] WebUI\\{name}={old}")
        assert lines[at + 1] == f"+[Preferences] WebUI\\{name}={new}"
    assert "Dry run: nothing was changed." in lines
    found = json.loads(qbdoctor("rollback", "--dry-run", "--json").out)
    assert (found["state"], len(found["changes"])) == ("planned", 2)
