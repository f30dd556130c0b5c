"""Whole-file writes: what stays of the old file, what is refused, and what the disk can do to them."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.model.errors import Refused
from qbdoctor.storage import atomic, foreign, private
from tests.support import systems

OLD, NEW = b"[Preferences]\nA=1\n", b"[Preferences]\nA=longer than before\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    path = folder / "qBittorrent.conf"
    path.write_bytes(OLD)
    return path


def never() -> None:
    raise AssertionError("it can be renamed over")


def replace(path: Path, data: bytes = NEW, expect: bytes = OLD) -> atomic.Written:
    with foreign.hold(path) as place:
        atomic.check_replaceable(place)
        return atomic.replace(place, data, expect=expect, in_place=never)


def check_replaceable(path: Path) -> None:
    with foreign.hold(path, follow=False) as place:
        atomic.check_replaceable(place)


def alone(path: Path) -> bool:
    return [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o200])
@systems.posix_only("permission bits")
def test_mode_stays(config: Path, mode: int) -> None:
    config.chmod(mode)
    old = os.umask(0o077)
    try:
        assert replace(config) == atomic.Written(False)
    finally:
        os.umask(old)
    assert config.read_bytes() == NEW
    assert stat.S_IMODE(config.stat().st_mode) == mode
    assert alone(config)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root can give files away")
def test_owner_and_group_stay(config: Path) -> None:
    os.chown(config, 1234, 2345)
    replace(config)
    assert (config.stat().st_uid, config.stat().st_gid) == (1234, 2345)


@systems.linux_only("extended attributes")
def test_extended_attributes_stay(config: Path) -> None:
    try:
        os.setxattr(config, "user.note", b"mine")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")
    assert replace(config).notes == ()
    assert os.getxattr(config, "user.note") == b"mine"


@systems.linux_only("access lists as attributes")
def test_an_access_control_list_stays(config: Path) -> None:
    # user::rw- user:1234:r-- group::r-- mask::rw- other::---, as the kernel keeps it
    entries = [(1, 6, 0xFFFFFFFF), (2, 4, 1234), (4, 4, 0xFFFFFFFF), (16, 6, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)]
    packed = b"\2\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + may.to_bytes(2, "little") + who.to_bytes(4, "little") for tag, may, who in entries
    )
    try:
        os.setxattr(config, "system.posix_acl_access", packed)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error}")
    mode = config.stat().st_mode
    replace(config)
    assert os.getxattr(config, "system.posix_acl_access") == packed
    assert config.stat().st_mode == mode


@systems.linux_only("extended attributes")
def test_an_attribute_that_cannot_be_kept_is_noted(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listxattr", lambda _path: ["security.made-up"])
    (note,) = replace(config).notes
    assert "security.made-up" in note


@systems.posix_only("permission bits")
def test_what_comes_between_is_private(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.chmod(0o644)
    seen: list[int] = []
    dress = atomic._dress

    def look(handle: int, temp: foreign.Place, old: int, real: Path) -> tuple[str, ...]:
        seen.append(stat.S_IMODE(temp.lstat().st_mode))
        return dress(handle, temp, old, real)

    monkeypatch.setattr(atomic, "_dress", look)
    replace(config)
    assert seen == [0o600]


@systems.links
def test_a_symbolic_link_stays(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.conf"
    link.parent.mkdir()
    link.symlink_to("../config/qBittorrent.conf")
    replace(link)
    assert link.is_symlink()
    assert link.read_bytes() == config.read_bytes() == NEW
    assert alone(link)
    assert alone(config)


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    for name, target in (("dangling", "nothing"), ("circle", "circle")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(Refused):
            replace(tmp_path / name)


def test_refused_before_anything_is_written(config: Path, tmp_path: Path) -> None:
    os.link(config, config.with_name("other"))
    with pytest.raises(Refused, match="hard links"):
        check_replaceable(config)
    config.with_name("other").unlink()
    config.chmod(0o444)
    with pytest.raises(Refused, match="read-only"):
        check_replaceable(config)
    with pytest.raises(Refused, match="no regular file"):
        check_replaceable(tmp_path)
    with pytest.raises(Refused, match="does not exist"):
        check_replaceable(tmp_path / "none")
    assert alone(config)


def as_nobody(function: object, *arguments: object) -> None:
    """Run it as another user in a process of its own; it must end well."""

    def run() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            function(*arguments)  # type: ignore[operator]
        except BaseException as error:
            sys.stderr.write(repr(error))
            os._exit(1)
        os._exit(0)

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join()
    assert child.exitcode == 0


def expect_refusal(text: str, path: Path) -> None:
    with pytest.raises(Refused, match=text):
        replace(path)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="needs a second user")
@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "text"),
    [
        (0o644, 0o777, "read-only"),
        (0o666, 0o755, "folder"),
        (0o666, 0o777, "belongs to user"),
        (0o666, 0o1777, "may not|belongs"),
    ],
)
def test_another_user(file_mode: int, folder_mode: int, text: str) -> None:
    base = Path("/tmp") / f"qbdoctor-test-{os.getpid()}-{file_mode:o}{folder_mode:o}"  # pytest's own is 0700
    base.mkdir()
    try:
        path = base / "qBittorrent.conf"
        path.write_bytes(OLD)
        path.chmod(file_mode)
        base.chmod(folder_mode)
        as_nobody(expect_refusal, text, path)
        assert path.read_bytes() == OLD
        assert alone(path)
    finally:
        shutil.rmtree(base)


def test_someone_else_was_faster(config: Path) -> None:
    with pytest.raises(Refused, match="changed by another program"):
        replace(config, expect=b"what was there before")
    assert config.read_bytes() == OLD
    assert alone(config)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_failing_disk(config: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Refused, match="Nothing was changed"):
        replace(config)
    assert config.read_bytes() == OLD
    assert alone(config)


def test_short_writes(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, bytes(data)[:3]))
    replace(config)
    assert config.read_bytes() == NEW


def test_windows_waits_for_an_open_handle(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = Path.replace, []

    def taken(self: Path, target: Path) -> Path:
        tries.append(1)
        if len(tries) < 3:
            error = PermissionError(errno.EACCES, "in use")
            error.winerror = 32  # type: ignore[attr-defined]
            raise error
        return real(self, target)

    monkeypatch.setattr(Path, "replace", taken)
    monkeypatch.setattr(foreign, "BY_DESCRIPTOR", False)
    replace(config)
    assert len(tries) == 3


def test_windows_gives_up(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(_self: Path, _target: Path) -> Path:
        error = PermissionError(errno.EACCES, "in use")
        error.winerror = 32  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr(Path, "replace", taken)
    monkeypatch.setattr(foreign, "BY_DESCRIPTOR", False)
    monkeypatch.setattr(private, "_SHARING_SECONDS", 0.1)
    with pytest.raises(Refused):
        replace(config)
    assert alone(config)


@systems.posix_only("fchown, to be taken away")
def test_without_owners(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fchown", "O_DIRECTORY", "statvfs"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(foreign, "BY_DESCRIPTOR", False)
    config.chmod(0o640)
    replace(config)
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert atomic.file_state(foreign.Place(config)) == atomic.FileState(0o640, None, None)


@pytest.mark.parametrize(
    ("data", "torn"),
    [
        (OLD, True), (NEW, True), (NEW[:20] + OLD[20:], True), (NEW[:9] + OLD[9:], True), (b"", True), (NEW[:25], True),
        (NEW[:20] + b"\0" * 5, True), (OLD + b"B=2\n", False), (OLD.replace(b"A", b"B"), False), (NEW + b"x", False),
    ],
)  # fmt: skip
def test_torn(data: bytes, torn: bool) -> None:
    assert atomic.is_torn(data, OLD, NEW) is torn
    assert atomic.is_torn(data, NEW, OLD) is torn


def test_leftovers(config: Path) -> None:
    temp = private.temp_name(config)
    temp.write_bytes(b"half")
    others = [f".qbdoctor-other.conf-{'0' * 16}.tmp", ".qbdoctor-qBittorrent.conf-1.tmp", "qBittorrent.conf.tmp"]
    for name in others:
        config.with_name(name).write_bytes(b"")
    assert private.leftovers(config.parent, config.name) == (temp,)
    assert len(private.leftovers(config.parent)) == 2
    private.sweep(config.parent, config.name)
    assert sorted(each.name for each in config.parent.iterdir()) == sorted([config.name, *others])
    assert private.leftovers(config.parent / "none") == ()


@pytest.mark.skipif(not foreign.BY_DESCRIPTOR, reason="folders are looked into by their names here")
def test_a_folder_that_could_be_read_and_is_not_is_no_empty_one(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record is only closed where nothing was left behind; a folder without the right to read shows as EBADF."""
    with foreign.hold(config) as place:
        for number in (errno.EACCES, errno.EIO):
            monkeypatch.setattr(os, "scandir", _failing(number))
            with pytest.raises(OSError, match="refused"):
                place.leftovers()
        monkeypatch.setattr(os, "scandir", _failing(errno.EBADF))
        assert place.leftovers() == ()


def _failing(number: int) -> Callable[[object], None]:
    def fail(_folder: object) -> None:
        raise OSError(number, "refused")

    return fail
