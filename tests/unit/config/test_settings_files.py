"""What is a config file, and what is refused as none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbdoctor import releases
from qbdoctor.config.settings import Settings
from qbdoctor.model.errors import UserError
from qbdoctor.releases import KEYS, Version
from tests.support import systems

OLD = "[LegalNotice]\nAccepted=true\n\n[Preferences]\nWebUI\\Address=127.0.0.1\nWebUI\\Port=18080\n"


def read(text: str | bytes, version: str | None = None, *, platform: str = "linux") -> Settings:
    data = text if isinstance(text, bytes) else text.encode()
    return Settings.parse(data, Version.parse(version), platform=platform)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_file_is_described(tmp_path: Path) -> None:
    path = tmp_path / "qBittorrent.conf"
    path.write_bytes(OLD.encode())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    settings = Settings.load(path, Version.parse("5.1.0"))
    assert settings.file == path
    assert settings.size == len(OLD)
    assert settings.modified == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert len(settings.sha256) == 64
    assert settings.integer("Port") == 18080
    assert read(OLD).file is None


def _missing(path: Path) -> None:
    return None


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20_000_000)


def _binary(path: Path) -> None:
    path.write_bytes(b"\x7fELF\0\0\0")


def _utf16(path: Path) -> None:
    path.write_bytes(OLD.encode("utf-16"))


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (_missing, "config-missing"),
        (_folder, "config-is-folder"),
        pytest.param(_fifo, "config-unreadable", marks=systems.posix_only("FIFOs")),
        pytest.param(_device, "config-unreadable", marks=systems.posix_only("/dev")),
        pytest.param(_loop, "config-unreadable", marks=systems.links),
        (_large, "config-too-large"),
        (_binary, "config-binary"),
        (_utf16, "config-binary"),
    ],
)
def test_what_is_no_config_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None], code: str) -> None:
    path = tmp_path / "qBittorrent.conf"
    make(path)
    before = time.monotonic()
    with pytest.raises(UserError) as refused:
        Settings.load(path)
    assert time.monotonic() - before < 0.5
    assert refused.value.code == code
    assert str(path) in refused.value.message
    assert refused.value.__cause__ is None


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "qBittorrent.conf"
    path.write_text(OLD)

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("qbdoctor.config.files.os.open", denied)
    with pytest.raises(UserError) as refused:
        Settings.load(path)
    assert refused.value.code == "config-unreadable"


def test_odd_paths() -> None:
    for path in (Path("/dev/null/x"), Path("a\0b"), Path()):
        with pytest.raises(UserError):
            Settings.load(path)


def test_bytes_are_refused_alike() -> None:
    for data, code in ((b"\0", "config-binary"), (b"x" * (2**24 + 1), "config-too-large")):
        with pytest.raises(UserError) as refused:
            Settings.parse(data)
        assert refused.value.code == code


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        settings = Settings.parse(b"[Preferences]\nWebUI\\Port=" + data + b"\nWebUI\\Username=" + data)
    except UserError:
        return
    for key in KEYS:
        settings.value_text(key.name)
        settings.found(key.name)
    settings.whitelist()
    settings.trusted_proxies()


def test_every_release_reads_every_key() -> None:
    for version in releases.KNOWN:
        settings = Settings.parse(OLD.encode(), version)
        assert [settings.value_text(key.name) for key in KEYS]
