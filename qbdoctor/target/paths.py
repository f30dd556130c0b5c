"""Tells where qBittorrent keeps its files, on each system and in each way of packing it.

Platform, environment and home are arguments, so that every system is judged on every system. ``platform`` is
:data:`sys.platform`; whatever is neither ``win32`` nor ``darwin`` follows XDG. Read in qBittorrent's ``profile_p.cpp``
(4.1.0 to 5.3.0) and Qt's ``QSettings``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from qbdoctor.patterns import regex
from qbdoctor.storage.files import is_file, is_folder
from qbdoctor.values import frozen

APP = "qBittorrent"
LOG_NAME = "qbittorrent.log"

_FLATPAK = ".var/app/org.qbittorrent.qBittorrent"
_PROFILE_FOLDER = regex(rf"{APP}(?:_(?P<name>.+))?", re.DOTALL)


@frozen
class System:
    """The system that a qBittorrent runs on.

    ``environment`` is that of the process, or as much of it as is known; ``home`` the home folder Qt would use, so
    ``/`` for a Unix service without HOME.
    """

    platform: str
    environment: Mapping[str, str]
    home: Path

    @property
    def config_name(self) -> str:
        """The config's file name: ``qBittorrent.ini`` on Windows and macOS, ``qBittorrent.conf`` elsewhere."""
        return f"{APP}.ini" if self.platform in {"win32", "darwin"} else f"{APP}.conf"

    def folder(self, variable: str, default: str) -> Path:
        """Return the folder that a variable of the environment names, if absolute, else ``default`` in the home."""
        value = self.environment.get(variable, "")
        # Not Path.is_absolute(): C:\… is absolute on Windows only, and this is tried everywhere.
        if value.startswith("/") or (self.platform == "win32" and value):
            return Path(value)
        return self.home / default


def other_name(name: str) -> str:
    """Return what a config of this name is called on the other systems: ``.conf`` for ``.ini`` and the reverse."""
    return f"{APP}.conf" if name.endswith(".ini") else f"{APP}.ini"


def folder_name(configuration: str | None) -> str:
    """Return the name of qBittorrent's own folder: ``qBittorrent``, or ``qBittorrent_NAME`` with --configuration."""
    return f"{APP}_{configuration}" if configuration else APP


def config_file(system: System, *, profile: Path | None = None, configuration: str | None = None) -> Path:
    """Return the config file that qBittorrent uses when started so; whether it exists is not asked."""
    name = folder_name(configuration)
    if profile is not None:
        return profile / name / "config" / system.config_name
    if system.platform == "win32":
        return system.folder("APPDATA", "AppData/Roaming") / name / system.config_name
    # Also on macOS: Qt's ini files follow XDG there, too (qsettings.cpp, initDefaultPaths).
    return system.folder("XDG_CONFIG_HOME", ".config") / name / system.config_name


def data_folders(system: System, *, profile: Path | None = None, configuration: str | None = None) -> tuple[Path, ...]:
    """Return the data folders that qBittorrent may use when started so, the likeliest first.

    Under XDG there are two: since 4.3.3 the old ``~/.local/share/data/qBittorrent`` is used only where the new
    ``~/.local/share/qBittorrent`` is missing; up to 4.2.5 it is always used.
    """
    name = folder_name(configuration)
    if profile is not None:
        return (profile / name / "data",)
    if system.platform == "win32":
        return (system.folder("LOCALAPPDATA", "AppData/Local") / name,)
    if system.platform == "darwin":
        return (system.home / "Library/Application Support" / name,)
    share = system.folder("XDG_DATA_HOME", ".local/share")
    return (share / name, share / "data" / name)


def log_file(folders: Iterable[Path]) -> Path | None:
    """Return the log in the first of these data folders that has one, else where the first would have it.

    The config's ``FileLogger/Path`` can put it elsewhere; that is for who reads the config.
    """
    logs = [folder / "logs" / LOG_NAME for folder in folders]
    return next((log for log in logs if is_file(log)), logs[0] if logs else None)


def portable_profile(executable: Path) -> Path | None:
    """Return the folder ``profile`` beside the executable: used where no --profile is given (4.2.1 and later)."""
    folder = executable.parent / "profile"
    return folder if is_folder(folder) else None


def default_configs(system: System, *, root: Path = Path("/")) -> tuple[Path, ...]:
    """Return the places where a config is looked for when nothing is given, in the order of looking.

    First what qBittorrent uses by itself, then Flatpak's and the snaps' places, then what containers and services
    without HOME use. ``root`` stands for ``/``.
    """
    places = [config_file(system)]
    if system.platform not in {"win32", "darwin"}:
        places.append(system.home / _FLATPAK / "config" / APP / system.config_name)
        places.extend(snap_configs(system.home))
        places.extend(docker_configs(root / "config"))
        places.append(root / ".config" / APP / system.config_name)
    return tuple(dict.fromkeys(places))


def snap_configs(home: Path) -> tuple[Path, ...]:
    """Return the configs of the snaps of one user, such as ``qbittorrent-arnatious``: those that exist.

    A snap's HOME is ``~/snap/NAME/REVISION``, with ``current`` a link to the revision in use; ``common`` is where a
    snap keeps what all revisions share.
    """
    found: list[Path] = []
    for pattern in ("current/.config", "common/.config", "common"):
        try:
            found.extend(sorted((home / "snap").glob(f"*qbittorrent*/{pattern}/{APP}/{APP}.conf")))
        except OSError:
            continue
    return tuple(found)


def misplaced_configs(system: System, folder: Path) -> tuple[Path, ...]:
    """Return where a config may lie below a folder that is named as a profile and is none, whether it is there or not."""
    name = system.config_name
    return (folder / name, folder / "config" / name, folder / APP / name, *docker_configs(folder))


def docker_configs(folder: Path) -> tuple[Path, ...]:
    """Return the configs that the usual images may have in their volume ``/config``, here mounted at ``folder``.

    linuxserver sets XDG_CONFIG_HOME=/config, the official image starts with --profile=/config, hotio's links that
    profile's folders to /config/config and /config/data, and older ones have a folder in between
    (SuperNG6/docker-qbittorrent#5).
    """
    name = f"{APP}.conf"
    return (
        folder / APP / name,
        folder / APP / "config" / name,
        folder / "config" / name,
        folder / "config" / APP / name,
    )


def profile_of(config: Path) -> tuple[Path, str | None] | None:
    """Return the --profile and --configuration that lead to this config, or None if its path is of another kind."""
    match = _PROFILE_FOLDER.fullmatch(config.parent.parent.name) if config.parent.name == "config" else None
    return (config.parent.parent.parent, match["name"]) if match else None


def named_configurations(profile: Path, config_name: str) -> tuple[tuple[str, Path], ...]:
    """Return the names and files of the configurations (``--configuration=NAME``) that this profile folder holds."""
    found = []
    try:
        files = sorted(profile.glob(f"{APP}_*/config/{config_name}"))
    except OSError:
        return ()
    for file in files:
        known = profile_of(file)
        if known and known[1]:
            found.append((known[1], file))
    return tuple(found)


def data_folders_of(config: Path, system: System) -> tuple[Path, ...]:
    """Return the data folders that may go with this config, judged by where it lies, the likeliest first."""
    known = profile_of(config)
    if known:
        return data_folders(system, profile=known[0], configuration=known[1])
    folder = config.parent
    match = _PROFILE_FOLDER.fullmatch(folder.name)
    name = match["name"] if match else None
    if config == config_file(system, configuration=name):
        return data_folders(system, configuration=name)
    # linuxserver has XDG_DATA_HOME=/config too, so that data and config share one folder.
    found = [folder]
    above = folder.parent
    if folder.name == "config":
        found.append(above / "data")  # hotio
    if above.name == ".config":
        found.extend(data_folders(System(system.platform, {}, above.parent), configuration=name))
    elif above.name == "config":
        found.append(above.parent / "data" / folder.name)
    return tuple(found)


def home_folder(platform: str, environment: Mapping[str, str]) -> Path:
    """Return the home folder as Qt finds it: HOME, else ``/``; on Windows USERPROFILE."""
    if platform == "win32":
        return Path(environment.get("USERPROFILE") or os.path.expanduser("~"))  # noqa: PTH111 - raises nothing
    return Path(environment.get("HOME") or "/")
