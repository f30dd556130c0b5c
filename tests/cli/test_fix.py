"""`qbdoctor fix`, `rollback`, `history` and `explain` on the config of a stopped instance: what they change and say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qbdoctor import registry
from tests.conftest import ServerFactory
from tests.kit.profile import free_port
from tests.support.doctor import qbdoctor
from tests.support.fixer import AUTH, LIST, ROOT, Terminal, change, new_config, records, sentence, sha256, state


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The config of a stopped instance with the incident's settings."""
    return new_config(tmp_path / "profile")


# --- what is changed --------------------------------------------------------------------------------------------------

BASE = "[Application]\nFileLogger\\Enabled=true\n\n[Preferences]\nWebUI\\Port=%PORT%\n"
STYLES: dict[str, tuple[bytes, list[tuple[bytes, bytes]]]] = {
    "LF": (b"WebUI\\LocalHostAuth=false\nZ=1\n", [(b"WebUI\\LocalHostAuth=false", b"WebUI\\LocalHostAuth=true")]),
    "CRLF": (
        b"WebUI\\LocalHostAuth=false\r\nZ=1\r\n",
        [(b"WebUI\\LocalHostAuth=false\r", b"WebUI\\LocalHostAuth=true\r")],
    ),
    "no final newline": (b"Z=1\nWebUI\\LocalHostAuth=0", [(b"WebUI\\LocalHostAuth=0", b"WebUI\\LocalHostAuth=true")]),
    "comments and blanks": (
        b"; a comment\nWebUI\\LocalHostAuth = false ; why\n;WebUI\\LocalHostAuth=x\n",
        [(b"WebUI\\LocalHostAuth = false ; why", b"WebUI\\LocalHostAuth = true ; why")],
    ),
    "duplicates": (
        b"WebUI\\LocalHostAuth=true\nZ=1\nWebUI\\LocalHostAuth=false\n",
        [(b"WebUI\\LocalHostAuth=false", b"WebUI\\LocalHostAuth=true")],
    ),
    "empty value": (b"WebUI\\LocalHostAuth=\n", [(b"WebUI\\LocalHostAuth=", b"WebUI\\LocalHostAuth=true")]),
}


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "BOM"])
@pytest.mark.parametrize("style", STYLES)
def test_one_line_and_nothing_else(tmp_path: Path, style: str, bom: bytes) -> None:
    config = tmp_path / "config" / "qBittorrent.conf"
    config.parent.mkdir()
    ours, expected = STYLES[style]
    start = BASE.replace("%PORT%", str(free_port())).encode()
    config.write_bytes(bom + (start.replace(b"\n", b"\r\n") if style == "CRLF" else start) + ours)
    config.chmod(0o640)
    before, digest = state(config), sha256(config)
    (record,) = change("fix", AUTH, "--config", str(config))["records"]
    lines = list(zip(before[0].split(b"\n"), config.read_bytes().split(b"\n"), strict=True))
    assert [pair for pair in lines if pair[0] != pair[1]] == expected
    assert (config.stat().st_mode, record["file"]["before"]["sha256"]) == (before[1], digest)
    assert record["file"]["after"]["sha256"] == sha256(config)
    change("rollback")
    assert (state(config), sha256(config)) == (before, digest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", b"[Preferences]\nWebUI\\LocalHostAuth=true\n"),
        (b"[Meta]\nMigrationVersion=12\n", b"[Meta]\nMigrationVersion=12\n\n[WebUI]\nLocalHostAuth=true\n"),
        (b"[Preferences]\r\nA=1\r\n", b"[Preferences]\r\nA=1\r\nWebUI\\LocalHostAuth=true\r\n"),
        (b"[Preferences]\nA=1", b"[Preferences]\nA=1\nWebUI\\LocalHostAuth=true"),
    ],
)
def test_an_absent_key_is_written(tmp_path: Path, text: bytes, expected: bytes) -> None:
    """Also where it equals the default; with the file's line end; a missing final newline stays missing."""
    config = tmp_path / "qBittorrent.conf"
    config.write_bytes(text)
    run = qbdoctor("fix", AUTH, "--yes", "--config", str(config))
    assert run.code == 0, run.err
    assert config.read_bytes() in {expected, expected.rstrip(b"\n")} if not text else config.read_bytes() == expected
    assert qbdoctor("rollback", "--yes").code == 0
    assert config.read_bytes() == text


def test_so_already_and_nothing_to_do(config: Path) -> None:
    change("fix", AUTH, LIST, "--config", str(config))
    before = state(config)
    assert change("fix", AUTH, LIST, "--config", str(config))["state"] == "nothing-to-do"
    run = qbdoctor("fix", "--yes", "--config", str(config))
    assert (run.code, run.out.startswith("✗ qBittorrent is not running")) == (1, True), (
        run.out
    )  # it is stopped, which no fix answers
    assert (state(config), len(records())) == (before, 2)


def test_symbolic_link_is_followed(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.conf"
    link.symlink_to(config)
    before = config.read_bytes()
    (record,) = change("fix", AUTH, "--config", str(link))["records"]
    assert (record["file"]["path"], record["file"]["real"]) == (str(link), str(config))
    assert link.is_symlink()
    change("rollback", "--config", str(config))
    assert config.read_bytes() == before


# --- consent ----------------------------------------------------------------------------------------------------------


def test_the_plan_says_it_all_and_changes_nothing(config: Path) -> None:
    before = state(config)
    for options, code in ((["--dry-run"], 0), ([], 2), (["--dry-run", "--yes"], 0)):
        run = qbdoctor("fix", AUTH, LIST, *options, "--config", str(config))
        assert run.code == code
        assert r"-[Preferences] WebUI\LocalHostAuth=false" in run.out
        assert r"+[Preferences] WebUI\LocalHostAuth=true" in run.out
        assert run.out.count("(requested; hardens security)") == 2
        assert str(config) in run.out
    assert (state(config), records()) == (before, [])
    change("fix", AUTH, "--config", str(config))
    before = state(config)
    for options, code in ((["--dry-run"], 0), ([], 2)):
        run = qbdoctor("rollback", *options)
        assert (run.code, r"+[Preferences] WebUI\LocalHostAuth=false" in run.out) == (code, True)
    assert (state(config), records()[0]["state"]) == (before, "verified")


def test_a_person_is_asked(config: Path) -> None:
    """Yes changes it, anything else does not; waiting for the answer does not count towards the deadline."""
    before = state(config)
    for answer in ("n\n", "\n", "yellow\n", "\x04"):
        asked = Terminal("fix", AUTH, "--config", str(config))
        asked.wait_for("[y/N]")
        assert r"+[Preferences] WebUI\LocalHostAuth=true" in asked.shown
        code, out = asked.type(answer)
        assert (code, out) == (2, "Nothing was changed.\n")
        assert state(config) == before
    asked = Terminal("fix", AUTH, "--config", str(config), "--deadline", "1")
    asked.wait_for("[y/N]")
    time.sleep(1.1)
    code, out = asked.type("y\n")
    assert (code, "read back from" in out) == (0, True)
    asked = Terminal("rollback")
    asked.wait_for("Take this back? [y/N]")
    assert asked.type("n\n") == (2, "Nothing was taken back.\n")
    asked = Terminal("rollback")
    asked.wait_for("[y/N]")
    assert asked.type("y\n")[0] == 0
    assert state(config) == before


def test_interrupted_at_the_question(config: Path) -> None:
    before = state(config)
    asked = Terminal("fix", AUTH, LIST, "--config", str(config))
    asked.wait_for("[y/N]")
    code, out = asked.type("\x03")
    assert (code, out) == (130, "")
    assert (state(config), records()) == (before, [])


def test_a_person_is_offered_infos_too(server: ServerFactory) -> None:
    running = server("5.1.0", settings={"LocalHostAuth": "false"})
    asked = Terminal("fix", "--url", running.url)
    asked.wait_for("[y/N]")
    assert "answers bypass-active" in asked.shown
    code, out = asked.type("y\n")
    assert code == 0
    assert "refused with 403 now" in out
    assert running.get("/api/v2/app/version").status_code == 403


# --- which records ----------------------------------------------------------------------------------------------------


def states() -> dict[str, str]:
    """The state of each record by its fix, the oldest first."""
    return {f"{record['fix']}@{Path(record['file']['path']).parts[-4]}": record["state"] for record in records()[::-1]}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two instances, one fix in the first, then a run of two in the second."""
    one, two = new_config(tmp_path / "one"), new_config(tmp_path / "two")
    change("fix", AUTH, "--config", str(one))
    change("fix", AUTH, LIST, "--config", str(two))
    yield one, two


V, R = "verified", "rolled-back"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (V, R, R)),
        (["--last"], (V, V, R)),
        (["--all"], (R, R, R)),
        (["--config", "{one}"], (R, V, V)),
        (["--profile", "{profile}"], (V, R, R)),
        (["--last", "--profile", "{profile}"], (V, V, R)),
        (["{0}"], (R, V, V)),
        (["{1}"], (V, R, V)),
        (["{0}", "{2}"], (R, V, R)),
        (["{2}", "{0}", "{2}"], (R, V, R)),
        (["{end}"], (V, V, R)),
        (["{start}-"], (R, V, V)),
    ],
    ids=" ".join,
)
def test_which_are_taken_back(three: tuple[Path, Path], arguments: list[str], expected: tuple[str, ...]) -> None:
    one, two = three
    ids = [record["id"] for record in records()[::-1]]
    names = {
        "one": one, "profile": two.parents[2], "end": ids[2].rpartition("-")[2], "start": ids[0].rpartition("-")[0],
    }  # fmt: skip
    change("rollback", *(each.format(*ids, **names) for each in arguments))
    assert tuple(states().values()) == expected


def test_by_url(tmp_path: Path) -> None:
    one, two = new_config(tmp_path / "one"), new_config(tmp_path / "two")
    change("fix", AUTH, "--config", str(one))
    change("fix", AUTH, "--config", str(two))
    first = records()[-1]
    url = first["target"]["url"].replace("127.0.0.1", "localhost")
    change("rollback", "--url", url)
    assert tuple(states().values()) == (R, V)
    sentence(qbdoctor("rollback", "--yes", "--url", url), 2, "no applied fix of this target")


def test_a_record_of_another_target_is_not_taken_back(three: tuple[Path, Path]) -> None:
    one, two = three
    first = records()[-1]["id"]
    before = state(one), state(two)
    sentence(qbdoctor("rollback", first, "--yes", "--config", str(two)), 2, first, str(one))
    assert (state(one), state(two)) == before


def test_one_that_cannot_be_does_not_keep_the_others(three: tuple[Path, Path]) -> None:
    _, two = three
    two.unlink()
    run = qbdoctor("rollback", "--all", "--yes")
    assert run.code == 4
    assert f"There is no config file {two}" in run.out
    assert tuple(states().values()) == (R, V, V)


def test_twice_takes_back_nothing(config: Path) -> None:
    change("fix", AUTH, "--config", str(config))
    done = records()[0]["id"]
    change("rollback")
    sentence(qbdoctor("rollback", "--yes"), 2, "no applied fix")
    sentence(qbdoctor("rollback", done, "--yes"), 2, "rolled-back")


def test_someone_elses_value_is_left_alone(config: Path) -> None:
    change("fix", AUTH, LIST, "--config", str(config))
    config.write_text(config.read_text().replace("LocalHostAuth=true", "LocalHostAuth=no"))
    change("rollback")  # `no` is true for Qt: still the value that the fix set
    assert "LocalHostAuth=false" in config.read_text()
    change("fix", AUTH, LIST, "--config", str(config))
    theirs = config.read_text().replace("AuthSubnetWhitelistEnabled=false", "AuthSubnetWhitelistEnabled=true")
    config.write_text(theirs)
    change("rollback")  # by someone else as before the fix: nothing is left to do
    (made,) = change("fix", AUTH, "--config", str(config))["records"]
    config.write_text(config.read_text().replace("WebUI\\LocalHostAuth=true\n", ""))  # true still, by default: theirs
    kept = state(config)
    run = qbdoctor("rollback", "--yes")
    assert (run.code, state(config)) == (4, kept)
    assert "changed by someone else" in run.out
    assert change("rollback", "--dry-run", code=4)["state"] == "planned"
    forced = change("rollback", "--force")
    assert "LocalHostAuth=false" in config.read_text()
    folder = Path(os.environ["QBDOCTOR_STATE_DIR"], "records", made["id"])
    assert (folder / "conflict.conf").read_bytes() == kept[0]
    assert forced["records"][0]["rollback"]["forced"] is True


# --- history and explain ----------------------------------------------------------------------------------------------


def test_history_for_people(config: Path) -> None:
    assert qbdoctor("history").out == "No fix was applied yet.\n"
    change("fix", AUTH, LIST, "--config", str(config))
    run = qbdoctor("history")
    assert run.out.index(LIST) < run.out.index(AUTH)
    one = next(record["id"] for record in records() if record["fix"] == AUTH)
    full = qbdoctor("history", one).out
    for word in (one, "requested", str(config), "SHA-256", "before.conf", r"+[Preferences] WebUI\LocalHostAuth=true"):
        assert word in full
    assert json.loads(qbdoctor("history", one, "--json").out)["records"][0]["id"] == one


@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1", "utf-8"])
def test_any_output_and_any_file_name(tmp_path: Path, encoding: str) -> None:
    """A path that is no text, on an output that takes little: nothing breaks after the change was made."""
    config = new_config(Path(os.fsdecode(os.fsencode(tmp_path) + b"/pr\xff\xc3\xb6")))
    before = state(config)
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for command in (["fix", AUTH, "--yes", "--config", str(config)], ["history"], ["history", "--json"],
                    ["rollback", "--yes"], ["fix", AUTH, "--yes", "--json", "--config", str(config)],
                    ["rollback", "--yes", "--json"]):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "qbdoctor", *command], env=environment, capture_output=True, cwd=ROOT
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
        if "--json" in command:
            json.loads(done.stdout)
    assert state(config) == before


@pytest.mark.parametrize("fix", registry.fixes(), ids=lambda fix: fix.id)
def test_explain(fix: Any) -> None:
    page = qbdoctor("explain", fix.id)
    assert page.code == 0
    joined = " ".join(page.out.split())
    for text in (
        fix.title,
        fix.about,
        fix.changes,
        f"It {fix.effect.replace('loosens', 'LOOSENS')} security",
        *fix.answers,
    ):
        assert text in joined
    data = json.loads(qbdoctor("explain", fix.id, "--json").out)
    assert (data["kind"], data["id"], data["effect"]) == ("fix", fix.id, fix.effect)
    assert fix.id in qbdoctor("explain").out
    assert fix.id in [one["id"] for one in json.loads(qbdoctor("explain", "--json").out)["fixes"]]
    assert fix.id in qbdoctor("explain", fix.id[:-1]).err


def test_fixes_that_contradict_each_other(config: Path) -> None:
    before = state(config)
    run = qbdoctor("fix", "bypass-localhost-auth", AUTH, "--yes", "--config", str(config))
    sentence(run, 2, "bypass-localhost-auth and require-localhost-auth set LocalHostAuth to different values")
    assert state(config) == before


def test_nothing_to_do_says_why(config: Path) -> None:
    config.write_bytes(config.read_bytes().replace(b"LocalHostAuth=false", b"LocalHostAuth=true"))
    run = qbdoctor("fix", AUTH, "adopt-new-file", "remove-unknown-key", "--config", str(config))
    assert (run.code, run.out) == (
        0,
        f"Nothing to do: {AUTH}: the settings are so already; adopt-new-file, remove-unknown-key: there is nothing of the "
        "kind in this config.\n",
    )
