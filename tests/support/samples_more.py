"""Reports to render, as real ones are: many ways out of one cause, and a proxy on the way."""

from __future__ import annotations

from dataclasses import replace

from qbdoctor.model.changes import FailingClient, SeenChange, SeenChanges
from qbdoctor.model.exchanges import Comparison, Evidence
from qbdoctor.model.findings import Remedy
from qbdoctor.model.report import Cause, Report
from qbdoctor.model.route import Break, Hop
from tests.support.sample_parts import CONF, TARGET, check, checks, get, report, way


def lost_password() -> Report:
    """As real reports are: the verdict, its cause and the check that found it say the same, and there are many ways out."""
    said = "User name or password is wrong by the config: the password does not fit Password_PBKDF2 (line 37); no login was sent"
    cause = Cause(
        id="wrong-credentials",
        severity="error",
        confidence="likely",
        summary=said,
        evidence=(
            Evidence.setting("Password_PBKDF2", "***", "the password does not fit the hash", file=CONF, line=37),
        ),
        remedies=(
            Remedy(
                "client",
                "Enter user name and password anew in the client, and look at what really arrives there: case, blanks, a line "
                "break at the end of a password file, `$` in a compose file (write `$$`), quotes that became part of the value.",
            ),
            Remedy(
                "manual",
                "If you are logged in somewhere (a browser, the desktop window), set a new password there: Options, Web UI, "
                "Authentication. It takes effect at once and ends no session.",
            ),
            Remedy(
                "fix",
                "If the password is lost, a new one in the right form: live where a bypass lets you in, else in the config of a "
                "stopped qBittorrent, or with --restart.",
                ("qbdoctor fix set-password",),
                fix="set-password",
            ),
            Remedy(
                "manual", "The same without it: stop qBittorrent, remove the line from the configuration, start it."
            ),
            Remedy("client", "From 5.2 a program can use an API key instead of a password."),
        ),
    )
    return report(
        "problem",
        said,
        (cause,),
        checks=checks(
            credentials=check("credentials", "fail", said), login=check("login", "skip", "not tried", "offline")
        ),
        route=way(broken=Break("hop", 1, "wrong-credentials")),
        login_attempts=0,
    )


def behind_proxy() -> Report:
    """Something in front takes the cookie away."""
    url = "https://nas.lan/qb/api/v2/auth/login"
    comparison = Comparison(
        name="login",
        factor="the way",
        a=replace(get(url, 200, "Ok."), method="POST"),
        b=replace(
            get("http://127.0.0.1:8080/api/v2/auth/login", 200, "Ok."),
            method="POST",
            headers=(("set-cookie", "SID=***; HttpOnly; path=/"),),
        ),
        differs=True,
        shows="qBittorrent sets the cookie, and nginx does not hand it on",
    )
    cause = Cause(
        id="cookie-stripped",
        severity="error",
        confidence="proven",
        summary="The login works and no cookie arrives: something between https://nas.lan/qb and qBittorrent takes it away.",
        evidence=(Evidence.experiment(comparison),),
        remedies=(
            Remedy(
                "proxy",
                "Take out of nginx what hides the header.",
                ("# proxy_hide_header Set-Cookie;", "nginx -s reload"),
            ),
            Remedy("client", "Use http://127.0.0.1:8080 from this machine."),
        ),
    )
    return report(
        "problem",
        cause.summary,
        (cause,),
        target=replace(TARGET, url="https://nas.lan/qb", host="nas.lan", port=443, scheme="https", process=None),
        route=way(
            Hop("proxy", "nginx/1.22.1", ("nas.lan",)),
            host="nas.lan",
            arriving="127.0.0.1:8080",
            broken=Break("leg", 1, "cookie-stripped"),
        ),
        checks=checks(login=check("login", "fail", "200 Ok., and no cookie")),
    )


def worked_yesterday() -> Report:
    """The same after it worked: what changed since, and who else is refused."""
    told = (
        SeenChange("stored_password", None, None, None, ("wrong-credentials",), "the password in the config was changed"),
        SeenChange(
            "leftover_adopted", None, "qBittorrent_new.conf", "2026-11-27T02:00:01Z", ("wrong-credentials",),
            "the server took its settings from the left-over qBittorrent_new.conf", "yesterday 03:00",
        ),
        SeenChange("release", "5.1.4", "5.3.0", "2026-11-27T02:00:00Z", (),
                   "qBittorrent 5.1.4 → 5.3.0", "started yesterday 03:00"),
        SeenChange("webapi_version", "2.11.4", "2.15.1", None, (), "Web API 2.11.4 → 2.15.1"),
        SeenChange(
            "SessionCookieName", None, "a-long-name-that-a-person-gave-\x1b[31m-with-<b>markup</b>", None, (),
            "SessionCookieName (nothing) → a-long-name-that-a-person-gave-\x1b[31m-with-<b>markup</b>",
        ),
    )  # fmt: skip
    failing = (
        FailingClient("192.168.1.20", "login", 12, "2026-11-27T03:00:00Z", "2026-11-28T08:00:00Z", "", False,
                      "192.168.1.20: 12 failed logins since yesterday 04:00, the last today 09:00"),
        FailingClient("172.18.0.1", "host", 1, "2026-11-28T08:00:00Z", "2026-11-28T08:00:00Z", "nas.lan", True,
                      "172.18.0.1: 1 request with a Host that is not allowed (nas.lan), today 09:00 "
                      "(qbdoctor comes from there as well)"),
    )  # fmt: skip
    since = SeenChanges("2026-11-24T20:04:00Z", "look", told, "Since it last worked (Tuesday 21:04)")
    return replace(lost_password(), changes=since, failing=failing)
