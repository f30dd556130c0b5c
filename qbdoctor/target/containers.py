"""Joins what an engine says of its containers with the processes seen here: which is qBittorrent's, where its files lie.

A container's process may hide its folders, environment and sockets from this user; its engine tells of mounts, of the
variables that set a port, and of the ports that are published.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from qbdoctor.model import system
from qbdoctor.patterns import regex
from qbdoctor.storage import files, foreign
from qbdoctor.target import paths
from qbdoctor.target.address import Address, parse_ip
from qbdoctor.target.command_line import CommandLine, program_index, read_options, valid_port
from qbdoctor.values import frozen

if TYPE_CHECKING:
    from qbdoctor.target.engines.container import Container, Published
    from qbdoctor.target.engines.engine import Found
    from qbdoctor.target.engines.port_mappings import PortMapping
    from qbdoctor.target.name_lookup import IP
    from qbdoctor.target.processes import Instance

AskEngines = Callable[..., "Found"]
"""Asks the engines; :func:`ask_engines`, or a test's own."""

TORRENT_PORT = 6881
"""What images publish for torrents, over TCP and UDP."""
_NAMES = regex(r"qbit|qbt", re.IGNORECASE)


@frozen
class HandedOut:
    """A config that this user may not read on the machine, as the container's engine handed it out, read-only.

    ``config_inside`` and ``log_inside`` are paths of the container's; ``log`` asks for the log's text anew, "" where there
    is none.
    """

    container: Container
    config_inside: PurePosixPath
    config: bytes
    log_inside: PurePosixPath

    @property
    def shown(self) -> str:
        """The config's place as ``docker cp`` writes it."""
        return f"{self.container.name}:{self.config_inside}"

    def log(self, limit: int = 1 << 20) -> str:
        """Return the end of the log as the engine hands it out now; "" where there is none."""
        data = _copy(self.container, self.log_inside) or b""
        return data[-limit:].decode("utf-8", errors="replace")


def _copy(container: Container, path: PurePosixPath) -> bytes | None:
    import os  # noqa: PLC0415

    from qbdoctor.target.engines import engine, handed  # noqa: PLC0415 - seldom needed

    return handed.copy(engine.of(container, os.environ), container, path)


@frozen
class Files:
    """Config and log of a container: as files of this machine, else as its engine hands them out."""

    config: Path | None = None
    log: Path | None = None
    handed: HandedOut | None = None


def ask_engines(
    system: paths.System, *, name: str | None = None, ids: Collection[str] = (), port: int | None = None
) -> Found:
    """Return what the engines of this machine say of the containers that may be meant."""
    from qbdoctor.target.engines.engine import find  # noqa: PLC0415 - most targets are in no container

    return find(system.environment, system.home, name=name, ids=ids, port=port)


def ask_none(_system: paths.System, **_what: object) -> Found:
    """Return nothing: for a machine without an engine."""
    from qbdoctor.target.engines.engine import Found  # noqa: PLC0415

    return Found()


def serves_qbittorrent(one: Container) -> bool:
    """Whether a container looks like a qBittorrent: by its command, else by its image's or its own name."""
    return program_index(one.command) is not None or bool(_NAMES.search(one.image) or _NAMES.search(one.name))


def container_of(instance: Instance, found: Found) -> Container | None:
    """Return the container that a process runs in: by its control group, else by the engine's process id."""
    number = (instance.container or "").partition(" ")[2]
    above = {instance.pid}
    if instance.in_container and not number and found.containers:
        import psutil  # noqa: PLC0415 - only a container's process needs it

        with contextlib.suppress(psutil.Error):
            above |= {parent.pid for parent in psutil.Process(instance.pid).parents()}
    for one in found.containers:
        if (number and one.id.startswith(number)) or (one.state.pid in above and instance.in_container):
            return one
    return None


def options_of(one: Container, instance: Instance | None) -> CommandLine:
    """Return the options of a container's qBittorrent, with the engine's word for an environment that is hidden."""
    if instance is not None and instance.environment is not None:
        return instance.options
    command = instance.command if instance is not None else one.command
    index = program_index(command)
    return read_options(command[index + 1 :] if index is not None else (), one.environment)


def config_places(one: Container, options: CommandLine) -> tuple[PurePosixPath, ...]:
    """Return where the config may lie inside, the likeliest first: by option and environment, else as images have it."""
    home = one.environment.get("HOME", "")
    system = paths.System("linux", one.environment, Path(home if home.startswith("/") else "/root"))
    found: list[Path] = []
    if options.profile is not None:
        profile = Path(options.profile if options.profile.startswith("/") else f"/{options.profile}")
        found.append(paths.config_file(system, profile=profile, configuration=options.configuration))
        inside = _inside_path(profile)
        if one.mount_of(inside) is None:
            found.extend(
                paths.docker_configs(Path("/config"))
            )  # the image links the profile's folders there, as hotio's
    else:
        if home or "XDG_CONFIG_HOME" in one.environment:
            found.append(paths.config_file(system, configuration=options.configuration))
        found.extend(paths.docker_configs(Path("/config")))
        found.append(paths.config_file(system, configuration=options.configuration))
    return tuple(_inside_path(path) for path in dict.fromkeys(found))


def _inside_path(path: Path) -> PurePosixPath:
    """Return a path of the container's as POSIX has it, also where ours is Windows'."""
    return PurePosixPath(path.as_posix())


def log_inside(config: PurePosixPath) -> PurePosixPath:
    """Return where the log lies inside that goes with a config there."""
    system = paths.System("linux", {}, Path("/root"))
    folders = paths.data_folders_of(Path(*config.parts), system)
    folder = folders[0] if folders else Path(*config.parent.parts)
    if config.parts[1:] == ("config", "config", config.name):
        folder = Path("/config/data")  # hotio's, and no other image's
    return _inside_path(folder) / "logs" / paths.LOG_NAME


def joined(instance: Instance, one: Container) -> Instance:
    """Return the process with what its engine adds: files by their lasting names on this machine, addresses, variables."""
    from qbdoctor.target.processes import altered  # noqa: PLC0415 - most of this module does without it

    options = options_of(one, instance)
    inside = _inside(instance)
    if inside is None or one.host_path(inside) is None:  # a link of the image may lead into a mount
        inside = _first(one, config_places(one, options)) or inside
    config, log = instance.config_file, instance.log_file
    profile = instance.profile
    if inside is not None and (host := one.host_path(inside)) is not None and files.is_file(host):
        config, log = host, _log(one, inside) or log
        known = paths.profile_of(host)
        profile = known[0] if known else profile
    return altered(
        instance,
        options=options,
        environment=instance.environment if instance.environment is not None else dict(one.environment),
        config_file=config,
        profile=profile,
        log_file=log,
        addresses=instance.addresses or one.addresses,
        shares_network=instance.shares_network if instance.shares_network is not None else one.network_mode == "host",
        in_container=True,
        container=f"{one.engine} {one.name}",
    )


def _inside(instance: Instance) -> PurePosixPath | None:
    """Return the container's name of a config that was found through the process's root."""
    if instance.config_file is None or instance.root is None or not instance.config_file.is_relative_to(instance.root):
        return None
    return PurePosixPath("/", *instance.config_file.relative_to(instance.root).parts)


def _first(one: Container, places: Iterable[PurePosixPath]) -> PurePosixPath | None:
    hosts = ((place, one.host_path(place)) for place in places)
    return next((place for place, host in hosts if host is not None and files.is_file(host)), None)


def _log(one: Container, config: PurePosixPath) -> Path | None:
    return one.host_path(log_inside(config))


def files_of(one: Container, options: CommandLine) -> tuple[Path | None, Path | None]:
    """Return config and log of a container without a process to be seen, where this user may read them here."""
    inside = _first(one, config_places(one, options))
    if inside is None:
        return None, None
    host = one.host_path(inside)
    if host is None or not files.may_read(host):
        return None, None
    return host, _log(one, inside)


def handed_out(one: Container, options: CommandLine) -> HandedOut | None:
    """Have the engine hand out the config; None where there is none at a known place, or the engine does not."""
    for place in config_places(one, options):
        data = _copy(one, place)
        if data is not None:
            return HandedOut(one, place, data, log_inside(place))
    return None


def log_handed_out(one: Container, config: Path) -> HandedOut | None:
    """Have the engine hand out the log alone, of a config that may be read here; None where there is none."""
    inside = one.inside_path(config)
    if inside is None or _copy(one, log_inside(inside)) is None:
        return None
    return HandedOut(one, inside, b"", log_inside(inside))


def published_at(one: Container, port: int, ips: Iterable[IP]) -> Published | None:
    """Return the published port of a container by which these addresses of this machine reach it."""
    wanted = frozenset(ips)
    for published in one.ports:
        bound = parse_ip(published.host_ip)
        if published.host_port != port or bound is None:
            continue
        if bound in wanted or (bound.is_unspecified and any(ip.version == bound.version for ip in wanted)):
            return published
    return None


def leads_to(mapping: PortMapping, instance: Instance) -> bool:
    """Whether a port that is handed on leads to one that may be the process's Web UI's."""
    ports = set(instance.ports) - set(instance.torrent_ports)
    return mapping.container_ip in instance.addresses and mapping.container_port in ports


def at_another_address(one: Container, port: int) -> Published | None:
    """Return the published port of this number, at whatever address."""
    return next((published for published in one.ports if published.host_port == port), None)


def web_ports(one: Container) -> tuple[Published, ...]:
    """Return the published ports that may be the Web UI's."""
    return tuple(published for published in one.ports if not published.udp and published.port != TORRENT_PORT)


def address_of(publisher: Container, port: int, scheme: str, instance: Instance | None) -> Address:
    """Return the address at which a container's Web UI, at ``port`` inside, is best reached from this machine."""
    ports = web_ports(publisher)
    chosen = next((one for one in publisher.ports if one.port == port), ports[0] if ports else None)
    if chosen is not None:
        ip = parse_ip(chosen.host_ip)
        if ip is not None and ip.is_unspecified:
            return Address(scheme, "127.0.0.1" if ip.version == 4 else "::1", chosen.host_port)
        return Address(scheme, chosen.host_ip, chosen.host_port)
    own = (instance.addresses if instance is not None else ()) or publisher.addresses
    return Address(scheme, "127.0.0.1" if publisher.network_mode == "host" or not own else own[0], port)


def is_own_address(publisher: Container, ips: Iterable[IP]) -> bool:
    """Whether one of these is the container's own in its network, as on a bridge or with macvlan."""
    own = {parse_ip(text) for text in publisher.addresses}
    return any(ip in own for ip in ips)


def may_be_a_container(host: str) -> bool:
    """Whether an address is of the kind that engines give to containers: a private one, written as a number."""
    ip = parse_ip(host)
    return ip is not None and ip.is_private and not isinstance(ip, ipaddress.IPv6Address)


def image_port(one: Container) -> tuple[int, str] | None:
    """Return the port that the container's own variables ask for, and which of them does."""
    for name in ("QBT_WEBUI_PORT", "WEBUI_PORT", "WEBUI_PORTS"):
        value = one.environment.get(name, "").split(",")[0].partition("/")[0]
        if port := valid_port(value):
            return port, name
    return None


def using(config: Path) -> Instance | None:
    """Return the running qBittorrent that uses this config file; one in a container by what its engine says of it."""
    from qbdoctor.target import processes  # noqa: PLC0415 - most of this module does without it

    found = processes.find_instances()
    hidden = [one for one in found if one.in_container and one.config_file is None]
    if (seen := processes.using(config, found)) is not None or not hidden:
        return seen
    import os  # noqa: PLC0415

    its = paths.System(sys.platform, os.environ, paths.home_folder(sys.platform, os.environ))
    told = ask_engines(its, ids=[(one.container or "").partition(" ")[2] for one in hidden])
    for one in hidden:
        contained = container_of(one, told)
        made = None if contained is None else joined(one, contained)
        if made is not None and made.config_file is not None and files.same_file(made.config_file, config):
            return made
    return None


def running_with(config: Path) -> str | None:
    """Return a sentence if a running qBittorrent uses this config file, else None."""
    one = using(config)
    if one is None:
        return _of_another_system(config)
    where = f", in container {one.container.partition(' ')[2]}," if one.container else ""
    return f"qBittorrent (process {one.pid}){where} runs with {config} and would overwrite the edit: stop it first{_stopping()}."


def _stopping() -> str:
    """Return how one is stopped so that it stays so, on macOS: a window that is closed leaves it, launchd brings it back."""
    if not system.is_macos():
        return ""
    return " (Cmd-Q; where launchd or brew services keeps it running: brew services stop, or launchctl bootout)"


def _of_another_system(config: Path) -> str | None:
    """Return a sentence where a server in a container or virtual machine may run with this file, unseen (Windows, macOS).

    Its processes are not this system's: a file named as on Linux, or a lock that names another host, is all that shows it.
    """
    if system.is_linux():
        return None
    lock = config.with_name("lockfile")
    if not files.exists(lock):
        return None
    try:
        host = foreign.read(lock, 4096, follow=False).decode(errors="replace").split("\n")[2:3]
    except OSError:
        host = []
    here = socket.gethostname().casefold()
    if config.suffix == ".ini" and (not host or not host[0].strip() or host[0].strip().casefold() == here):
        return None
    named = f" (its host is {host[0].strip()})" if host and host[0].strip() else ""
    return (
        f"{lock} is the lock of a qBittorrent in a container or virtual machine{named}, whose processes cannot be seen "
        f"from here; it would overwrite the edit: stop it, remove that lock if it is still there, and run this again."
    )


def holder(found: Iterable[Container], config: Path) -> Container | None:
    """Return the only one of these that has this file in a mount."""
    having = [one for one in found if one.mount_holding(config) is not None]
    return having[0] if len(having) == 1 else None
