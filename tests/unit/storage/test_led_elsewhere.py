"""A Python of the Microsoft Store would write into a copy of AppData that nobody else sees: it is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from qbdoctor.model import system
from qbdoctor.model.errors import Refused
from qbdoctor.repair.journal.journal import Journal
from qbdoctor.storage import private
from tests.support.journals import OLD, apply

STORE = r"C:\Program Files\WindowsApps\PythonSoftwareFoundation.Python.3.11_3.11.2544.0_x64__qbz5n2kfra8p0"


@pytest.fixture
def roaming(config: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APPDATA", str(config.parent))
    monkeypatch.setattr(system, "platform", lambda: "win32")
    return config


@pytest.mark.parametrize("told_by", ["base_prefix", "executable"])
def test_a_file_fix_in_appdata_is_refused(
    told_by: str, roaming: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, told_by, rf"{STORE}\python.exe")
    with pytest.raises(Refused, match=r"python\.org") as caught:
        apply(journal, roaming)
    assert caught.value.exit_code == 4
    assert roaming.read_bytes() == OLD


def test_another_python_and_another_place_are_not(
    roaming: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not private.is_led_elsewhere(roaming)
    monkeypatch.setattr(sys, "base_prefix", STORE)
    assert private.is_led_elsewhere(roaming)
    assert not private.is_led_elsewhere(tmp_path / "profile/qBittorrent.ini")
    monkeypatch.setattr(system, "platform", lambda: "linux")
    assert not private.is_led_elsewhere(roaming)
