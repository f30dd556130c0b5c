"""Describes the target: the options that name it, and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qbdoctor.target.address import Address
from qbdoctor.target.processes import Instance

Origin = Literal["url", "config", "profile", "process", "default-config"]


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The target options of the command line, as they were given; None where they were not."""

    url: str | None = None
    profile: str | None = None
    config: str | None = None


@dataclass(frozen=True)
class Target:
    """The qBittorrent to look at, and how it was found.

    ``config_given`` is True where --config or --profile named the config, which is then taken at its word. ``instance``
    is the process that serves the target, ``others`` are the local ones that do not. ``direct`` is True where that
    process itself listens at ``address``, False where it is known not to, None where it is not known what stands
    between. ``server_port`` is the port that qBittorrent itself listens on, which a mapping may hide, and
    ``server_port_source`` says how that is known: "listening", "config", "--webui-port" or "QBT_WEBUI_PORT".
    ``here`` is True where the address is one of this machine's own. ``mapped_by`` says who hands a published port on to
    the process, where that is known.
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
    mapped_by: Literal["docker-proxy", "firewall"] | None = None
