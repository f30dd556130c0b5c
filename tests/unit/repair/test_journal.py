"""The journal: one line changed and nothing else, and back again; what is refused; and many at once."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.model.errors import Refused, UserError
from qbdoctor.repair.journal.journal import Journal, SettingEdit
from qbdoctor.repair.journal.records import ChangeRequest, Record
from qbdoctor.storage import locks
from tests.support import systems
from tests.support.journals import AUTH, KEY, LIST, NEW, OLD, apply, on_disk, states

FILES: dict[str, tuple[bytes, bytes]] = {
    "LF": (OLD, NEW),
    "CRLF": (OLD.replace(b"\n", b"\r\n"), NEW.replace(b"\n", b"\r\n")),
    "BOM, CRLF": (b"\xef\xbb\xbf" + OLD.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + NEW.replace(b"\n", b"\r\n")),
    "no final newline": (OLD.rstrip(), NEW.rstrip()),
    "comment, spaces": (
        b"[Preferences]\n  WebUI\\LocalHostAuth = false ; c\n",
        b"[Preferences]\n  WebUI\\LocalHostAuth = true ; c\n",
    ),
    "last of duplicates": (
        b"[Preferences]\nWebUI\\LocalHostAuth=0\nWebUI\\LocalHostAuth=false\n",
        b"[Preferences]\nWebUI\\LocalHostAuth=0\nWebUI\\LocalHostAuth=true\n",
    ),
    "absent key": (b"[Preferences]\nA=1", b"[Preferences]\nA=1\nWebUI\\LocalHostAuth=true"),
    "absent section": (b"[A]\r\nb=1\r\n", b"[A]\r\nb=1\r\n\r\n[Preferences]\r\nWebUI\\LocalHostAuth=true\r\n"),
    "empty": (b"", f"[Preferences]{os.linesep}WebUI\\LocalHostAuth=true{os.linesep}".encode()),
    "other bytes": (b"[Preferences]\nName=\xe4\xf6\xff\n" + OLD[-60:], b"[Preferences]\nName=\xe4\xf6\xff\n" + NEW[-59:]),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_one_line_changes_and_comes_back(name: str, journal: Journal, config: Path) -> None:
    old, new = FILES[name]
    config.write_bytes(old)
    config.chmod(0o640)
    record = apply(journal, config)
    assert config.read_bytes() == new
    assert states(record) == ["preparing", "applied"]
    assert record == on_disk(journal, record)
    assert record.backup_file.read_bytes() == old
    back = journal.rollback(record)
    assert config.read_bytes() == old
    assert back.rollback is not None
    assert back.rollback.how == "whole-file"
    assert states(back) == ["preparing", "applied", "rolling-back", "rolled-back"]
    assert systems.has_mode(config, 0o640)
    assert [each.name for each in config.parent.iterdir()] == [config.name]


def test_private(journal: Journal, config: Path) -> None:
    old = os.umask(0)
    try:
        record = apply(journal, config)
    finally:
        os.umask(old)
    for path in (record.folder, record.folder.parent, record.folder.parent.parent):
        assert systems.has_mode(path, 0o700)
    for path in record.folder.iterdir():
        assert systems.has_mode(path, 0o600)


@systems.links
def test_through_a_symbolic_link(journal: Journal, config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.conf"
    link.symlink_to(config)
    record = apply(journal, link)
    assert record.file is not None
    assert (record.file.path, record.file.real) == (str(link), str(config))
    assert link.is_symlink()
    journal.rollback(record)
    assert link.is_symlink()
    assert config.read_bytes() == OLD


@systems.linux_only("names by /proc")
def test_everything_is_durable_before_the_first_byte(
    journal: Journal, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither record nor backup may be lost with the power, once the target has changed; nor a rollback's intent."""
    synced: set[str] = set()
    seen: list[set[str]] = []
    fsync, replace, rename, rename_at = os.fsync, Path.replace, Path.rename, os.rename

    def note(handle: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def move(self: Path, target: Path, real: Callable[[Path, Path], Path]) -> Path:
        if Path(target) == config:
            seen.append(set(synced))
        for path in [each for each in synced if each == str(self) or each.startswith(f"{self}/")]:
            synced.add(path.replace(str(self), str(target), 1))
        synced.discard(str(Path(target).parent))  # its new name is not durable yet
        return real(self, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", lambda self, target: move(self, target, replace))
    monkeypatch.setattr(Path, "rename", lambda self, target: move(self, target, rename))

    def in_folder(name: str, to: str, **folders: int) -> None:
        path = Path(f"/proc/self/fd/{folders['src_dir_fd']}").readlink()
        move(path / name, path / to, lambda _one, other: rename_at(name, to, **folders) or other)

    monkeypatch.setattr(os, "rename", lambda one, to, **fds: in_folder(one, to, **fds) if fds else rename_at(one, to))
    record = apply(journal, config)
    journal.rollback(record)
    folder = record.folder
    for before in seen:
        for path in (folder, folder / "record.json", record.backup_file):
            assert str(path) in before, path
        assert any(path.startswith(str(config.parent / ".qbdoctor-")) for path in before)
    assert str(folder.parent) in seen[0]
    assert len(seen) == 2
    assert str(config.parent) in synced


def test_nothing_to_do(journal: Journal, config: Path) -> None:
    for raw in (b"true", b'"TRUE"', b"1", b"no"):
        config.write_bytes(OLD.replace(b"Auth=false", b"Auth=" + raw))
        assert journal.plan_file(config, [AUTH]).changes == ()
        assert journal.apply_file(config, [AUTH], ChangeRequest("require-localhost-auth", "requested", "r")) is None
    assert journal.records() == ()


def test_a_plan_writes_nothing_and_is_what_is_done(journal: Journal, config: Path, tmp_path: Path) -> None:
    first = journal.plan_file(config, [AUTH])
    second = journal.plan_file(config, [LIST], on=first)
    assert first.diff() == (f"-[Preferences] {KEY}=false", f"+[Preferences] {KEY}=true")
    assert config.read_bytes() == OLD
    assert not (tmp_path / "state").exists()
    apply(journal, config, expect_sha256=first.sha256)
    apply(journal, config, LIST, expect_sha256=second.sha256)
    assert config.read_bytes() == second.result


REFUSED: dict[str, tuple[bytes, str]] = {
    "both places": (OLD + b"[WebUI]\nLocalHostAuth=false\n", "lines 6 and 9"),
    "alias": (b"[Preferences\\WebUI]\nLocalHostAuth=false\n", "line 1|line 2"),
    "open quote": (OLD + b'x="open\n', "line 8"),
    "lone CR": (OLD + b"x=1\ry=2\n", "line 8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_uncertain(name: str, journal: Journal, config: Path) -> None:
    data, text = REFUSED[name]
    config.write_bytes(data)
    with pytest.raises(Refused, match=text):
        apply(journal, config)
    assert config.read_bytes() == data
    assert journal.records() == ()


@pytest.mark.parametrize("data", [None, b"[Preferences]\nx=\0\n", "folder"])
def test_bad_files(data: bytes | str | None, journal: Journal, config: Path) -> None:
    config.unlink()
    if isinstance(data, bytes):
        config.write_bytes(data)
    elif data:
        config.mkdir()
    with pytest.raises(UserError) as caught:
        apply(journal, config)
    assert caught.value.exit_code in (2, 4)
    assert caught.value.message.count("\n") == 0
    assert journal.records() == ()


def test_refused_before_the_record(journal: Journal, config: Path) -> None:
    with pytest.raises(Refused, match="changed since the plan"):
        apply(journal, config, expect_sha256="0" * 64)
    with pytest.raises(Refused, match="it was started"):
        apply(journal, config, guard=lambda: "it was started")
    config.with_name("qBittorrent_new.conf").touch()
    config.chmod(0o444)
    with pytest.raises(Refused, match="read-only"):
        apply(journal, config)
    config.chmod(0o644)
    config.with_name("qBittorrent_new.conf").write_bytes(b"[Preferences]\n")
    with pytest.raises(Refused, match=r"qBittorrent_new\.conf is left"):
        apply(journal, config)
    assert (config.read_bytes(), journal.records()) == (OLD, ())


def test_a_state_folder_that_cannot_be(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"")
    with pytest.raises(Refused, match="--state-dir"):
        apply(Journal(tmp_path / "state"), config)
    assert config.read_bytes() == OLD


def test_locks_are_waited_for_and_told(journal: Journal, config: Path, tmp_path: Path) -> None:
    record = apply(journal, config)
    with locks.hold(config.parent, 1):  # as another run does, with a state folder of its own
        with pytest.raises(Refused, match="Another run"):
            apply(journal, config, LIST)
        with pytest.raises(Refused, match="Another run"):
            journal.rollback(record)
    with journal.locked(), pytest.raises(Refused, match="Another run"):
        apply(Journal(tmp_path / "state", lock_seconds=0.1), config, LIST)
    with journal.locked():  # again and again by the same run
        apply(journal, config, LIST)


# --- secrets ----------------------------------------------------------------------------------------------------------

HASHES = ('"@ByteArray(b2xkc2FsdA==:b2xkaGFzaA==)"', '"@ByteArray(bmV3c2FsdA==:bmV3aGFzaA==)"')
SECRET = SettingEdit("Password_PBKDF2", "Preferences", "WebUI\\Password_PBKDF2", HASHES[1])


def test_no_secret_is_shown(journal: Journal, config: Path) -> None:
    line = f"WebUI\\Password_PBKDF2={HASHES[0]}\n".encode()
    config.write_bytes(OLD + line)
    odd = SettingEdit("Odd", "Preferences", "Odd", "hush-hush", secret=True)
    record = apply(journal, config, SECRET, odd)
    shown = (record.folder / "record.json").read_text() + repr(record) + repr(SECRET)
    shown += str(journal.plan_rollback([record])) + str(journal.plan_file(config, [AUTH]))
    config.write_bytes(config.read_bytes().replace(b"bmV3aGFzaA", b"c29tZWVsc2Vz"))
    with pytest.raises(Refused) as caught:
        journal.rollback(record)
    shown += str(caught.value) + str(journal.plan_rollback([record]))
    for part in ("b2xk", "bmV3", "hush", "c29tZW"):
        assert part not in shown
    assert record.changes[0].diff() == (
        "-[Preferences] WebUI\\Password_PBKDF2=***",
        "+[Preferences] WebUI\\Password_PBKDF2=***",
    )


def test_a_secret_goes_back_by_setting(journal: Journal, config: Path) -> None:
    config.write_bytes(OLD + f"WebUI\\Password_PBKDF2={HASHES[0]}\n".encode())
    record = apply(journal, config, SECRET)
    edited = config.read_bytes() + b"Own=1\n"
    config.write_bytes(edited)
    journal.rollback(record)
    assert config.read_bytes() == edited.replace(HASHES[1].encode(), HASHES[0].encode())


# --- many at once -----------------------------------------------------------------------------------------------------

ROUNDS = 6


def _worker(number: int, state: Path, config: Path) -> None:
    journal = Journal(state, lock_seconds=60)
    name = f"Own{number}"
    for _ in range(ROUNDS):
        journal.recover()
        edit = SettingEdit(name, "Preferences", name, "after")
        record = journal.apply_file(config, [edit], ChangeRequest("own", "requested", str(number)))
        assert record is not None
        assert f"{name}=after\n".encode() in config.read_bytes()
        journal.rollback(record)
    record = journal.apply_file(config, [edit], ChangeRequest("own", "requested", str(number)))
    assert record is not None


@pytest.mark.parametrize("shared", [True, False])
@systems.posix_only("fork")
def test_eight_at_once(shared: bool, config: Path, tmp_path: Path) -> None:
    """No update is lost and no lock stays, whether the runs share a state folder or only the target."""
    lines = b"".join(b"Own%d=before\n" % number for number in range(8))
    config.write_bytes(OLD + lines)
    folders = [tmp_path / ("state" if shared else f"state{number}") for number in range(8)]
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_worker, args=(n, folders[n], config)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert config.read_bytes() == OLD + lines.replace(b"before", b"after")
    for folder in sorted(set(folders)):
        journal = Journal(folder)
        assert journal.recover() == ()
        for record in journal.records():
            assert isinstance(record, Record)
            if record.standing:
                journal.rollback(record)
    assert config.read_bytes() == OLD + lines
    assert [each.name for each in config.parent.iterdir()] == [config.name]


def test_imports_are_few() -> None:
    """`history` is quick."""
    code = (
        "import sys, qbdoctor.repair.journal.journal; "
        "print(sorted({'requests', 'rich', 'psutil', 'filelock'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
