"""Reports to render: one for each kind of outcome, and one whose texts are hostile."""

from __future__ import annotations

from dataclasses import replace

from qbdoctor.model.exchanges import Comparison, Evidence, Exchange, Failure
from qbdoctor.model.findings import Remedy
from qbdoctor.model.report import Cause, CheckResult, ProcessInfo, Report, ReportError, TargetInfo

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

_TITLES = {
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
    return CheckResult(id_, _TITLES[id_], status, summary, reason, duration_ms=3.2 + len(id_))  # type: ignore[arg-type]


def checks(**other: CheckResult) -> tuple[CheckResult, ...]:
    return tuple(other.get(id_.replace("-", "_"), check(id_)) for id_ in _TITLES)


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


def healthy() -> Report:
    return report(
        "healthy",
        "qBittorrent 5.1.0 at http://127.0.0.1:8080 is healthy: the login works, and the session cookie is accepted.",
    )


def host_port_mismatch() -> Report:
    url = "http://192.168.1.51:8112/api/v2/app/version"
    comparison = Comparison(
        name="host-port",
        factor="the port in Host",
        a=get(url, 401, "Unauthorized", Host="192.168.1.51:8112"),
        b=get(url, 403, "Forbidden", Host="192.168.1.51:8080"),
        differs=True,
        shows="the server refuses whoever names port 8112, and asks whoever names 8080 to log in",
        notes="request A left a warning in the server's log",
    )
    cause = Cause(
        id="host-port-mismatch",
        severity="error",
        confidence="proven",
        summary="qBittorrent listens on port 8080 behind a mapping from 8112, and takes requests only if their Host "
        "header names its own port; browsers and clients send the one they were given.",
        evidence=(
            Evidence.experiment(comparison),
            Evidence.setting("WebUI\\Port", "8080", "the Web UI listens on port 8080", file=CONF, line=41),
            Evidence(
                "log",
                "WebUI: Invalid Host header, port mismatch. Request source IP: '172.17.0.1'. Server port: '8080'. "
                "Received Host header: '192.168.1.51:8112'",
            ),
        ),
        remedies=(
            Remedy(
                "deployment",
                "Give the container the same port inside and outside: WEBUI_PORT=8112 and the mapping 8112:8112.",
                (
                    "docker run -d --name qbittorrent -e WEBUI_PORT=8112 -p 8112:8112 -v /srv/qb:/config "
                    "lscr.io/linuxserver/qbittorrent:5.1.0",
                ),
            ),
            Remedy(
                "proxy", "Have the reverse proxy send the inner address.", ("proxy_set_header Host 127.0.0.1:8080;",)
            ),
            Remedy(
                "manual", "Switch the Host header's validation off, which gives up the guard against DNS rebinding."
            ),
        ),
        folded=("origin-mismatch",),
    )
    skipped = "the Host header is refused before it"
    return report(
        "problem",
        "Every request is refused with 401: clients name port 8112, qBittorrent listens on 8080 behind a port mapping.",
        (cause,),
        target=replace(TARGET, url="http://192.168.1.51:8112", host="192.168.1.51", port=8112, process=None),
        checks=checks(
            host_header=check("host-header", "fail", "401 with port 8112 in Host, 403 with 8080"),
            tls=check("tls", "skip", "not looked at", "the address is plain http"),
            login=check("login", "skip", "not tried", skipped),
            session=check("session", "skip", "not tried", skipped),
            credentials=check("credentials", "skip", "not tried", skipped),
        ),
        login_attempts=0,
    )


def wrong_credentials() -> Report:
    login = Exchange(
        "POST",
        "http://127.0.0.1:8080/api/v2/auth/login",
        sent=(("Content-Type", "application/x-www-form-urlencoded"),),
        status=200,
        headers=(("content-type", "text/plain"),),
        body="Fails.",
        size=6,
    )
    cause = Cause(
        id="wrong-credentials",
        severity="error",
        confidence="likely",
        summary="The password given is not the one of user admin: it does not fit the hash in the config.",
        evidence=(
            Evidence.response(login),
            Evidence(
                "file", "the password hash in the config was computed from another password", {"file": CONF, "line": 44}
            ),
        ),
        remedies=(
            Remedy(
                "client",
                "Give the password that the Web UI takes.",
                ("qbdoctor check --username admin --password-file ~/qb-password",),
            ),
            Remedy("fix", "Set a new password.", ("qbdoctor fix set-password",), fix="set-password"),
        ),
    )
    return report(
        "problem",
        "The login is refused: the password is not the one of user admin.",
        (cause,),
        checks=checks(
            credentials=check("credentials", "fail", "the password does not fit the hash in the config"),
            login=check("login", "fail", "200 Fails."),
            session=check("session", "skip", "not tried", "there is no session without a login"),
        ),
    )


def exposed() -> Report:
    """A fix comes first, and a second cause is only a warning."""
    version = "http://127.0.0.1:8080/api/v2/app/version"
    bypass = Cause(
        id="exposed-bypass",
        severity="error",
        confidence="likely",
        summary="Anybody who reaches this server is let in without a password: its whitelist holds every address.",
        evidence=(
            Evidence.experiment(
                Comparison(
                    "bypass",
                    "the session cookie",
                    get(version, 200, "v5.1.0"),
                    get(version, 200, "v5.1.0", Cookie="SID=***"),
                    False,
                    "no cookie is needed",
                )
            ),
            Evidence.setting(
                "WebUI\\AuthSubnetWhitelist", "0.0.0.0/0", "the whitelist covers all of IPv4", file=CONF, line=12
            ),
        ),
        remedies=(Remedy("fix", "Switch the whitelist off.", fix="disable-subnet-whitelist"),),
    )
    warning = Cause(
        id="session-too-short",
        severity="warning",
        confidence="likely",
        summary="Sessions end after 30 s.",
        evidence=(
            Evidence.setting("WebUI\\SessionTimeout", "30", f"SessionTimeout is 30 in {CONF}:19", file=CONF, line=19),
        ),
        remedies=(Remedy("fix", "Set the session's time to an hour.", fix="set-session-timeout"),),
    )
    return report(
        "problem",
        "This server lets anybody in without a password.",
        (bypass, warning),
        checks=checks(bypass=check("bypass", "fail", "200 without credentials")),
    )


def not_running() -> Report:
    refused = Exchange("GET", "http://nas:8080/", failure=Failure("refused", "connection refused"))
    why = "nothing listens there"
    others = {id_.replace("-", "_"): check(id_, "skip", "not tried", why) for id_ in _TITLES if id_ != "listening"}
    cause = Cause(
        id="not-running",
        severity="error",
        confidence="proven",
        summary="Nothing listens at nas:8080; the host itself answers on port 22.",
        evidence=(
            Evidence.experiment(
                Comparison(
                    "port",
                    "the port",
                    refused,
                    replace(refused, url="http://nas:22/", failure=Failure("not-http", "an answer, not HTTP")),
                    True,
                    "the host is up, the port is closed",
                )
            ),
        ),
    )
    return report(
        "problem",
        "Nothing listens at nas:8080: qBittorrent is not running there, or its Web UI is off.",
        (cause,),
        target=TargetInfo(url="http://nas:8080", host="nas", port=8080, scheme="http"),
        checks=checks(listening=check("listening", "fail", "connection refused"), **others),
        login_attempts=0,
    )


def early_error() -> Report:
    return report(
        "unknown",
        "Nothing to check: no qBittorrent was found on this machine.",
        target=TargetInfo(),
        checks=(),
        login_attempts=0,
        duration_ms=12.0,
        error=ReportError("no-target", "No qBittorrent was found on this machine; give its address with --url."),
    )


def unknown() -> Report:
    return report(
        "unknown",
        "Could not tell whether the login works: no password was given.",
        checks=checks(
            login=check("login", "unknown", "not tried", "no password: set QBDOCTOR_PASSWORD or give --password-file"),
            session=check("session", "skip", "not tried", "there is no session without a login"),
        ),
        login_attempts=0,
    )


def warnings() -> Report:
    keys = Cause(
        id="unknown-key",
        severity="warning",
        confidence="likely",
        summary="The key WebUI\\LocalhostAuth does nothing: qBittorrent 5.1.0 reads WebUI\\LocalHostAuth.",
        evidence=(Evidence.setting("WebUI\\LocalhostAuth", "false", "no release reads this key", file=CONF, line=39),),
        remedies=(Remedy("fix", "Remove the key.", fix="remove-unknown-key"),),
    )
    active = Cause(
        id="bypass-active",
        severity="info",
        confidence="likely",
        summary="Callers from 192.168.1.0/24 need no password.",
        evidence=(Evidence("log", "not shown without -v"),),
    )
    return report(
        "healthy",
        "qBittorrent 5.1.0 at http://127.0.0.1:8080 is healthy, with one warning.",
        (keys, active),
        checks=checks(config_keys=check("config-keys", "warn", "line 39: LocalhostAuth is not a key of any release")),
    )


def hostile() -> Report:
    """What a server, a log or a file name may hold; none of it may act on a terminal, a page or a parser."""
    nasty = (
        "[red]bold[/] | `x` ``y`` <script>alert(1)</script> & \"q\" 'a' \\ {b}\n# "
        "head\r\n\x1b[31m\x00\x7f\u202e\udcff$(id) 漢字 ]]> @all"
    )
    long = "wort-" * 100
    comparison = Comparison(
        "host",
        nasty,
        replace(get(f"http://[::1]:8080/{nasty}", 401, nasty, Host=nasty), headers=(("X", nasty), ("Location", nasty))),
        replace(get(f"http://[::1]:8080/{nasty}", 401, nasty), headers=(("Location", nasty),)),
        True,
        nasty,
        nasty,
    )
    cause = Cause(
        id="not-qbittorrent",
        severity="error",
        confidence="proven",
        summary=nasty + long,
        evidence=(
            Evidence.experiment(comparison),
            Evidence.setting("[core]", nasty, nasty, file=f"/tmp/{nasty}", line=1),
            Evidence("log", long),
        ),
        remedies=(
            Remedy("manual", nasty, ("cat <<'E'\n\tfirst | second\n```\nE\n", nasty)),
            Remedy("fix", "[/]", fix="use-http"),
        ),
        folded=("wrong-port",),
    )
    return report(
        "problem",
        nasty,
        (cause,),
        target=replace(TARGET, url=f"http://{nasty}", config_file=f"/tmp/{nasty}", version=nasty),
        checks=tuple(
            CheckResult(c.id, nasty, status, nasty, nasty, 1.0)  # type: ignore[arg-type]
            for c, status in zip(checks(), ("pass", "fail", "warn", "skip", "unknown"), strict=False)
        ),
    )


SAMPLES = {
    sample.__name__: sample
    for sample in (
        healthy,
        host_port_mismatch,
        wrong_credentials,
        exposed,
        not_running,
        early_error,
        unknown,
        warnings,
        hostile,
    )
}
