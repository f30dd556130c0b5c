"""Checks the container that qBittorrent runs in: whether it runs, and whether the published port leads to the Web UI."""

from datetime import UTC, datetime

from qbdoctor.api import (
    Check,
    Confidence,
    Container,
    EngineProblem,
    Evidence,
    Finding,
    Judgement,
    Observations,
    Remedy,
    calls_fail,
    container_words,
)

JUST_STARTED = 60.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
NOTHING_BEHIND = ("closed", "refused", "timeout", "connect-timeout")
OUT_OF_REACH = ("unreachable", "timeout", "connect-timeout")
EXIT_CODES = {
    0: "it ended by itself, or was stopped",
    137: "killed, SIGKILL",
    139: "it crashed",
    143: "stopped, SIGTERM",
}


def judge(seen: Observations) -> Judgement:
    """Judge what the engine says of the target's container; the port is judged once nothing answered at it."""
    target = seen.target
    one = target.container
    if one is None:
        return _not_seen(seen)
    if not one.state.running:
        return _stopped(seen, one)
    if one.state.status == "paused":
        return _paused(seen, one)
    if not seen.anonymous.answered and (again := _started_again(seen, one)) is not None:
        return again
    if not seen.anonymous.answered and one.network_of is not None:
        lost = _network_lost(seen, one, target.publisher or one)
        if lost is not None:
            return lost
    inner, port = target.published.port if target.published else None, target.server_port
    if seen.anonymous.answered or port is None:
        return _runs(one, answers=seen.anonymous.answered)
    if inner is not None and inner != port:
        return _mapped_elsewhere(seen, one, inner, port)
    if inner is None and target.direct and _asked_itself(seen, one):
        return _out_of_reach(seen, one)
    if inner is None and not target.direct:
        return _not_published(seen, one, port)
    return _only_inside(seen, one, port) or _runs(one)


def _not_seen(seen: Observations) -> Judgement:
    """No engine told of a container; that a program of Docker's hands the port on is seen by anybody."""
    target, first = seen.target, seen.anonymous
    forward, problem = target.forward, target.engine_problem
    if forward is None or first.failure is None or first.failure.kind not in NOTHING_BEHIND:
        reason = problem.text if problem is not None else _none(seen)
        return Judgement("skip", "No container looked at", reason, findings=_perhaps_ended(seen))
    inside = f"port {forward.container_port} of the container at {forward.container_ip}"
    text = f"Docker publishes port {forward.host_port} to {inside}, and nothing serves a Web UI there: {first.failure.text}"
    said = Evidence(
        "process", f"docker-proxy hands port {forward.host_port} on to {inside}", {"port": forward.container_port}
    )
    there = [
        (one.pid, [port for port in one.ports if port not in one.torrent_ports])
        for one in target.others
        if forward.container_ip in one.addresses
    ]
    if len(there) == 1 and len(there[0][1]) == 1:
        pid, (port,) = there[0]
        text += f"; qBittorrent (process {pid}) listens on {port} in that container"
    command = container_words.command_of("docker", target)
    remedy = Remedy(
        "manual",
        f"{_sentence(problem)} See which container it is, or have them do so: its published port has to lead to the one that "
        "qBittorrent listens on.",
        (f"{command} ps --filter publish={forward.host_port}",),
    )
    found = Finding("wrong-port", "likely", text, (said, Evidence.response(first)), remedies=(remedy,))
    return Judgement("fail", text, findings=(found,))


def _perhaps_ended(seen: Observations) -> tuple[Finding, ...]:
    """Say what to do first where a container may have served this address, and its engine does not tell."""
    target, failure = seen.target, seen.anonymous.failure
    problem = target.engine_problem
    refused = failure is not None and failure.kind == "refused"
    if not refused or problem is None or not target.here or target.instance is not None:
        return ()
    ways = {
        "denied": "If a container serves this, they see whether it ended, and why.",
        "silent": "If a container serves this, see whether its engine is overloaded, and restart that if it stays so.",
        "down": "If a container serves this, start its engine.",
    }
    if problem.kind not in ways:
        return ()
    text = f"a container that served {target.address.url} may have ended: {problem.text}"
    commands: tuple[str, ...] = (f"{container_words.command_of(problem.engine, target)} ps -a",)
    if problem.kind != "denied":
        commands = container_words.service(problem)
    way = Remedy("deployment", f"{_sentence(problem)} {ways[problem.kind]}", commands)
    return (Finding("not-running", "possible", text, remedies=(way,)),)


def _sentence(problem: EngineProblem | None) -> str:
    return f"{problem.text}." if problem is not None else ""


def _none(seen: Observations) -> str:
    if seen.target.instance is not None and seen.target.instance.in_container:
        return "it runs in a container, and no engine of this machine tells of it to this user"
    return "Docker and Podman of this machine tell of none that this address leads to"


def _runs(one: Container, *, answers: bool = False) -> Judgement:
    health = f", its health check says {one.state.health}" if one.state.health else ""
    if answers and one.state.health == "unhealthy":
        health += ", though the Web UI answers"
    again = f", restarted {one.state.restarts} times by its policy" if one.state.restarts else ""
    text = f"Container {one.name} ({one.engine}, {one.image}) runs{again}{health}"
    return Judgement("warn" if one.state.health == "unhealthy" or again else "pass", text)


def _paused(seen: Observations, one: Container) -> Judgement:
    text = f"container {one.name} ({one.engine}) is paused: it takes connections and answers none until it goes on"
    way = Remedy("deployment", "Let it go on.", (f"{one.engine} unpause {one.name}",))
    said = (_evidence(one, f"{one.engine} inspect {one.name} says: paused"), Evidence.response(seen.anonymous))
    found = Finding("web-server-hang", "likely", text, said, severity="error", remedies=(way,))
    return Judgement("fail", text, findings=(found,))


def _started_again(seen: Observations, one: Container) -> Judgement | None:
    """Find whether its policy started it a moment ago, and not for the first time: between two ends it runs, too."""
    state = one.state
    seconds = None if state.started is None else (datetime.now(UTC) - state.started).total_seconds()
    if not state.restarts or seconds is None or not 0 <= seconds < JUST_STARTED:
        return None
    text = (
        f"container {one.name} ({one.engine}) ended and was restarted by its policy {state.restarts} times, the last time "
        f"{seconds:.0f} s ago, and serves nothing"
    )
    ways = (Remedy("deployment", "Read why it ended before it is restarted once more.", (container_words.logs(one),)),)
    said = (
        _evidence(one, f"{one.engine} inspect {one.name} says: {state.restarts} restarts"),
        Evidence.response(seen.anonymous),
    )
    found = Finding("not-running", "likely", text, said, severity="error", remedies=ways)
    return Judgement("fail", text, findings=(found,))


def _network_lost(seen: Observations, one: Container, owner: Container) -> Judgement | None:
    """Judge the container whose network it uses: where that one ends or is started again, the network goes with it.

    Measured on Docker 20.10: the other container keeps the network that is gone until it is restarted itself.
    """
    if not one.lost_its_network(owner):
        return None
    again = container_words.restart(one)
    if owner is one:
        text = f"container {one.name} uses the network of a container that is no more ({(one.network_of or '')[:12]})"
        ways = [container_words.anew(one, "so that it gets the network of the present one")]
    elif not owner.state.running:
        text = f"container {owner.name}, whose network {one.name} uses, is {owner.state.status}: nothing leads to the Web UI"
        first, *more = container_words.start(owner)
        ways = [first, *more, Remedy("deployment", f"Then restart {one.name}, whose network ended with it.", (again,))]
    else:
        text = (
            f"container {owner.name}, whose network {one.name} uses, was started again at {owner.state.started:%H:%M:%S} UTC, "
            f"after {one.name} ({one.state.started:%H:%M:%S} UTC), which is still in the network that ended then"
        )
        ways = [Remedy("deployment", f"Restart {one.name}: it then joins the present network.", (again,))]
    evidence = (_evidence(owner, f"{owner.engine} inspect {owner.name} says: {owner.state.status}"),)
    said = (*evidence, Evidence.response(seen.anonymous))
    found = Finding("not-running", "likely", text, said, severity="error", remedies=tuple(ways))
    return Judgement("fail", text, findings=(found,))


def _evidence(one: Container, text: str) -> Evidence:
    state = one.state
    facts: dict[str, object] = {"engine": one.engine, "container": one.name, "id": one.id[:12], "state": state.status}
    facts |= {"exit_code": state.exit_code, "oom_killed": state.oom_killed, "restarts": state.restarts}
    return Evidence("process", text, facts)


def _stopped(seen: Observations, one: Container) -> Judgement:
    state = one.state
    called = f"container {one.name} ({one.engine})"
    when = f" at {state.finished:%Y-%m-%d %H:%M:%S} UTC" if state.finished else ""
    if state.status == "restarting":
        text = f"{called} ends again and again: its policy restarted it {state.restarts} times, last exit code {state.exit_code}"
    elif state.status == "created":
        text = f"{called} was created and never started" + (f": {state.error}" if state.error else "")
    elif state.oom_killed:
        text = (
            f"{called} was killed for want of memory{when} (exit code {state.exit_code}): it went over its memory limit"
        )
    else:
        text = f"{called} is not running: it ended{when} with exit code {state.exit_code}"
        meaning = EXIT_CODES.get(-1 if state.exit_code is None else state.exit_code)
        text += f" ({meaning})" if meaning else ""
    summary = f"qBittorrent does not run: {text}"
    evidence = [_evidence(one, f"{one.engine} inspect {one.name} says: {state.status}, exit code {state.exit_code}")]
    if seen.container_output.second_instance:
        said = "its output has a line of one that cannot write its config folder, or takes itself for a second instance"
        evidence.append(Evidence("log", said, {"container": one.name}))
    ways = container_words.start(one)
    if seen.container_output.cannot_write:
        evidence.append(
            Evidence("log", "its output says that it may not make a folder in its config's", {"container": one.name})
        )
        ways.insert(0, container_words.owner_of_folder(one, seen.target.config_file))
        summary += ": it may not write into its config folder"
    found = Finding("not-running", "likely", summary, tuple(evidence), remedies=tuple(ways))
    return Judgement("fail", summary, findings=(found,))


def _mapped_elsewhere(seen: Observations, one: Container, inner: int, port: int) -> Judgement:
    """Find whether the port is published, and leads to a number inside at which qBittorrent does not listen."""
    target = seen.target
    asked = target.address.port
    publisher = target.publisher or one
    if "container-port" not in seen.comparisons:
        return Judgement("fail", f"Port {asked} leads to {inner} inside, not to {port}", wants=("container-port",))
    compared = seen.compared("container-port")
    proven = compared is not None and compared.differs
    whose = "" if publisher is one else f", whose network {one.name} uses"
    text = f"port {asked} leads to port {inner} of container {publisher.name}{whose}, and qBittorrent listens on {port}"
    evidence = [Evidence.experiment(compared)] if compared is not None and proven else []
    evidence.append(
        _evidence(publisher, f"{publisher.engine} publishes {target.published.shown if target.published else ''}")
    )
    values = {"server_port": str(port), "setting": "Port"}
    remedies = container_words.publish(one, publisher, asked, port, seen.compose_text)
    variable = container_words.port_variable(one, target.server_port_source, port)
    cause = "wrong-port"
    if variable is not None:
        cause, text = "env-override", f"{text}: {variable} sets that at each start"
        said = f"the container's environment has {variable}" if "=" in variable else f"its command has {variable}"
        evidence.append(_evidence(one, said))
    sure: Confidence = "proven" if proven and cause == "wrong-port" else "likely"
    found = Finding(cause, sure, text, tuple(evidence), severity="error", values=values, remedies=tuple(remedies))
    return Judgement("fail", text, findings=(found,))


def _asked_itself(seen: Observations, one: Container) -> bool:
    """Whether the container's own address was asked, and nobody was reached there."""
    failure = seen.anonymous.failure
    own = (seen.target.publisher or one).addresses
    return failure is not None and failure.kind in OUT_OF_REACH and seen.target.address.host in own


def _out_of_reach(seen: Observations, one: Container) -> Judgement:
    """Its own machine does not reach a container that runs: networks in which that is so by their making."""
    address = seen.target.address
    text = (
        f"{address.host} is the own address of container {one.name}, which runs, and this machine does not reach it. That is "
        "how macvlan and ipvlan networks are: other machines reach the container, its own one does not. A rootless engine's "
        "and Docker Desktop's containers have addresses that exist inside the engine alone"
    )
    ways = (
        Remedy(
            "client", f"With macvlan or ipvlan, ask from another machine: {address.url}; clients there need no change."
        ),
        Remedy(
            "deployment",
            "For clients on this machine give it an interface in that network too (PARENT: its network card, FREE: an address "
            "that is free there); gone after a restart unless the system's own configuration has it.",
            (
                "ip link add qb-host link PARENT type macvlan mode bridge",
                f"ip addr add FREE/32 dev qb-host; ip link set qb-host up; ip route add {address.host} dev qb-host",
            ),
        ),
        Remedy(
            "deployment",
            f"With a rootless engine publish the port, and ask http://127.0.0.1:{address.port} (in a macvlan network that has "
            "no effect).",
            (f"-p 127.0.0.1:{address.port}:{address.port}",),
        ),
    )
    evidence = (_evidence(one, f"{one.engine} inspect {one.name}: running, its address {address.host}"),)
    found = Finding(
        "host-unreachable",
        "likely",
        text,
        (*evidence, Evidence.response(seen.anonymous)),
        severity="error",
        remedies=ways,
    )
    return Judgement("fail", f"Container {one.name} runs and is not reached at {address.host}", findings=(found,))


def _only_inside(seen: Observations, one: Container, port: int) -> Judgement | None:
    """Find whether the number is right, and qBittorrent takes connections from within its container alone."""
    settings, instance = seen.settings, seen.target.instance
    bound = {ip for ip, number in (instance.listening if instance else None) or () if number == port}
    address = settings.text("Address").strip() if settings is not None else "*"
    if not (bound or address in LOOPBACK) or not bound <= LOOPBACK:
        return None
    place = ", ".join(sorted(bound)) or address
    text = f"qBittorrent in container {one.name} listens at {place} alone, which no published port reaches"
    file = seen.target.config_shown
    found = settings.found("Address") if settings is not None else None
    said = Evidence.setting(
        "Address", address, f"Address is {address!r}", file=file, line=found.line if found else None
    )
    way = Remedy(
        "manual",
        "Set Address to * (in the config, with the container stopped) and publish the port for the addresses that may use it.",
    )
    cause = Finding(
        "not-running", "likely", text, (said, Evidence.response(seen.anonymous)), severity="error", remedies=(way,)
    )
    return Judgement("fail", text, findings=(cause,))


def _not_published(seen: Observations, one: Container, port: int) -> Judgement:
    """No port of this machine leads to the Web UI at this address."""
    target = seen.target
    publisher = target.publisher or one
    at = [published for published in publisher.ports if published.port == port]
    if not calls_fail(seen) or publisher.network_mode == "host":
        return _runs(one)
    if "container-port" not in seen.comparisons:
        return Judgement("fail", f"{target.address.url} does not lead to the Web UI", wants=("container-port",))
    compared = seen.compared("container-port")
    proven = compared is not None and compared.differs
    if at:
        places = ", ".join(published.shown for published in at)
        text = f"container {publisher.name} publishes the Web UI as {places}, and {target.address.url} is none of these"
        remedies = [container_words.use(at[0], target.address.scheme)]
    else:
        text = f"container {publisher.name} publishes no port that leads to the Web UI, which is on port {port} inside"
        remedies = container_words.publish(one, publisher, target.address.port, port, seen.compose_text)
    said = _evidence(publisher, f"published: {', '.join(p.shown for p in publisher.ports) or 'nothing'}")
    evidence = (Evidence.experiment(compared), said) if compared is not None and proven else (said,)
    found = Finding(
        "wrong-port",
        "proven" if proven else "likely",
        text,
        evidence,
        severity="error",
        values={"server_port": str(port)},
        remedies=tuple(remedies),
    )
    return Judgement("fail", text, findings=(found,))


CHECK = Check(
    id="container",
    title="The container",
    order=15,
    judge=judge,
    causes=("not-running", "wrong-port", "env-override", "host-unreachable", "web-server-hang"),
    about=(
        "Asks Docker and Podman of this machine, by their own command lines and as this user, for the container that the "
        "address leads to: its state, exit code and restarts, the ports it publishes (or another one whose network it "
        "uses), the variables that set a port, and its mounts. One list and one look; nothing is changed, and no engine of "
        "another machine is asked. Where a published port leads to a number at which qBittorrent does not listen, the same "
        "request is sent to the container's own address. Of what the container printed only the kind of its lines is kept. "
        "\n\nKubernetes is not asked. What ought to do (never run by the makers of qbdoctor): `kubectl port-forward deploy/NAME "
        "8080:8080` and, in another terminal, `qbdoctor check --url http://127.0.0.1:8080`; for the config, `kubectl cp "
        "POD:/config/qBittorrent/config/qBittorrent.conf qb.conf` (the path differs by image) and `--config qb.conf`. "
        "`kubectl logs POD` has the temporary password's line. A fix is then made live, through the Web API."
        "\n\nNAS appliances (Synology, QNAP, Unraid, TrueNAS) run Docker beneath their own pages; none was ever tried. By ssh "
        "and as root, `docker ps` tells whether its command line is in the path (QNAP keeps it in the folder of Container "
        "Station); then everything above holds. Without ssh, give `--url` from another machine, and `--config` with the file "
        "on a share. Docker Desktop's containers run in a machine of its own: their ports and bind mounts are seen, "
        "their volumes and processes only through the engine; that too was never run."
        "\n\nRun from a container itself, qbdoctor sees what it is given: `docker run --rm -it --user UID:GID --network "
        "container:NAME --pid container:NAME -v FOLDER:/config:ro qbdoctor` looks at qBittorrent from its own network, process "
        "and config; UID:GID are those of the folder's owner, since the image has no rights of its own."
    ),
)
