"""The offline check's computation that begins before the config is read whole."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from qbdoctor.config import password_hash
from qbdoctor.config.password_hash import FACTORY_PASSWORD, StoredHash, parse_hash
from qbdoctor.config.settings import Settings
from qbdoctor.model.basics import Secret
from qbdoctor.observe.hash_ahead import HashAhead
from tests.support.password_hashes import PASSWORD, K, S

LINE = rf'WebUI\Password_PBKDF2="@ByteArray({S}:{K})"'


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[StoredHash, Secret]]:
    """What was computed, each with the thread that did it."""
    made: list[tuple[StoredHash, Secret]] = []
    real = password_hash.verify

    def verify(stored: StoredHash, password: Secret) -> bool:
        made.append((stored, password))
        assert threading.current_thread() is not threading.main_thread()
        return real(stored, password)

    monkeypatch.setattr(password_hash, "verify", verify)
    return made


@pytest.mark.parametrize("text", [f"[Preferences]\n{LINE}\n", f"[Preferences]\r\n{LINE}\r\nWebUI\\Port=1\r\n", LINE])
def test_the_check_finds_its_answer_computed(
    text: str, tmp_path: Path, computed: list[tuple[StoredHash, Secret]]
) -> None:
    """It is the hash that the whole reading finds, so that it is not computed a second time."""
    config = tmp_path / "qBittorrent.conf"
    config.write_bytes(text.encode())
    ahead = HashAhead(Secret(PASSWORD))
    ahead.begin(config)
    ahead.begin(text.encode())  # as an engine hands it out: the same
    assert ahead.verifier is not None
    whole = text if text.startswith("[") else f"[Preferences]\n{text}"
    stored = parse_hash(Settings.parse(whole.encode()).secret("Password_PBKDF2") or Secret(""))
    assert isinstance(stored, StoredHash)
    assert ahead.verifier.verify(stored, Secret(PASSWORD))
    assert len(computed) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"# {LINE}",
        LINE.replace("=", " = ", 1),
        LINE.replace("@ByteArray", "@bytearray"),
        rf'WebUI\Password_PBKDF2="@ByteArray({S}:)"',
        rf"WebUI\Password_PBKDF2=@ByteArray({S}:{K})",
        rf'X\Password_PBKDF2="@ByteArray({S}:{K})"',
    ],
)
def test_any_other_form_waits_for_the_whole_reading(text: str, computed: list[tuple[StoredHash, Secret]]) -> None:
    ahead = HashAhead(Secret(PASSWORD))
    ahead.begin(text.encode())
    assert not computed


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux' /proc")
@pytest.mark.parametrize("profile", [None, "rel", "/absolute"])
def test_the_config_of_the_only_server_is_guessed(
    profile: str | None, tmp_path: Path, computed: list[tuple[StoredHash, Secret]]
) -> None:
    """By what its command line and environment say; of two it would be a guess too many."""
    folder = tmp_path / (".config/qBittorrent" if profile is None else f"{profile.strip('/')}/qBittorrent/config")
    folder.mkdir(parents=True)
    (folder / "qBittorrent.conf").write_text(f"[Preferences]\n{LINE}\n")
    command = ["qbittorrent-nox"]
    if profile is not None:
        command.append(f"--profile={tmp_path}{profile}" if profile.startswith("/") else f"--profile={profile}")
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment.pop("XDG_CONFIG_HOME", None)
    ahead = HashAhead(Secret(PASSWORD))
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path, env=environment) as process:
        ahead.guess({process.pid: tuple(command), 1: ("qbittorrent-nox",)})
        assert not computed
        ahead.guess({process.pid: tuple(command), 1: ("sh", "-c", "echo qbittorrent-nox")})
        process.kill()
    assert ahead.verifier is not None
    stored = parse_hash(Secret(f"@ByteArray({S}:{K})"))
    assert isinstance(stored, StoredHash)
    assert ahead.verifier.verify(stored, Secret(PASSWORD))
    assert len(computed) == 1


def test_without_a_password_the_factory_one_is_tried(computed: list[tuple[StoredHash, Secret]]) -> None:
    ahead = HashAhead(None)
    ahead.begin(LINE.encode())
    assert ahead.verifier is not None
    assert not ahead.verifier.is_factory(computed[0][0])
    assert [password.reveal() for _, password in computed] == [FACTORY_PASSWORD]


def test_what_is_no_config_is_left_to_who_needs_it(tmp_path: Path) -> None:
    """A FIFO is not waited for, a folder or a file that is not there raises nothing."""
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "fifo")
    for name in (".", "missing", "fifo", "missing\0"):
        HashAhead(Secret(PASSWORD)).begin(tmp_path / name)
