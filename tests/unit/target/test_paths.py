"""Where qBittorrent keeps its files, on every system."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbdoctor.storage import files, state_folder
from qbdoctor.target import paths
from qbdoctor.target.paths import System

HOME = Path("/home/u")
LINUX = System("linux", {}, HOME)
XDG = System("linux", {"XDG_CONFIG_HOME": "/x/c", "XDG_DATA_HOME": "/x/d"}, HOME)
RELATIVE = System("linux", {"XDG_CONFIG_HOME": "c", "XDG_DATA_HOME": ""}, HOME)
BSD = System("freebsd14", {}, HOME)
MAC = System("darwin", {"XDG_CONFIG_HOME": "/x/c"}, Path("/Users/u"))
WINDOWS = System("win32", {"APPDATA": "C:/U/Roaming", "LOCALAPPDATA": "C:/U/Local"}, Path("C:/U"))
BARE_WINDOWS = System("win32", {}, Path("C:/U"))


@pytest.mark.parametrize(
    ("system", "name", "expected"),
    [
        (LINUX, None, "/home/u/.config/qBittorrent/qBittorrent.conf"),
        (LINUX, "two", "/home/u/.config/qBittorrent_two/qBittorrent.conf"),
        (XDG, None, "/x/c/qBittorrent/qBittorrent.conf"),
        (RELATIVE, None, "/home/u/.config/qBittorrent/qBittorrent.conf"),
        (BSD, None, "/home/u/.config/qBittorrent/qBittorrent.conf"),
        (MAC, None, "/x/c/qBittorrent/qBittorrent.ini"),
        (MAC, "two", "/x/c/qBittorrent_two/qBittorrent.ini"),
        (WINDOWS, None, "C:/U/Roaming/qBittorrent/qBittorrent.ini"),
        (WINDOWS, "two", "C:/U/Roaming/qBittorrent_two/qBittorrent.ini"),
        (BARE_WINDOWS, None, "C:/U/AppData/Roaming/qBittorrent/qBittorrent.ini"),
        (System("linux", {}, Path("/")), None, "/.config/qBittorrent/qBittorrent.conf"),
    ],
)
def test_default_config(system: System, name: str | None, expected: str) -> None:
    assert paths.config_file(system, configuration=name) == Path(expected)


@pytest.mark.parametrize(
    ("system", "name", "expected"),
    [
        (XDG, None, "/p/qBittorrent/config/qBittorrent.conf"),
        (LINUX, "two", "/p/qBittorrent_two/config/qBittorrent.conf"),
        (MAC, None, "/p/qBittorrent/config/qBittorrent.ini"),
        (WINDOWS, "two", "/p/qBittorrent_two/config/qBittorrent.ini"),
    ],
)
def test_profile_config(system: System, name: str | None, expected: str) -> None:
    file = paths.config_file(system, profile=Path("/p"), configuration=name)
    assert file == Path(expected)
    assert paths.profile_of(file) == (Path("/p"), name)


@pytest.mark.parametrize(
    ("system", "profile", "expected"),
    [
        (LINUX, None, ["/home/u/.local/share/qBittorrent", "/home/u/.local/share/data/qBittorrent"]),
        (XDG, None, ["/x/d/qBittorrent", "/x/d/data/qBittorrent"]),
        (RELATIVE, None, ["/home/u/.local/share/qBittorrent", "/home/u/.local/share/data/qBittorrent"]),
        (MAC, None, ["/Users/u/Library/Application Support/qBittorrent"]),
        (WINDOWS, None, ["C:/U/Local/qBittorrent"]),
        (WINDOWS, Path("/p"), ["/p/qBittorrent/data"]),
        (LINUX, Path("/p"), ["/p/qBittorrent/data"]),
    ],
)
def test_data_folders(system: System, profile: Path | None, expected: list[str]) -> None:
    assert paths.data_folders(system, profile=profile) == tuple(map(Path, expected))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("/p/qBittorrent/config/qBittorrent.conf", "/p/qBittorrent/data"),
        ("/p/qBittorrent_2/config/qBittorrent.conf", "/p/qBittorrent_2/data"),
        ("/home/u/.config/qBittorrent/qBittorrent.conf", "/home/u/.local/share/qBittorrent"),
        ("/home/u/.config/qBittorrent_2/qBittorrent.conf", "/home/u/.local/share/qBittorrent_2"),
        ("/home/other/.config/qBittorrent/qBittorrent.conf", "/home/other/.local/share/qBittorrent"),
        (
            "/home/u/.var/app/org.qbittorrent.qBittorrent/config/qBittorrent/qBittorrent.conf",
            "/home/u/.var/app/org.qbittorrent.qBittorrent/data/qBittorrent",
        ),
        ("/config/qBittorrent/qBittorrent.conf", "/config/qBittorrent"),
        ("/anywhere/my.conf", "/anywhere"),
    ],
)
def test_data_folders_of_a_config(config: str, expected: str) -> None:
    assert Path(expected) in paths.data_folders_of(Path(config), LINUX)


def test_the_log_is_the_one_that_exists(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    assert paths.log_file([new, old]) == new / "logs/qbittorrent.log"
    (old / "logs").mkdir(parents=True)
    (old / "logs/qbittorrent.log").touch()
    assert paths.log_file([new, old]) == old / "logs/qbittorrent.log"
    assert paths.log_file([]) is None


def test_portable_needs_the_folder(tmp_path: Path) -> None:
    program = tmp_path / "qbittorrent.exe"
    assert paths.portable_profile(program) is None
    (tmp_path / "profile").touch()
    assert paths.portable_profile(program) is None
    (tmp_path / "profile").unlink()
    (tmp_path / "profile").mkdir()
    assert paths.portable_profile(program) == tmp_path / "profile"


def test_default_places_on_linux(tmp_path: Path) -> None:
    snap = tmp_path / "home/snap/qbittorrent-arnatious"
    for revision in ("current", "common"):
        (snap / revision / ".config/qBittorrent").mkdir(parents=True)
        (snap / revision / ".config/qBittorrent/qBittorrent.conf").touch()
    system = System("linux", {}, tmp_path / "home")
    places = [place.relative_to(tmp_path).as_posix() for place in paths.default_configs(system, root=tmp_path)]
    assert places == [
        "home/.config/qBittorrent/qBittorrent.conf",
        "home/.var/app/org.qbittorrent.qBittorrent/config/qBittorrent/qBittorrent.conf",
        "home/snap/qbittorrent-arnatious/current/.config/qBittorrent/qBittorrent.conf",
        "home/snap/qbittorrent-arnatious/common/.config/qBittorrent/qBittorrent.conf",
        "config/qBittorrent/qBittorrent.conf",
        "config/qBittorrent/config/qBittorrent.conf",
        "config/config/qBittorrent.conf",
        "config/config/qBittorrent/qBittorrent.conf",
        ".config/qBittorrent/qBittorrent.conf",
    ]


@pytest.mark.parametrize("system", [WINDOWS, MAC])
def test_default_places_elsewhere(system: System) -> None:
    assert paths.default_configs(system) == (paths.config_file(system),)


@pytest.mark.parametrize(
    "config",
    ["/config/qBittorrent/qBittorrent.conf", "/config/config/qBittorrent.conf", "/x/qBittorrent2/config/a.conf"],
)
def test_not_a_profile(config: str) -> None:
    assert paths.profile_of(Path(config)) is None


def test_named_configurations(tmp_path: Path) -> None:
    assert paths.named_configurations(tmp_path, "qBittorrent.conf") == ()
    for name in ("b", "a b", "empty"):
        (tmp_path / f"qBittorrent_{name}/config").mkdir(parents=True)
    for name in ("b", "a b"):
        (tmp_path / f"qBittorrent_{name}/config/qBittorrent.conf").touch()
    found = paths.named_configurations(tmp_path, "qBittorrent.conf")
    assert [name for name, _ in found] == ["a b", "b"]


def test_state_folder(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_folder.state_folder({"QBDOCTOR_STATE_DIR": str(tmp_path / "s")}) == tmp_path / "s"
    monkeypatch.chdir(tmp_path)
    assert state_folder.state_folder({"QBDOCTOR_STATE_DIR": "s"}) == tmp_path / "s"
    assert state_folder.state_folder({"QBDOCTOR_STATE_DIR": "~/s"}) == own_home / "s"
    assert state_folder.state_folder({}).name == "qbdoctor"


def test_home_folder() -> None:
    assert paths.home_folder("linux", {"HOME": "/home/u"}) == Path("/home/u")
    assert paths.home_folder("linux", {}) == Path("/"), "a service without HOME: Qt takes the root folder"
    assert paths.home_folder("win32", {"USERPROFILE": "C:/U"}) == Path("C:/U")


@pytest.mark.parametrize("path", ["nul\0byte", "a" * 5000])
def test_impossible_paths_are_nothing(path: str) -> None:
    assert not files.is_file(Path(path))
    assert not files.is_folder(Path(path))
    assert not files.exists(Path(path))
