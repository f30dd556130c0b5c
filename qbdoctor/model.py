"""The vocabulary of qbdoctor: frozen data that checks judge, the verdict folds and the reports print.

No I/O happens here and nothing of ours is imported. The JSON forms are those of the contract
(``qbdoctor.report/1``); :meth:`Report.to_json` is the one place that spells them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

Json = Any
"""A value that :mod:`json` can write: there is no narrower recursive type that mypy, checks and plug-ins all bear."""

Severity = Literal["error", "warning", "info"]
Confidence = Literal["proven", "likely", "possible"]
Status = Literal["pass", "fail", "warn", "skip", "unknown"]
State = Literal["healthy", "problem", "unknown"]
RemedyKind = Literal["fix", "client", "proxy", "deployment", "manual"]
EvidenceKind = Literal["response", "setting", "process", "log", "file", "experiment"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
CONFIDENCES: tuple[Confidence, ...] = ("proven", "likely", "possible")

REPORT_SCHEMA = "qbdoctor.report/1"


class Secret:
    """A text that must never be shown: a password, a cookie's value, an API key, a hash.

    It cannot be formatted, pickled or written as JSON by accident: ``str()`` and f-strings raise
    :class:`TypeError`, ``repr()`` shows nothing. :meth:`reveal` is the one way out and easy to grep for.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret text, for sending or comparing, never for showing."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> NoReturn:
        raise TypeError("a secret cannot be formatted")

    def __format__(self, _spec: str) -> NoReturn:
        raise TypeError("a secret cannot be formatted")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


FailureKind = Literal[
    "refused",  # nothing listens there
    "unreachable",  # no route, host down, network unreachable
    "dns",  # the name is not known
    "connect-timeout",  # no answer to the connection attempt
    "timeout",  # connected, and no complete answer in time
    "closed",  # connected, closed before a complete answer
    "tls",  # TLS could not be spoken
    "tls-untrusted",  # TLS is spoken, the certificate is not trusted
    "too-large",  # the answer went on past the size cap
    "not-http",  # bytes came that are not HTTP
    "proxy",  # the proxy of the environment refused or failed
    "deadline",  # the run's time was used up before this could be sent
    "withheld",  # not sent, since it might have counted as a failed login
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no complete answer. ``got`` is how many bytes of an answer had come."""

    kind: FailureKind
    text: str
    got: int = 0


@dataclass(frozen=True, slots=True)
class SetCookie:
    """One ``Set-Cookie`` header, taken apart without any client's opinion of what may be kept.

    ``expires`` is the header's text; ``same_site`` is None where the attribute is absent.
    """

    name: str
    value: Secret
    http_only: bool = False
    secure: bool = False
    same_site: str | None = None
    path: str | None = None
    domain: str | None = None
    expires: str | None = None
    max_age: str | None = None

    def shown(self) -> str:
        """Return the header as it may be shown: the value masked, the attributes in a fixed order."""
        parts = [f"{self.name}=***"]
        if self.secure:
            parts.append("Secure")
        if self.http_only:
            parts.append("HttpOnly")
        for label, text in (
            ("SameSite", self.same_site),
            ("Domain", self.domain),
            ("Max-Age", self.max_age),
            ("Expires", self.expires),
            ("Path", self.path),
        ):
            if text is not None:
                parts.append(f"{label}={text}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request as it was sent and what came back; secrets in headers and body are masked already.

    ``status`` is None if and only if ``failure`` is set and no status line had come. ``body`` is the beginning of the
    answer (at most 2 KiB of text), ``size`` its length in bytes as far as it was read. ``ms`` is wall time.
    """

    method: str
    url: str
    sent: tuple[tuple[str, str], ...] = ()
    status: int | None = None
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    size: int = 0
    cookies: tuple[SetCookie, ...] = ()
    failure: Failure | None = None
    ms: float = 0.0
    local: str | None = None
    peer: str | None = None

    def header(self, name: str) -> str | None:
        """Return the last header of the answer with this name (any case), or None."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[-1] if found else None

    @property
    def answered(self) -> bool:
        """True if a complete HTTP answer came."""
        return self.failure is None and self.status is not None

    def outcome(self) -> str:
        """Return what came back in a few words: ``403 Forbidden``, ``connection refused``."""
        if self.failure is not None:
            return self.failure.text
        text = " ".join(self.body.split())
        short = text if len(text) <= 60 else text[:57] + "…"
        return f"{self.status} {short}".strip()

    def request_json(self) -> Json:
        """Return the request for an experiment's evidence."""
        return {"method": self.method, "url": self.url, "headers": dict(self.sent)}

    def response_json(self) -> Json:
        """Return the answer for an experiment's evidence."""
        if self.failure is not None:
            return {"status": self.status, "error": self.failure.kind, "text": self.failure.text}
        headers: dict[str, str] = {}
        for name, value in self.headers:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return {"status": self.status, "reason": self.reason, "headers": headers, "body": self.body[:200]}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two exchanges that differ in one factor: the only source of "proven".

    ``differs`` is True if their outcomes differ as the factor predicts. ``notes`` names what sending them left behind
    (a warning in the server's log, say).
    """

    name: str
    factor: str
    a: Exchange
    b: Exchange
    differs: bool
    shows: str
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing seen. ``data`` holds the further members of the contract's evidence object."""

    kind: EvidenceKind
    text: str
    data: Mapping[str, Json] = field(default_factory=dict)

    @staticmethod
    def response(exchange: Exchange, text: str = "") -> Evidence:
        """Return the evidence of one exchange."""
        became = f": {exchange.outcome()}" if exchange.failure else f" answered {exchange.outcome()}"
        said = text or f"{exchange.method} {exchange.url}{became}"
        return Evidence("response", said, {"request": exchange.request_json(), "response": exchange.response_json()})

    @staticmethod
    def setting(
        name: str, value: str | None, text: str, *, file: str | None = None, line: int | None = None
    ) -> Evidence:
        """Return the evidence of a setting; the caller never passes a secret's value."""
        return Evidence("setting", text, {"setting": name, "value": value, "file": file, "line": line})

    @staticmethod
    def experiment(comparison: Comparison) -> Evidence:
        """Return the evidence of a comparison, with both requests and both answers."""
        a, b = comparison.a, comparison.b
        text = f"{comparison.factor}: {a.outcome()} / {b.outcome()}"
        return Evidence(
            "experiment",
            text,
            {
                "factor": comparison.factor,
                "a": {"request": a.request_json(), "response": a.response_json()},
                "b": {"request": b.request_json(), "response": b.response_json()},
                "shows": comparison.shows,
                **({"notes": comparison.notes} if comparison.notes else {}),
            },
        )

    @staticmethod
    def reads(factor: str, a: tuple[str, str], b: tuple[str, str], shows: str) -> Evidence:
        """Return the evidence of two reads (what was read, what came of it) that differ in one factor."""
        sides = {
            name: {"request": {"read": what}, "response": {"text": said}} for name, (what, said) in (("a", a), ("b", b))
        }
        text = f"{factor}: {a[1]} / {b[1]}"
        return Evidence("experiment", text, {"factor": factor, **sides, "shows": shows})

    def to_json(self) -> Json:
        """Return the contract's evidence object."""
        return {"kind": self.kind, "text": self.text, **self.data}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: a cause's id, how sure it is, one sentence, and what was seen.

    ``values`` fill the places (``{port}``) in the catalogue's remedies. ``severity`` overrides the catalogue's where
    the same cause is at times the reason that calls fail and at times only a warning. ``remedies`` come before the
    catalogue's own.
    """

    cause: str
    confidence: Confidence
    summary: str
    evidence: tuple[Evidence, ...] = ()
    severity: Severity | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A check's answer. ``skip`` and ``unknown`` must say why in ``reason``.

    ``wants`` names comparisons: the engine makes them and asks the check once more, with them among the observations.
    """

    status: Status
    summary: str
    reason: str | None = None
    findings: tuple[Finding, ...] = ()
    wants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it is declared, one a file. ``judge`` is pure: observations in, a judgement out.

    ``id`` is the file's name with hyphens; ``order`` decides the place in the report; ``causes`` are the ids it can
    find; ``about`` is its page for ``qbdoctor explain``: what it looks at, what it sends, what it can show.
    """

    id: str
    title: str
    order: int
    judge: Callable[[Any], Judgement]
    causes: tuple[str, ...]
    about: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way out. ``commands`` can be typed or pasted as they stand."""

    kind: RemedyKind
    text: str
    commands: tuple[str, ...] = ()
    fix: str | None = None

    def to_json(self) -> Json:
        """Return the contract's remedy object."""
        return {"kind": self.kind, "fix": self.fix, "text": self.text, "commands": list(self.commands)}


Effect = Literal["hardens", "keeps", "loosens"]


@dataclass(frozen=True, slots=True)
class Added:
    """One more entry of a setting that holds a list: what is there stays; nothing changes where it is there already."""

    entry: str


SettingValue = bool | int | str | tuple[str, ...] | Added | Secret
"""A secret one is the password hash, as :func:`qbdoctor.password.make_hash` gives it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One setting and the value that it is to have; None takes the key out. Names the setting, never a line."""

    setting: str
    value: SettingValue | None


@dataclass(frozen=True, slots=True)
class Effectiveness:
    """What the server did after a fix: ``works`` is None where no address that we hold can show it."""

    works: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Input:
    """A value that a fix must be told, by ``--set NAME=VALUE``.

    ``about`` says what it is, with its article; ``read`` returns the text in its one form or raises ValueError, whose text
    completes a sentence. ``found`` is its name among a finding's values, ``default`` what stands in where nothing is
    known. ``secret``: a person is asked, or a file read; never an option's value.
    """

    name: str
    about: str
    read: Callable[[str], str]
    found: str = ""
    default: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix as it is declared, one a file; pure planning, only the journal writes.

    ``plan(seen, cause)`` returns the edits; ``cause`` is the id that was found, None where a person asked for the fix
    by name, and an empty result means that this fix does not apply to it. ``judge(before, after)`` says what the
    server's own acts show, from observations taken before and after. ``exposes`` says what one that loosens opens.

    ``inputs`` are what it must be told; with any, its functions take the values (``given``) as one more argument.
    ``forbids(seen, via)`` returns why it must not be made this way ("api" or "file"), or "".
    """

    id: str
    title: str
    order: int
    answers: tuple[str, ...]
    effect: Effect
    plan: Callable[..., tuple[Edit, ...]]
    judge: Callable[..., Effectiveness]
    changes: str
    about: str
    exposes: str = ""
    inputs: tuple[Input, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    forbids: Callable[..., str] | None = None

    def edits(self, seen: Any, cause: str | None) -> tuple[Edit, ...]:
        """Return the edits, with the values that were given."""
        return self.plan(seen, cause, *self._told)

    def shown(self, before: Any, after: Any) -> Effectiveness:
        """Return what the server's own acts show, by the values that were given."""
        return self.judge(before, after, *self._told)

    def refused(self, seen: Any, via: str) -> str:
        """Return why it must not be made this way, or ""."""
        return self.forbids(seen, via, *self._told) if self.forbids is not None else ""

    @property
    def _told(self) -> tuple[Mapping[str, Any], ...]:
        return (self.given,) if self.inputs else ()


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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

    def to_json(self) -> Json:
        """Return the contract's target object, every member always there."""
        return {
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
        }


@dataclass(frozen=True, slots=True)
class ReportError:
    """Why a run could not start: a stable code and one sentence (what, where, what to do)."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
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
            "verdict": {"state": self.state, "headline": self.headline},
            "causes": [cause.to_json() for cause in self.causes],
            "checks": [check.to_json() for check in self.checks],
            "complete": self.complete,
            "login_attempts": self.login_attempts,
            "exit_code": self.exit_code,
        }


class UserError(Exception):
    """Bad input, told in one sentence: what, where, what to do. ``code`` is stable, ``exit_code`` is 2 or 3."""

    def __init__(self, code: str, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exit_code = exit_code
