"""Counts what a watch sees for Prometheus, with prometheus-client, in OpenMetrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from qbdoctor import __version__
from qbdoctor.model.basics import STATES
from qbdoctor.watch.base.events import KINDS, Event
from qbdoctor.watch.base.glances import FullLook, Glance

if TYPE_CHECKING:
    from qbdoctor.model.report import Report

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The metrics of one watch; each label has few values, all of our own."""

    def __init__(self, url: str) -> None:
        self._registry = CollectorRegistry()
        at = self._registry
        info = Gauge("qbdoctor_watch_info", "What is watched by what; always 1.", ("version", "url"), registry=at)
        info.labels(__version__, url).set(1)
        self._state = Gauge(
            "qbdoctor_state", "The verdict of the last full check: 1 for the state that holds.", ("state",), registry=at
        )
        self._cause = Gauge(
            "qbdoctor_cause", "A cause that the last full check found; always 1.", ("id", "severity"), registry=at
        )
        self._up = Gauge("qbdoctor_watch_reachable", "Whether the last look was answered.", registry=at)
        self._session = Gauge("qbdoctor_watch_session", "Whether a session is held and was accepted.", registry=at)
        self._last = Gauge(
            "qbdoctor_watch_last_look_timestamp_seconds", "When was looked last, Unix time.", registry=at
        )
        self._looks = Counter("qbdoctor_watch_looks", "Looks by how they came out.", ("kind",), registry=at)
        self._refreshes = Counter(
            "qbdoctor_watch_session_refreshes", "How often the session's cookie came anew.", registry=at
        )
        self._refusals = Counter(
            "qbdoctor_watch_refusals", "Looks that were refused, by cause.", ("status", "cause"), registry=at
        )
        self._events = Counter("qbdoctor_watch_events", "Events by what happened.", ("event",), registry=at)
        self._checks = Counter("qbdoctor_watch_full_checks", "Full checks that were made.", registry=at)
        self._logins = Counter("qbdoctor_watch_logins", "Credentials that were sent.", registry=at)
        buckets = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
        self._seconds = Histogram(
            "qbdoctor_watch_look_seconds", "How long an answer took.", buckets=buckets, registry=at
        )
        for state in STATES:
            self._state.labels(state).set(0)
        for kind in ("ok", "asks-login", "refused", "odd", "down"):
            self._looks.labels(kind)
        for event in KINDS:
            self._events.labels(event)

    def looked(self, glance: Glance, cause: str) -> None:
        """Count a look."""
        self._looks.labels(glance.kind).inc()
        self._up.set(glance.kind != "down")
        self._last.set(glance.at)
        self._session.set(glance.kind == "ok" and glance.with_session)
        if glance.kind != "down":
            self._seconds.observe(glance.ms / 1000)
        if glance.refreshed:
            self._refreshes.inc()
        if glance.status in {401, 403} and (glance.with_session or glance.kind == "refused"):
            self._refusals.labels(str(glance.status), cause or "unknown").inc()

    def checked(self, look: FullLook, report: Report) -> None:
        """Count a full check, and take its verdict."""
        self._checks.inc()
        if report.login_attempts:
            self._logins.inc(report.login_attempts)
        for state in STATES:
            self._state.labels(state).set(look.state == state)
        self._cause.clear()
        for cause in look.causes:
            self._cause.labels(cause.id, cause.severity).set(1)

    def happened(self, event: Event, _state: str) -> None:
        """Count an event."""
        self._events.labels(event.id).inc()

    def text(self) -> bytes:
        """Return all of it as it is exposed."""
        return bytes(generate_latest(self._registry))  # type: ignore[no-untyped-call]
