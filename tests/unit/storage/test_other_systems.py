"""Files on Windows and macOS: reasons in words, durable writes, access lists, ports that two programs could have."""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl
import sys
from pathlib import Path
from types import SimpleNamespace

import certifi
import pytest

from qbdoctor.cli import credentials, named_targets
from qbdoctor.cli.commands import fleet
from qbdoctor.forwarding import forwarder
from qbdoctor.looks import saved
from qbdoctor.model import shell
from qbdoctor.model.errors import Refused, UserError
from qbdoctor.storage import atomic, foreign, own_programs, private
from qbdoctor.trace import result


def _windows(winerror: int) -> OSError:
    error = OSError(errno.EACCES, "Access is denied")
    error.winerror = winerror  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("winerror", "words"), [(32, "another program has it open"), (33, "locked"), (5, "another program has it open, or")]
)
def test_an_open_file_is_no_lack_of_rights_on_windows(
    winerror: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert words in private.why(_windows(winerror))
    without = OSError(errno.EACCES, "Permission denied")  # as os.open() raises it, which asks the C library
    monkeypatch.setattr(sys, "platform", "win32")
    assert private.why(without) == "another program has it open, or this user may not"
    monkeypatch.setattr(sys, "platform", "linux")
    assert private.why(without) == "this user may not"


def test_a_read_only_mark_of_windows_is_told_with_what_takes_it_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "my qBittorrent.ini"
    config.write_bytes(b"[Preferences]\n")
    config.chmod(0o444)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(Refused) as refused:
        atomic.check_replaceable(foreign.Place(config))
    assert f"attrib -R {shell.quote(str(config))}" in refused.value.message


def test_the_privacy_protection_of_macos_is_not_ownership(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert private.why(OSError(errno.EPERM, "x")) == "this user may not"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Full Disk Access" in private.why(OSError(errno.EPERM, "x"))
    assert private.why(OSError(errno.EACCES, "x")) == "this user may not"


@pytest.mark.parametrize("full_works", [True, False])
def test_macos_writes_through_the_drives_cache(
    full_works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="Windows has no fcntl")
    asked: list[str] = []

    def control(_handle: int, number: int) -> None:
        asked.append(f"fcntl {number}")
        if not full_works:
            raise OSError(errno.ENOTSUP, "not on this volume")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(os, "fsync", lambda _handle: asked.append("fsync"))
    with (tmp_path / "file").open("w") as file:
        private.sync(file.fileno())
    assert asked == (["fcntl 51"] if full_works else ["fcntl 51", "fsync"])


def test_access_lists_of_macos_are_copied_or_it_is_said(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []

    def fcopyfile(old: int, new: int, _state: None, flags: object) -> int:
        calls.append((old, new))
        assert getattr(flags, "value") == 0b101  # noqa: B009 - ACL and XATTR of copyfile.h
        return 0

    assert atomic._copy_on_macos(4, 3, tmp_path, SimpleNamespace(fcopyfile=fcopyfile)) == []
    assert calls == [(3, 4)], "from the old file to the new one"
    (note,) = atomic._copy_on_macos(4, 3, tmp_path, SimpleNamespace(fcopyfile=lambda *_: -1))
    assert "could not be kept" in note


@pytest.mark.skipif(sys.platform != "linux", reason="wants a library without fcopyfile, as Linux' is")
def test_a_replaced_file_of_macos_asks_for_its_access_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "qBittorrent.ini"
    config.write_bytes(b"old")
    monkeypatch.setattr(sys, "platform", "darwin")
    with foreign.hold(config) as place:
        made = atomic.replace(place, b"new", expect=b"old", in_place=lambda: None)
    assert config.read_bytes() == b"new"
    assert ["could not be kept" in note for note in made.notes] == [True]


@pytest.mark.parametrize(("platform", "cafile"), [("darwin", certifi.where()), ("linux", None), ("win32", None)])
def test_trace_trusts_on_macos_what_check_trusts(
    platform: str, cafile: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The builds of python.org have an empty store there."""
    asked: list[str | None] = []
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile=None: asked.append(cafile))
    forwarder._context(True)
    assert asked == [cafile]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_a_port_that_answers_is_taken(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(sys, "platform", platform)
        assert own_programs.is_taken("127.0.0.1", port)
    assert not own_programs.is_taken("127.0.0.1", port)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_file_of_powershell(encoding: str, end: str, tmp_path: Path) -> None:
    file = tmp_path / "password.txt"
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    file.write_bytes(mark + f"Pässwörd 1{end}".encode(encoding))
    assert credentials.from_file(str(file), "--password-file").reveal() == "Pässwörd 1"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_what_powershell_redirected_is_read_back(encoding: str, tmp_path: Path) -> None:
    """PowerShell 5.1's ``>`` writes UTF-16: a list of targets, reports to go on with, a saved look, a saved trace."""

    def made(name: str, text: str) -> Path:
        file = tmp_path / name
        file.write_bytes(text.replace("\n", "\r\n").encode(encoding))
        return file

    url = "http://nas.lan:8080"
    assert list(named_targets.load_list(made("urls.txt", f"{url}\n"))) == [url]
    assert named_targets.load(made("targets.toml", f'[targets.nas]\nurl = "{url}"\n'))["nas"].options == {"url": url}
    assert fleet._done(made("reports.jsonl", f'{{"target": {{"name": "{url}"}}}}\n')) == {url}
    with pytest.raises(UserError) as refused:
        saved.load(made("look.json", '{"schema": "qbdoctor.saved/99"}\n'))
    assert refused.value.code == "saved-newer"
    target = {"url": url, "scheme": "http", "host": "nas.lan", "port": 8080}
    held: dict[str, object] = {"schema": result.SCHEMA, "target": target, "run": None, "exchanges": [], "notes": []}
    assert result.load(str(made("trace.json", json.dumps(held)))).url == url
