"""The config against the running server: do both say the same?"""

from qbdoctor.api import (
    Check,
    Difference,
    Evidence,
    Finding,
    Judgement,
    Observations,
    Severity,
    as_read_by,
    calls_fail,
    differences,
)

NAMED = 3


def judge(seen: Observations) -> Judgement:
    """Compare every setting that the server shows with the file; without a session only where it listens."""
    if seen.settings is None:
        return Judgement("skip", "Not compared", seen.settings_problem or "the config is not at hand")
    if not seen.anonymous.answered and seen.target.instance is None:
        return Judgement("skip", "Not compared", "nothing runs with this config")
    overridden = _override(seen)
    session = seen.anonymous.status == 200 or seen.session_call is not None
    preferences = seen.preferences if session else None
    found = _port(seen)
    if preferences is not None:
        found = differences(as_read_by(seen.settings, seen.version), preferences)
    if overridden is not None or not _settled(seen):
        found = tuple(one for one in found if one.setting != "Port")
    findings = [] if overridden is None else [overridden]
    if found:
        findings.append(_edited(seen, found))
    if findings:
        failed = any(one.severity == "error" for one in findings)
        return Judgement("fail" if failed else "warn", findings[0].summary, findings=tuple(findings))
    if preferences is None:
        return Judgement("skip", "Not compared", "app/preferences needs a session, and there is none")
    return Judgement("pass", "The config and the running server say the same")


def _settled(seen: Observations) -> bool:
    """Whether the start's own changes are in the file by now; before that they differ and mean nothing."""
    place = seen.config_place
    return place is None or place.settled


def _port(seen: Observations) -> tuple[Difference, ...]:
    """Where the process listens shows one setting without a session."""
    settings, target = seen.settings, seen.target
    if settings is None or target.instance is None or target.server_port_source != "listening":
        return ()
    filed = settings.integer("Port")
    if target.server_port is None or filed in {0, target.server_port} or filed in target.instance.ports:
        return ()
    found = settings.found("Port")
    return (Difference("Port", str(filed), str(target.server_port), found.line if found else None),)


def _edited(seen: Observations, found: tuple[Difference, ...]) -> Finding:
    file = str(seen.target.config_file) if seen.target.config_file else None
    said = [f"{one.setting} is {one.filed!r} in the file and {one.running!r} in the server" for one in found]
    more = f" (and {len(said) - NAMED} more)" if len(said) > NAMED else ""
    text = f"The file and the running server differ: {'; '.join(said[:NAMED])}{more}"
    evidence = tuple(
        Evidence.setting(one.setting, one.filed, line, file=file, line=one.line)
        for one, line in zip(found, said, strict=True)
    )
    values = {"setting": found[0].setting}
    return Finding("edited-while-running", "likely", text, evidence, severity="warning", values=values)


def _override(seen: Observations) -> Finding | None:
    """Judge a port that the command line or the environment sets: it is written into the file at each start."""
    settings, instance = seen.settings, seen.target.instance
    if settings is None or instance is None or instance.options.webui_port is None or not _settled(seen):
        return None
    port, source = instance.options.webui_port, instance.options.webui_port_source or "--webui-port"
    filed = settings.integer("Port")
    if filed == port:
        return None
    found = settings.found("Port")
    text = f"The config says port {filed}, but {source}={port} sets it anew at each start of this process"
    wanted = calls_fail(seen) and seen.target.address.port == filed
    severity: Severity = "error" if wanted else "warning"
    evidence = (
        Evidence("process", f"process {instance.pid} was started with {source}={port}", {"pid": instance.pid}),
        Evidence.setting(
            "Port",
            str(filed),
            text,
            file=str(seen.target.config_file) if seen.target.config_file else None,
            line=found.line if found else None,
        ),
    )
    return Finding("env-override", "likely", text, evidence, severity=severity, values={"setting": "Port"})


CHECK = Check(
    id="config-running",
    title="The config against the running server",
    order=134,
    judge=judge,
    causes=("edited-while-running", "env-override"),
    about=(
        "With a session (the one that the run's login opened, an API key, or a bypass) it reads app/preferences and "
        "compares every Web UI setting with the file as this release reads it: values, never times, since qBittorrent "
        "writes the file as well. Without one only the port is compared, with the one the process listens on. A port "
        "that --webui-port or QBT_WEBUI_PORT sets is named where the file says another."
    ),
)
