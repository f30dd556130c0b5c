"""Resolves which qBittorrent is meant: by the options given, else what runs here, else a config at a usual place.

Nothing is sent to the target. A host name is looked up only to see whether it means this machine, for two seconds at
most.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from qbdoctor.config.saving import has_config
from qbdoctor.model.errors import UserError
from qbdoctor.storage import files
from qbdoctor.storage.files import same_file
from qbdoctor.target import containers, paths
from qbdoctor.target.address import Address, parse_ip, parse_url
from qbdoctor.target.contained import ContainerFinder, Engines
from qbdoctor.target.description import Origin, ReadConfig, Target, TargetOptions
from qbdoctor.target.engines import cgroups
from qbdoctor.target.engines.container import Container
from qbdoctor.target.engines.port_mappings import PortMapping, find_mappings
from qbdoctor.target.engines.process_scan import CommandLines
from qbdoctor.target.listeners import listening_owners
from qbdoctor.target.name_lookup import IP, find_own_addresses, look_up
from qbdoctor.target.processes import Instance, find_instances, using
from qbdoctor.values import frozen, replace

DEFAULT_PORT = 8080
"""``WebUI\\Port`` where the config does not set it, in all releases."""


class SettingsLike(Protocol):
    """What is asked of a config: :class:`qbdoctor.config.settings.Settings` answers it."""

    def integer(self, name: str, /) -> int: ...  # noqa: D102
    def text(self, name: str, /) -> str: ...  # noqa: D102
    def boolean(self, name: str, /) -> bool: ...  # noqa: D102


@frozen
class World:
    """What is asked of the machine, each only when it is needed; tests put their own in."""

    instances: Callable[[], tuple[Instance, ...]] = find_instances
    mappings: Callable[[], tuple[PortMapping, ...]] = find_mappings
    settings: Callable[[Path], SettingsLike] | None = None
    lookup: Callable[[str], frozenset[IP]] | None = None
    own_addresses: Callable[[], frozenset[IP]] | None = None
    root: Path = Path("/")
    engines: containers.AskEngines = containers.ask_none


def resolve(
    options: TargetOptions,
    *,
    instances: Callable[[], tuple[Instance, ...]] = find_instances,
    env: Mapping[str, str] | None = None,
    platform: str = sys.platform,
    home: Path | None = None,
    world: World | None = None,
    lines: CommandLines | None = None,
) -> Target:
    """Return the target that the options name, or the one that can be found without any.

    ``env``, ``platform`` and ``home`` are those of this process unless given; ``world``, for tests, overrides all of
    ``instances`` and what else is asked of the machine. ``lines`` are the command lines that may be
    qBittorrent's, where they were read already.

    Raises :class:`UserError`: what :func:`parse_url` and ``Settings.load`` raise (``config-missing``,
    ``config-is-folder``, ``config-unreadable``, …); ``config-missing``, ``profile-not-a-folder``, ``empty-path``,
    ``several-configurations`` and ``config-differs-from-profile`` for what --config and --profile name;
    ``several-instances`` if more than one runs and no option says which; ``no-target`` (exit code 3) if there is
    nothing to look at; ``port-unknown`` (3) where the one that runs shows neither port nor config;
    ``no-such-container``, ``no-engine`` (3) and ``several-containers`` for --container.
    """
    environment = os.environ if env is None else env
    system = paths.System(platform, environment, paths.home_folder(platform, environment) if home is None else home)
    asked = containers.ask_engines if instances is find_instances else containers.ask_none
    if lines is not None and instances is find_instances:
        instances = partial(find_instances, lines)
    finder = _Finder(system, world or World(instances=instances, engines=asked))
    address = None if options.url is None else parse_url(options.url)
    given = finder.given_config(options)
    if options.container is not None:
        return finder.from_container(options.container, address, None if given is None else given[0])
    if address is not None:
        return finder.from_url(address, given)
    if given is not None:
        return finder.from_config(*given, origin="profile" if options.config is None else "config")
    return finder.discovered()


class _Finder(ContainerFinder):
    """One resolving: the instances are asked for once."""

    def __init__(self, system: paths.System, world: World) -> None:
        self.system = system
        self.world = world
        self.instances = world.instances()
        self.engines = Engines(system, world.engines)
        self._read: dict[Path, ReadConfig | None] = {}
        self._unread: dict[Path, str] = {}

    # What the options name

    def given_config(self, options: TargetOptions) -> tuple[Path, Path | None] | None:
        """Return the config that --config or --profile name and the profile folder; None if neither was given."""
        for option, value in (("--config", options.config), ("--profile", options.profile)):
            if value is not None and not value.strip():
                raise UserError("empty-path", f"{option}: the path is empty: name one, or leave the option out.")
        profile = None if options.profile is None else files.expanded(options.profile).absolute()
        if options.config is None:
            return None if profile is None else self._profile_config(profile)
        config = files.expanded(options.config).absolute()
        known = paths.profile_of(config)
        if profile is None:
            return config, known[0] if known else None
        if not known or not same_file(known[0], profile):
            raise UserError(
                "config-differs-from-profile",
                f"--config {config} is not the config of --profile {profile}, which is "
                f"{paths.config_file(self.system, profile=profile)}: give one of the two.",
            )
        return config, profile

    def _profile_config(self, profile: Path) -> tuple[Path, Path]:
        """Return the config in a profile folder, also that of its only named configuration."""
        config = paths.config_file(self.system, profile=profile)
        # One of another system, such as a container's mount, has the other name; ours comes first.
        for one in (config, config.with_name(paths.other_name(config.name))):
            if has_config(one) or (files.exists(one) and not files.is_folder(one)):
                return one, profile
        name = self.system.config_name
        named = paths.named_configurations(profile, name) or paths.named_configurations(profile, paths.other_name(name))
        if len(named) == 1:
            return named[0][1], profile
        if named:
            names = ", ".join(name for name, _ in named)
            raise UserError(
                "several-configurations",
                f"--profile: {profile} holds several configurations ({names}): name the file of one with --config, "
                f"such as {named[0][1]}.",
            )
        if files.exists(profile) and not files.is_folder(profile):
            raise UserError(
                "profile-not-a-folder", f"--profile: {profile} is a file: use --config for the config file itself."
            )
        nearby = next(filter(files.is_file, paths.misplaced_configs(self.system, profile)), None)
        hint = f"use --config {nearby}" if nearby else "give the folder that qBittorrent's own --profile names"
        raise UserError("config-missing", f"--profile: there is no {config}, or it may not be seen: {hint}.")

    def from_url(self, address: Address, given: tuple[Path, Path | None] | None) -> Target:
        """Return the target at this URL, with the local process that listens there, or the config that was given."""
        ips = self._ips(address.host)
        if given is not None:
            config, profile = given
            self._settings(config, lenient=False)
            instance, one = self._uses(config, address.port)
            if one is not None:
                return self.in_container(one, address, "url", config)
            direct = None if instance is None else self._listens(instance, address, ips)
            return self._target(address, "url", instance, config=config, profile=profile, given=True, direct=direct)
        answers = [(instance, self._listens(instance, address, ips)) for instance in self.instances]
        sure = [instance for instance, listens in answers if listens]
        if sure and not sure[0].in_container:
            return self._target(address, "url", sure[0], direct=True)
        if self._is_here(ips) or containers.may_be_a_container(address.host):
            self.ask_engines(address.port, always=True)
            answers = [(instance, self._listens(instance, address, ips)) for instance in self.instances]
            sure = [instance for instance, listens in answers if listens]
        if sure:
            return self._target(address, "url", sure[0], direct=True)
        behind = self._behind_mapping(address, ips)
        # Two engines give their containers the same addresses: what one says of its own goes before an address.
        within = None if behind and self.engines.container_of(behind[0]) else self.served_by_container(address, ips)
        if within is not None:
            return within
        if behind is not None:
            return self._target(address, "url", behind[0], direct=False, mapping=behind[1])
        maybe = [instance for instance, listens in answers if listens is None and not instance.in_container]
        return self._target(address, "url", maybe[0] if len(maybe) == 1 else None)

    def from_config(self, config: Path, profile: Path | None, origin: Origin) -> Target:
        """Return the target that a given config describes, and the process that uses that very file."""
        web = self._settings(config, lenient=False)
        instance, one = self._uses(config, None)
        if one is not None:
            return self.in_container(one, None, origin, config)
        address = self._address(web, instance)
        direct = None if instance is None else self._listens(instance, address, self._ips(address.host))
        return self._target(address, origin, instance, config=config, profile=profile, given=True, direct=direct)

    def discovered(self) -> Target:
        """Return the only instance that runs, else what a config at a usual place describes."""
        self.ask_engines()
        if len(self.instances) > 1:
            raise self._several()
        contained = self.only_container()
        if contained is not None:
            return contained
        if self.instances:
            instance = self.instances[0]
            web = self._settings_of(instance)
            if (published := self.published_address(instance)) is not None:
                return replace(self.from_url(published, None), origin="process")
            address = self._address(web, instance)
            # Without a port that is known the address is a guess, and tells of nothing.
            certain = self._server_port(web, instance)[0] is not None
            if not certain and instance.config_file is None and not self._anybody_listens(address):
                raise self._unseen(instance)
            direct = self._listens(instance, address, self._ips(address.host)) if certain else None
            return self._target(address, "process", instance, direct=direct)
        for config in paths.default_configs(self.system, root=self.world.root):
            web = self._settings(config) if has_config(config) else None
            if web is not None:
                known = paths.profile_of(config)
                address = self._address(web, None)
                return self._target(address, "default-config", None, config=config, profile=known[0] if known else None)
        where = f" ({cgroups.INSIDE})" if self.engines.inside else ""
        unread = next(iter(self._unread.values()), None)
        found = " and no config is at a usual place: name" if unread is None else f". {unread} Or name"
        raise UserError(
            "no-target",
            f"No qBittorrent runs here{where}{found} the Web UI with --url, such as "
            "http://localhost:8080, or its config with --profile or --config. To see it at work: qbdoctor demo.",
            exit_code=3,
        )

    def _anybody_listens(self, address: Address) -> bool:
        """Whether a socket waits at an address of this machine; True where that cannot be told (elsewhere than on Linux)."""
        owners = (listening_owners(str(ip), address.port) for ip in self._ips(address.host))
        return not self.system.platform.startswith("linux") or any(owners)

    # The parts of a target

    def _target(
        self,
        address: Address,
        origin: Origin,
        instance: Instance | None,
        *,
        config: Path | None = None,
        profile: Path | None = None,
        given: bool = False,
        direct: bool | None = None,
        mapping: PortMapping | None = None,
    ) -> Target:
        if instance is not None:
            config, profile = config or instance.config_file, profile or instance.profile
        web = None if config is None else self._settings(config)
        port, source = self._server_port(web, instance)
        if mapping is not None:
            port, source = mapping.container_port, "listening"
        made = Target(
            address=address,
            origin=origin,
            config_file=config,
            config_given=given,
            profile=profile,
            log_file=self._log(config, instance),
            instance=instance,
            others=tuple(other for other in self.instances if other is not instance),
            direct=direct,
            server_port=port,
            server_port_source=source,
            mapped_by=mapping.by if mapping is not None else None,
            here=address.is_loopback or (bool(self.instances) and self._is_here(self._ips(address.host))),
        )
        return self.with_container(made, self._ips(address.host)) if self.engines.asked or self.engines.inside else made

    def _mappings(self) -> tuple[PortMapping, ...]:
        return self.world.mappings()

    def _server_port(self, web: ReadConfig | None, instance: Instance | None) -> tuple[int | None, str | None]:
        """Return the port that qBittorrent itself listens on, and how that is known."""
        configured = web.port if web is not None else None
        option = instance.options.webui_port if instance is not None else None
        if instance is not None:
            for port in (configured, option):
                if port in instance.ports:
                    return port, "listening"
            rest = [port for port in instance.ports if port not in instance.torrent_ports]
            if len(rest) == 1:
                return rest[0], "listening"
        if configured:
            return configured, "config"
        return option, instance.options.webui_port_source if instance is not None else None

    def _address(self, web: ReadConfig | None, instance: Instance | None) -> Address:
        """Return the address at which a qBittorrent of this machine is best reached from here."""
        port = self._server_port(web, instance)[0] or DEFAULT_PORT
        one = self.engines.container_of(instance)
        if one is not None and containers.web_ports(self.engines.publisher(one)):
            scheme = "https" if web is not None and web.https else "http"
            return containers.address_of(self.engines.publisher(one), port, scheme, instance)
        bound = [ip for ip, number in (instance.listening if instance and instance.listening else ()) if number == port]
        wanted = web.address if web is not None else "*"
        # Qt takes * for all addresses of both families, :: for IPv6; a name binds everything (Qt 5) or nothing (Qt 6).
        everywhere = "::1" if wanted == "::" else "127.0.0.1"
        if not bound:
            ip = parse_ip(wanted)
            host = everywhere if ip is None or ip.is_unspecified else wanted
        elif any(ip is not None and ip.is_unspecified for ip in map(parse_ip, bound)):
            host = everywhere
        else:
            host = bound[0]
        if instance is not None and instance.shares_network is False and host == everywhere and instance.addresses:
            host = instance.addresses[0]
        return Address("https" if web is not None and web.https else "http", host.lower(), port)

    # What is asked of files, processes and the network

    def _settings(self, config: Path, *, lenient: bool = True) -> ReadConfig | None:
        """Return what the config says; if ``lenient``, None where it cannot be read."""
        load = self.world.settings
        if load is None:
            from qbdoctor.config.settings import Settings  # noqa: PLC0415 - a --url elsewhere does without it

            load = Settings.load
        if config not in self._read:
            try:
                found = load(config)
            except UserError as error:
                if not lenient:
                    raise
                self._read[config], self._unread[config] = None, error.message
            else:
                self._read[config] = ReadConfig.of(found)
        return self._read[config]

    def _log(self, config: Path | None, instance: Instance | None) -> Path | None:
        """Return the log file: where the config puts it, else in the data folder; None where nothing is logged."""
        places = [] if config is None else list(paths.data_folders_of(config, self.system))
        usual = instance.log_file if instance is not None else paths.log_file(places)
        settings = None if config is None else self._settings(config)
        if settings is None or not settings.log:
            return None if settings is not None and settings.log is None else usual
        configured = Path(settings.log) / paths.LOG_NAME
        if instance is not None and instance.root is not None:
            inside = instance.root.joinpath(*configured.parts[1:])
            configured = inside if files.is_file(inside) else configured
        # A config that was copied from elsewhere names a folder that is not here until qBittorrent makes it.
        return usual if usual and files.is_file(usual) and not files.is_file(configured) else configured

    def _uses(self, config: Path, port: int | None) -> tuple[Instance | None, Container | None]:
        """Return the process that uses this file, else the container that has it in a mount, unseen in a virtual machine."""
        hidden = not self.system.platform.startswith("linux") and self._using(config) is None
        self.ask_engines(port, always=hidden)
        return self._using(config), containers.holder(self.engines.candidates(), config) if hidden else None

    def _using(self, config: Path) -> Instance | None:
        """Return the instance that uses this very file; a bind mount's two names are one file."""
        return using(config, self.instances)

    def _listens(self, instance: Instance, address: Address, ips: frozenset[IP]) -> bool | None:
        """Whether the instance itself listens at this address; None if that cannot be seen."""
        own = frozenset[IP]()
        if instance.shares_network is False:
            # Asked before its sockets: those of a network of its own cost 8 ms to see, and the address is not there.
            own = frozenset(ip for ip in map(parse_ip, instance.addresses) if ip is not None)
            if instance.addresses and not ips & own:
                return False
        if instance.listening is None:
            web = self._settings_of(instance)
            ports = {instance.options.webui_port, web.port if web else None}
            return None if address.port in ports and self._is_here(ips) else False
        if instance.shares_network is not False:
            own = frozenset(ip for ip in ips if self._is_here(frozenset({ip})))
        for text, port in instance.listening:
            bound = parse_ip(text)
            if port != address.port or bound is None:
                continue
            everywhere = bound.is_unspecified and any(bound.version in (6, ip.version) for ip in ips & own)
            if everywhere or bound in ips & own:
                return True
        return False

    def _is_here(self, ips: frozenset[IP]) -> bool:
        """Whether one of these addresses is this machine's own."""
        own = self.world.own_addresses or find_own_addresses
        return any(ip.is_loopback for ip in ips) or bool(ips & own())

    def _ips(self, host: str) -> frozenset[IP]:
        ip = parse_ip(host)
        if ip is not None:
            return frozenset({ip})
        if Address("http", host, DEFAULT_PORT).is_loopback:
            return frozenset({ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1")})
        if not self.instances and not self.engines.asked:
            return frozenset()
        return (self.world.lookup or look_up)(host)
