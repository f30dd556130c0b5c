"""What `qbdoctor fix` and `rollback` refuse: one sentence, nothing written, nothing lost, no traceback."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.repair import execution
from qbdoctor.repair.journal.records import Record
from qbdoctor.repair.plan import Plan
from qbdoctor.repair.run import FixRun
from tests.kit import others
from tests.kit.profile import free_port
from tests.support.doctor import Run, qbdoctor
from tests.support.fixer import AUTH, LIST, ROOT, change, in_own_mounts, new_config, records, sentence, sha256, state

NOBODY = 65534


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The config of a stopped instance with the incident's settings."""
    return new_config(tmp_path / "profile")


# --- refused ----------------------------------------------------------------------------------------------------------


def test_one_refused_none_applied(tmp_path: Path) -> None:
    """A key in both sections: both lines are named, and the other fix is not applied either."""
    config = tmp_path / "qBittorrent.conf"
    config.write_text(
        f"[Preferences]\nWebUI\\Port={free_port()}\nWebUI\\LocalHostAuth=false\n"
        "WebUI\\AuthSubnetWhitelistEnabled=true\n\n[WebUI]\nLocalHostAuth=false\n"
    )
    before = state(config)
    for names in ([LIST, AUTH], [AUTH, LIST]):
        sentence(qbdoctor("fix", *names, "--yes", "--config", str(config)), 4, "lines 3 and 7")
    assert (state(config), records()) == (before, [])


@pytest.mark.parametrize(
    ("line", "kept"),
    [(b"WebUI\\Port=", True), (b"WebUI\\LocalHostAuth=false", False), (b"WebUI\\LocalHostAuth=", False)],
)
def test_a_file_that_changes_between_plan_and_write(
    config: Path, monkeypatch: pytest.MonkeyPatch, line: bytes, kept: bool
) -> None:
    """Another setting's change is kept; where the setting itself is not what was shown any more, nothing is done."""
    old = config.read_bytes()
    assert line in old
    new = old.replace(line, b"x=1\n" + line) if kept else old.replace(line, line.replace(b"false", b"0") + b"no")
    carry_out = execution.carry_out

    def meanwhile(fix_run: FixRun, plan: Plan) -> tuple[Record, ...]:
        config.write_bytes(new)
        return carry_out(fix_run, plan)

    monkeypatch.setattr(execution, "carry_out", meanwhile)
    run = qbdoctor("fix", AUTH, "--yes", "--config", str(config))
    if kept:
        assert (run.code, config.read_bytes()) == (0, new.replace(b"LocalHostAuth=false", b"LocalHostAuth=true"))
    else:
        sentence(run, 4, "changed since the plan was made")
        assert (config.read_bytes(), records()) == (new, [])


@pytest.mark.parametrize("options", [["--yes"], ["--dry-run"], []])
def test_leftover_new_file_is_refused(config: Path, options: list[str]) -> None:
    new = config.with_name("qBittorrent_new.conf")
    new.write_text("[Preferences]\n")
    before = state(config)
    sentence(qbdoctor("fix", AUTH, *options, "--config", str(config)), 4, str(new))
    assert (state(config), records()) == (before, [])
    new.unlink()
    change("fix", AUTH, "--config", str(config))
    new.write_text("[Preferences]\n")
    run = qbdoctor("rollback", "--yes")
    assert (run.code, str(new) in run.out + run.err) == (4, True)


BAD: dict[str, tuple[list[str], int, str]] = {
    "unknown fix": (["fix", "require-localhost-aut", "--config", "{good}"], 2, "did you mean require-localhost-auth?"),
    "unknown fix, nothing near": (["fix", "zzz", "--config", "{good}"], 2, AUTH),
    "one of two unknown": (["fix", AUTH, "zzz", "--config", "{good}"], 2, "zzz"),
    "absent": (["fix", AUTH, "--config", "{dir}/none.conf"], 2, "no config file"),
    "folder": (["fix", AUTH, "--config", "{dir}"], 2, "is a folder"),
    "binary": (["fix", AUTH, "--config", "{binary}"], 2, "is not text"),
    "UTF-16": (["fix", AUTH, "--config", "{wide}"], 2, "is not text"),
    "profile absent": (["fix", AUTH, "--profile", "{dir}/none"], 2, "--profile"),
    "live, not running": (["fix", AUTH, "--via", "api", "--config", "{good}"], 4, "--via file"),
    "remote, not running": (["fix", AUTH, "--url", "http://127.0.0.1:1"], 3, "--config"),
    "unknown record": (["rollback", "20200101T000000.000Z-x-00000000"], 2, "no record"),
    "empty record": (["rollback", ""], 2, "no record"),
    "no records": (["rollback"], 2, "no applied fix"),
    "no records of all": (["rollback", "--all"], 2, "no applied fix"),
    "last and all": (["rollback", "--all", "--last"], 2, "not allowed with"),
    "history of an unknown one": (["history", "nothing"], 2, "no record nothing"),
    "output is a folder": (["fix", AUTH, "--config", "{good}", "-o", "{dir}"], 2, "is a folder"),
    "output nowhere": (["fix", AUTH, "--config", "{good}", "-o", "{dir}/no/where"], 2, "no folder"),
    "state is a file": (["fix", AUTH, "--config", "{good}", "--state-dir", "{good}"], 4, "--state-dir"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(tmp_path: Path, config: Path, name: str) -> None:
    arguments, code, word = BAD[name]
    (tmp_path / "binary").write_bytes(b"[Preferences]\n\0\n")
    (tmp_path / "wide").write_bytes("[Preferences]\n".encode("utf-16"))
    places = {"good": config, "dir": tmp_path, "binary": tmp_path / "binary", "wide": tmp_path / "wide"}
    before = state(config), sorted(path.name for path in tmp_path.iterdir() if path.name != "state")
    sentence(qbdoctor(*(each.format(**places) for each in arguments), "--yes"), code, word)
    assert (state(config), sorted(path.name for path in tmp_path.iterdir() if path.name != "state")) == before
    assert records() == []


def test_refusals_as_json(config: Path) -> None:
    run = qbdoctor("fix", "zzz", "--json", "--config", str(config))
    found = json.loads(run.out)
    assert (run.code, found["state"], found["exit_code"], "zzz" in found["text"]) == (2, "error", 2, True)
    run = qbdoctor("fix", AUTH, "--via", "api", "--json", "--yes", "--config", str(config))
    assert (run.code, json.loads(run.out)["state"]) == (4, "refused")


def broken_record(config: Path, text: str = "{") -> Path:
    change("fix", AUTH, "--config", str(config))
    folder = Path(os.environ["QBDOCTOR_STATE_DIR"], "records", records()[0]["id"])
    (folder / "record.json").write_text(text)
    return folder


@pytest.mark.parametrize("text", ["{", "", "[]", '{"schema": "qbdoctor.record/9"}', "\x80\x81"])
def test_a_damaged_record(config: Path, text: str) -> None:
    """Named and skipped by `history`, refused by `rollback`; the path of the backup is given."""
    folder = broken_record(config, text)
    before = state(config)
    change("fix", LIST, "--config", str(config))
    backup = str(folder / "before.conf")
    run = qbdoctor("history")
    assert (run.code, LIST in run.out, AUTH in run.out) == (0, True, False)
    assert (folder.name in run.err, backup in run.err) == (True, True)
    good, bad = records()
    assert (good["fix"], bad["id"], bad["backup"], bool(bad["damaged"])) == (LIST, folder.name, backup, True)
    sentence(qbdoctor("rollback", folder.name, "--yes"), 4, backup)
    run = qbdoctor("rollback", "--all", "--yes")  # the others are taken back
    assert (run.code, backup in run.err) == (0, True)
    assert state(config) == before


def test_a_backup_that_is_gone_or_another(config: Path) -> None:
    change("fix", AUTH, "--config", str(config))
    before = state(config)
    folder = Path(os.environ["QBDOCTOR_STATE_DIR"], "records", records()[0]["id"])
    kept = (folder / "before.conf").read_bytes()
    (folder / "before.conf").write_bytes(kept + b"x")
    run = qbdoctor("rollback", "--yes")
    assert (run.code, str(folder / "before.conf") in run.out + run.err, state(config)) == (4, True, before)
    (folder / "before.conf").unlink()
    run = qbdoctor("rollback", "--yes")
    assert (run.code, "Traceback" in run.err, state(config)) == (4, False, before)


# --- what the system refuses ------------------------------------------------------------------------------------------


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder that another user may enter."""
    if os.geteuid() != 0:
        pytest.skip("needs root to run as another user")
    folder = Path(tempfile.mkdtemp(prefix="qbdoctor-nobody-"))
    folder.chmod(0o755)
    (folder / "state").mkdir()
    os.chown(folder / "state", NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def run_as_nobody(folder: Path, *arguments: str) -> Run:
    command = [*others.as_user(NOBODY), sys.executable, "-m", "qbdoctor"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "QBDOCTOR_STATE_DIR": str(folder / "state")}
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, cwd=ROOT)
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("what", ["not readable", "not writable", "another's file", "read-only folder", "no state"])
def test_no_permission(as_nobody: Path, what: str) -> None:
    config = new_config(as_nobody / "profile")
    places = [*config.relative_to(as_nobody).parents][:-1]
    for place in (*places, config.relative_to(as_nobody)):
        os.chown(as_nobody / place, NOBODY, NOBODY)
    match what:
        case "not readable":
            config.chmod(0)
        case "not writable":
            config.chmod(0o444)
        case "another's file":
            os.chown(config, 0, 0)
            config.chmod(0o666)
        case "read-only folder":
            config.parent.chmod(0o555)
        case "no state":
            (as_nobody / "state").chmod(0o555)
            os.chown(as_nobody / "state", 0, 0)
    before = state(config)
    run = run_as_nobody(as_nobody, "fix", AUTH, "--yes", "--config", str(config))
    sentence(run, 2 if what == "not readable" else 4)
    assert state(config) == before
    assert (
        not list((as_nobody / "state").glob("records/*"))
        or json.loads(run_as_nobody(as_nobody, "history", "--json").out)["records"][0]["state"] == "abandoned"
    )


def test_rollback_without_permission(as_nobody: Path) -> None:
    config = new_config(as_nobody / "profile")
    for place in (*[*config.relative_to(as_nobody).parents][:-1], config.relative_to(as_nobody)):
        os.chown(as_nobody / place, NOBODY, NOBODY)
    original = config.read_bytes()
    assert run_as_nobody(as_nobody, "fix", AUTH, "--yes", "--config", str(config)).code == 0
    config.parent.chmod(0o555)
    before = state(config)
    run = run_as_nobody(as_nobody, "rollback", "--yes")
    assert (run.code, "Traceback" in run.err, state(config)) == (4, False, before)
    config.parent.chmod(0o755)
    assert run_as_nobody(as_nobody, "rollback", "--yes").code == 0
    assert config.read_bytes() == original


FULL = """
mount -t tmpfs -o size=32k tmpfs "$1" || exit 99
cp -p "$2" "$1/qBittorrent.conf"
{before}
cat /dev/zero > "$1/filler" 2>/dev/null
{command}
echo "code $?"
sha256sum < "$1/qBittorrent.conf"
ls -A "$1"
"""


@pytest.mark.parametrize("what", ["fix", "rollback", "state"])
def test_full_disk(config: Path, tmp_path: Path, what: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    run = f'{sys.executable} -m qbdoctor --config "$1/qBittorrent.conf" --yes'
    if what == "state":
        run = f'{sys.executable} -m qbdoctor --config "{config}" --state-dir "$1/state" --yes'
    command = f"{run} rollback" if what == "rollback" else f"{run} fix {AUTH}"
    before = f"{run} fix {AUTH} > /dev/null || exit 98" if what == "rollback" else ""
    script = FULL.replace("{before}", before).replace("{command}", command)
    digest, kept = sha256(config), state(config)
    done = in_own_mounts(script, str(disk), str(config))
    lines = done.stdout.splitlines()
    assert "code 4" in lines, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "full" in done.stdout + done.stderr or "No space left" in done.stderr
    if what == "rollback":
        digest = hashlib.sha256(kept[0].replace(b"LocalHostAuth=false", b"LocalHostAuth=true")).hexdigest()
    assert f"{digest}  -" in lines
    assert {"filler", "qBittorrent.conf"} >= set(lines[lines.index(f"{digest}  -") + 1 :]) - {"state"}
    assert state(config) == kept
    if what == "fix":
        assert [record["state"] for record in records()] in (["abandoned"], [])


def test_read_only_file_system_and_mounted_file(config: Path) -> None:
    """A read-only mount is refused; a file that is a mount point itself is written in place."""
    before = config.read_bytes()
    fix = f'{sys.executable} -m qbdoctor fix {AUTH} --yes --config "$1"; echo "code $?"'
    done = in_own_mounts(f'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && {fix}', str(config))
    assert "code 4" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert config.read_bytes() == before
    done = in_own_mounts(f'mount --bind "$1" "$1" && {fix}', str(config))
    assert "code 0" in done.stdout, done.stdout + done.stderr
    assert b"LocalHostAuth=true" in config.read_bytes()
    change("rollback")
    assert config.read_bytes() == before


def test_interrupted_while_it_writes(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of the set: what was applied is taken back, and the exit code says so."""
    from qbdoctor.repair.journal.journal import Journal

    before = state(config)
    whole, calls = Journal.apply_file, []

    def second_time(self: Journal, *arguments: Any, **keywords: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(self, *arguments, **keywords)

    monkeypatch.setattr(Journal, "apply_file", second_time)
    run = qbdoctor("fix", AUTH, LIST, "--yes", "--config", str(config))
    assert (run.code, run.err) == (130, "qbdoctor: interrupted\n")
    assert state(config) == before
    assert {record["state"] for record in records()} <= {"rolled-back", "abandoned"}


def test_no_secret_in_records(config: Path) -> None:
    stored = next(line for line in config.read_text().splitlines() if "PBKDF2" in line)
    parts = stored.partition("(")[2].rstrip('")').split(":")
    change("fix", AUTH, LIST, "--config", str(config))
    found = [path.read_text() for path in Path(os.environ["QBDOCTOR_STATE_DIR"]).rglob("record.json")]
    assert len(found) == 2
    assert not [part for part in parts for text in found if part in text]
    for path in Path(os.environ["QBDOCTOR_STATE_DIR"], "records").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
