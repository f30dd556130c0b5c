"""Describes the target: the options that name it, and what was found of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from qbdoctor.target.address import Address
from qbdoctor.target.containers import HandedOut
from qbdoctor.target.engines.container import Container, EngineProblem, Published
from qbdoctor.target.engines.port_mappings import PortMapping
from qbdoctor.target.processes import Instance
from qbdoctor.values import frozen

Origin = Literal["url", "config", "profile", "process", "default-config", "container"]


@frozen
class TargetOptions:
    """The target options of the command line, as they were given; None where they were not."""

    url: str | None = None
    profile: str | None = None
    config: str | None = None
    container: str | None = None


@frozen
class ReadConfig:
    """The settings that decide the address and the log; ``log`` is None where nothing is logged, "" for the default."""

    address: str
    port: int
    https: bool
    log: str | None

    @classmethod
    def of(cls, found: Any) -> ReadConfig:
        """Read them from :class:`qbdoctor.config.settings.Settings`, or what answers as it does."""
        return cls(
            address=found.text("Address").strip(),
            port=found.integer("Port") & 0xFFFF,  # as it is kept: 99999 is 34463, and 0 asks for a random port
            https=found.boolean("HTTPS/Enabled"),
            log=found.text("FileLogger/Path") if found.boolean("FileLogger/Enabled") else None,
        )


@frozen
class Target:
    """The qBittorrent to look at, and how it was found.

    ``config_given`` is True where --config or --profile named the config, which is then taken at its word. ``instance``
    is the process that serves the target, ``others`` are the local ones that do not. ``direct`` is True where that
    process itself listens at ``address``, False where it is known not to, None where it is not known what stands
    between. ``server_port`` is the port that qBittorrent itself listens on, which a mapping may hide, and
    ``server_port_source`` says how that is known: "listening", "config", "--webui-port" or "QBT_WEBUI_PORT".
    ``here`` is True where the address is one of this machine's own. ``mapped_by`` says who hands a published port on to
    the process, where that is known. ``container`` is the container it runs in or ran in, as its engine describes it;
    ``publisher`` the one that publishes for it, which is another one where it shares that one's network; ``published``
    the port by which the address leads into it. ``handed`` is its config as the engine hands it out, where this user may
    not read the file; ``config_file`` is then None. ``engine_problem`` says why an engine of this machine could not be
    asked, and ``forward`` then where a program of Docker's hands the port on to. ``from_container``: qbdoctor looks from a
    container of its own, whose mounts are not the server's.
    """

    address: Address
    origin: Origin
    config_file: Path | None = None
    config_given: bool = False
    profile: Path | None = None
    log_file: Path | None = None
    instance: Instance | None = None
    others: tuple[Instance, ...] = ()
    direct: bool | None = None
    server_port: int | None = None
    server_port_source: str | None = None
    here: bool = False
    mapped_by: Literal["docker-proxy", "firewall", "userland"] | None = None
    container: Container | None = None
    publisher: Container | None = None
    published: Published | None = None
    handed: HandedOut | None = None
    engine_problem: EngineProblem | None = None
    from_container: bool = False
    forward: PortMapping | None = None

    @property
    def config_shown(self) -> str | None:
        """What the config is called: its path here, else ``NAME:PATH`` as the engine names it."""
        if self.config_file is not None:
            return str(self.config_file)
        return self.handed.shown if self.handed is not None else None

    @property
    def log_shown(self) -> str | None:
        """What the log is called, in the same way."""
        if self.log_file is not None:
            return str(self.log_file)
        return f"{self.handed.container.name}:{self.handed.log_inside}" if self.handed is not None else None

    @property
    def runs(self) -> bool:
        """Whether it runs on this machine: as a process that is seen, or in a container that runs."""
        return self.instance is not None or (self.container is not None and self.container.state.running)
