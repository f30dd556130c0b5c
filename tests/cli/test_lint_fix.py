"""`qbdoctor lint --fix` and its rollback, as a person or a script meets them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource

from qbdoctor.lint import fixing
from qbdoctor.reports.schema import load
from tests.kit import needs
from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import Terminal, change, outcome, records, sentence, state

CANARY = "canary-in-the-source"
OLD = f'''import os
import requests

def login(base):
    s = requests.Session()
    r = s.post(base + "/api/v2/auth/login", data={{"username": "admin", "password": "{CANARY}"}})
    if r.text != "Ok.":
        raise SystemExit("qBittorrent says no")
    return s
'''
NEW = OLD.replace('!= "Ok."', '!= "Ok." and r.status_code != 204')


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "src" / "qbit.py"
    path.parent.mkdir()
    path.write_bytes(OLD.replace("\n", "\r\n").encode())
    path.chmod(0o751)
    return path


def mended() -> bytes:
    return NEW.replace("\n", "\r\n").encode()


def test_the_plan_is_a_diff_that_patch_takes_and_writes_nothing(program: Path) -> None:
    before = state(program)
    for words, code in ((("--dry-run",), 0), ((), 2)):
        run = qbdoctor("lint", "--fix", str(program), *words)
        assert run.code == code, run.err
        assert '-    if r.text != "Ok.":\n+    if r.text != "Ok." and r.status_code != 204:\n' in run.out
        assert_silent(run.out + run.err, [CANARY])
    assert (state(program), records()) == (before, [])
    old, new = (text.replace(f'"{CANARY}"', "os.environ['PW']") for text in (OLD, NEW))
    program.write_text(old)
    plan = qbdoctor("lint", "--fix", "--dry-run", str(program)).out
    done = subprocess.run([needs.program("patch"), "-p0", str(program)], input=plan, text=True, capture_output=True)
    assert (done.returncode, program.read_text()) == (0, new), done.stdout + done.stderr


def test_written_linted_again_and_taken_back_to_the_byte(program: Path) -> None:
    before = state(program)
    made = change("lint", "--fix", str(program.parent))
    held = Registry().with_resource("urn:qbdoctor:record:1", Resource.from_contents(load("record/1")))
    jsonschema.Draft202012Validator(load("change/1"), registry=held).validate(made)
    assert (made["command"], made["state"]) == ("lint", "verified")
    assert program.read_bytes() == mended()
    assert stat.S_IMODE(program.stat().st_mode) == 0o751
    (record,) = records()
    assert (record["fix"], record["state"], record["reason"]) == ("mend-source", "verified", "client-wants-ok-body")
    assert record["target"]["config_file"] is None
    assert "linted again" in record["verified_by"]
    assert_silent(json.dumps(made) + json.dumps(record), [CANARY])
    again = change("lint", "--fix", str(program))
    assert (again["state"], again["changes"]) == ("nothing-to-do", [])
    for way in ("human", "markdown", "json"):
        shown = qbdoctor("history", record["id"], "--format", way)
        assert shown.code == 0
        assert "r.status_code != 204" in shown.out
        assert_silent(shown.out, [CANARY])
    assert qbdoctor("rollback", "--dry-run").code == 0
    change("rollback")
    assert state(program) == before
    assert records()[0]["state"] == "rolled-back"


def test_changed_since_it_is_left_alone_and_force_keeps_the_present_state(program: Path) -> None:
    before = program.read_bytes()
    change("lint", "--fix", str(program))
    edited = program.read_bytes() + b"# mine\r\n"
    program.write_bytes(edited)
    refused = qbdoctor("rollback", "--yes")
    assert refused.code == 4
    assert "was changed by someone else since" in refused.out
    assert program.read_bytes() == edited
    change("rollback", "--force")
    assert program.read_bytes() == before
    state_folder = Path(os.environ["QBDOCTOR_STATE_DIR"])
    assert [one.read_bytes() for one in state_folder.rglob("conflict*")] == [edited]


def test_a_newer_record_of_the_file_goes_first(program: Path) -> None:
    before = program.read_bytes()
    change("lint", "--fix", str(program))
    program.write_bytes(program.read_bytes() + OLD.replace("def login", "def other").replace("\n", "\r\n").encode())
    edited = program.read_bytes()
    change("lint", "--fix", str(program))
    newer, older = (record["id"] for record in records())
    run = qbdoctor("rollback", older, "--yes")
    assert run.code == 4
    assert f"the newer record {newer}" in run.out
    change("rollback", newer)
    assert program.read_bytes() == edited
    program.write_bytes(mended())
    change("rollback", older)
    assert program.read_bytes() == before


def test_what_changed_since_the_plan_is_refused(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = fixing.plan

    def meanwhile(*given: object, **named: object) -> fixing.FixPlan:
        made = plan(*given, **named)  # type: ignore[arg-type]
        program.write_text("# another one wrote this\n")
        return made

    monkeypatch.setattr(fixing, "plan", meanwhile)
    run = qbdoctor("lint", "--fix", "--yes", str(program))
    assert run.code == 4
    assert "was changed since the plan was made" in run.out
    assert program.read_text() == "# another one wrote this\n"
    assert records() == []


def test_of_several_files_each_stands_alone(program: Path, tmp_path: Path) -> None:
    link = program.with_name("a_qbit.py")
    (tmp_path / "else.py").write_text(OLD)
    link.symlink_to(tmp_path / "else.py")
    made = change("lint", "--fix", str(program.parent), code=4)
    assert "is left alone: it is a link to" in made["text"]
    assert (program.read_bytes(), (tmp_path / "else.py").read_text()) == (mended(), OLD)
    assert link.is_symlink()


def test_what_has_no_proven_line_is_said_in_words(program: Path) -> None:
    program.write_text(OLD.replace("r.text", "r.what()"))
    before = state(program)
    made = change("lint", "--fix", str(program), code=1)
    assert made["state"] == "nothing-to-do"
    assert "client-wants-ok-body: Take any 2xx" in made["text"]
    assert (state(program), records()) == (before, [])


def test_hard_links_and_a_folder_without_rights_are_refused(program: Path) -> None:
    os.link(program, program.with_name("b.txt"))
    run = qbdoctor("lint", "--fix", "--yes", str(program))
    assert run.code == 4
    assert "2 names (hard links)" in run.out
    assert program.read_bytes() == OLD.replace("\n", "\r\n").encode()


def test_bad_input_is_one_sentence(program: Path) -> None:
    sentence(qbdoctor("lint", "--fix"), 2, "name the files or folders")
    sentence(qbdoctor("lint", "--fix", str(program), "--format", "sarif"), 2, "human or json")
    sentence(qbdoctor("lint", "--fix", str(program.with_name("none.py"))), 2, "cannot be read")
    sentence(qbdoctor("fix", "mend-source"), 2, "qbdoctor lint --fix")


def test_the_file_is_gone(program: Path) -> None:
    change("lint", "--fix", str(program))
    program.unlink()
    run = qbdoctor("rollback", "--yes", "--json")
    assert run.code == 4
    assert "There is no file" in outcome(run)["text"]


def test_a_person_is_shown_the_diff_and_asked(program: Path) -> None:
    terminal = Terminal("lint", "--fix", str(program))
    terminal.wait_for("Write these lines?")
    assert "r.status_code != 204" in terminal.shown
    code, _ = terminal.type("n\n")
    assert (code, program.read_bytes()) == (2, OLD.replace("\n", "\r\n").encode())
    terminal = Terminal("lint", "--fix", str(program))
    terminal.wait_for("Write these lines?")
    code, out = terminal.type("y\n")
    assert (code, program.read_bytes()) == (0, mended())
    assert "linted again" in out
