"""The change document: golden files (QBDOCTOR_ACCEPT=1 rewrites them), what it must say, and that its steps by hand work."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from qbdoctor.model.exchanges import Evidence, Exchange
from qbdoctor.repair.edits.changes import Beside, Change, JsonChange, Side
from qbdoctor.repair.history import change_document, undo_instructions
from qbdoctor.repair.journal.records import FileChange, Record, StateChange, TargetRecord, Undoing, history_json
from qbdoctor.reports.schema import load
from tests.support import systems
from tests.support.doctor import assert_silent, qbdoctor
from tests.support.fixer import AUTH, LIST, change, new_config, records, sha256, state

GOLDEN = Path(__file__).parents[2] / "data" / "golden_change"
ACCEPT = os.environ.get("QBDOCTOR_ACCEPT") == "1"
AT = "2026-11-22T20:00:00.000Z"


def record(**other: Any) -> Record:
    conf = "/srv/my qb/qBittorrent/config/qBittorrent.conf"
    file = FileChange(conf, conf, Side("a" * 64, 842, "0640", 1000, 1001), Side("b" * 64, 843, "0640", 1000, 1001))
    record_id = other.pop("id", "20261122T200000.000Z-require-localhost-auth-0123abcd")
    held = Record(
        id=record_id,
        run="20261122T200000Z-abcdef",
        fix="require-localhost-auth",
        reason="bypass-active",
        tool_version="0.1.0",
        created=AT,
        user="anna",
        uid=1000,
        host="nas",
        target=TargetRecord("http://127.0.0.1:8080", conf, "/srv/my qb"),
        via="file",
        file=file,
        backup="before.conf",
        changes=(
            Change(
                "LocalHostAuth", "false", "true", False, "Preferences", "WebUI\\LocalHostAuth", 89,
                JsonChange("bypass_local_auth", True, False),
            ),
        ),
        states=(StateChange("preparing", AT), StateChange("applied", AT), StateChange("verified", AT)),
        verified_by="qBittorrent was restarted with it: a call without a cookie answered 200 before and 403 now",
        diagnosis=DIAGNOSIS,
        folder=Path("/home/anna/.local/state/qbdoctor/records") / record_id,
    )  # fmt: skip
    return replace(held, **other)


def _exchange(host: str, status: int) -> Exchange:
    return Exchange(
        "GET",
        "http://127.0.0.1:8080/api/v2/app/version",
        sent=(("Host", host),),
        status=status,
        reason="",
        body="v5.1.0",
    )


DIAGNOSIS: dict[str, Any] = {
    "headline": "qBittorrent lets every caller in | <b>without</b> a password: `LocalHostAuth=false`",
    "state": "problem",
    "version": "5.1.0",
    "process": {
        "pid": 4711, "command": "/usr/bin/qbittorrent-nox --profile='/srv/my qb'", "started": AT, "user": "qbt",
        "unit": "qbittorrent-nox@anna.service", "unit_scope": "system", "container": None,
    },
    "causes": [
        {
            "id": "bypass-active",
            "severity": "error",
            "confidence": "proven",
            "summary": "Callers from 127.0.0.1 get in without a password",
            "evidence": [
                Evidence.reads("who calls", ("a local call", "200"), ("another", "403"), "the bypass lets it in").to_json(),
                Evidence.setting("LocalHostAuth", "false", "it is off", file="/srv/my qb/x.conf", line=89).to_json(),
            ],
        }
    ],
}  # fmt: skip
LIVE = {
    "id": "20261122T200000.001Z-allow-host-0123abcd",
    "fix": "allow-host",
    "reason": "requested",
    "via": "api",
    "file": None,
    "backup": "before.json",
    "diagnosis": None,
    "changes": (
        Change(
            "ServerDomains", "o'neil.lan", '"o\'neil.lan;nas.lan"',
            json=JsonChange("web_ui_domain_list", "o'neil.lan", "o'neil.lan;nas.lan"),
        ),
    ),
}  # fmt: skip
SECRET = {
    "id": "20261122T200000.002Z-set-password-0123abcd",
    "fix": "set-password",
    "reason": "requested",
    "diagnosis": {**DIAGNOSIS, "causes": []},
    "changes": (Change("Password_PBKDF2", "***", "***", True, "WebUI", "Password_PBKDF2", 12),),
    "notes": ("the extended attribute user.x could not be kept",),
}
BACK = {
    "states": (
        StateChange("preparing", AT),
        StateChange("applied", AT),
        StateChange("rolling-back", AT, "not confirmed"),
        StateChange("rolled-back", AT),
    ),
    "rollback": Undoing("file", "whole-file", "applied", "/x", "b" * 64, "a" * 64),
    "verified_by": None,
}
WINDOWS = {
    "target": TargetRecord("http://localhost:8080", "C:\\Users\\A B\\qBittorrent.ini", None),
    "file": FileChange(
        "C:\\Users\\A B\\qBittorrent.ini", "C:\\Users\\A B\\qBittorrent.ini",
        Side("a" * 64, 842, "0666", None, None), Side("b" * 64, 843, "0666", None, None),
    ),
    "uid": None,
    "diagnosis": None,
}  # fmt: skip
SAMPLES: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "file": ({}, (), "linux"),
    "live": (LIVE, (), "linux"),
    "secret": (SECRET, ("20261122T200000.003Z-set-password-00000000",), "darwin"),
    "back": (BACK, (), "linux"),
    "windows": (WINDOWS, (), "win32"),
    "beside": (
        {"beside": Beside("/srv/my qb/x_new.conf", "before.new.conf", Side("c" * 64, 9, "0600", 0, 0))},
        (),
        "linux",
    ),
}
TITLES = {"require-localhost-auth": "Local callers need the password"}


def built(name: str) -> tuple[Record, undo_instructions.TakingBack]:
    other, newer, platform = SAMPLES[name]
    made = record(**other)
    return made, undo_instructions.of(made, newer, Path("/home/anna/.local/state/qbdoctor"), platform=platform)


@pytest.mark.parametrize("form", ["md", "json"])
@pytest.mark.parametrize("name", SAMPLES)
@systems.linux_only("the paths and words of the golden files")
def test_golden(name: str, form: str) -> None:
    made, back = built(name)
    if form == "md":
        text = change_document.as_markdown(made, back, TITLES.get(made.fix))
    else:
        text = json.dumps(change_document.as_json(made, back), indent=2) + "\n"
    path = GOLDEN / f"{name}.{form}"
    if ACCEPT:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    stored = path.read_text("utf-8") if path.exists() else ""
    diff = "\n".join(difflib.unified_diff(stored.split("\n"), text.split("\n"), "golden", "now", lineterm=""))
    assert stored == text, f"{path.name} (QBDOCTOR_ACCEPT=1 accepts):\n{diff}"


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{name}.{form}" for name in SAMPLES for form in ("md", "json")}


@pytest.mark.parametrize("name", SAMPLES)
def test_json_is_valid(name: str) -> None:
    known = Registry().with_resource("urn:qbdoctor:record:1", Resource.from_contents(load("record/1")))
    validator = jsonschema.Draft202012Validator(load("history/1"), registry=known)
    made, back = built(name)
    held = change_document.as_json(made, back)
    validator.validate({"schema": "qbdoctor.history/1", "records": [held]})
    validator.validate(history_json([made]))
    del held["undo"]["text"]
    assert not validator.is_valid({"schema": "qbdoctor.history/1", "records": [held]})


def test_a_hostile_record_stays_text() -> None:
    made = record(user="</table>\n# hello", host="@everyone", reason="`|`", verified_by="[x](y)\x1b[31m", notes=("|",))
    text = change_document.as_markdown(made, undo_instructions.of(made, (), Path("/s"), platform="linux"), "`a`\n# b")
    assert "\x1b" not in text
    assert "</table>" not in text
    assert "\n# hello" not in text
    assert "@everyone" not in text
    assert text.count("\n# ") == 0


# --- of real records --------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return new_config(tmp_path / "my profile")


def undo(name: str) -> dict[str, Any]:
    found = json.loads(qbdoctor("history", name, "--json").out)["records"][0]["undo"]
    assert isinstance(found, dict)
    return found


def test_the_evidence_is_kept_with_the_record(config: Path) -> None:
    made = change("fix", "--config", str(config))["records"]
    (listed,) = [one for one in made if one["fix"] == LIST]
    (cause,) = listed["diagnosis"]["causes"]
    assert (listed["reason"], cause["id"]) == ("exposed-bypass", "exposed-bypass")
    assert any("0.0.0.0/0" in one["text"] for one in cause["evidence"])
    text = qbdoctor("history", listed["id"], "--format", "markdown").out
    for word in (
        "# Change: ",
        "`exposed-bypass`, likely",
        "0.0.0.0/0",
        "answers `exposed-bypass`",
        listed["run"],
        str(config),
    ):
        assert word in text
    assert text.count("# Change: ") == 1
    change("rollback", "--all")
    assert "nothing is left to take back" in qbdoctor("history", listed["id"], "--format", "markdown").out
    assert undo(listed["id"])["needed"] is False


def test_a_requested_fix_says_so_and_what_was_seen(config: Path) -> None:
    (made,) = change("fix", LIST, "--config", str(config))["records"]
    assert made["reason"] == "requested"
    assert [one["id"] for one in made["diagnosis"]["causes"]] == ["exposed-bypass"]
    text = qbdoctor("history", made["id"], "--format", "markdown").out
    assert "asked for this fix by its name" in text
    (other,) = change("fix", AUTH, "--config", str(config))["records"]
    assert "exposed-bypass" not in {one["id"] for one in other["diagnosis"]["causes"]}


def test_no_secret_in_it(config: Path) -> None:
    (kept,) = [line for line in config.read_text().splitlines() if "PBKDF2" in line]
    hashed = kept.partition("(")[2].rstrip('")').split(":")
    new = config.parent / "new"
    new.write_text("canary-new-password")
    (made,) = change("fix", "set-password", "--new-password-file", str(new), "--config", str(config))["records"]
    for form in ("markdown", "json", "human"):
        run = qbdoctor("history", made["id"], "--format", form)
        assert run.code == 0
        assert_silent(run.out + run.err, [*hashed, "canary-new-password", "canary-password"])


@systems.posix_only("sh")
def test_the_command_is_the_whole_command(config: Path) -> None:
    """It works from anywhere, and takes newer records of the same setting back with it."""
    before = state(config)
    (first,) = change("fix", AUTH, "--config", str(config))["records"]
    (second,) = change("fix", "bypass-localhost-auth", "--config", str(config))["records"]
    back = undo(first["id"])
    assert back["also"] == [second["id"]]
    words = subprocess.run(
        ["sh", "-c", f'printf "%s\\n" {back["command"]}'], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert words[0] == "qbdoctor"
    run = qbdoctor(*words[1:], "--yes", env={"QBDOCTOR_STATE_DIR": "/nowhere"})
    assert (run.code, state(config)) == (0, before), run.out + run.err


@systems.linux_only("GNU's install and sha256sum")
def test_the_steps_by_hand_in_the_file(config: Path) -> None:
    before = state(config)
    (made,) = change("fix", AUTH, "--config", str(config))["records"]
    way = undo(made["id"])["by_hand"][0]
    assert way["title"] == f"In {config}"
    commands = [command for step in way["steps"] for command in step["commands"]]
    look, put, look_again = commands
    shown = subprocess.run(["sh", "-c", look], capture_output=True, text=True, check=True).stdout
    assert shown.split()[0] == made["file"]["after"]["sha256"] == sha256(config)
    assert made["file"]["after"]["sha256"] in way["steps"][1]["text"]
    subprocess.run(["sh", "-c", put], check=True)
    assert state(config) == before
    shown = subprocess.run(["sh", "-c", look_again], capture_output=True, text=True, check=True).stdout
    assert shown.split()[0] == made["file"]["before"]["sha256"]
    (lines,) = [step["lines"] for step in way["steps"] if step["lines"]]
    assert lines == ["-[Preferences] WebUI\\LocalHostAuth=true", "+[Preferences] WebUI\\LocalHostAuth=false"]
    # What was done by hand is no puzzle for qbdoctor.
    run = qbdoctor("rollback", made["id"], "--yes")
    assert (run.code, state(config), records()[0]["state"]) == (0, before, "rolled-back")


def test_every_outcome_is_valid(config: Path) -> None:
    """`qbdoctor.change/1`: planned, applied, refused, taken back, removed, wrong."""
    schema = load("change/1")
    jsonschema.Draft202012Validator.check_schema(schema)
    known = Registry().with_resource("urn:qbdoctor:record:1", Resource.from_contents(load("record/1")))
    validator = jsonschema.Draft202012Validator(schema, registry=known)
    seen = []
    for arguments in (
        ["fix", AUTH, "--dry-run", "--config", str(config)],
        ["fix", AUTH, "--config", str(config)],
        ["fix", AUTH, "--config", str(config)],
        ["fix", AUTH, "--via", "api", "--config", str(config)],
        ["fix", "nothing", "--config", str(config)],
        ["rollback"],
        ["history", "--prune", "--dry-run"],
        ["history", "--prune"],
        ["rollback"],
    ):
        run = qbdoctor(*arguments, "--yes", "--json")
        found = json.loads(run.out)
        validator.validate(found)
        assert found["exit_code"] == run.code
        seen.append(found["state"])
    assert seen == [
        "planned", "verified", "nothing-to-do", "refused", "error", "rolled-back", "planned", "pruned", "error",
    ]  # fmt: skip
    assert not validator.is_valid({**found, "state": "done"})


def test_a_table_of_all(config: Path) -> None:
    change("fix", AUTH, LIST, "--config", str(config))
    run = qbdoctor("history", "--format", "markdown")
    assert run.code == 0
    assert run.out.startswith("| When |")
    assert len(run.out.splitlines()) == 4
