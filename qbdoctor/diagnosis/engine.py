"""Runs the checks over one set of observations and makes the report of what they found.

Checks are asked one after another in their declared order; observations are taken as they ask for them, so requests to
the target go out one at a time. A check that breaks becomes ``unknown``: a crash is never a clean bill of health.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Literal

from qbdoctor import __version__, releases
from qbdoctor.config.key_lint import as_read_by
from qbdoctor.diagnosis import container_words
from qbdoctor.diagnosis.catalogue import systems
from qbdoctor.diagnosis.route import route
from qbdoctor.diagnosis.verdict import NOT_ASKED, headline, merge_findings, state_of
from qbdoctor.model.errors import UserError
from qbdoctor.model.findings import Check, Finding, Judgement
from qbdoctor.model.report import Cause, CheckResult, ContainerInfo, ProcessInfo, Report, ReportError, TargetInfo
from qbdoctor.observe.base.observations import NotObserved
from qbdoctor.observe.comparisons import table as comparisons
from qbdoctor.releases import ANY, VersionRange
from qbdoctor.target.address import parse_ip

if TYPE_CHECKING:
    from qbdoctor.observe.observer import Observer
    from qbdoctor.target.description import Target

FailOn = Literal["warning", "error", "never"]
ROUNDS = 2
"""How often a check is asked at most: once, and once more with the comparisons it wanted."""


def run(
    observer: Observer,
    checks: Sequence[Check],
    *,
    only: Collection[str] = (),
    fail_on: FailOn = "error",
    started: datetime | None = None,
    crashed: Callable[[str], None] | None = None,
    close: bool = True,
) -> Report:
    """Ask the checks and return the report. ``only`` names those that were asked for; empty: all.

    ``crashed`` gets the traceback of a check that broke, for ``-v``. ``close=False`` leaves the sessions open: a fix
    goes on with them and closes them itself.
    """
    began = time.perf_counter()
    started = started or datetime.now(UTC)
    results: list[CheckResult] = []
    findings: list[Finding] = []
    try:
        for check in checks:
            if only and check.id not in only:
                results.append(CheckResult(check.id, check.title, "skip", "Not run", NOT_ASKED))
                continue
            before = time.perf_counter()
            judgement = _ask(observer, check, crashed)
            ms = (time.perf_counter() - before) * 1000
            results.append(
                CheckResult(check.id, check.title, judgement.status, judgement.summary, judgement.reason, ms)
            )
            findings.extend(judgement.findings)
        info = target_info(observer, ask=not only)
    finally:
        if close:
            observer.close()
    causes = merge_findings(findings, base_values(observer, info))
    state = state_of(causes, results)
    return Report(
        version=__version__,
        started=timestamp(started),
        duration_ms=(time.perf_counter() - began) * 1000,
        target=info,
        state=state,
        headline=headline(state, causes, tuple(results), observer.seen),
        causes=causes,
        checks=tuple(results),
        login_attempts=observer.login_attempts,
        exit_code=exit_code(state, causes, fail_on),
        route=route(observer.seen, info, causes),
    )


def _ask(observer: Observer, check: Check, crashed: Callable[[str], None] | None) -> Judgement:
    try:
        judgement = check.judge(observer.seen)
        for _ in range(ROUNDS - 1):
            wanted = [name for name in judgement.wants if name not in observer.seen.comparisons]
            if not wanted:
                break
            for name in wanted:
                observer.seen.comparisons[name] = ()  # stays so where a plug-in asks for a name that does not exist
                if observer.seen.live:  # a saved set holds those that were made
                    observer.seen.comparisons[name] = comparisons.make(name, observer)
            judgement = check.judge(observer.seen)
    except UserError:
        raise
    except NotObserved as lacks:
        return Judgement("unknown", "Not judged", f"the saved look does not hold what this needs ({lacks})")
    except Exception as error:
        if crashed is not None:
            import traceback  # noqa: PLC0415 - 5 ms, and a fault of a check

            crashed(observer.wire.masks.hide("".join(traceback.format_exception(error))))
        reason = f"the check itself broke ({type(error).__name__}); -v shows where"
        return Judgement("unknown", "The check did not finish", reason)
    if judgement.status in {"skip", "unknown"} and not judgement.reason:
        return Judgement(judgement.status, judgement.summary, "the check gave no reason", judgement.findings)
    return judgement


def exit_code(state: str, causes: Sequence[Cause], fail_on: FailOn) -> int:
    """Return 0 for healthy, 1 for a problem, 3 for unknown; ``fail_on`` moves the border of 1."""
    if fail_on == "never" and state == "problem":
        return 0
    if fail_on == "warning" and any(cause.severity == "warning" for cause in causes):
        return 1
    return {"healthy": 0, "problem": 1}.get(state, 3)


def error_report(error: UserError, started: datetime) -> Report:
    """Return the report of a run that could not start."""
    return Report(
        version=__version__,
        started=timestamp(started),
        duration_ms=(datetime.now(UTC) - started).total_seconds() * 1000,
        target=TargetInfo(),
        state="unknown",
        headline=error.message,
        causes=(),
        checks=(),
        login_attempts=0,
        exit_code=error.exit_code,
        error=ReportError(error.code, error.message),
    )


def timestamp(when: datetime) -> str:
    """Return RFC 3339 in UTC, to the millisecond."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def target_info(observer: Observer, *, ask: bool = True) -> TargetInfo:
    """Return the target as the report shows it; ``ask`` permits the one call for the Web API's version."""
    seen, target = observer.seen, observer.target
    version = seen.version if seen.has("version") or (ask and seen.has("anonymous")) else None
    webapi = seen.webapi_version if version is not None and ask else None
    process = None
    if target.instance is not None:
        one = target.instance
        process = ProcessInfo(
            one.pid,
            one.command_line,
            timestamp(one.started),
            one.user,
            unit=one.unit,
            unit_scope=one.unit_scope,
            container=one.container or ("its own namespaces" if one.in_container else None),
        )
    return TargetInfo(
        url=target.address.url,
        host=target.address.host,
        port=target.address.port,
        scheme=target.address.scheme,
        version=str(version) if version else None,
        webapi_version=webapi,
        cookie_name=_cookie_name(observer),
        config_file=target.config_shown,
        profile=str(target.profile) if target.profile else None,
        log_file=target.log_shown,
        process=process,
        client_address=_client_address(observer),
        version_range=_version_range(observer, ask=ask) if version is None else None,
        container=_container(target),
    )


def _container(target: Target) -> ContainerInfo | None:
    """Return the container as the report shows it, with the ports by which it is reached."""
    one, publisher = target.container, target.publisher
    if one is None:
        return None
    ports = (publisher or one).ports
    file, service = (one.compose.file, one.compose.service) if one.compose is not None else (None, None)
    shown = tuple(port.shown for port in ports)
    return ContainerInfo(one.engine, one.id, one.name, one.image, shown, one.state.status, file, service)


def _client_address(observer: Observer) -> str | None:
    """Return the address that the server sees; ours, where nothing shows itself between us."""
    seen = observer.seen
    if not seen.has("anonymous"):
        return None
    return seen.client.supposed


def _version_range(observer: Observer, *, ask: bool) -> str | None:
    """Return the releases that fit where the exact one is not known; ``ask`` permits the free questions for it."""
    seen = observer.seen
    if not seen.has("releases") and not (ask and seen.has("anonymous") and seen.serves_qbittorrent):
        return None
    known = seen.releases
    return str(known) if known != ANY else None


def _cookie_name(observer: Observer) -> str | None:
    names = list(observer.session.cookies)
    return next((name for name in names if name == "SID" or name.startswith("QBT_SID_")), next(iter(names), None))


def _section(observer: Observer) -> str:
    """Return the section that an edit of the config belongs in, by what was seen already; "" where that is not known."""
    seen = observer.seen
    version = seen.version if seen.has("version") else None
    settings = seen.settings if seen.has("settings") else None
    if settings is not None:
        return as_read_by(settings, version).layout
    known = seen.releases if seen.has("releases") else ANY
    if version is not None:
        known = VersionRange(version, version)
    layouts = releases.possible("config.layout", known)
    return str(layouts[0]) if len(layouts) == 1 else ""


def _system(target: Target) -> str:
    """Return the system that the server runs on: ours where it is here, by its files' names, else most likely Linux."""
    if target.config_file is not None and PureWindowsPath(target.config_file).drive:
        return "windows"
    ip = parse_ip(target.address.host)
    near = target.address.host == "localhost" or (ip is not None and ip.is_loopback)
    here = near or target.instance is not None or target.container is not None or target.config_file is not None
    return systems.HERE if here else "linux"


def base_values(observer: Observer, info: TargetInfo) -> dict[str, str]:
    """Return what fills the places of remedies for every cause of this target."""
    target, username = observer.target, observer.seen.asked.username
    values = {
        "url": target.address.url,
        "host": target.address.host,
        "port": str(target.address.port),
        "server_port": str(target.server_port) if target.server_port else "",
        "config_file": info.config_file or "",
        "log_file": info.log_file or "",
        "profile": info.profile or "",
        "username": username or "",
        "cookie_name": info.cookie_name or "",
        "version": info.version or "",
        "section": _section(observer),
        "pid": str(target.instance.pid) if target.instance else "",
        "address": info.client_address or "",
        "system": _system(target),
    }
    if target.container is not None:
        one = target.container
        values |= {"container": "yes", "plain": "no", "engine": one.engine, "container_name": one.name}
        if target.config_file is not None and one.inside_path(target.config_file) is not None:
            values["unmounted"] = "no"
        if one.compose is None:  # nothing of compose's is shown for what was made by docker run
            values |= {"mount": f"-v FOLDER:{_kept_inside(target)}", "stop_time": "--stop-timeout 300"}
        else:
            values |= {"compose_file": one.compose.file or "", "compose_service": one.compose.service}
    elif target.instance is not None and (known := container_words.of_process(target)):
        values |= {"container": "yes", "plain": "no", "engine": known[0], "container_name": known[1]}
    elif target.instance is not None and target.direct:
        values["container"] = "yes" if target.instance.in_container else "no"
    if observer.seen.has("settings") and observer.seen.settings is not None:
        values["unread"] = "no"
    if target.server_port == target.address.port:
        values["another_port"] = "no"
    return {name: value for name, value in values.items() if value}


def _kept_inside(target: Target) -> str:
    """Return the folder of a container that is to outlive it: its config's where that file was mounted by itself."""
    one, file = target.container, target.config_file
    inside = None if one is None or file is None else one.inside_path(file)
    return "/config" if inside is None else str(inside.parent)
