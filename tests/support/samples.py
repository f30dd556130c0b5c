"""Reports to render: one for each kind of outcome, and one whose texts are hostile."""

from __future__ import annotations

from dataclasses import replace

from qbdoctor.model.exchanges import Comparison, Evidence, Exchange, Failure
from qbdoctor.model.findings import Remedy
from qbdoctor.model.report import Cause, CheckResult, Report, ReportError, TargetInfo
from qbdoctor.model.route import Break, Hop, Route
from tests.support.sample_parts import CONF, TARGET, TITLES, check, checks, get, report, way
from tests.support.samples_more import behind_proxy, lost_password, worked_yesterday


def healthy() -> Report:
    return report(
        "healthy",
        "qBittorrent 5.1.0 at http://127.0.0.1:8080 is healthy: the login works, and the session cookie is accepted.",
        route=way(),
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
        route=way(
            Hop("mapping", "docker-proxy", ("8112 → 8080",)),
            host="192.168.1.51:8112",
            arriving="192.168.1.51:8112",
            broken=Break("hop", 2, "host-port-mismatch"),
        ),
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
    others = {id_.replace("-", "_"): check(id_, "skip", "not tried", why) for id_ in TITLES if id_ != "listening"}
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
        route=Route(
            (Hop("client", "this machine"), Hop("server", "nothing listens", ("nas:8080",))),
            ("nas:8080",),
            Break("hop", 1, "not-running"),
        ),
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
        route=way(
            Hop("proxy", nasty, (nasty, long)),
            Hop("unknown", long),
            host=nasty,
            arriving=nasty,
            broken=Break("leg", 1, "not-qbittorrent"),
        ),
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
        lost_password,
        behind_proxy,
        worked_yesterday,
        hostile,
    )
}
