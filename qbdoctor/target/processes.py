"""Lists the qBittorrent processes of this machine: how each was started, which files it uses, where it listens.

A process is judged by its command line: its name is cut to 15 characters on Linux, and says ``ld-linux-x86-64`` for one
started through a loader. What this user may not see is None; a process that goes away meanwhile is left out.
Options and environment are read as qBittorrent's ``cmdoptions.cpp`` does (4.1.0 to 5.3.0).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from qbdoctor.model import shell
from qbdoctor.patterns import regex
from qbdoctor.storage import files, private
from qbdoctor.storage.files import same_file
from qbdoctor.target import paths, proc_sockets
from qbdoctor.target.command_line import (
    APPIMAGE,
    INTERPRETER,
    CommandLine,
    base_name,
    program_index,
    read_options,
    unquoted,
    valid_port,
)
from qbdoctor.target.engines import cgroups
from qbdoctor.target.engines.process_scan import TROUBLE, CommandLines, processes_with
from qbdoctor.values import field, frozen

if TYPE_CHECKING:
    import psutil

T = TypeVar("T")

_MOUNTED = regex(r"/(?:\.mount_|appimage_extracted_)[^/]*/")
_PLACES = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA", "USERPROFILE")
_IMAGE_PORT = "WEBUI_PORT"
"""Container images hand it to --webui-port at each start (linuxserver, binhex), or write it into the config."""


@frozen
class Instance:
    """One running qBittorrent.

    ``executable`` is the program itself, not the loader that runs it. ``home`` and the XDG folders are those of the
    process; ``environment`` holds only ``QBT_…``, ``WEBUI_PORT`` and the variables that name folders, and is None where it
    may not be read: then ``config_file`` is what the command line and the user's home lead to. Paths are as they are seen from
    here, through ``root`` (``/proc/PID/root``) where the process sees another file under that name; None where that
    cannot be known. ``listening`` are TCP sockets (address, port) in the process's own network, those for torrents too:
    ``torrent_ports`` are the ports where it has UDP as well, as the Web UI never has. ``shares_network`` is False where
    that network is not ours, and ``addresses`` are then its addresses there. ``terminal`` is True where it reads from one
    and writes to one, as a person's start does. ``unit`` is its systemd service, of the system's or a user's manager
    (``unit_scope``); ``container`` names engine and container where its control group does.
    """

    pid: int
    command: tuple[str, ...]
    started: datetime
    user: str | None = None
    executable: Path | None = None
    options: CommandLine = field(default_factory=CommandLine)
    environment: Mapping[str, str] | None = None
    home: Path | None = None
    config_file: Path | None = None
    profile: Path | None = None
    log_file: Path | None = None
    listening: tuple[tuple[str, int], ...] | None = None
    torrent_ports: tuple[int, ...] = ()
    in_container: bool = False
    root: Path | None = None
    shares_network: bool | None = True
    addresses: tuple[str, ...] = ()
    terminal: bool = False
    unit: str | None = None
    unit_scope: cgroups.Scope | None = None
    container: str | None = None

    __slots__ = ("_network",)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Look for what :func:`_left_open` left out, once."""
            if name not in _LEFT_OPEN:
                raise AttributeError(name)
            value = _LEFT_OPEN[name](self, self._network)
            object.__setattr__(self, name, value)
            return value

    @property
    def image_port(self) -> int | None:
        """The port that a container image's own variable ``WEBUI_PORT`` asks for; None without one, or where none is read."""
        return valid_port(unquoted((self.environment or {}).get(_IMAGE_PORT, "")))

    @property
    def command_line(self) -> str:
        """The command as it may be shown: links are masked, for a torrent's link may hold a passkey."""
        return shell.join(["…" if "://" in part or part.startswith("magnet:") else part for part in self.command])

    @property
    def ports(self) -> tuple[int, ...]:
        """The TCP ports it listens on, each once, as far as that is known."""
        return tuple(dict.fromkeys(port for _, port in self.listening or ()))


def _left_open(instance: Instance, network: proc_sockets.Network) -> Instance:
    """Return an instance whose sockets and addresses are looked for when they are first asked for: of most they never are."""
    for name in _LEFT_OPEN:
        object.__delattr__(instance, name)
    object.__setattr__(instance, "_network", network)
    return instance


def altered(instance: Instance, **members: Any) -> Instance:
    """Return a copy with other members; what nobody asked for yet stays so."""
    made = object.__new__(Instance)
    for name in (*Instance.__match_args__, "_network"):
        with suppress(AttributeError):  # left open, or without a network
            object.__setattr__(
                made, name, members[name] if name in members else object.__getattribute__(instance, name)
            )
    return made


def find_instances(lines: CommandLines | None = None) -> tuple[Instance, ...]:
    """Return the qBittorrent processes of this machine that can be seen, the oldest first.

    ``lines`` are the command lines that may be theirs, where those were read already (Linux).
    """
    candidates = list(processes_with("qbittorrent", lines))
    if not candidates:
        return ()
    import psutil  # noqa: PLC0415 - loaded by then

    found: dict[int, tuple[psutil.Process, tuple[str, ...], int]] = {}
    for process in candidates:
        try:
            command = _command(process, psutil)
            index = program_index(command) if command else None
            if index is not None and process.pid != os.getpid() and _runs(process, command, psutil):
                found[process.pid] = (process, command, index)
        except (psutil.Error, *TROUBLE):
            continue
    above = {pid: _ancestors(entry[0], psutil) for pid, entry in found.items()} if len(found) > 1 else {}
    scripts = {pid for pid, (_, command, _) in found.items() if INTERPRETER.fullmatch(base_name(command[0]))}
    wrapping = {ancestor for pid, ancestors in above.items() if pid not in scripts for ancestor in ancestors}
    instances = []
    networks = proc_sockets.Networks()
    for process, command, index in found.values():
        # Between fork and exec a child shows its parent's command line.
        forked = any(pid in found and found[pid][1] == command for pid in above.get(process.pid, ()))
        if forked or (process.pid in scripts and process.pid in wrapping):
            continue
        try:
            instance = _read(process, command, index, psutil, networks.of(process.pid))
            if process.is_running() and process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
                instances.append(instance)
        except (psutil.Error, *TROUBLE):
            continue
    return tuple(sorted(instances, key=lambda instance: (instance.started, instance.pid)))


def _command(process: psutil.Process, psutil: Any) -> tuple[str, ...]:
    """Return the command line if the process can be a qBittorrent at all; () else."""
    if sys.platform == "win32" and "qbittorrent" not in process.name().lower():
        return ()  # asking each process for its command line is slow there, and names are whole
    try:
        command = tuple(process.cmdline())
    except (psutil.AccessDenied, *TROUBLE):
        command = (process.name(),)  # macOS and Windows show another user's process by its name alone
    return command if any("qbittorrent" in part.lower() for part in command) else ()


def _runs(process: psutil.Process, command: Sequence[str], psutil: Any) -> bool:
    """Whether this is the program, where the command line alone does not decide it.

    An AppImage shows its own file name twice: as the program it has mounted, and as the helper that serves the mount.
    """
    if not APPIMAGE.fullmatch(base_name(command[0])):
        return True
    executable = _allowed(process.exe, psutil)
    if executable:
        return bool(_MOUNTED.search(executable))
    return not base_name(command[0]).startswith(process.name())


def _ancestors(process: psutil.Process, psutil: Any) -> tuple[int, ...]:
    return tuple(parent.pid for parent in _allowed(process.parents, psutil, gone=True) or ())


def _read(
    process: psutil.Process, command: tuple[str, ...], index: int, psutil: Any, network: proc_sockets.Network | None
) -> Instance:
    """Return all that can be seen of a process; raises psutil.NoSuchProcess if it went away."""
    environment = _allowed(process.environ, psutil) or None  # macOS says {} of one that it does not show
    known = environment or {}
    options = read_options(command[index + 1 :], known)
    running = _allowed(process.exe, psutil)
    working = _allowed(process.cwd, psutil)
    user = _allowed(process.username, psutil)
    home = paths.home_folder(sys.platform, known) if environment else _users_home(process, psutil)
    view = _view(process.pid)
    profile: Path | None = None
    unknown = _allowed(process.cmdline, psutil) is None  # nor whether they name a profile
    if options.profile is not None:
        unknown = unknown or (working is None and not Path(options.profile).is_absolute())
        profile = Path(working or "/") / options.profile
    elif running is not None:
        beside = Path(running).parent / "profile"
        portable = options.portable or paths.portable_profile(view.path(Path(running))) is not None
        profile = beside if portable else None
    config: Path | None = None
    log: Path | None = None
    if not unknown and (profile is not None or home is not None):
        system = paths.System(sys.platform, known, home or Path("/"))
        name = options.configuration
        config = view.seen(paths.config_file(system, profile=profile, configuration=name))
        folders = map(view.seen, paths.data_folders(system, profile=profile, configuration=name))
        log = paths.log_file(folder for folder in folders if folder is not None)
    program = command[index]
    keeper = cgroups.keeper(process.pid)
    sockets = None if network is not None else _sockets(process, psutil)
    made = Instance(
        pid=process.pid,
        command=command,
        started=datetime.fromtimestamp(process.create_time(), UTC),
        user=user,
        executable=Path(program if index and "/" in program else running or program),
        options=options,
        environment={
            name: value for name, value in known.items() if name.startswith("QBT_") or name in (*_PLACES, _IMAGE_PORT)
        }
        if environment is not None
        else None,
        home=home,
        config_file=config,
        profile=None if profile is None or unknown else view.seen(profile),
        log_file=log,
        listening=sockets[0] if sockets else None,
        torrent_ports=sockets[1] if sockets else (),
        in_container=view.container,
        root=view.root,
        shares_network=view.shares_network,
        terminal=_on_terminal(process.pid),
        unit=keeper.unit,
        unit_scope=keeper.scope,
        container=keeper.container,
    )
    return made if network is None else _left_open(made, network)


@frozen
class _View:
    """How a process sees the machine: its ``root`` from here where its mounts are its own, and what it shares."""

    root: Path | None = None
    hidden: bool = False  # its mounts are its own, and we may not look
    container: bool = False
    shares_network: bool | None = True

    def path(self, path: Path) -> Path:
        """Return the process's path as one that opens here."""
        return self.root.joinpath(*path.parts[1:]) if self.root is not None else path

    def seen(self, path: Path) -> Path | None:
        """Return the process's path as it is best named here: unchanged where it leads to the same file."""
        if self.hidden:
            return None
        if self.root is None:
            return path
        # A service with PrivateTmp or a Flatpak has its own mounts and still uses our file.
        existing = next((p for p in (path, *path.parents) if files.exists(self.path(p))), path)
        try:
            return path if existing.samefile(self.path(existing)) and existing != Path("/") else self.path(path)
        except OSError:
            return self.path(path)


def _view(pid: int) -> _View:
    """Return how this process sees the machine, by its namespaces; elsewhere than on Linux they are all one."""
    if not sys.platform.startswith("linux"):
        return _View()
    same: dict[str, bool | None] = {}
    for name in ("mnt", "pid", "net"):
        try:
            same[name] = Path(f"/proc/{pid}/ns/{name}").readlink() == Path(f"/proc/self/ns/{name}").readlink()
        except OSError:
            same[name] = None
    # Anyone may read these, also of another user's process.
    if same["net"] is None and proc_sockets.is_apart(pid):
        same["net"] = False
    nested = len(_field(f"/proc/{pid}/status", "NSpid:")) > 1
    container = nested or same["pid"] is False or same["net"] is False
    try:
        same_root = Path(f"/proc/{pid}/root").readlink() == Path("/proc/self/root").readlink()
    except OSError:
        network = None if container and same["net"] is None else same["net"] is not False
        return _View(None, container or same["mnt"] is False, container, network)
    apart = same["mnt"] is False or not same_root
    return _View(Path(f"/proc/{pid}/root") if apart else None, False, container or apart, same["net"])


def _field(file: str, name: str) -> list[str]:
    """Return the words after a name at the start of a line of a file in /proc; [] if it cannot be read."""
    try:
        lines = Path(file).read_text(errors="replace").splitlines()
    except OSError:
        return []
    return next((line.split()[1:] for line in lines if line.startswith(name)), [])


def _sockets(process: psutil.Process, psutil: Any) -> tuple[tuple[tuple[str, int], ...], tuple[int, ...]] | None:
    """Return the TCP sockets it listens on and its torrent ports (TCP and UDP alike); None where not permitted."""
    # psutil before 6.0 knows only the old name, and later ones warn about it.
    connections = getattr(process, "net_connections", None) or process.connections
    found = _allowed(lambda: connections(kind="inet"), psutil)
    if found is None:
        return None
    listening = sorted({(c.laddr.ip, c.laddr.port) for c in found if c.status == psutil.CONN_LISTEN})
    datagrams = {c.laddr.port for c in found if c.type == socket.SOCK_DGRAM and c.laddr}
    return tuple(listening), tuple(sorted(datagrams.intersection(port for _, port in listening)))


def _listening(instance: Instance, network: proc_sockets.Network) -> tuple[tuple[str, int], ...] | None:
    held = network.held(instance.pid, apart=instance.shares_network is False)
    return None if held is None else network.listening(held)


def _torrent_ports(instance: Instance, network: proc_sockets.Network) -> tuple[int, ...]:
    held = network.held(instance.pid, apart=instance.shares_network is False) if instance.ports else None
    return tuple(port for port in network.datagram_ports(held or frozenset()) if port in instance.ports)


def _on_terminal(pid: int) -> bool:
    """Whether standard input and output are a terminal (Linux): only then is the legal notice asked, and waited for."""
    try:
        ends = [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in (0, 1)]
    except OSError:
        return False
    return all(end.startswith(("/dev/pts/", "/dev/tty", "/dev/console", "/dev/hvc")) for end in ends)


def _addresses(instance: Instance, _network: proc_sockets.Network) -> tuple[str, ...]:
    return proc_sockets.addresses(instance.pid) if instance.shares_network is False else ()


_LEFT_OPEN = {"listening": _listening, "torrent_ports": _torrent_ports, "addresses": _addresses}


def _users_home(process: psutil.Process, psutil: Any) -> Path | None:
    """Return the home folder of the process's user by the system's list of users, where its environment is hidden."""
    if sys.platform == "win32":
        return None
    import pwd  # noqa: PLC0415 - there is none on Windows

    uids = _allowed(process.uids, psutil)
    try:
        return Path(pwd.getpwuid(uids.real).pw_dir) if uids else None
    except KeyError:
        return None


def _allowed(ask: Callable[[], T], psutil: Any, *, gone: bool = False) -> T | None:
    """Return the answer, or None where it is refused; a process that went away is raised, unless ``gone`` allows it."""
    try:
        return ask()
    except psutil.NoSuchProcess:
        if gone:
            return None
        raise
    except (psutil.Error, *TROUBLE):
        return None


def using(config: Path, instances: Sequence[Instance] | None = None) -> Instance | None:
    """Return the running qBittorrent that uses this config file: of several its owner's, as any user can name another's."""
    known = find_instances() if instances is None else instances
    found = [one for one in known if one.config_file is not None and same_file(one.config_file, config)]
    owner = files.owner(config) if len(found) > 1 else None
    its = [one for one in found if owner is not None and one.user == private.account(owner)]
    return next(iter(its or found), None)
