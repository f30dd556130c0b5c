"""Defines what a run comes to: causes, the checks' results, the target, and the report that holds them."""

from __future__ import annotations

from collections.abc import Mapping

from qbdoctor.model.basics import REPORT_SCHEMA, Confidence, Json, Severity, State, Status
from qbdoctor.model.changes import FailingClient, SeenChanges
from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.findings import Remedy
from qbdoctor.model.route import Route
from qbdoctor.values import field, frozen

NO_CREDENTIALS = "no credentials were given"
"""How the reason of a login begins that nobody gave a password for."""


@frozen
class Cause:
    """A root cause as the report names it.

    ``folded`` are the ids of symptoms that it explains, ``values`` those of its findings: what a fix may need to be told.
    """

    id: str
    severity: Severity
    confidence: Confidence
    summary: str
    evidence: tuple[Evidence, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    folded: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        """Return the contract's cause object."""
        return {
            "id": self.id,
            "severity": self.severity,
            "confidence": self.confidence,
            "summary": self.summary,
            "evidence": [e.to_json() for e in self.evidence],
            "remedies": [r.to_json() for r in self.remedies],
            "explains": list(self.folded),
        }


@frozen
class CheckResult:
    """How a check came out, with its duration in milliseconds (its own observations included)."""

    id: str
    title: str
    status: Status
    summary: str
    reason: str | None = None
    duration_ms: float = 0.0

    def to_json(self) -> Json:
        """Return the contract's check object."""
        return {
            "id": self.id,
            "title": self.title,
            "status": self.status,
            "summary": self.summary,
            "reason": self.reason,
            "duration_ms": round(self.duration_ms, 1),
        }


@frozen
class ProcessInfo:
    """The process that serves a target; ``started`` is RFC 3339, UTC.

    ``unit`` is its systemd service and ``unit_scope`` whose manager keeps it ("system" or "user"); ``container`` says
    in which container it runs, as far as that can be told, None where it runs in none.
    """

    pid: int
    command: str
    started: str
    user: str | None
    unit: str | None = None
    unit_scope: str | None = None
    container: str | None = None

    def to_json(self) -> Json:
        """Return the contract's process object."""
        return {
            "pid": self.pid,
            "command": self.command,
            "started": self.started,
            "user": self.user,
            "unit": self.unit,
            "unit_scope": self.unit_scope,
            "container": self.container,
        }


@frozen
class ContainerInfo:
    """The container of a target, as its engine describes it; ``ports`` as ``docker ps`` writes them.

    ``compose_file`` and ``compose_service`` are None where it is no compose project's.
    """

    engine: str
    id: str
    name: str
    image: str
    ports: tuple[str, ...]
    state: str
    compose_file: str | None = None
    compose_service: str | None = None

    def to_json(self) -> Json:
        """Return the contract's container object."""
        compose = {"file": self.compose_file, "service": self.compose_service} if self.compose_service else None
        return {
            "engine": self.engine,
            "id": self.id,
            "name": self.name,
            "image": self.image,
            "ports": list(self.ports),
            "state": self.state,
            "compose": compose,
        }


@frozen
class TargetInfo:
    """The target as the report shows it; what could not be known is None.

    ``version_range`` holds the releases that fit where the server did not say its own: "5.1.0 to 5.1.4".
    """

    url: str | None = None
    host: str | None = None
    port: int | None = None
    scheme: str | None = None
    version: str | None = None
    webapi_version: str | None = None
    cookie_name: str | None = None
    config_file: str | None = None
    profile: str | None = None
    log_file: str | None = None
    process: ProcessInfo | None = None
    client_address: str | None = None
    version_range: str | None = None
    container: ContainerInfo | None = None
    name: str | None = None
    """The name in targets.toml by which it was asked for."""

    def to_json(self) -> Json:
        """Return the contract's target object, every member always there."""
        return {
            "name": self.name,
            "url": self.url,
            "host": self.host,
            "port": self.port,
            "scheme": self.scheme,
            "version": self.version,
            "webapi_version": self.webapi_version,
            "cookie_name": self.cookie_name,
            "config_file": self.config_file,
            "profile": self.profile,
            "log_file": self.log_file,
            "process": self.process.to_json() if self.process else None,
            "client_address": self.client_address,
            "version_range": self.version_range,
            "container": self.container.to_json() if self.container else None,
        }


@frozen
class ReportError:
    """Why a run could not start: a stable code and one sentence (what, where, what to do)."""

    code: str
    message: str


@frozen
class Report:
    """The health report, ``qbdoctor.report/1``: one for every outcome of ``check``."""

    version: str
    started: str
    duration_ms: float
    target: TargetInfo
    state: State
    headline: str
    causes: tuple[Cause, ...]
    checks: tuple[CheckResult, ...]
    login_attempts: int
    exit_code: int
    error: ReportError | None = None
    route: Route | None = None
    changes: SeenChanges | None = None
    failing: tuple[FailingClient, ...] = ()

    @property
    def complete(self) -> bool:
        """True unless a check is unknown."""
        return all(check.status != "unknown" for check in self.checks)

    def to_json(self) -> Json:
        """Return the contract's report object."""
        return {
            "schema": REPORT_SCHEMA,
            "tool": {"name": "qbdoctor", "version": self.version},
            "started": self.started,
            "duration_ms": round(self.duration_ms, 1),
            "error": {"code": self.error.code, "message": self.error.message} if self.error else None,
            "target": self.target.to_json(),
            "route": self.route.to_json() if self.route else None,
            "verdict": {"state": self.state, "headline": self.headline},
            "causes": [cause.to_json() for cause in self.causes],
            "changes": self.changes.to_json() if self.changes else None,
            "checks": [check.to_json() for check in self.checks],
            "failing_clients": [one.to_json() for one in self.failing],
            "complete": self.complete,
            "login_attempts": self.login_attempts,
            "exit_code": self.exit_code,
        }
