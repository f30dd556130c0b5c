"""What is seen on Windows and macOS: the system's proxy, the folder that a log names, whose rights a process has."""

from __future__ import annotations

import os
import plistlib
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from qbdoctor.api import Exchange, Observations
from qbdoctor.model.exchanges import Failure
from qbdoctor.observe import machine, release
from qbdoctor.observe.base import config_place
from qbdoctor.registry import checks
from qbdoctor.releases import ANY
from qbdoctor.storage import own_programs
from qbdoctor.target.address import parse_url
from qbdoctor.target.description import Target
from qbdoctor.target.processes import Instance
from tests.support import systems

PROXIES = {"http": "http://proxy.corp:3128", "https": "http://proxy.corp:3129"}


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_the_systems_proxy_is_seen(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "getproxies", lambda: PROXIES)
    address = parse_url("http://nas.example.org:8080")
    monkeypatch.setattr(sys, "platform", "linux")
    assert machine.proxy_variables(address, {}) == ()
    monkeypatch.setattr(sys, "platform", platform)
    (found,) = machine.proxy_variables(address, {})
    assert (found.variable, found.shown) == (machine.SYSTEMS_PROXY, "proxy.corp:3128")
    (named,) = machine.proxy_variables(address, {"http_proxy": "http://other:1"})
    assert (named.variable, named.shown) == ("http_proxy", "other:1"), "a variable goes before the setting"


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux"])
def test_a_traced_client_takes_no_proxy_of_the_system(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.corp:3128")
    monkeypatch.setenv("QBDOCTOR_PASSWORD", "secret")
    environment = own_programs.without_proxies()
    assert "HTTPS_PROXY" not in environment
    assert "QBDOCTOR_PASSWORD" not in environment
    monkeypatch.setattr(os, "environ", environment)
    # With any variable set the library does not ask Windows' registry or macOS' settings at all.
    assert urllib.request.getproxies_environment()
    assert vars(urllib.request)["proxy_bypass_environment"]("127.0.0.1:8080")


def _seen(folder: str, config: Path, tmp_path: Path) -> Path | None:
    log = tmp_path / "qbittorrent.log"
    log.write_text(
        "(N) 2026-01-02T10:00:00 - qBittorrent v5.1.0 started. Process ID: 5\n"
        f"(N) 2026-01-02T10:00:00 - Using config directory: {folder}\n"
    )
    started = datetime(2026, 1, 2, 9, 59, 59, tzinfo=UTC)
    instance = Instance(5, ("qbittorrent",), started, config_file=config)
    target = Target(parse_url("http://127.0.0.1:8080"), "process", instance=instance, config_file=config, log_file=log)
    found = config_place.look(target)
    assert found is not None
    return found.named_by_log


@systems.posix_only("user and group ids, which macOS has too")
def test_a_healthy_macos_installation_uses_its_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Qt's AppConfigLocation, which the log names, is ~/Library/Preferences there; the ini is in ~/.config."""
    config = tmp_path / ".config/qBittorrent/qBittorrent.ini"
    preferences = tmp_path / "Library/Preferences/qBittorrent"
    for folder in (config.parent, preferences, tmp_path / "other/qBittorrent/config"):
        folder.mkdir(parents=True)
    config.write_text("[Preferences]\n")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(sys, "platform", "linux")
    assert _seen(str(preferences), config, tmp_path) == preferences, "on Linux that would be another folder"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert _seen(str(preferences), config, tmp_path) is None
    other = tmp_path / "other/qBittorrent/config"
    assert _seen(str(other), config, tmp_path) == other


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is there to be taken away")
def test_rights_without_proc_are_those_of_the_processs_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    with_proc = config_place._process_user(os.getpid())
    real = Path.read_text

    def read_text(path: Path, *args: object, **more: object) -> str:
        if str(path).startswith("/proc"):
            raise FileNotFoundError(path)
        return real(path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_text", read_text)
    assert config_place._process_user(os.getpid()) is None
    monkeypatch.setattr(sys, "platform", "darwin")
    without = config_place._process_user(os.getpid())
    assert with_proc is not None
    assert without is not None
    assert without.uid == with_proc.uid == os.geteuid()


@pytest.mark.parametrize(
    ("platform", "words", "confidence"),
    [
        ("linux", "No route to host", "likely"),
        ("darwin", "No route to host", "possible"),
        ("darwin", "Network is unreachable", "likely"),
    ],
)
def test_macos_local_network_privacy_is_thought_of(
    platform: str, words: str, confidence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    failure = Failure("unreachable", f"the address cannot be reached ({words})")
    first = Exchange("GET", "http://192.168.1.7:8080/api/v2/app/version", failure=failure)
    target = Target(parse_url("http://192.168.1.7:8080"), "url")
    seen = Observations({"anonymous": first, "target": target, "untrusted": None})
    check = next(one for one in checks() if one.id == "port-served")
    (finding,) = check.judge(seen).findings
    assert (finding.cause, finding.confidence) == ("host-unreachable", confidence)


@pytest.mark.parametrize(
    ("said", "version"),
    [("5.1.0", "5.1.0"), ("none", None), (None, None)],
)
def test_the_installed_application_tells_its_release(
    said: str | None, version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A config without a release's marks is edited in the section that the installed program reads."""
    plist = tmp_path / "Applications/qbittorrent.app/Contents/Info.plist"
    plist.parent.mkdir(parents=True)
    plist.write_bytes(b"<broken" if said is None else plistlib.dumps({"CFBundleShortVersionString": said}))
    monkeypatch.setattr(release, "APPLICATIONS", (tmp_path / "none", tmp_path / "Applications"))
    target = Target(parse_url("http://127.0.0.1:8080"), "default-config", config_file=tmp_path / "qBittorrent.ini")
    seen = Observations({"version": None, "settings": None, "releases": ANY})
    inspection = SimpleNamespace(seen=seen, target=target)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    found = release.reader(inspection)  # type: ignore[arg-type]
    assert (None if found is None else str(found)) == version
    monkeypatch.setattr(sys, "platform", "linux")
    assert release.reader(inspection) is None  # type: ignore[arg-type]
