"""Provides what the renderers share: harmless text, an experiment as two lines, and the next command to type.

A report quotes what servers, logs and files said. None of it may act on the reader's terminal or page, so every
renderer passes it through :func:`sentence`, :func:`value` or :func:`command` before it escapes for its own format.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from qbdoctor.model.basics import Status
from qbdoctor.model.exchanges import Evidence
from qbdoctor.model.findings import Remedy
from qbdoctor.model.report import CheckResult, ProcessInfo, Report, TargetInfo
from qbdoctor.values import frozen

STATUSES: tuple[Status, ...] = ("pass", "fail", "warn", "skip", "unknown")

# They differ between any two requests or answers and never decide an outcome.
_NOISE = frozenset({"content-length", "date"})


@frozen
class Options:
    """How to render: see :func:`qbdoctor.reports.render`.

    ``unicode``: the stream can carry ✓, → and their like. ``program`` and ``target`` make the commands that are printed
    run as they stand; ``fix_options`` are what ``fix`` needs beside them here, None where it cannot work from here.
    """

    color: bool = False
    width: int | None = None
    height: int | None = None
    verbose: int = 0
    quiet: bool = False
    unicode: bool = True
    program: str = "qbdoctor"
    target: tuple[str, ...] = ()
    fix_options: tuple[str, ...] | None = ()


@frozen
class DiffSide:
    """One half of an experiment: the request line, the headers in which it differs from the other, the outcome.

    ``headers`` are all that were sent, each with whether it is one of those.
    """

    request: str
    differs: str
    outcome: str
    headers: tuple[tuple[str, bool], ...] = ()


def value(text: str) -> str:
    """Return a text on one line with every character visible: control characters, bidi marks and surrogates escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def sentence(text: str, limit: int = 0) -> str:
    """Return prose on one line: white space folded, the rest as :func:`value`; cut to ``limit`` characters if not 0."""
    flat = value(" ".join(text.split()))
    return flat if not limit or len(flat) <= limit else f"{flat[: limit - 1].rstrip()}…"


def command(text: str) -> list[str]:
    """Return the lines of a command: line breaks and tabs kept, nothing cut, what cannot be seen escaped."""
    lines = text.strip("\r\n").replace("\r\n", "\n").split("\n")
    return ["\t".join(map(value, line.split("\t"))).rstrip() for line in lines]


def sides(evidence: Evidence) -> tuple[DiffSide, DiffSide] | None:
    """Return the two halves of an experiment, or None where the evidence has not both."""
    a, b = evidence.data.get("a"), evidence.data.get("b")
    if evidence.kind != "experiment" or not (isinstance(a, Mapping) and isinstance(b, Mapping)):
        return None
    sent_a, sent_b = _part(a, "request"), _part(b, "request")
    got_a, got_b = _part(a, "response"), _part(b, "response")
    changed = _differing(sent_a, sent_b)
    if _host_follows_url(sent_a) and _host_follows_url(sent_b):
        changed = [name for name in changed if name != "host"]
    out_a, out_b = _outcome(got_a), _outcome(got_b)
    if out_a == out_b:
        # Same status and body: then it is a header of the answer that tells the two apart.
        telling = _differing(got_a, got_b)
        out_a, out_b = ("; ".join([out, *_headers(got, telling)]) for out, got in ((out_a, got_a), (out_b, got_b)))
    names = list(dict.fromkeys((*_lower(sent_a), *_lower(sent_b))))
    first, second = (
        DiffSide(
            _request(sent),
            "; ".join(_headers(sent, changed)),
            out,
            tuple(
                (_headers(sent, [name])[0], name in changed)
                for name in names
                if name in _lower(sent) or name in changed
            ),
        )
        for sent, out in ((sent_a, out_a), (sent_b, out_b))
    )
    return first, second


def setting(evidence: Evidence) -> tuple[str, str]:
    """Return ``(file:line, Key=value)`` of a setting's evidence; either is empty where it is not known."""
    file, line = evidence.data.get("file"), evidence.data.get("line")
    where = value(str(file)) if file else ""
    if where and line:
        where = f"{where}:{line}"
    name, what = evidence.data.get("setting"), evidence.data.get("value")
    # Where a line is named, a value that is not repeated is not one that is absent: the sentence says it.
    if not name or (what is None and line):
        return where, ""
    return where, value(f"{name} is not set" if what is None else f"{name}={what}")


def counts(report: Report) -> dict[Status, list[CheckResult]]:
    """Return the checks by status, each list in the declared order."""
    return {status: [check for check in report.checks if check.status == status] for status in STATUSES}


def plural(count: int, noun: str) -> str:
    """Return ``1 check``, ``2 checks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def seconds(ms: float) -> str:
    """Return a duration for people: ``38 ms``, ``0.41 s``, ``12 s``."""
    if ms < 100:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.2f} s" if ms < 10_000 else f"{ms / 1000:.0f} s"


def subject(report: Report) -> str:
    """Return what was examined, how long it took and what was sent, on one line."""
    target = report.target
    what = " ".join(filter(None, ("qBittorrent", target.version)))
    where = f" at {target.url}" if target.url else ""
    logins = "no login sent" if report.login_attempts == 0 else plural(report.login_attempts, "login") + " sent"
    return value(f"{what}{where}, {seconds(report.duration_ms)}, {logins}")


def _unit(process: ProcessInfo | None) -> str | None:
    """Return the process's systemd unit, and whose it is where that is a user's."""
    if process is None or process.unit is None:
        return None
    return f"{process.unit} (of the user's systemd)" if process.unit_scope == "user" else process.unit


def details(target: TargetInfo) -> list[tuple[str, str]]:
    """Return what is known of the target as label and value, in a fixed order."""
    process = target.process
    rows = (
        ("address", target.url),
        ("version", target.version or (f"{target.version_range} (by its answers)" if target.version_range else None)),
        ("Web API", target.webapi_version),
        ("cookie", target.cookie_name),
        ("config", target.config_file),
        ("profile", target.profile),
        ("log", target.log_file),
        ("process", f"{process.pid}, {process.command}" if process else None),
        ("started", process.started if process else None),
        ("run by", process.user if process else None),
        ("unit", _unit(process)),
        ("inside", process.container if process else None),
        ("seen as", target.client_address),
    )
    return [(label, value(text)) for label, text in rows if text]


def commands(remedy: Remedy) -> list[list[str]]:
    """Return a remedy's commands, each as its lines."""
    return [command(text) for text in remedy.commands]


def _part(side: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = side.get(name)
    return part if isinstance(part, Mapping) else {}


def _lower(message: Mapping[str, Any]) -> dict[str, str]:
    headers = message.get("headers")
    return {str(k).lower(): str(v) for k, v in headers.items()} if isinstance(headers, Mapping) else {}


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Return the lower-case names of the headers in which two messages differ, in the order of their appearance."""
    left, right = _lower(a), _lower(b)
    return [n for n in dict.fromkeys((*left, *right)) if n not in _NOISE and left.get(n) != right.get(n)]


def _headers(message: Mapping[str, Any], names: list[str]) -> list[str]:
    own = message.get("headers")
    spelled = {str(name).lower(): str(name) for name in own} if isinstance(own, Mapping) else {}
    held = _lower(message)
    return [value(f"{spelled[n]}: {held[n]}") if n in held else f"no {n.title()}" for n in names]


def _host_follows_url(request: Mapping[str, Any]) -> bool:
    """Return whether Host says no more than the URL does."""
    return _lower(request).get("host") in (None, urlsplit(str(request.get("url", ""))).netloc)


def _request(request: Mapping[str, Any]) -> str:
    return value(str(request.get("read") or " ".join(str(request[k]) for k in ("method", "url") if request.get(k))))


def _outcome(response: Mapping[str, Any]) -> str:
    """Return an answer in a few words: status, its usual name, and what a short body or a header adds."""
    if response.get("error") or (response.get("status") is None and response.get("text")):
        return sentence(str(response.get("text") or response.get("error")), 120)
    status, headers = response.get("status"), _lower(response)
    name = next((s.phrase for s in HTTPStatus if s.value == status), "")
    parts = [f"{status} {name}".strip() if status is not None else "no answer"]
    body = sentence(str(response.get("body") or ""))
    # A page's markup tells nobody anything; a word or two (`Fails.`, `v5.1.0`) is what tells two answers apart.
    if body and "<" not in body and body.casefold() != name.casefold():
        parts.append(f'"{body[:59] + "…" if len(body) > 60 else body}"')
    if "location" in headers:
        parts.append(f"to {value(headers['location'])}")
    if "set-cookie" in headers:
        parts.append(f"sets {value(headers['set-cookie'].partition('=')[0])}")
    return ", ".join(parts)
