"""Says what to do about a container in its own words: its engine, its name, its compose file and service.

A compose file is never edited here: the lines to change are shown as a diff.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qbdoctor.diagnosis.catalogue import systems
from qbdoctor.model import shell, system
from qbdoctor.model.findings import Remedy

if TYPE_CHECKING:
    from pathlib import Path

    from qbdoctor.target.description import Target
    from qbdoctor.target.engines.container import Compose, Container, EngineProblem, Published


OPTION = "--webui-port"


def command_of(engine: str, target: Target) -> str:
    """Return an engine's command as this user has to type it: with sudo where it may not be asked otherwise."""
    problem = target.engine_problem
    denied = problem is not None and (problem.engine, problem.kind) == (engine, "denied")
    return f"sudo {engine}" if denied and system.is_linux() else engine


def service(problem: EngineProblem) -> tuple[str, ...]:
    """Return the commands for the service of an engine that is stopped or silent; () where it may have another's name."""
    if problem.engine != "docker":
        return ()
    return _here("systemctl start docker" if problem.kind == "down" else "systemctl status docker")


def of_process(target: Target) -> tuple[str, str] | None:
    """Return the engine's command and the id of the container that a process runs in, of which no engine told."""
    held = target.instance.container if target.instance is not None else None
    engine, _, number = (held or "").partition(" ")
    return (command_of(engine, target), number) if engine in {"docker", "podman"} and number else None


def logs(one: Container) -> str:
    """Return the command that shows what a container printed last."""
    return f"{one.engine} logs --tail 50 {one.name}"


def up(engine: str, compose: Compose) -> str:
    """Return the command that makes a compose service anew from its file."""
    words = [compose.program or f"{engine} compose", *_project(compose)]
    return " ".join([*words, "up -d", shell.quote(compose.service)])


def _project(compose: Compose) -> list[str]:
    """Return the options by which compose means the same project: all its files, and what it would not guess from the first.

    It takes the name of the first file's folder for the project's, and that folder for the one of relative paths.
    """
    files = [compose.file, *compose.more] if compose.file else []
    words = [f"-f {shell.quote(file)}" for file in files]
    guessed = compose.file.rpartition("/")[0] if compose.file else None
    if compose.folder and guessed is not None and guessed != compose.folder:
        words.append(f"--project-directory {shell.quote(compose.folder)}")
    name = re.sub(r"[^a-z0-9_-]", "", (compose.folder or guessed or "").rpartition("/")[2].lower())
    if compose.project and compose.folder and compose.project != name.lstrip("_-"):
        words.append(f"-p {shell.quote(compose.project)}")
    if compose.file and f"{compose.folder or guessed}/.env" not in compose.variables:
        words += [f"--env-file {shell.quote(file)}" for file in compose.variables]
    return words


def restart(one: Container) -> str:
    """Return the command that restarts a container; qBittorrent is given time to save."""
    return f"{one.engine} restart -t 120 {one.name}"


def anew(one: Container, why: str) -> Remedy:
    """Return how a container is made anew: from its compose file, or by what made it where there is none."""
    if one.compose is not None:
        command = up(one.engine, one.compose).replace("up -d", "up -d --force-recreate")
        return Remedy("deployment", f"Make it anew, {why}.", (command,))
    # No remark behind the command: zsh, macOS' shell, takes # for a word. rm -f would kill it.
    gone = f"{one.engine} stop -t 120 {one.name}; {one.engine} rm {one.name}"
    again = f"the {one.engine} run that made it, with --network container:NAME as before"
    return Remedy("deployment", f"Make it anew, {why}: this removes it; then repeat {again}.", (gone,))


def start(one: Container) -> list[Remedy]:
    """Return the ways to have a stopped container run."""
    state = one.state
    found: list[Remedy] = []
    if state.oom_killed:
        where = _memory(one)
        found.append(Remedy("deployment", f"Give it more memory before it is started: {where[0]}", where[1]))
    command = up(one.engine, one.compose) if one.compose is not None else f"{one.engine} start {one.name}"
    if re.search(r"already allocated|already in use", state.error):
        found.append(_taken(one))
    if state.status == "restarting":
        found.append(Remedy("deployment", "Read why it ends before it is restarted once more.", (logs(one),)))
        return found
    found.append(
        Remedy(
            "deployment", "Start the container; if it ends again, what it printed last says why.", (command, logs(one))
        )
    )
    return found


def owner_of_folder(one: Container, config: Path | None) -> Remedy:
    """Return the way out where the container's user may not write into the folder of its config."""
    mount = None if config is None else one.mount_holding(config)
    folder = mount.source if mount is not None else next((each.source for each in one.mounts), "FOLDER")
    said = (
        "Give the folder to the user that the container runs as (its --user or user:, or PUID and PGID), or run it as the "
        "folder's owner. The first line shows the one, the second the other."
    )
    shown = (f"{one.engine} inspect -f '{{{{.Config.User}}}}' {one.name}", *_here(f"ls -ldn {shell.quote(folder)}"))
    return Remedy("deployment", said, shown)


def numbers(one: Container, folder: Path, owner: tuple[int, int], user: int) -> list[Remedy]:
    """Return the ways to have a container's ``user`` be the owner of its folder (user and group): by either of them.

    None for Podman, whose numbers inside are others where it is rootless; nobody is advised to run it as root.
    """
    mount = one.mount_holding(folder)
    if one.engine != "docker" or mount is None or owner[0] == user:
        return []
    found = []
    uid, gid = owner
    if uid != 0:
        by_variables = "PUID" in one.variables or re.search(r"linuxserver|hotio|binhex", one.image) is not None
        words = [f"-e PUID={uid} -e PGID={gid}" if by_variables else f"--user {uid}:{gid}"]
        where = f"create container {one.name} anew with this; its volumes stay"
        if one.compose is not None:
            lines = ["    environment:", f"      - PUID={uid}", f"      - PGID={gid}"]
            words = [*(lines if by_variables else [f'    user: "{uid}:{gid}"']), up(one.engine, one.compose)]
            where = f"in {one.compose.file or 'its compose file'}, service {one.compose.service}"
        found.append(
            Remedy("deployment", f"Give the container the numbers of its folder's owner: {where}.", tuple(words))
        )
    chown = _here(f"chown -R {user} {shell.quote(mount.source)}")
    if chown:
        again = (f"{one.engine} stop -t 120 {one.name}", *chown, f"{one.engine} start {one.name}")
        said = f"Give the folder to the user that it runs as, {user}, while it is stopped (chown is root's)."
        found.append(Remedy("deployment", said, again))
    return found


def _here(linux: str) -> tuple[str, ...]:
    """Return a command as this machine's system has it; () where it has none."""
    made = systems.command(linux, systems.HERE)
    return () if made is None else (made,)


def _taken(one: Container) -> Remedy:
    """Return the way out where a port that it publishes is another's already."""
    ports = sorted({port.host_port for port in one.ports}) or [8080]
    said = "A port that it publishes is taken: see who has it, then end that one, or publish another number here."
    shown = (f"{one.engine} ps --filter publish={ports[0]}", *_here(f"ss -ltnp 'sport = :{ports[0]}'"))
    return Remedy("deployment", said, shown)


def _memory(one: Container) -> tuple[str, tuple[str, ...]]:
    if one.compose is not None:
        return f"in {one.compose.file or 'its compose file'}, service {one.compose.service}, raise mem_limit.", ()
    return "its limit can be raised as it is.", (f"{one.engine} update --memory 1g --memory-swap 2g {one.name}",)


def use(published: Published, scheme: str) -> Remedy:
    """Return the remedy that names the address at which the Web UI is published."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(published.host_ip)  # noqa: S104
    host = host or (f"[{published.host_ip}]" if ":" in published.host_ip else published.host_ip)
    return Remedy("client", f"Use the address at which it is published: {scheme}://{host}:{published.host_port}.")


def port_variable(one: Container, source: str | None, port: int) -> str | None:
    """Return what sets this port at each start: a variable with its value, or the command's option; None for the config."""
    for name in ("QBT_WEBUI_PORT", "WEBUI_PORT", "WEBUI_PORTS"):
        if one.environment.get(name, "").partition("/")[0] == str(port):
            return f"{name}={port}"
    if source == OPTION or f"{OPTION}={port}" in one.command:
        return f"{OPTION}={port}"
    return None


def _published_on(publisher: Container, outer: int) -> str:
    """Return the address that a port is published on, as it stands before the numbers of -p; "" for every address."""
    where = next((port.host_ip for port in publisher.ports if port.host_port == outer), "127.0.0.1")
    return "" if where in {"0.0.0.0", "::"} else f"[{where}]:" if ":" in where else f"{where}:"  # noqa: S104


def publish(one: Container, publisher: Container, outer: int, inner: int, text: str = "") -> list[Remedy]:
    """Return the ways to have port ``outer`` of the machine lead to ``inner``; ``text`` is the compose file's."""
    where = _published_on(publisher, outer)
    mapping = f"{where}{inner}:{inner}"
    same = f"{where}{outer}:{inner}"
    note = (
        ""
        if outer == inner
        else (
            f" Both are equal, for qBittorrent refuses (401) a Host with another port; the address then has port {inner}."
        )
    )
    found = []
    if publisher.compose is not None:
        compose = publisher.compose
        shown = _diff(text, compose.file or "compose.yaml", outer, inner) or (
            f'services:\n  {compose.service}:\n    ports:\n      - "{mapping}"'
        )
        where_to = f"in {compose.file or 'the compose file'}, service {compose.service}"
        said = f'Publish "{mapping}" {where_to}, and make the service anew.{note}'
        found.append(Remedy("deployment", said, (shown, up(publisher.engine, compose))))
    else:
        place = " in the place of its old -p" if publisher.ports else ""
        network = "--network bridge " if publisher.network_mode == "none" else ""  # without one nothing is published
        said = f"Create container {publisher.name} anew with this option{place}; its volumes stay.{note}"
        found.append(Remedy("deployment", said, (f"{network}-p {mapping}",)))
    known = port_variable(one, None, inner)
    wanted = next((port.port for port in publisher.ports if port.host_port == outer), outer)
    if known is not None and wanted != inner:
        whose = f"service {one.compose.service}" if one.compose is not None else f"container {one.name}"
        found.append(
            Remedy(
                "deployment",
                f"Or set the port where it is set at each start, in the environment or command of {whose}, to the number that "
                f"is published ({same} stands for the other way).",
                (_setting_of_port(one, wanted),),
            )
        )
    return found


def _setting_of_port(one: Container, number: int) -> str:
    """Return what tells a container's qBittorrent the port: the option of its command, its image's variable, or its own.

    linuxserver's starts it with --webui-port=$WEBUI_PORT, hotio's with the first number of WEBUI_PORTS (their run scripts).
    """
    if any(word.startswith(OPTION) for word in one.command):
        return f"{OPTION}={number}"
    if "WEBUI_PORTS" in one.environment:
        return f"WEBUI_PORTS={number}/tcp,{number}/udp"
    if "WEBUI_PORT" in one.environment or "linuxserver" in one.image:
        return f"WEBUI_PORT={number}"
    return f"QBT_WEBUI_PORT={number}"


def one_number(one: Container, publisher: Container, outer: int, inner: int, text: str = "") -> list[Remedy]:
    """Return the ways to have one number inside and outside, so that a Host with it is accepted: the clients' or qBittorrent's.

    ``outer`` is what clients use, ``inner`` what qBittorrent listens on; ``text`` is the compose file's.
    """
    value, mapping = _setting_of_port(one, outer), f"{_published_on(publisher, outer)}{outer}:{outer}"
    behind = value.startswith(OPTION)  # wins over every variable
    commands: tuple[str, ...] = (f"-p {mapping} IMAGE … {value}",) if behind else (f"-e {value} -p {mapping}",)
    where = f"container {one.name}, which is made anew for it; its volumes stay"
    setting = (f"    command: … {value}",) if behind else ("    environment:", f"      - {value}")
    ports = ("    ports:", f'      - "{mapping}"')
    if one.compose is not None:
        where = f"service {one.compose.service} of {one.compose.file or 'its compose file'}"
        if publisher is not one:
            where += f", the ports at {publisher.name}, whose network it uses"
        commands = (*setting, *ports, up(one.engine, one.compose))
    elif publisher is not one:
        where = f"containers {one.name} and {publisher.name}, whose network it uses, both made anew; their volumes stay"
        commands = (f"{publisher.name}: -p {mapping}", f"{one.name}: {value if behind else f'-e {value}'}")
    said = f"Let qBittorrent listen on {outer}, the number that clients use, and publish it as it is: in {where}."
    return [Remedy("deployment", said, commands), *publish(one, publisher, outer, inner, text)]


def _diff(text: str, file: str, outer: int, inner: int) -> str:
    """Return the change of the one line of a compose file that publishes ``outer``; "" where it is not just one."""
    form = re.compile(
        rf"^(?P<before>\s*-\s*[\"']?(?:[\d.\[\]:a-f]+:)?){outer}:\d+(?P<after>(?:/tcp)?[\"']?\s*(?:#.*)?)$"
    )
    lines = text.splitlines()
    hits = [index for index, line in enumerate(lines) if form.match(line)]
    flow = re.compile(rf"(?<!\d){outer}:\d+(?![\d:])")
    if not hits:
        hits = [index for index, line in enumerate(lines) if "ports:" in line and len(flow.findall(line)) == 1]
    if len(hits) != 1:
        return ""
    changed = [*lines]
    changed[hits[0]] = flow.sub(f"{inner}:{inner}", lines[hits[0]], count=1)
    from difflib import unified_diff  # noqa: PLC0415 - only where something is wrong

    return "\n".join(unified_diff(lines, changed, file, file, n=2, lineterm=""))
