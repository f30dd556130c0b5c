"""Finds the target that a container serves: by its name, by the port it publishes, or as the only one there is."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qbdoctor.model import shell, system
from qbdoctor.model.errors import UserError
from qbdoctor.storage import private
from qbdoctor.target import containers, paths
from qbdoctor.target.address import WEB_UI_PORT, Address, parse_ip
from qbdoctor.target.containers import AskEngines, Files
from qbdoctor.target.description import Origin, ReadConfig, Target
from qbdoctor.target.engines import cgroups
from qbdoctor.target.engines.container import EngineProblem
from qbdoctor.target.listeners import listening_owners
from qbdoctor.values import replace

if TYPE_CHECKING:
    from qbdoctor.target.engines.container import Container
    from qbdoctor.target.engines.engine import Found
    from qbdoctor.target.engines.port_mappings import PortMapping
    from qbdoctor.target.name_lookup import IP
    from qbdoctor.target.processes import Instance


class Engines:
    """What the engines of this machine told, asked for once. ``taken`` are the containers whose process is seen here."""

    def __init__(self, system: paths.System, ask: AskEngines) -> None:
        self._system = system
        self._ask = ask
        self._found: Found | None = None
        self._instances: dict[str, Instance] = {}
        self._files: dict[str, Files] = {}

    @property
    def asked(self) -> bool:
        """Whether they were asked."""
        return self._found is not None

    @property
    def containers(self) -> tuple[Container, ...]:
        """The containers that may be qBittorrent's."""
        return self._found.containers if self._found is not None else ()

    @property
    def inside(self) -> bool:
        """Whether this program looks from a container of its own, in which no engine can be asked."""
        return cgroups.inside(self._system.environment)

    @property
    def problem(self) -> EngineProblem | None:
        """Why an engine could not be asked."""
        if self._found is None:
            return EngineProblem("docker", "inside", cgroups.INSIDE) if self.inside else None
        return min(self._found.problems, key=lambda one: one.kind == "down", default=None)

    def join(self, instances: tuple[Instance, ...], name: str | None, port: int | None) -> tuple[Instance, ...]:
        """Ask, and return the processes with what their engine adds."""
        if self._found is not None:
            return instances
        ids = [(one.container or "").partition(" ")[2] for one in instances]
        found = self._found = self._ask(self._system, name=name, ids=ids, port=port)
        made = []
        for instance in instances:
            one = containers.container_of(instance, found) if instance.in_container else None
            if one is not None:
                instance = containers.joined(instance, one)  # noqa: PLW2901
                self._instances[one.id] = instance
            made.append(instance)
        return tuple(made)

    def candidates(self) -> tuple[Container, ...]:
        """Return the containers that look like qBittorrent's and whose process is not seen here."""
        found = self.containers
        return tuple(one for one in found if containers.serves_qbittorrent(one) and one.id not in self._instances)

    def container_of(self, instance: Instance | None) -> Container | None:
        """Return the container of a process that was joined with one."""
        number = next((key for key, one in self._instances.items() if one is instance), None)
        return next((one for one in self.containers if one.id == number), None)

    def instance_of(self, one: Container) -> Instance | None:
        """Return the process of a container that is seen here."""
        return self._instances.get(one.id)

    def publisher(self, one: Container) -> Container:
        """Return the container whose network it uses: another one's, or its own."""
        return one if self._found is None else self._found.publisher(one)

    def named(self, name: str) -> Container:
        """Return the container that a person named. Raises :class:`UserError`."""
        found = [] if self._found is None else list(self._found.by_name(name))
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(f"{one.name} ({one.engine} {one.id[:12]})" for one in found)
            raise UserError(
                "several-containers", f"--container: {name!r} may mean {shown}: give more of its name or id."
            )
        problems = self._found.problems if self._found is not None else ()
        if problems:
            raise UserError("no-engine", f"--container: {'; '.join(one.text for one in problems)}.", 3)
        known = ", ".join(one.name for one in self.containers[:5])
        hint = f"those that look like qBittorrent's are {known}" if known else "docker ps -a or podman ps -a lists them"
        hint += ". A rootless engine's containers are told to its own user alone, not to root"
        raise UserError("no-such-container", f"--container: Docker and Podman know no {name!r} here: {hint}.")

    def files_of(self, one: Container) -> Files:
        """Return config and log of a container; asked of its engine only where this user may not read them here."""
        if one.id not in self._files:
            instance = self.instance_of(one)
            config, log = None, None
            if instance is not None:
                config, log = instance.config_file, instance.log_file
            if config is None or not _readable(config):
                config, log = containers.files_of(one, containers.options_of(one, instance))
            options = containers.options_of(one, instance)
            handed = containers.handed_out(one, options) if config is None else None
            if config is not None and log is not None and not _readable(log):
                handed, log = containers.log_handed_out(one, config), None
            self._files[one.id] = Files(config, log, handed)
        return self._files[one.id]

    def behind(
        self, port: int, ips: frozenset[IP], listens: Callable[[Container], int | None], *, here: bool
    ) -> Container | None:
        """Return the container that a port of this machine leads to, or that has the address itself.

        ``here``: the address is this machine's own; where nobody listens there, the only one that is published or listens at
        this number elsewhere is meant. Where several share the network that publishes it, the one that ``listens`` at the
        port inside; stopped ones last.
        """
        found = []
        for one in self.containers:
            publisher = self.publisher(one)
            if not containers.serves_qbittorrent(one) and one.id not in self._instances:
                continue
            published = containers.published_at(publisher, port, ips)
            shares = here and publisher.network_mode == "host" and listens(one) == port
            if published is not None or shares or containers.is_own_address(publisher, ips):
                inner = published.port if published is not None else port
                found.append((not one.state.running, one, inner))
        found.sort(key=lambda entry: entry[0])
        if len(found) > 1:
            fitting = [entry for entry in found if listens(entry[1]) == entry[2]]
            found = fitting or found
        if found:
            return found[0][1]
        if not here or any(listening_owners(str(ip), port) for ip in ips):
            return None
        near = [one for one in self.containers if self._is_near(one, port, listens)]
        return near[0] if len(near) == 1 else None

    def _is_near(self, one: Container, port: int, listens: Callable[[Container], int | None]) -> bool:
        """Whether a qBittorrent's container has this number at another address, or inside alone."""
        if not containers.serves_qbittorrent(one) and one.id not in self._instances:
            return False
        publisher = self.publisher(one)
        return containers.at_another_address(publisher, port) is not None or listens(one) == port


def _readable(path: Path) -> bool:
    from qbdoctor.storage import files  # noqa: PLC0415

    return files.may_read(path)


class ContainerFinder(ABC):
    """The part of one resolving that is about containers."""

    engines: Engines
    instances: tuple[Instance, ...]

    @abstractmethod
    def _settings(self, config: Path, *, lenient: bool = True) -> ReadConfig | None: ...

    @abstractmethod
    def _server_port(self, web: ReadConfig | None, instance: Instance | None) -> tuple[int | None, str | None]: ...

    @abstractmethod
    def _listens(self, instance: Instance, address: Address, ips: frozenset[IP]) -> bool | None: ...

    @abstractmethod
    def _ips(self, host: str) -> frozenset[IP]: ...

    @abstractmethod
    def _is_here(self, ips: frozenset[IP]) -> bool: ...

    @abstractmethod
    def _log(self, config: Path | None, instance: Instance | None) -> Path | None: ...

    @abstractmethod
    def _mappings(self) -> tuple[PortMapping, ...]: ...

    def from_container(self, name: str, address: Address | None, config: Path | None) -> Target:
        """Return the target in the container that a person named, at its published port or at the address given.

        Raises :class:`UserError` (``no-such-container``, ``several-containers``, ``no-engine``).
        """
        if not name.strip():
            raise UserError("empty-name", "--container: the name is empty: name one, or leave the option out.")
        self.ask_engines(None if address is None else address.port, always=True, name=name)
        return self.in_container(self.engines.named(name), address, "container", config)

    def _forward(self, port: int) -> PortMapping | None:
        return next((one for one in self._mappings() if one.host_port == port), None)

    def _behind_mapping(self, address: Address, ips: frozenset[IP]) -> tuple[Instance, PortMapping] | None:
        """Return the instance that a published port of this machine leads to, and how; None where it may be either of two."""
        inside = [one for one in self.instances if one.shares_network is False]
        if not inside or not self._is_here(ips):
            return None
        for mapping in self._mappings():
            published = parse_ip(mapping.host_ip)
            if mapping.host_port != address.port or published is None:
                continue
            if published.is_unspecified or published in ips:
                led = [one for one in inside if containers.leads_to(mapping, one)]
                if led:
                    return (led[0], mapping) if len(led) == 1 else None
        return None

    def published_address(self, instance: Instance) -> Address | None:
        """Return the address at which this machine publishes a process in a network of its own.

        That of its Web UI, else the only one that leads there; None where its engine told of it already, or there are more.
        """
        if instance.shares_network is not False or self.engines.container_of(instance) is not None:
            return None
        there = [
            one
            for one in self._mappings()
            if one.container_ip in instance.addresses and one.container_port not in instance.torrent_ports
        ]
        led = [one for one in there if containers.leads_to(one, instance)] or there
        if len({one.container_port for one in led}) != 1:
            return None
        web = self._settings_of(instance)
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(led[0].host_ip, led[0].host_ip)  # noqa: S104
        return Address("https" if web is not None and web.https else "http", host, led[0].host_port)

    def _unseen(self, instance: Instance) -> UserError:
        where = f", in {instance.container}" if instance.container else ""
        problem = f". {self.engines.problem.text}" if self.engines.problem else ", or run this as root"
        return UserError(
            "port-unknown",
            f"qBittorrent runs here (process {instance.pid}{where}); neither its port nor its config is to be seen by this user, "
            f"and nothing listens at {WEB_UI_PORT}: name the Web UI with --url, such as http://localhost:PORT{problem}.",
            exit_code=3,
        )

    def _several(self) -> UserError:
        lines: list[str] = []
        for instance in self.instances:
            port = self._server_port(self._settings_of(instance), instance)[0]
            option, where = "--url", f"http://localhost:{port}"
            if (contained := self.engines.container_of(instance)) is not None:
                option, where = "--container", contained.name
            elif (published := self.published_address(instance)) is not None:
                port, where = published.port, published.url
            elif instance.profile or instance.config_file:
                option = "--profile" if instance.profile else "--config"
                where = str(instance.profile or instance.config_file)
            elif port is None:
                lines.append(f"  process {instance.pid}, whose port and config are not to be seen from here")
                continue
            about = f"port {port or 'unknown'}, pid {instance.pid}{private.of_another(instance.user)}"
            named = option in {"--profile", "--config"} and instance.listening is None
            if named and not os.access(instance.config_file or "", os.R_OK):
                about += "; with sudo, since this user may not read its config"
            lines.append(f"  qbdoctor check {option} {shell.quote(where)}   ({about})")
        first = f"{len(lines)} qBittorrent run here: say which with --url, --profile or --config (or --container)."
        return UserError(
            "several-instances",
            "\n".join([first, *lines]),
        )

    def _settings_of(self, instance: Instance) -> ReadConfig | None:
        return None if instance.config_file is None else self._settings(instance.config_file)

    def ask_engines(self, port: int | None = None, *, always: bool = False, name: str | None = None) -> None:
        """Ask the engines of this machine, once, where a process runs in a container, or ``always``."""
        if always or any(one.in_container for one in self.instances):
            self.instances = self.engines.join(self.instances, name, port)

    def only_container(self) -> Target | None:
        """Return the only container that looks like qBittorrent's, where no process is one; None if that is not so."""
        if self.instances:
            return None
        self.ask_engines(always=True)
        alone = self.engines.candidates()
        running = [one for one in alone if one.state.running] or list(alone)
        return self.in_container(running[0], None, "container", None) if len(running) == 1 else None

    def served_by_container(self, address: Address, ips: frozenset[IP]) -> Target | None:
        """Return the target in the container that an address of this machine leads to."""
        found = self.engines.behind(address.port, ips, lambda one: self._inner_port(one)[0], here=self._is_here(ips))
        return None if found is None else self.in_container(found, address, "url", None)

    def _inner_port(self, one: Container) -> tuple[int | None, str | None]:
        """Return the port that a container's qBittorrent listens on, and how that is known."""
        instance = self.engines.instance_of(one)
        found = self.engines.files_of(one)
        web = self._read_config(found)
        port, source = self._server_port(web, instance)
        if source == "listening":
            return port, source
        options = containers.options_of(one, instance)  # they win over the config, which is written some seconds later
        if options.webui_port is not None:
            return options.webui_port, options.webui_port_source
        return port, source

    def _read_config(self, found: Files) -> ReadConfig | None:
        if found.config is not None:
            return self._settings(found.config)
        if found.handed is None:
            return None
        from qbdoctor.config.settings import Settings  # noqa: PLC0415 - most targets do without it

        try:
            return ReadConfig.of(Settings.parse(found.handed.config))
        except UserError:
            return None

    def in_container(self, one: Container, address: Address | None, origin: Origin, config: Path | None) -> Target:
        """Return the target in a container, at its published port or at the address given."""
        found = self.engines.files_of(one)
        if config is not None:
            found = Files(config, found.log)
        web, instance = self._read_config(found), self.engines.instance_of(one)
        publisher = self.engines.publisher(one)
        port, source = self._inner_port(one)
        scheme = "https" if web is not None and web.https else "http"
        at = address or containers.address_of(publisher, port or WEB_UI_PORT, scheme, instance)
        ips = self._ips(at.host)
        published = containers.published_at(publisher, at.port, ips)
        direct = None if instance is None or published is not None else self._listens(instance, at, ips)
        if containers.is_own_address(publisher, ips) and at.port == port:
            direct = True  # by the engine's bridge, or in the local network
        return Target(
            address=at,
            origin=origin,
            config_file=found.config,
            config_given=config is not None,
            profile=instance.profile if instance is not None else None,
            log_file=found.log if instance is None or found.config is None else self._log(found.config, instance),
            instance=instance,
            others=tuple(other for other in self.instances if other is not instance),
            direct=False if published is not None else direct,
            server_port=port,
            server_port_source=source,
            here=at.is_loopback or self._is_here(ips),
            mapped_by=self._mapper(published.host_port, ips) if published and publisher.state.running else None,
            container=one,
            publisher=publisher,
            published=published,
            handed=found.handed,
            engine_problem=self.engines.problem,
        )

    def _mapper(self, port: int, ips: frozenset[IP]) -> Literal["docker-proxy", "firewall", "userland"]:
        found = self._forward(port)
        if found is not None:
            return found.by
        # A rootless engine cannot write the firewall's rules: a program of its own (rootlessport, slirp4netns, pasta) listens,
        # as one does for an engine in a virtual machine (Windows, macOS).
        return "userland" if not system.is_linux() or any(listening_owners(str(ip), port) for ip in ips) else "firewall"

    def with_container(self, target: Target, ips: frozenset[IP]) -> Target:
        """Return a target whose process was found with its container beside it, and why an engine was not asked."""
        one = self.engines.container_of(target.instance)
        if one is None:
            if self.engines.problem is None:
                return target
            port = target.address.port if target.here and target.instance is None else None
            forward = None if port is None else self._forward(port)
            inside = self.engines.inside
            return replace(target, engine_problem=self.engines.problem, forward=forward, from_container=inside)
        publisher = self.engines.publisher(one)
        found = self.engines.files_of(one)
        published = containers.published_at(publisher, target.address.port, ips)
        handed = found.handed if not target.config_given else None
        return replace(
            target,
            config_file=target.config_file if target.config_given else found.config,
            container=one,
            publisher=publisher,
            published=published,
            handed=handed,
            engine_problem=self.engines.problem,
        )
