"""Defines what was sent and what came back, and what that is evidence of."""

from __future__ import annotations

from collections.abc import Mapping

from qbdoctor.model.basics import EvidenceKind, Json, Secret
from qbdoctor.type_checking import TYPE_CHECKING
from qbdoctor.values import field, frozen

if TYPE_CHECKING:
    from typing import Literal

    FailureKind = Literal[
        "refused",  # nothing listens there
        "unreachable",  # no route, host or network down, or a firewall says no
        "dns",  # the name is not known
        "connect-timeout",  # no answer to the connection attempt
        "timeout",  # connected, and no complete answer in time
        "closed",  # connected, closed before a complete answer
        "tls",  # TLS could not be spoken
        "tls-untrusted",  # TLS is spoken, the certificate is not trusted
        "too-large",  # the answer went on past the size cap
        "not-http",  # bytes came that are not HTTP
        "proxy",  # the proxy of the environment refused or failed
        "deadline",  # the run's time was used up before this could be sent, or fairly answered; or nothing is answered now
        "withheld",  # not sent, since it might have counted as a failed login
    ]
    Attribute = Literal["Expires", "Path", "Domain", "Secure", "Prefix", "SameSite"]
else:
    FailureKind = Attribute = str


@frozen
class Failure:
    """Why a request has no complete answer. ``got`` is how many bytes of an answer had come."""

    kind: FailureKind
    text: str
    got: int = 0


@frozen
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


@frozen
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

    @property
    def too_late(self) -> bool:
        """True if no time was left for an answer, or the server too busy for any: that says nothing of this request."""
        return self.failure is not None and self.failure.kind == "deadline"

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


@frozen
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


@frozen
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


@frozen
class Withheld:
    """One attribute for which clients keep the cookie back; ``value`` is its text. ``browsers`` alone do where it is True."""

    attribute: Attribute
    value: str
    browsers: bool = False
