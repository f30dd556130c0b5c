"""Configs that are more than a plain file: what they have beside their content is kept, or the change is refused."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import Record
from qbdoctor.storage import atomic, foreign, locks, private
from tests.support import journals, systems
from tests.support.doctor import qbdoctor
from tests.support.fixer import AUTH, in_own_mounts, records, sentence
from tests.support.journals import KEY, apply
from tests.support.scenes import dress, dressing, strace

OLD, NEW = (data.replace(b"8080", b"1") for data in (journals.OLD, journals.NEW))  # a port where nobody serves


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "qBittorrent.conf"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def names(config: Path) -> list[str]:
    return sorted(path.name for path in config.parent.iterdir())


# --- access control lists, attributes ---------------------------------------------------------------------------------


@systems.linux_only("owners and extended attributes")
def test_owner_list_and_attributes_are_kept(journal: Journal, config: Path) -> None:
    dress(config)
    had = dressing(config)
    if not had[-1]:
        pytest.skip("no extended attributes on this file system")
    record = apply(journal, config)
    assert (config.read_bytes(), dressing(config)) == (NEW, had)
    journal.rollback(record)
    assert (config.read_bytes(), dressing(config)) == (OLD, had)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EPERM, errno.ENOTSUP])
@pytest.mark.parametrize("name", ["system.posix_acl_access", "system.nfs4_acl", "user.note"])
@systems.linux_only("extended attributes")
def test_a_list_that_cannot_be_kept_is_refused(
    name: str, code: int, journal: Journal, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losing one would let others in or keep qBittorrent out."""

    def fail(*_arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    def written(handle: int) -> bool:
        return Path(f"/proc/self/fd/{handle}").readlink().name != config.name

    monkeypatch.setattr(os, "listxattr", lambda _path: [name])
    monkeypatch.setattr(os, "getxattr", lambda file, _name: b"" if written(file) else b"held")
    monkeypatch.setattr(os, "setxattr", fail)
    with pytest.raises(Refused, match=f"{name} of .* could not be kept") as caught:
        apply(journal, config)
    assert caught.value.exit_code == 4
    assert (config.read_bytes(), names(config)) == (OLD, [config.name])
    assert [getattr(each, "state", None) for each in journal.records()] == ["abandoned"]


@systems.linux_only("extended attributes")
def test_no_attributes_there(journal: Journal, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_path: object) -> list[str]:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "listxattr", none)
    assert apply(journal, config).notes == ()
    assert config.read_bytes() == NEW


@pytest.mark.skipif(
    getattr(os, "geteuid", lambda: 1)() != 0 or shutil.which("chattr") is None, reason="needs root and chattr"
)
@pytest.mark.parametrize("flag", ["i", "a"])
def test_an_immutable_file_is_refused(flag: str, journal: Journal, config: Path) -> None:
    if subprocess.run(["chattr", f"+{flag}", str(config)], capture_output=True).returncode:
        pytest.skip("no file flags on this file system")
    try:
        with pytest.raises(Refused):
            apply(journal, config)
        assert (config.read_bytes(), names(config)) == (OLD, [config.name])
    finally:
        subprocess.run(["chattr", f"-{flag}", str(config)], check=True)
    journal.rollback(apply(journal, config))
    assert config.read_bytes() == OLD


# --- links ------------------------------------------------------------------------------------------------------------


def test_a_hard_link_is_refused_with_the_reason(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "backup.conf"
    os.link(config, other)
    sentence(qbdoctor("fix", AUTH, "--yes", "--config", str(config)), 4, "hard links", "2 names")
    assert other.samefile(config)
    assert (config.read_bytes(), records()) == (OLD, [])


@systems.links
def test_a_link_into_another_folder_stays(config: Path, tmp_path: Path) -> None:
    """As dotfile managers make it; what is beside the link, and the link, stay."""
    link = tmp_path / "profile" / "qBittorrent.conf"
    link.parent.mkdir()
    link.symlink_to(os.path.relpath(config, link.parent))
    leads = link.readlink()
    assert qbdoctor("fix", AUTH, "--yes", "--config", str(link)).code == 0
    assert (link.readlink(), config.read_bytes()) == (leads, NEW)
    assert qbdoctor("rollback", "--yes").code == 0
    assert (link.readlink(), config.read_bytes()) == (leads, OLD)
    assert (names(config), names(link)) == ([config.name], [link.name])


# --- what cannot be written -------------------------------------------------------------------------------------------


@systems.links
def test_the_nix_store_is_refused_with_the_way_out(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Manager links the config into the store, which root could write where it is not mounted read-only."""
    monkeypatch.setattr(atomic, "_STORES", (config.parent,))
    link = tmp_path / "link.conf"
    link.symlink_to(config)
    sentence(
        qbdoctor("fix", AUTH, "--yes", "--config", str(link)), 4, "Home Manager", "make the config an ordinary file"
    )
    assert (config.read_bytes(), records()) == (OLD, [])


@systems.linux_only("mount namespaces")
def test_a_read_only_mount_is_refused_with_the_way_out(config: Path) -> None:
    """Of the file alone (as `docker -v …:ro` does), and of a store that a link leads to."""
    fix = f'{sys.executable} -m qbdoctor fix {AUTH} --yes --config "$2"; echo "code $?"'
    link = config.parent.parent / "link.conf"
    link.symlink_to(config)
    for mounted, given in ((config, config), (config.parent, link)):
        script = f'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && {{ {fix}; }}'
        done = in_own_mounts(script, str(mounted), str(given))
        assert "code 4" in done.stdout, done.stdout + done.stderr
        assert "read-only file system" in done.stderr
        assert "without :ro" in done.stderr
        assert done.stderr.count("\n") == 1
    assert (config.read_bytes(), records()) == (OLD, [])


@pytest.mark.extended
def test_a_file_mounted_on_its_own_keeps_all(config: Path) -> None:
    """It is written in place: the same file on both sides of the mount, with all that it has."""
    dress(config)
    had, number = dressing(config), config.stat().st_ino
    script = (
        f'cp -p "$1" "$1.name" && mount --bind "$1" "$1.name" && {sys.executable} -m qbdoctor {{}} --yes --config "$1.name"; '
        'echo "code $?"; ls -A "$(dirname "$1")"; umount "$1.name"; rm "$1.name"'
    )
    for what, data in ((f"fix {AUTH}", NEW), ("rollback", OLD)):
        done = in_own_mounts(script.replace("{}", what), str(config))
        assert "code 0\nqBittorrent.conf\nqBittorrent.conf.name\n" in done.stdout, done.stdout + done.stderr
        assert (config.read_bytes(), dressing(config), config.stat().st_ino) == (data, had, number)


# --- file systems without locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["ENOLCK", "EOPNOTSUPP", "EBADF"])
def test_folders_without_locks(error: str, config: Path, tmp_path: Path) -> None:
    """As NFS may be. A lock file in the temporary folder stands in, and nothing stays behind in the folders."""
    state = tmp_path / "state"
    locked = [str(state / "records"), str(config.parent)]
    program = f"""
import sys
from pathlib import Path
from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest
from qbdoctor.storage import locks
journal, config = Journal(Path({str(state)!r}), lock_seconds=0.1), Path({str(config)!r})
edit = SettingEdit("LocalHostAuth", "Preferences", {KEY!r}, "true")
def apply(): return journal.apply_file(config, [edit], ChangeRequest("require-localhost-auth", "requested", "r"))
with locks.hold(config.parent, 0.1):
    try: apply()
    except Refused as refused: assert "Another run" in refused.reason, refused.reason
    else: sys.exit("two at once")
assert journal.rollback(apply()).state == "rolled-back"
"""
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    inject = [
        "-e",
        "trace=flock",
        "-e",
        f"inject=flock:error={error}",
        *(word for each in locked for word in ("-P", each)),
    ]
    log = tmp_path / "log"
    command = [strace(), "-f", "-qq", "-o", str(log), *inject, sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp)})
    assert done.returncode == 0, done.stderr
    assert log.read_text().count("INJECTED") >= 5
    assert (config.read_bytes(), names(config)) == (OLD, [config.name])
    assert len(list(tmp.rglob("*.lock"))) == 2
    assert len(list((state / "records").iterdir())) == 1


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ENOLCK])
@systems.posix_only("flock")
def test_no_lock_at_all_is_refused_with_the_reason(
    code: int, journal: Journal, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_handle: int, _how: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", fail)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    with pytest.raises(Refused, match="No lock could be taken") as caught:
        apply(journal, config)
    assert private.why(OSError(code, os.strerror(code))) in caught.value.reason
    monkeypatch.undo()
    assert journal.records() == ()
    assert config.read_bytes() == OLD
    with locks.hold(config.parent, 0):
        pass


def test_the_lock_of_windows(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder can be locked there, and filelock does it."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    with locks.hold(config.parent, 1), pytest.raises(Refused, match="Another run"), locks.hold(config.parent, 0.05):
        raise AssertionError("two hold it")
    with locks.hold(config.parent, 0):
        assert names(config) == [config.name]


# --- time and others --------------------------------------------------------------------------------------------------


def test_taking_back_when_the_clock_went_back(config: Path, tmp_path: Path) -> None:
    """The newest record is the one that was made last, though its clock says otherwise."""
    now = [1.8e9]
    journal = Journal(tmp_path / "state", clock=lambda: now[0])
    older = apply(journal, config)
    now[0] -= 3e8
    newer = apply(journal, config, SettingEdit("LocalHostAuth", "Preferences", KEY, "false"))
    assert newer.created < older.created
    assert [each.id for each in journal.records()] == [newer.id, older.id]
    with pytest.raises(Refused, match=newer.id):
        journal.rollback(older)
    assert [step.record.id for step in journal.plan_rollback([older, newer]).steps] == [newer.id, older.id]
    for record, data in ((newer, NEW), (older, OLD)):
        assert qbdoctor("rollback", "--last", "--yes").code == 0
        found = journal.find(record.id)
        assert isinstance(found, Record)
        assert (found.state, config.read_bytes()) == ("rolled-back", data)


def test_a_file_that_changes_before_the_write(journal: Journal, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any moment up to the rename: before the lock, after the look, while the new file is being made."""
    plan = journal.plan_file(config, [SettingEdit("LocalHostAuth", "Preferences", KEY, "true")])
    others = OLD.replace(b"Port=1", b"Port=2")
    config.write_bytes(others)
    with pytest.raises(Refused, match="changed since the plan"):
        apply(journal, config, expect_sha256=plan.sha256)
    config.write_bytes(OLD)

    def meddle() -> None:
        config.write_bytes(others)

    with pytest.raises(Refused, match="changed by another program"):
        apply(journal, config, guard=meddle)
    config.write_bytes(OLD)
    stage = atomic._stage

    def late(place: foreign.Place, data: bytes) -> tuple[foreign.Place, tuple[str, ...]]:
        found = stage(place, data)
        meddle()
        return found

    monkeypatch.setattr(atomic, "_stage", late)
    with pytest.raises(Refused, match="changed by another program"):
        apply(journal, config)
    assert (config.read_bytes(), names(config)) == (others, [config.name])
    assert {getattr(each, "state", None) for each in journal.records()} == {"abandoned"}
