"""Defines the result of a trace, ``qbdoctor.trace/1``: what was judged, as data; and reads a saved one back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from qbdoctor import __version__
from qbdoctor.diagnosis import verdict
from qbdoctor.model.basics import CONFIDENCES, SEVERITIES, Json, State
from qbdoctor.model.errors import UserError
from qbdoctor.model.findings import Finding
from qbdoctor.model.report import Cause, TargetInfo
from qbdoctor.storage import files, foreign
from qbdoctor.target.address import parse_ip
from qbdoctor.trace import known_clients, user_agents
from qbdoctor.trace.conversations import Conversation
from qbdoctor.trace.evidence import Context, carries, context, outcome
from qbdoctor.trace.exchange import Seen, Trace, from_json
from qbdoctor.trace.session_rules import judge

SCHEMA = "qbdoctor.trace/1"
_MOST_BYTES = 256 << 20
_BY_VERSION = ("client-wants-ok-body", "client-wants-sid-name", "client-old-endpoint")
"""What a newer release of the client may mend."""
_OPEN = frozenset({"client-wants-ok-body"})
"""What leaves open, as a warning, whether the client works."""


@dataclass(frozen=True, slots=True)
class TracedClient:
    """One client with its causes, most decisive first. ``number`` counts from 1."""

    number: int
    conversation: Conversation
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class TraceResult:
    """A judged trace."""

    trace: Trace
    known: Context
    clients: tuple[TracedClient, ...]
    state: State
    headline: str

    @property
    def exit_code(self) -> int:
        """1 where something breaks, 3 where that could not be told, else 0 (contract)."""
        return {"problem": 1, "unknown": 3}.get(self.state, 0)

    def to_json(self) -> Json:
        """Return the contract's object."""
        trace = self.trace
        owner = {each.n: client.number for client in self.clients for each in client.conversation.seen}
        return {
            "schema": SCHEMA,
            "tool": {"name": "qbdoctor", "version": __version__},
            "target": _target(self).to_json(),
            "run": None if trace.run_exit is None else {"exit_code": trace.run_exit},
            "notes": list(trace.notes),
            "clients": [
                {
                    "number": client.number,
                    "address": client.conversation.address,
                    "user_agent": client.conversation.agent,
                    "host": client.conversation.host,
                    "requests": len(client.conversation.seen),
                    "causes": [cause.to_json() for cause in client.causes],
                }
                for client in self.clients
            ],
            "exchanges": [
                {
                    "n": each.n,
                    "client": owner[each.n],
                    "method": each.method,
                    "path": each.path,
                    "status": each.status,
                    "notes": [*each.notes, f"with {carries(each)}: {outcome(each)}"],
                    "facts": each.to_json(),
                }
                for each in trace.seen
            ],
            "verdict": {"state": self.state, "headline": self.headline},
            "exit_code": self.exit_code,
        }


def result(trace: Trace) -> TraceResult:
    """Judge a trace."""
    known = context(trace)
    values = {"url": trace.url, "host": trace.host, "port": str(trace.port)}
    names = {given.name for each in trace.seen for given in each.given if given.value}
    if len(known.candidates) == 1:
        values["version"] = str(known.candidates[0])
    if len(names) == 1:
        values["cookie_name"] = names.pop()
    clients = tuple(
        TracedClient(number, part, _causes(part, found, values)) for number, (part, found) in enumerate(judge(trace), 1)
    )
    state, headline = _verdict(trace, clients)
    return TraceResult(trace, known, clients, state, headline)


def _causes(part: Conversation, found: Iterable[Finding], values: Mapping[str, str]) -> tuple[Cause, ...]:
    """Fold what was found of one client; advice for other libraries than its own is left out."""
    known = known_clients.remedies(part.agent)
    told = (
        replace(one, remedies=(*known, *one.remedies)) if known and one.cause in _BY_VERSION else one for one in found
    )
    return _surest_first(verdict.merge_findings(told, {**values, **user_agents.conditions(part.agent)}))


def _surest_first(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Among causes of one severity: what the traffic shows comes before what it leaves open."""
    return tuple(sorted(causes, key=lambda one: (SEVERITIES.index(one.severity), CONFIDENCES.index(one.confidence))))


def _verdict(trace: Trace, clients: tuple[TracedClient, ...]) -> tuple[State, str]:
    causes = [cause for client in clients for cause in client.causes]
    errors = [cause for cause in causes if cause.severity == "error"]
    if errors:
        more = sum(any(cause.severity == "error" for cause in client.causes) for client in clients) - 1
        return "problem", errors[0].summary + (
            f" (and {more} more {'client' if more == 1 else 'clients'})" if more else ""
        )
    if not trace.seen:
        return "unknown", f"Could not tell: no request came to the proxy{_ended(trace.run_exit)}"
    stuck = [each for client in clients if not client.causes for each in _stuck(client.conversation)]
    if stuck:
        last = stuck[-1]
        got = "got no answer" if last.status is None else f"was answered {last.status}"
        return "unknown", (
            f"Could not tell: request {last.n} ({last.method} {last.path}) {got}, and nothing in it is wrong; "
            "qbdoctor check looks at the server"
        )
    doubts = [cause.summary for cause in causes if cause.id in _OPEN]
    ended = f"The program {ended_with(trace.run_exit)}" if trace.run_exit else ""
    if doubts:
        return "unknown", f"Could not tell: {doubts[0]}{f'. {ended}' if ended else ''}"
    many = "1 client" if len(clients) == 1 else f"{len(clients)} clients"
    sent = "1 request" if len(trace.seen) == 1 else f"{len(trace.seen)} requests"
    also = f". A warning: {causes[0].summary}" if causes else ""
    if ended:
        return "unknown", (
            f"Could not tell: {ended[0].lower()}{ended[1:]}, and nothing that {many} did in {sent} is wrong{also}: see what it "
            "says itself"
        )
    return "healthy", f"Nothing that {many} did in {sent} is wrong{also}"


def _ended(code: int | None) -> str:
    """Say how the program that was run ended, and where it finds the proxy's address."""
    if code is None:
        return ""
    return (
        f"; the program {ended_with(code)}. It must call the address in QBDOCTOR_TRACE_URL, or be given it as {{url}}"
    )


def ended_with(code: int) -> str:
    """Say how a program ended."""
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _stuck(part: Conversation) -> list[Seen]:
    """Return the last API exchange of a conversation, where it failed."""
    last = [each for each in part.seen if each.kind != "page"][-1:]
    return [each for each in last if each.status is None or each.status in (401, 403) or each.status >= 500]


def _target(made: TraceResult) -> TargetInfo:
    trace = made.trace
    names = {given.name for each in trace.seen if (given := each.session_given) is not None}
    return TargetInfo(
        url=trace.url,
        host=trace.host,
        port=trace.port,
        scheme=trace.scheme,
        version=str(made.known.candidates[0]) if len(made.known.candidates) == 1 else None,
        cookie_name=next(iter(names)) if len(names) == 1 else None,
    )


def load(path: str) -> Trace:
    """Read a saved trace. Raises :class:`UserError` (``bad-trace``)."""
    try:
        data = foreign.read(files.expanded(path), _MOST_BYTES)
        saved = json.loads(data.decode(files.encoding(data)))
        target, run = {SCHEMA: saved["target"]}[saved["schema"]], saved["run"]
        return Trace(
            str(target["url"]),
            str(target["scheme"]),
            str(target["host"]),
            int(target["port"]),
            "name" if parse_ip(str(target["host"])) is None else "ip",
            tuple(sorted((from_json(each["facts"]) for each in saved["exchanges"]), key=lambda one: one.n)),
            None if run is None else int(run["exit_code"]),
            tuple(map(str, saved["notes"])),
        )
    except OSError as error:
        raise UserError("bad-trace", f"--replay: {path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError("bad-trace", f"--replay: {path} is no trace that qbdoctor trace --save has written.") from None
