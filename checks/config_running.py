"""Compares the config with the running server."""

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
    if (overridden is not None and overridden.confidence != "possible") or not _settled(seen):
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
    if _saves(seen):
        return Finding(
            "edited-while-running",
            "proven",
            text,
            (*_reads(seen, found[:NAMED]), *evidence),
            severity="warning",
            values=values,
        )
    return Finding("edited-while-running", "likely", text, evidence, severity="warning", values=values)


def _saves(seen: Observations) -> bool:
    """Whether the file was written since the start and nothing keeps qBittorrent from saving what it holds itself.

    Else the difference may be a change of a setting that never reached the file.
    """
    place = seen.config_place
    if place is None or not place.written_since or place.writable is False or place.replaceable is False:
        return False
    return not (place.mounted_alone or place.read_only or place.full)


def _reads(seen: Observations, found: tuple[Difference, ...]) -> tuple[Evidence, ...]:
    """Return both readings of each setting: the proof."""
    instance = seen.target.instance
    pid = f"the ports of process {instance.pid}" if instance is not None else "the process's ports"
    asked = "app/preferences of the running server" if seen.has("preferences") and seen.preferences else pid
    return tuple(
        Evidence.reads(
            f"where {one.setting} is read: the file or the running server",
            (f"{seen.target.config_file}", f"{one.setting} is {one.filed!r}"),
            (asked, f"{one.setting} is {one.running!r}"),
            "The file was written since the process started, and the process does not go by it",
        )
        for one in found
        if one.filed != one.running
    )


def _override(seen: Observations) -> Finding | None:
    """Judge a port that the command line or the environment sets: it is written into the file at each start."""
    settings, instance = seen.settings, seen.target.instance
    if settings is None or instance is None or not _settled(seen):
        return None
    if instance.options.webui_port is None:
        return _image(seen)
    port, source = instance.options.webui_port, instance.options.webui_port_source or "--webui-port"
    filed = settings.integer("Port")
    if filed == port:
        return None
    text = f"The config says port {filed}, but {source}={port} sets it anew at each start of this process"
    if source == "--webui-port" and instance.image_port == port:
        text += f"; it comes from WEBUI_PORT={port} in its environment, by which container images set it"
    wanted = calls_fail(seen) and seen.target.address.port == filed
    severity: Severity = "error" if wanted else "warning"
    evidence = (
        Evidence("process", f"process {instance.pid} was started with {source}={port}", {"pid": instance.pid}),
        _filed_port(seen, text),
    )
    return Finding("env-override", "likely", text, evidence, severity=severity, values={"setting": "Port"})


def _filed_port(seen: Observations, text: str) -> Evidence:
    """Return the port as the config has it."""
    settings, file = seen.settings, seen.target.config_file
    found = settings.found("Port") if settings is not None else None
    filed = str(settings.integer("Port")) if settings is not None else None
    return Evidence.setting("Port", filed, text, file=str(file) if file else None, line=found.line if found else None)


def _image(seen: Observations) -> Finding | None:
    """Judge a container's WEBUI_PORT that is not handed on as an option: some images write it into the config instead."""
    settings, instance = seen.settings, seen.target.instance
    if settings is None or instance is None or not instance.in_container or instance.image_port is None:
        return None
    filed, wanted = settings.integer("Port"), instance.image_port
    if filed == wanted:
        return None
    text = (
        f"The config says port {filed}, and the container's environment WEBUI_PORT={wanted}: an image that knows this "
        "variable sets the port anew at its next start, another ignores it"
    )
    evidence = (
        Evidence(
            "process", f"process {instance.pid} has WEBUI_PORT={wanted} in its environment", {"pid": instance.pid}
        ),
        _filed_port(seen, text),
    )
    return Finding("env-override", "possible", text, evidence, severity="warning", values={"setting": "Port"})


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
        "that --webui-port or QBT_WEBUI_PORT sets is named where the file says another, and so is WEBUI_PORT, by which container "
        "images do it, as far as the process's environment may be read."
    ),
)
