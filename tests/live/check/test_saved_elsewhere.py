"""A saved look is judged on another system and by another release: that of an earlier qbdoctor, and one of a Windows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

from qbdoctor.reports.schema import load
from tests.kit.server import PASSWORD, Server
from tests.kit.windows import windows
from tests.support.doctor import cause, causes, diagnose, qbdoctor, status

EARLIER = Path(__file__).parents[2] / "data/saved/earlier.json"
"""Written by qbdoctor as it was when `--save` came (2026-11-28), of a 5.1.0 that had banned us, with sessions of 30 s."""


def test_what_an_earlier_qbdoctor_saved_is_judged_now() -> None:
    held = json.loads(EARLIER.read_text())
    jsonschema.validate(held, load("saved/1"))
    report = diagnose("--from", str(EARLIER))
    assert causes(report) == [one["id"] for one in held["causes"]] == ["ip-banned", "session-too-short"]
    assert report["target"]["url"] == held["look"]["url"]
    assert "until 14:51" in report["verdict"]["headline"], "as it was then, whatever the time is now"
    unknown = [one for one in report["checks"] if one["status"] == "unknown"]
    assert {one["id"]: one["reason"] for one in unknown} == {
        "anonymous-call": "the saved look does not hold what this needs (believes_forwarded)",
        "front-page": "the saved look does not hold what this needs (page_parts)",
        "request-rate": "the saved look does not hold what this needs (limited)",
    }, "what only later releases look at"
    shown = qbdoctor("check", "--from", str(EARLIER))
    assert "saved 2026-11-28T" in shown.out + shown.err and "by qbdoctor 0.2.0" in shown.out + shown.err


def test_a_saved_file_of_a_later_qbdoctor_says_what_to_do(tmp_path: Path) -> None:
    later = json.loads(EARLIER.read_text()) | {"schema": "qbdoctor.saved/2"}
    file = tmp_path / "later.json"
    file.write_text(json.dumps(later))
    for run in (qbdoctor("check", "--from", str(file)), qbdoctor("diff", str(EARLIER), str(file))):
        assert run.code == 2
        assert "written by a newer qbdoctor (qbdoctor.saved/2): read it with that one" in run.err
        assert "Traceback" not in run.err
    inner = json.loads(EARLIER.read_text())
    inner["look"]["schema"] = "qbdoctor.look/2"
    file.write_text(json.dumps(inner))
    run = qbdoctor("check", "--from", str(file))
    assert run.code == 2
    assert "newer qbdoctor (qbdoctor.look/2)" in run.err


@pytest.mark.extended
@pytest.mark.live
def test_what_a_windows_doctor_saved_is_judged_here_and_compared_with_ours(tmp_path: Path) -> None:
    """Paths with a drive and backslashes, no /proc, another file name of the config; the server is a real one."""
    ours = tmp_path / "ours.json"
    with Server.start("5.3.0", settings={"SessionTimeout": "30"}) as server, windows() as there:
        folder = there.drive / "t" / "saved"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "saved.json"
        file.unlink(missing_ok=True)
        (folder / "qBittorrent.ini").write_bytes(server.config_file.read_bytes().replace(b"\n", b"\r\n"))
        words = ["--url", server.url, "--config", r"C:\t\saved\qBittorrent.ini", "--save", r"C:\t\saved\saved.json"]
        words += ["--state-dir", r"C:\t\saved\state"]
        made = there.run("-m", "qbdoctor", "check", "--json", *words, environment={"QBDOCTOR_PASSWORD": PASSWORD})
        report = json.loads(made.stdout.decode("utf-8"))
        file = Path(shutil.copy(file, tmp_path))
        diagnose("--profile", str(server.profile), "--state-dir", str(tmp_path), "--save", str(ours), password=PASSWORD)
    held = json.loads(file.read_text("utf-8"))
    jsonschema.validate(held, load("saved/1"))
    assert held["system"] == "win32"
    assert PASSWORD not in file.read_text("utf-8")
    again = diagnose("--from", str(file))
    assert causes(again) == causes(report)
    assert again["verdict"] == report["verdict"]
    assert {one["id"]: one["status"] for one in again["checks"]} == {
        one["id"]: one["status"] for one in report["checks"]
    }
    assert again["target"]["config_file"] == r"C:\t\saved\qBittorrent.ini"
    assert cause(again, "session-too-short")["evidence"]
    assert status(again, "login") == "pass"
    compared = json.loads(qbdoctor("diff", str(file), str(ours), "--json").out)
    jsonschema.validate(compared, load("diff/1"))
    assert "SessionTimeout" not in [one["what"] for one in compared["items"]], "the same value on both"
    assert "config_file" in [one["what"] for one in compared["items"]]
