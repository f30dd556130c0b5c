"""Makes the parts of reports: a target, checks, a way, a report around them."""

from __future__ import annotations

from dataclasses import replace

from qbdoctor.model.exchanges import Exchange
from qbdoctor.model.report import Cause, CheckResult, ProcessInfo, Report, TargetInfo
from qbdoctor.model.route import Break, Hop, Route

VERSION = "0.1.0"
STARTED = "2026-11-22T20:12:00Z"
CONF = "/config/qBittorrent/qBittorrent.conf"

TARGET = TargetInfo(
    url="http://127.0.0.1:8080",
    host="127.0.0.1",
    port=8080,
    scheme="http",
    version="5.1.0",
    webapi_version="2.11.4",
    cookie_name="SID",
    config_file=CONF,
    profile="/config",
    log_file="/config/qBittorrent/logs/qbittorrent.log",
    process=ProcessInfo(4711, "/usr/bin/qbittorrent-nox --profile=/config", "2026-11-22T19:58:03Z", "media"),
    client_address="127.0.0.1",
)

TITLES = {
    "listening": "Something listens at the address",
    "is-qbittorrent": "What listens is qBittorrent",
    "tls": "Scheme and certificate fit",
    "host-header": "The Host header is accepted",
    "origin": "Origin and Referer are accepted",
    "bypass": "Callers without credentials are kept out",
    "credentials": "The credentials are right",
    "login": "The login works and a cookie arrives",
    "session": "The session cookie is accepted",
    "ban": "This address is not banned",
    "config-keys": "The config's keys are known and in place",
    "running-settings": "The running settings are those of the file",
}


def check(id_: str, status: str = "pass", summary: str = "as it should be", reason: str | None = None) -> CheckResult:
    return CheckResult(id_, TITLES[id_], status, summary, reason, duration_ms=3.2 + len(id_))  # type: ignore[arg-type]


def checks(**other: CheckResult) -> tuple[CheckResult, ...]:
    return tuple(other.get(id_.replace("-", "_"), check(id_)) for id_ in TITLES)


def report(state: str, headline: str, causes: tuple[Cause, ...] = (), **more: object) -> Report:
    base = Report(
        version=VERSION,
        started=STARTED,
        duration_ms=412.34,
        target=TARGET,
        state=state,  # type: ignore[arg-type]
        headline=headline,
        causes=causes,
        checks=checks(),
        login_attempts=1,
        exit_code={"healthy": 0, "problem": 1, "unknown": 3}[state],
    )
    return replace(base, **more)  # type: ignore[arg-type]


def get(url: str, status: int, body: str, **headers: str) -> Exchange:
    return Exchange(
        "GET",
        url,
        sent=(("User-Agent", "qbdoctor/0.1.0"), *headers.items()),
        status=status,
        headers=(("content-type", "text/plain"), ("content-length", str(len(body)))),
        body=body,
        size=len(body),
        ms=2.5,
    )


def way(
    *between: Hop, host: str | None = "127.0.0.1:8080", arriving: str | None = None, broken: Break | None = None
) -> Route:
    server = Hop("server", "qBittorrent 5.1.0", ("port 8080", "sees 127.0.0.1"))
    hosts = (host, *[None] * (len(between) - 1), arriving) if between else (host,)
    return Route((Hop("client", "this machine", ("127.0.0.1",)), *between, server), hosts, broken)
