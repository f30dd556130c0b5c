"""Records made by another user, in a container, or where the file has another path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qbdoctor.repair.history import other_folders
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.repair.journal.records import Damaged
from qbdoctor.storage import state_folder
from qbdoctor.target.processes import Instance
from tests.kit import others
from tests.support.doctor import Run, qbdoctor
from tests.support.fixed_config import edited, fixed, home
from tests.support.fixer import AUTH, LIST, ROOT, change, new_config, records, sentence, state

OPENING = "bypass-localhost-auth"
extended = pytest.mark.extended  # seconds each, and with others like them


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return new_config(tmp_path / "profile")


# --- records of others ------------------------------------------------------------------------------------------------


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Where root and anna keep their records, as the user table would say."""
    places = {name: tmp_path / name / ".local/state/qbdoctor" for name in ("root", "anna")}
    monkeypatch.setattr(state_folder, "user_state_folder", lambda name: places.get(str(name)))
    return places


def in_folder(folder: Path, config: Path) -> str:
    made = change("fix", AUTH, "--config", str(config), "--state-dir", str(folder))
    return str(made["records"][0]["id"])


@extended
def test_made_without_sudo_and_looked_for_with_it(
    config: Path, users: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = in_folder(users["anna"], config)
    monkeypatch.setattr(other_folders, "_is_root", lambda: True)
    assert qbdoctor("history").err == ""
    monkeypatch.setenv("SUDO_USER", "anna")
    told = f"--state-dir {users['anna']}"
    run = qbdoctor("history")
    assert (run.code, run.out, told in run.err, "1 record (1 applied)" in run.err) == (
        0,
        "No fix was applied yet.\n",
        True,
        True,
    )
    sentence(qbdoctor("rollback", "--yes"), 2, "no applied fix", told)
    sentence(qbdoctor("rollback", name, "--yes"), 2, "no record", told)
    sentence(qbdoctor("history", name), 2, "no record", told)
    assert told not in qbdoctor("rollback", "20200101T000000.000Z-x-00000000", "--yes").err
    assert qbdoctor("rollback", name, "--yes", "--state-dir", str(users["anna"])).code == 0


def test_made_with_sudo_and_looked_for_without_it(
    config: Path, users: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    in_folder(users["root"], config)
    monkeypatch.setattr(other_folders, "_is_root", lambda: False)
    sentence(qbdoctor("rollback", "--yes"), 2, "no applied fix", f"--state-dir {users['root']}")


@extended
def test_made_in_a_container_and_looked_for_outside(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = datetime.now(UTC)
    inside = tmp_path / "its root"
    one = Instance(1, ("qbittorrent-nox",), started, home=Path("/config"), in_container=True, root=inside)
    monkeypatch.setattr("qbdoctor.target.processes.find_instances", lambda: (one,))
    assert other_folders.look(home(), os.environ) == ()
    places = [inside / "root/.local/state/qbdoctor", inside / "config/.local/state/qbdoctor"]
    for place in places:
        in_folder(place, config)
        change("rollback", "--state-dir", str(place))
    run = qbdoctor("history")
    assert run.out == "No fix was applied yet.\n"
    for place in places:
        assert f"{place} holds 1 record (0 applied): --state-dir {place} uses them." in run.err  # it is our own folder


def test_after_sudo_the_way_back_is_with_sudo(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_folders, "_is_root", lambda: True)
    monkeypatch.setenv("SUDO_USER", "anna")
    run = qbdoctor("fix", AUTH, "--yes", "--config", str(config))
    assert run.out.endswith(f"Take it back with: sudo qbdoctor rollback (the record is root's, in {home()})\n")
    monkeypatch.delenv("SUDO_USER")
    run = qbdoctor("fix", OPENING, "--yes", "--config", str(config))
    assert run.out.endswith("Take it back with: qbdoctor rollback\n")


@extended
def test_the_usual_folder_is_named_where_another_was_given(config: Path, own_home: Path) -> None:
    usual = own_home / ".local/state/qbdoctor"
    in_folder(usual, config)
    sentence(qbdoctor("rollback", "--yes"), 2, f"--state-dir {usual}")


@extended
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
class TestAsRoot:
    """Root keeps its records to itself; see tests/hardening for what others may try."""

    ANNA = 54321

    @pytest.fixture
    def place(self, config: Path, tmp_path: Path) -> Path:
        folder = tmp_path / "anna"
        folder.mkdir()
        os.chown(folder, self.ANNA, self.ANNA)
        return folder / ".local/state/qbdoctor"

    def test_sudo_that_keeps_home_uses_roots_own(
        self, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path / "anna"))
        monkeypatch.delenv("XDG_STATE_HOME")
        usual = tmp_path / "anna/.local/state/qbdoctor"
        assert state_folder.state_folder({}) == state_folder.user_state_folder("root") != usual
        os.chown(tmp_path / "anna", 0, 0)
        assert state_folder.state_folder({}) == usual

    def test_what_another_user_may_not_see_is_said(self, config: Path) -> None:
        """As a user who is not root, with root's records in the way and out of sight."""
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="qbdoctor-history-"))
        try:
            folder.chmod(0o755)
            made = new_config(folder / "profile")
            in_folder(folder / "state", made)
            run = as_user(self.ANNA, folder, "rollback", "--yes")
            assert (run.code, "Traceback" in run.err) == (4, False)
            assert "belongs to root: use sudo" in run.err
            (folder / "state").rename(folder / "roots")
            run = as_user(self.ANNA, folder, "rollback", "--yes")
            assert run.code == 2
            if not Path("/root").stat().st_mode & 0o001:
                assert "may hold records" in run.err
        finally:
            shutil.rmtree(folder)


def as_user(uid: int, folder: Path, *arguments: str) -> Run:
    command = [*others.as_user(uid, closed=[Path("/root/.local")]), sys.executable, "-m", "qbdoctor"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "QBDOCTOR_STATE_DIR": str(folder / "state")}
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, cwd=ROOT)
    return Run(done.returncode, done.stdout, done.stderr)


# --- made where the file has another path -----------------------------------------------------------------------------


def test_a_record_whose_file_is_not_here(config: Path, tmp_path: Path) -> None:
    """As one made in a container, whose /config is another folder outside."""
    before = config.read_bytes()
    (name,) = fixed(config, AUTH)
    edited(name, host="a-container")
    backup = str(home() / "records" / name / "before.conf")
    moved = tmp_path / "outside" / "qBittorrent.conf"
    moved.parent.mkdir()
    config.rename(moved)
    run = qbdoctor("rollback", "--yes")
    sentence(run, 4, f"There is no config file {config} here", "a-container", backup, "--config FILE")
    assert qbdoctor("rollback", "--dry-run").code == 4
    assert f"{config} (not here)" in qbdoctor("history", name).out
    run = qbdoctor("rollback", "--yes", "--config", str(moved))  # by itself it takes nothing for another's
    sentence(run, 2, name, "not here", "a-container", f"qbdoctor rollback {name} --config FILE")
    assert records()[0]["state"] == "verified"
    change("rollback", name, "--config", str(moved))
    assert (moved.read_bytes(), records()[0]["state"]) == (before, "rolled-back")


@extended
def test_another_file_is_not_taken_for_it(config: Path, tmp_path: Path) -> None:
    (name,) = fixed(config, AUTH)
    other = new_config(tmp_path / "other")
    config.unlink()
    before = state(other)
    run = qbdoctor("rollback", name, "--yes", "--config", str(other))
    assert state(other) == before, run.out
    assert run.code in {0, 4}


@extended
def test_damaged_ones_are_no_reason_to_fail(config: Path) -> None:
    (name,) = fixed(config, AUTH)
    (home() / "records" / name / "record.json").write_text("{")
    assert isinstance(Journal(home()).records()[0], Damaged)
    assert LIST in fixed(config, LIST)[0]
    assert qbdoctor("history", name, "--format", "markdown").code == 0
