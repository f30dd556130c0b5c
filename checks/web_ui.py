"""Finds why a qBittorrent that runs here does not serve its Web UI at the address that was asked."""

from qbdoctor.api import (
    Check,
    Confidence,
    Evidence,
    Finding,
    Judgement,
    Observations,
    ProbableProcess,
    Remedy,
    releases,
    stands_in_front,
    witness,
)

GATEWAY = (502, 503, 504)
"""What a proxy says that gets no answer itself."""
NOT_REACHED = ("refused", "unreachable", "dns", "connect-timeout")


def judge(seen: Observations) -> Judgement:
    """Judge only where the address is not served by the process that is meant: by its log, its settings, its sockets."""
    first = seen.anonymous
    one = seen.suspect
    if seen.target.direct:
        return Judgement("pass", f"The process itself listens at {seen.target.address.url}")
    if _led_elsewhere(seen):
        reason = "its container says why: see there"
        return Judgement("skip", "The published port does not lead to the Web UI", reason)
    if _reached(seen, one):
        return Judgement("pass", f"Something answers at {seen.target.address.url}: why nothing does is no question")
    if one is None:
        return _ended(seen)
    for look in (_unbound, _waiting, _disabled, _elsewhere) if one.named else (_elsewhere,):
        found = look(seen, one)
        if found is not None:
            return found
    if not one.named:
        reason = f"the one qBittorrent of this machine, process {one.instance.pid}, has no Web UI port open either"
        return Judgement("skip", "Whose Web UI this ought to be is not known", reason)
    return (
        _silent(seen, one) if not first.answered else Judgement("pass", "Nothing of this machine's speaks against it")
    )


def _led_elsewhere(seen: Observations) -> bool:
    """Whether the way into the container is the question, which another check judges."""
    target = seen.target
    if target.container is None or target.server_port is None or seen.anonymous.answered:
        return False
    if target.publisher is not None and target.container.lost_its_network(target.publisher):
        return True
    apart = target.publisher is None or target.publisher.network_mode != "host"
    return apart and (target.published is None or target.published.port != target.server_port)


def _reached(seen: Observations, one: ProbableProcess | None) -> bool:
    """Whether an answer, or its lack, is that of the process that is meant."""
    first = seen.anonymous
    if one is not None and one.named and one.ports == () and seen.target.direct is False:
        return False  # it has no port of its own, so whatever answers is another program
    if seen.target.origin in {"config", "profile"} and seen.other_server is not None:
        return False  # the address is the given config's, and another server has it
    if one is not None and one.named and (stands_in_front(first) or first.status in GATEWAY):
        return True  # a config that is given describes what is behind the address, however it is reached
    if first.answered:
        return seen.serves_qbittorrent is not False
    return first.failure is None or first.failure.kind not in NOT_REACHED


def _process(one: ProbableProcess) -> Evidence:
    ports = one.ports
    where = "it may not be seen where" if ports is None else ", ".join(map(str, ports)) or "no port of a Web UI"
    text = f"process {one.instance.pid} ({one.instance.command_line}) listens on {where}"
    return Evidence("process", text, {"pid": one.instance.pid, "ports": list(ports or ())})


def _answer(seen: Observations) -> Evidence:
    return Evidence.response(seen.anonymous)


def _owner(seen: Observations, pid: int | None) -> Evidence | None:
    """Return who has the port, if that is another process than the one that is meant."""
    owner = seen.port_owner
    if owner is None or owner.pid == pid:
        return None
    text = f"port {seen.target.address.port} belongs to process {owner.pid} ({owner.name})"
    return Evidence("process", text, {"pid": owner.pid, "name": owner.name, "port": seen.target.address.port})


def _fail(found: Finding) -> Judgement:
    return Judgement("fail", found.summary, findings=(found,))


def _ended(seen: Observations) -> Judgement:
    """No process: did its last run end because it could not open the port?"""
    failed = witness.bind_failure(seen.last_run)
    if failed is None or seen.settings is None or failed[1] != seen.settings.integer("Port"):
        reason = "no process of this machine is meant by this address, and no log says how its last run ended"
        return Judgement("skip", "Nothing of this machine to look at", reason)
    address, port, line = failed
    text = f"qBittorrent ended at its last start because it could not open {address}, port {port}, for its Web UI"
    owner = _owner(seen, None)
    evidence = (_logged(seen, line.shown), *((owner,) if owner else ()), _answer(seen))
    return _fail(Finding("bind-failed", "likely", text, evidence, values={"server_port": str(port)}))


def _logged(seen: Observations, text: str, one: ProbableProcess | None = None) -> Evidence:
    file = str(seen.target.log_file or (one.instance.log_file if one else None) or "")
    return Evidence("log", f"the log says: {text}", {"file": file})


def _unbound(seen: Observations, one: ProbableProcess) -> Judgement | None:
    failed = witness.bind_failure(one.log)
    owner = _owner(seen, one.instance.pid) if one.ports == () else None
    values: dict[str, str] = {}
    if failed is not None and failed[1] not in (one.ports or ()):
        address, port, line = failed
        text = (
            f"qBittorrent could not open {address}, port {port}: it runs, process {one.instance.pid}, without a Web UI"
        )
        if owner is not None and seen.port_owner is not None:
            text += f"; {seen.port_owner.name} (process {seen.port_owner.pid}) has that port"
        values["server_port"] = str(port)
        evidence = (_logged(seen, line.shown, one), *((owner,) if owner else ()), _process(one), _answer(seen))
        return _fail(Finding("bind-failed", "likely", text, evidence, values=values))
    meant = one.settings.integer("Port") if one.settings is not None else None
    if owner is None or seen.port_owner is None or one.log or meant != seen.target.address.port:
        return None
    text = (
        f"qBittorrent runs, process {one.instance.pid}, without a Web UI: its port {meant} belongs to "
        f"{seen.port_owner.name} (process {seen.port_owner.pid})"
    )
    values["server_port"] = str(meant)
    return _fail(Finding("bind-failed", "likely", text, (owner, _process(one), _answer(seen)), values=values))


def _waiting(seen: Observations, one: ProbableProcess) -> Judgement | None:
    """Find whether it waits: it asks for consent on a terminal only, and before it opens any port."""
    accepted = one.settings is not None and one.settings.boolean("LegalNotice/Accepted")
    if accepted or not one.instance.terminal or one.instance.listening != ():
        return None
    text = (
        f"qBittorrent (process {one.instance.pid}) was started on a terminal and most likely waits there for a key at its "
        "legal notice: it listens nowhere, and the notice is not accepted in its config"
    )
    file = str(one.instance.config_file) if one.instance.config_file else None
    said = Evidence.setting("LegalNotice/Accepted", None, "[LegalNotice] Accepted is not true", file=file)
    return _fail(Finding("waiting-at-legal-notice", "likely", text, (_process(one), said, _answer(seen))))


def _disabled(seen: Observations, one: ProbableProcess) -> Judgement | None:
    """Return the build without a window honours the switch from 4.6 on; the desktop build always did, and is off by default."""
    settings = one.settings
    if settings is None or one.ports:
        return None
    program = one.instance.executable.name if one.instance.executable else ""
    desktop = bool(program) and "nox" not in program.lower()
    found = settings.found("Enabled")
    off = not settings.boolean("Enabled") if found is not None else desktop
    counts = (True,) if desktop else releases.possible("config.enabled_counts", _release_range(seen, one))
    if not off or True not in counts:
        return None
    confidence: Confidence = "likely" if False not in counts and found is not None else "possible"
    where = f"line {found.line} of {one.instance.config_file}" if found else "not set, and the desktop build's default"
    text = f"qBittorrent runs, process {one.instance.pid}, with its Web UI switched off (Enabled is false: {where})"
    file = str(one.instance.config_file) if one.instance.config_file else None
    said = Evidence.setting(
        "Enabled", "false", f"Enabled is false: {where}", file=file, line=found.line if found else None
    )
    return _fail(Finding("webui-disabled", confidence, text, (said, _process(one), _answer(seen))))


def _release_range(seen: Observations, one: ProbableProcess) -> releases.VersionRange:
    if seen.target.instance is one.instance:
        return seen.releases
    version = one.settings.version if one.settings is not None else None
    if version is not None:
        return releases.VersionRange(version, version)
    return one.settings.written_by if one.settings is not None else releases.ANY


def _elsewhere(seen: Observations, one: ProbableProcess) -> Judgement | None:
    """Find whether it serves another port than the one asked."""
    address = seen.target.address
    if one.ports == () or (seen.anonymous.answered and not one.named):
        return None
    if one.ports is None:
        return _guessed_elsewhere(seen, one)
    if address.port in one.ports and one.instance.shares_network is not False:
        return _other_address(seen, one)
    if "port" not in seen.comparisons:
        return Judgement("fail", f"{address.url} is not served by the qBittorrent of this machine", wants=("port",))
    compared = seen.compared("port")
    told = f"port{'s' if len(one.ports) > 1 else ''} {', '.join(map(str, one.ports))}"
    options = one.instance.options
    evidence = [_process(one)]
    values = {"server_port": str(one.ports[0])}
    confidence: Confidence = "likely" if one.named else "possible"
    if compared is not None:
        evidence.append(Evidence.response(compared.b))
        if compared.differs:
            evidence[-1] = Evidence.experiment(compared)
            # Where nothing names this process, that it is the one meant is a guess, however sure its port.
            confidence = "proven" if one.named else "likely"
            values["real_url"] = compared.b.url.removesuffix("/api/v2/app/version")
            values["server_port"] = values["real_url"].rpartition(":")[2]
            told = f"port {values['server_port']}"
    why = ""
    if options.webui_port is not None and options.webui_port in one.ports and one.settings is not None:
        text = f"{options.webui_port_source} sets the port to {options.webui_port} at each start"
        evidence.append(Evidence("process", text, {"option": options.webui_port_source, "port": options.webui_port}))
        why = f" ({text})"
    text = f"qBittorrent runs, process {one.instance.pid}, but its Web UI is on {told}{why}, not on {address.port}"
    if compared is not None and compared.differs and values["server_port"] == str(address.port):
        text = (
            f"qBittorrent runs, process {one.instance.pid}, in a network of its own (a container, a namespace): its Web UI is at "
            f"{values['real_url']}, and nothing leads there from {address.host}, port {address.port}"
        )
    elif address.port in one.ports and (compared is None or not compared.differs):  # a port of another network's
        text = (
            f"qBittorrent runs, process {one.instance.pid}, in a network of its own (a container, a namespace), and nothing "
            f"leads from {address.host}, port {address.port}, to its port {address.port} there"
        )
    return _fail(Finding("wrong-port", confidence, text, (*evidence, _answer(seen)), values=values))


def _guessed_elsewhere(seen: Observations, one: ProbableProcess) -> Judgement | None:
    """Find whether another user's process, whose sockets may not be seen, answers at a port where it usually would."""
    if seen.anonymous.answered or one.instance.shares_network is False:
        return None
    if "port" not in seen.comparisons:
        return Judgement("fail", f"{seen.target.address.url} is not served", wants=("port",))
    compared = seen.compared("port")
    if compared is None or not compared.differs:
        return None
    real = compared.b.url.removesuffix("/api/v2/app/version")
    text = f"A qBittorrent runs here, process {one.instance.pid}, and one answers at {real}, not at {seen.target.address.url}"
    values = {"real_url": real, "server_port": real.rpartition(":")[2]}
    found = Finding(
        "wrong-port", "likely", text, (_process(one), Evidence.experiment(compared), _answer(seen)), values=values
    )
    return _fail(found)


def _other_address(seen: Observations, one: ProbableProcess) -> Judgement | None:
    """Find whether the port is right, the address is not one that it listens at."""
    address = seen.target.address
    bound = sorted({ip for ip, port in one.instance.listening or () if port == address.port})
    if not bound or not one.named:
        return None
    if "port" not in seen.comparisons:
        return Judgement("fail", f"{address.url} is not served by the qBittorrent of this machine", wants=("port",))
    compared = seen.compared("port")
    shown: tuple[Evidence, ...] = ()
    values: dict[str, str] = {}
    if compared is not None and compared.differs:
        shown = (Evidence.experiment(compared),)
        values["real_url"] = compared.b.url.removesuffix("/api/v2/app/version")
    places = ", ".join(f"[{ip}]" if ":" in ip else ip for ip in bound)
    text = f"qBittorrent runs, process {one.instance.pid}, but listens at {places} alone, which {address.host} does not reach"
    # All of one family: from here its loopback address reaches it, and no client can use 0.0.0.0 everywhere.
    any_of = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound
    host = any_of.get(bound[0], f"[{bound[0]}]" if ":" in bound[0] else bound[0])
    way = Remedy("client", f"Use the address that it listens at: {address.scheme}://{host}:{address.port}.")
    found = Finding(
        "not-running", "likely", text, (_process(one), *shown, _answer(seen)), remedies=(way,), values=values
    )
    return _fail(found)


def _silent(seen: Observations, one: ProbableProcess) -> Judgement:
    """Judge one that runs and has no Web UI open, where nothing says why."""
    opens = releases.possible("start.port_opens", _release_range(seen, one))
    critical = next((line.shown for line in reversed(one.log) if line.level == "C"), None)
    said: tuple[Evidence, ...] = (_process(one), _answer(seen))
    text = (
        f"qBittorrent runs, process {one.instance.pid} since {one.instance.started:%H:%M:%S} UTC, but serves no Web UI"
    )
    if critical is not None:
        text += f"; its log says: {critical}"
        said = (_logged(seen, critical, one), *said)
    elif opens != ("at once",):
        text += " yet: this release opens its port only after all torrents are restored"
    return _fail(Finding("not-running", "likely", text, said))


CHECK = Check(
    id="web-ui",
    title="The process and its Web UI",
    order=25,
    judge=judge,
    causes=("webui-disabled", "waiting-at-legal-notice", "bind-failed", "wrong-port", "not-running"),
    about=(
        "Where the address is not served by the qBittorrent of this machine that is meant: reads its log since its start "
        "(could it open its port?), its settings (is the Web UI switched off, which port, is the legal notice accepted?), "
        "its terminal and its sockets, and who else has the port. If it listens on another port, the same request is sent "
        "there once, without credentials: an answer of qBittorrent's proves wrong-port; all else is at most likely. Where the "
        "sockets of another user's process may not be seen, its option's port and 8080 are asked, and 127.0.0.1 for ::1. With "
        "--url alone, a process belongs to the address if its config, its options or its log name that port, or if it is "
        "the only one of this machine."
    ),
)
