"""Looks at this machine around a target: the process that is meant, who has the port, files that settings name.

Files and processes are read, never run, and nothing here raises for what may not be read.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qbdoctor.model import system
from qbdoctor.model.basics import Secret
from qbdoctor.model.errors import UserError
from qbdoctor.observe.base.observed_values import ContainerOutput, PortOwner, ProbableProcess, ProxyVariable
from qbdoctor.patterns import regex
from qbdoctor.releases import Version
from qbdoctor.storage import files, foreign
from qbdoctor.target.resolve import DEFAULT_PORT

if TYPE_CHECKING:
    from qbdoctor.config.settings import Settings
    from qbdoctor.observe.base.instance_lock import InstanceLock
    from qbdoctor.observe.base.observations import Observations
    from qbdoctor.target.address import Address
    from qbdoctor.target.description import Target
    from qbdoctor.target.engines.port_mappings import PortMapping
    from qbdoctor.target.log import LogLine
    from qbdoctor.target.processes import Instance


MOST_COMPOSE = 1 << 18


def suspect(seen: Observations) -> ProbableProcess | None:
    """Return the process of this machine that the target means, whether or not it serves the address.

    Where no process belongs to the target, it is the only one of this machine whose Web UI ought to be at that port, or
    the only one there is at all (``named`` False); a config that was given without a process that uses it names none.
    """
    target = seen.target
    if target.instance is not None:
        return ProbableProcess(target.instance, seen.settings, seen.log, web_ports(target.instance), named=True)
    if target.config_given or not target.here or not target.others or target.container is not None:
        return None
    read = [_of(instance) for instance in target.others]
    wanted = [one for one in read if target.address.port in _meant_ports(one)]
    if len(wanted) == 1:
        return wanted[0]
    if wanted or len(read) > 1:
        return None
    only = read[0]
    return ProbableProcess(only.instance, only.settings, only.log, only.ports, named=False)


def web_ports(instance: Instance) -> tuple[int, ...] | None:
    """Return the ports that may be the Web UI's: without those that it has UDP on too; None where that is hidden."""
    if instance.listening is None:
        return None
    return tuple(port for port in instance.ports if port not in instance.torrent_ports)


def _of(instance: Instance) -> ProbableProcess:
    from qbdoctor.config.settings import Settings  # noqa: PLC0415
    from qbdoctor.target import log as server_log  # noqa: PLC0415

    log: tuple[LogLine, ...] = ()
    if instance.log_file is not None:
        log = server_log.since_start(server_log.read_tail(instance.log_file).lines, instance.started)
    settings: Settings | None = None
    if instance.config_file is not None:
        try:
            settings = Settings.load(instance.config_file, Version.parse(server_log.version(log)))
        except UserError:
            settings = None
    return ProbableProcess(instance, settings, log, web_ports(instance), named=True)


def _meant_ports(one: ProbableProcess) -> set[int]:
    """Return the ports at which this process was meant to serve: by its config, its options, its log."""
    from qbdoctor.target import log as server_log  # noqa: PLC0415

    failed = server_log.bind_failure(one.log)
    ports = {one.instance.options.webui_port, failed[1] if failed else None}
    if one.settings is not None:
        ports.add(one.settings.integer("Port"))
    elif one.instance.options.webui_port is None and one.ports == ():
        ports.add(DEFAULT_PORT)
    return {port for port in ports if port}


class Published:
    """The ports that this machine publishes for containers, listed once, when one is first asked for."""

    @cached_property
    def _mappings(self) -> tuple[PortMapping, ...]:
        from qbdoctor.target.engines.port_mappings import find_mappings  # noqa: PLC0415

        return find_mappings()

    def ports(self, instance: Instance) -> Mapping[int, int]:
        """Return the ports of this machine by the ports of a process in a network of its own that they lead to."""
        if not instance.addresses:
            return {}
        leading = [one for one in self._mappings if one.container_ip in instance.addresses]
        return {one.container_port: one.host_port for one in reversed(leading)}

    def place(self, instance: Instance, port: int) -> tuple[str, int] | None:
        """Return the address and port of this machine that lead to a port of such a process; None where none does."""
        for one in self._mappings:
            if one.container_ip in instance.addresses and one.container_port == port:
                everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
                return everywhere.get(one.host_ip, one.host_ip), one.host_port
        return None


def instance_lock(target: Target) -> InstanceLock | None:
    """Return the lock beside the config of a server that is not to be seen, as it is now."""
    from qbdoctor.observe.base.instance_lock import read_lock  # noqa: PLC0415
    from qbdoctor.target.processes import find_instances  # noqa: PLC0415

    if target.config_file is None or target.instance is not None:
        return None
    return read_lock(target.config_file, find_instances())


def last_run(target: Target) -> tuple[LogLine, ...]:
    """Return the log of the last run of a server that is gone: since its last start mark."""
    from qbdoctor.target import log as server_log  # noqa: PLC0415

    return () if target.runs else server_log.since_start(_lines(target), None)


def log(target: Target) -> tuple[LogLine, ...]:
    """Return the log of the running server as it is now, since its start; read here, or handed out by its engine."""
    from qbdoctor.target import log as server_log  # noqa: PLC0415

    if not target.runs:
        return ()
    started = target.instance.started if target.instance is not None else None
    if started is None and target.container is not None:
        started = target.container.state.started
    return server_log.since_start(_lines(target), started)


def _lines(target: Target) -> tuple[LogLine, ...]:
    from qbdoctor.target import log as server_log  # noqa: PLC0415

    if target.log_file is not None:
        return server_log.read_tail(target.log_file).lines
    return tuple(server_log.parse(target.handed.log())) if target.handed is not None else ()


def container_output(target: Target) -> ContainerOutput:
    """Return which telling lines the container printed, never the lines themselves: one may hold a password."""
    if target.container is None:
        return ContainerOutput()
    import os  # noqa: PLC0415

    from qbdoctor.target.engines import engine, handed  # noqa: PLC0415 - only a container's target needs it

    lines = handed.output(engine.of(target.container, os.environ), target.container)
    return ContainerOutput(
        read=bool(lines),
        temporary_password=any(map(tells_temporary_password, lines)),
        second_instance=any(_SECOND.search(line) for line in lines),
        cannot_write=any(_NOT_MADE.search(line) for line in lines),
    )


def compose_text(target: Target) -> str:
    """Return the compose file of the container that publishes the port, where it is a small text; it is only read."""
    one = target.publisher or target.container
    if one is None or one.compose is None or one.compose.file is None:
        return ""
    try:
        return foreign.read(Path(one.compose.file), MOST_COMPOSE).decode("utf-8")
    except (OSError, ValueError):
        return ""


# In other languages the nine characters behind a colon tell, in Latvian, which has no colon there, its words (measured on
# 5.1.0 and 5.3.0 in all of their languages). They are no word: both cases or a digit stand in them.
_TEMPORARY = regex(
    r"(?i:temporary password|īslaicīga parole)"
    r"|[:\uff1a]\s*(?=[A-Za-z0-9]*[A-Z0-9])(?=[A-Za-z0-9]*[a-z0-9])(?![A-Z][a-z]{8})[A-Za-z0-9]{9}\s*$"
)


def tells_temporary_password(line: str) -> bool:
    """Return whether that line of a server's output gives the password it made up, in whatever language."""
    return _TEMPORARY.search(line) is not None


_NOT_MADE = regex(r"Could not create required directory")  # 5.3.0, which then crashes with 139 (measured)
_SECOND = regex(r"another qbittorrent instance|QtLockedFile::lock|LocalPeer: failed", re.IGNORECASE)


def port_owner(target: Target) -> PortOwner | None:
    """Return the process of this machine that listens at the target's port, as far as this user may see it."""
    if not target.here:
        return None
    import psutil  # noqa: PLC0415 - a target elsewhere does without it

    try:
        found = [
            one.pid
            for one in psutil.net_connections(kind="tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == target.address.port and one.pid
        ]
        # Its name alone: a command line may hold secrets of another program.
        name = psutil.Process(found[0]).name() if found else ""
    except (psutil.Error, OSError):
        return None
    return PortOwner(found[0], name, _without(target.address.port, target)) if found else None


def _without(port: int, target: Target) -> tuple[int, ...]:
    """Return the qBittorrents of this machine, the target aside, that could not open this port and have no Web UI."""
    from qbdoctor.target import log as server_log  # noqa: PLC0415

    own = target.instance.pid if target.instance is not None else None
    read = [_of(one) for one in target.others if one.pid != own and web_ports(one) == ()]
    failed = [(one.instance.pid, server_log.bind_failure(one.log)) for one in read]
    return tuple(pid for pid, failure in failed if failure is not None and failure[1] == port)


def certificate_fault(settings: Settings | None, instance: Instance | None) -> str | None:
    """Return what is wrong with the certificate and key that the settings name; "" for nothing, None if not known.

    They are loaded as a server does, which also tells whether they belong together; nothing of them is kept or shown.
    """
    if settings is None or (instance is not None and instance.environment is None and instance.root is None):
        return None
    paths = {name: settings.text(f"HTTPS/{name}Path") for name in ("Certificate", "Key")}
    for name, text in paths.items():
        if not text:
            return f"HTTPS\\{name}Path is empty"
    places = [_through_root(Path(text), instance) for text in paths.values()]
    for (name, text), place in zip(paths.items(), places, strict=True):
        if not files.is_file(place):
            return f"HTTPS\\{name}Path names {text}, where there is no file that may be seen"
    try:
        # The empty password keeps OpenSSL from asking at the terminal for that of an encrypted key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(places[0], places[1], password=lambda: "")
    except ssl.SSLError as error:
        if "MISMATCH" in (error.reason or ""):
            return "the certificate and the key do not belong together"
        return (
            f"the certificate and the key cannot be loaded ({(error.reason or 'unusable').replace('_', ' ').lower()})"
        )
    except (PermissionError, ValueError):
        return None
    except OSError:
        return "the certificate and the key cannot be loaded"
    return ""


def self_signed_certificate(settings: Settings | None, instance: Instance | None) -> str | None:
    """Return the certificate's file, as it opens here, if the certificate was issued by itself; None else.

    A client that is given such a file as its authority trusts the server, where the name fits.
    """
    text = settings.text("HTTPS/CertificatePath") if settings is not None else ""
    if not text:
        return None
    place = _through_root(Path(text), instance)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(place)
        held = context.get_ca_certs()
    except (OSError, ValueError):
        return None
    own = any(one.get("subject") == one.get("issuer") for one in held if isinstance(one, dict))
    return str(place) if own else None


def alternative_ui_fault(settings: Settings | None, instance: Instance | None) -> str | None:
    """Return what is wrong with the folder of the alternative Web UI; "" for nothing, None if not known.

    The start page of a visitor without a session is ``public/index.html`` (webapplication.cpp, all releases).
    """
    if settings is None or not settings.boolean("AlternativeUIEnabled"):
        return None
    text = settings.text("RootFolder").strip()
    if not text:
        return "RootFolder is empty"
    folder = _through_root(Path(text), instance)
    page = folder / "public" / "index.html"
    try:
        if not folder.is_dir():
            return f"the folder {text} does not exist, as qBittorrent sees it"
        if not (folder / "public").is_dir():
            return f"the folder {text} holds no folder public"
        if not page.is_file():
            return f"the folder {text}/public holds no index.html"
        if page.is_symlink() or (folder / "public").is_symlink():
            return f"the start page below {text} is a symbolic link, which qBittorrent refuses"
    except OSError:
        return None
    return ""


def _through_root(path: Path, instance: Instance | None) -> Path:
    """Return a path of the process's as one that opens here."""
    if instance is None or instance.root is None or not path.is_absolute():
        return path
    return instance.root.joinpath(*path.parts[1:])


SYSTEMS_PROXY = "the system's proxy setting"
"""In the place of a variable's name: the Internet settings of Windows, the network settings of macOS."""


def _systems_proxy(address: Address) -> tuple[str, ...]:
    """Return the proxy that Windows or macOS is set to, which requests and urllib obey where no variable names one."""
    if system.is_linux():
        return ()
    from urllib.request import getproxies  # noqa: PLC0415

    found = getproxies()
    url = found.get(address.scheme) or found.get("all") or found.get("socks") or ""
    return (url,) if url.strip() else ()


def proxy_variables(address: Address, environment: Mapping[str, str]) -> tuple[ProxyVariable, ...]:
    """Return the proxies that an ordinary client would use for this address, by the rules of requests and curl.

    ``http_proxy`` in lower case wins over upper case; NO_PROXY lists names, suffixes, addresses and CIDR blocks.
    """
    names = [f"{address.scheme}_proxy", f"{address.scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    found = [(name, environment[name]) for name in names if environment.get(name, "").strip()]
    found = found or [(SYSTEMS_PROXY, url) for url in _systems_proxy(address)]
    if not found:
        return ()
    import requests  # noqa: PLC0415

    no_proxy = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if requests.utils.should_bypass_proxies(address.url, no_proxy or None):
        return ()
    name, url = found[0]
    shown = url.partition("://")[2] or url
    return (ProxyVariable(name, Secret(url), shown.rpartition("@")[2].rstrip("/")),)
