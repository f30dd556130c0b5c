"""A fix that was made, verified, and set back by something else since: told, and shown by history; the record stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from qbdoctor.reports.schema import load
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose, qbdoctor
from tests.support.servers import new_layout


@pytest.mark.in_turn
@pytest.mark.live
def test_a_fix_that_a_start_script_sets_back(release: Release, tmp_path: Path) -> None:
    with Server.start(release, settings={"LocalHostAuth": "false"}) as server:
        args = ("--profile", str(server.profile), "--state-dir", str(tmp_path))
        made = qbdoctor("fix", "require-localhost-auth", "--yes", "--via", "api", *args, password=PASSWORD)
        assert made.code == 0, made.err
        assert "fix-undone-since" not in causes(diagnose(*args, password=PASSWORD))  # the file may be saved later
        server.stop()
        record = next((tmp_path / "records").glob("*/record.json"))
        before = record.read_bytes()
        old = "LocalHostAuth=true"
        text = server.config_file.read_text()
        assert old in text
        server.config_file.write_text(text.replace(old, "LocalHostAuth=false"))
        server.launch()
        found = cause(diagnose(*args), "fix-undone-since")
        assert (found["severity"], found["confidence"]) == ("warning", "likely")
        assert "require-localhost-auth" in found["summary"]
        assert "bypass-active" in found["explains"]
        assert record.parent.name in str(found["remedies"])
        shown = qbdoctor("history", "--state-dir", str(tmp_path))
        assert "verified" in shown.out
        assert "no longer holds: LocalHostAuth is false, not true" in shown.out
        held = json.loads(qbdoctor("history", "--json", "--state-dir", str(tmp_path)).out)
        told = held["records"][0]["undone"]
        assert [(one["setting"], one["wanted"], one["now"]) for one in told] == [("LocalHostAuth", "true", "false")]
        assert record.read_bytes() == before
        assert new_layout(release) or "[Preferences]" in text
        again = qbdoctor("rollback", "--yes", *args, password=PASSWORD)
        assert "fix-undone-since" not in causes(diagnose(*args)), again.err


def test_history_is_what_its_schema_says() -> None:
    jsonschema.Draft202012Validator.check_schema(load("history/1"))
