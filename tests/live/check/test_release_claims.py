"""The table of releases held against real servers: each rule that can be run is, and the others are counted as read."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from qbdoctor import releases
from qbdoctor.releases import Version
from qbdoctor.releases.action_fields import FILTERS, REQUIRED, means_all, required
from qbdoctor.releases.actions import ABSENT, ACTIONS
from qbdoctor.releases.versions import known
from qbdoctor.releases.web_api import has_action
from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server

pytestmark = pytest.mark.in_turn

CALL, API = "/api/v2/app/version", "/api/v2/"
NAME = "allowed.example"
STOPPED, STARTED, OTHER = "a" * 40, "b" * 40, "c" * 40
KEPT_OFF = {"app/shutdown", "auth/login", "auth/logout"}
"""Actions that would end the server or its session."""


def raw(server: Server, request: str) -> bytes:
    """The first bytes of what comes back, whatever the request is."""
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096)


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


def header(server: Server, name: str, path: str = "/") -> str:
    return str(server.get(path).headers.get(name, ""))


def cookie(server: Server) -> str:
    return str(server.try_login(PASSWORD).headers["set-cookie"])


def attribute(server: Server, name: str) -> str | None:
    found = re.search(rf"(?i)\b{name}(?:=([^;]*))?(?:;|$)", cookie(server))
    return None if found is None else found[1] or ""


def answer(response: Any) -> tuple[int, str]:
    return response.status_code, response.text


def without_fields(server: Server) -> str:
    """What is said of a missing field, with the field's name left out."""
    said = server.login().post(f"{server.url}{API}app/setPreferences", data={"x": "1"})
    assert said.status_code == 400
    return str(said.text).replace("json", "%1")


def passing_sites(server: Server) -> tuple[str, ...] | None:
    words = ("same-origin", "none", "same-site", "cross-site")
    passed = tuple(word for word in words if server.get(CALL, headers={"Sec-Fetch-Site": word}).status_code != 401)
    return None if passed == words else passed


def sessions_kept(server: Server) -> int | None:
    """After how many more logins the first session is gone; it is not used meanwhile, which would keep it."""
    for count in (14, 15):
        first = server.login()
        for _ in range(count):
            server.login()
        if first.get(server.url + CALL).status_code != 200:
            return count
    return None


def post_only(server: Server) -> str:
    session = server.login()
    calls = ("app/setPreferences?json={}", "torrents/delete?hashes=x&deleteFiles=false")
    refused = [session.get(f"{server.url}{API}{call}").status_code == 405 for call in calls]
    return {(False, False): "none", (True, False): "nine", (True, True): "nearly all that change something"}[
        refused[0], refused[1]
    ]


def magnet(server: Server, name: str, **fields: str) -> Any:
    session = server.login()
    return session.post(f"{server.url}{API}torrents/add", data={"urls": f"magnet:?xt=urn:btih:{name}", **fields})


def torrents(server: Server, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.login().get(f"{server.url}{API}torrents/info?{query}").json()
    return found


def which(server: Server, *actions: str) -> str:
    """The one of these actions that the release has."""
    session = server.login()
    found = [one for one in actions if session.post(f"{server.url}{API}{one}", data={}).status_code != 404]
    assert len(found) == 1
    return found[0]


def stopping_field(server: Server) -> str:
    for name, field in ((STOPPED, "paused"), (STARTED, "stopped")):
        magnet(server, name, **{field: "true"})
    still = [one["hash"] for one in torrents(server) if one["state"].startswith(("paused", "stopped"))]
    return {STOPPED: "paused", STARTED: "stopped"}[still[0]] if len(still) == 1 else "both"


def folder_of(server: Server) -> bool:
    (one,) = torrents(server, f"hashes={OTHER}")
    return str(one["save_path"]).endswith("/")


PROBES: dict[str, Callable[[Server], object]] = {
    "login.accepted": lambda s: answer(s.try_login(PASSWORD)),
    "login.refused": lambda s: answer(s.try_login("none of it")),
    "status.no_result": lambda s: s.try_login(PASSWORD).status_code,
    "body.forbidden": lambda s: s.get(CALL).text,
    "body.unauthorized": lambda s: s.get(CALL, headers={"Host": "other.example"}).text,
    "body.not_found": lambda s: s.get("/no/such/page").text,
    "body.unknown_action": lambda s: s.login().get(f"{s.url}{API}app/nope").text,
    "body.missing_parameter": without_fields,
    "status.unknown_scope": lambda s: s.get(f"{API}nope/x").status_code,
    "status.other_method": lambda s: s.request("OPTIONS", "/").status_code,
    "status.json_body": lambda s: s.post(f"{API}auth/login", json={"username": "admin"}).status_code,
    "status.post_without_length": lambda s: (
        None if (n := status(raw(s, f"POST {CALL} HTTP/1.1\r\nHost: {s.host}:{s.port}\r\n\r\n"))) == 403 else n
    ),
    "status.dot_path": lambda s: status(raw(s, f"GET /css/../x HTTP/1.1\r\nHost: {s.host}:{s.port}\r\n\r\n")),
    "status.backslash_path": lambda s: status(raw(s, f"GET /css\\x HTTP/1.1\r\nHost: {s.host}:{s.port}\r\n\r\n")),
    "status.root_with_bearer": lambda s: s.get("/", headers={"Authorization": "Bearer x"}).status_code,
    "reason.ok": lambda s: s.get("/").reason or "",
    "form.plus_is_space": lambda s: (
        s.post(
            f"{API}auth/login",
            data=f"username=admin&password={PASSWORD.replace(' ', '+')}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ).headers.get("set-cookie")
        is not None
    ),
    "cookie.name": lambda s: cookie(s).partition("=")[0].replace(str(s.port), "{port}"),
    "cookie.same_site": lambda s: attribute(s, "SameSite"),
    "cookie.expires": lambda s: attribute(s, "expires") is not None,
    "session.limit": sessions_kept,
    "csrf.exempt_paths": lambda s: tuple(
        one for one in ("/", "/index.html") if s.get(one, headers={"Origin": "http://other.example"}).status_code != 401
    ),
    "csrf.sec_fetch_site": passing_sites,
    "csrf.forwarded_host": lambda s: (
        "always"
        if s.get(CALL, headers={"Origin": f"http://{NAME}", "X-Forwarded-Host": NAME}).status_code == 403
        else "with-proxy-support"
    ),
    "host.domains_anchored": lambda s: s.get(CALL, headers={"Host": f"x{NAME}"}).status_code == 401,
    "auth.api_key": lambda s: s.get("/", headers={"Authorization": "Bearer x"}).status_code == 404,
    "auth.basic": lambda s: s.get("/", auth=("admin", "none of it")).status_code == 401,
    "header.referrer_policy": lambda s: bool(header(s, "referrer-policy")),
    "header.opener_policy": lambda s: bool(header(s, "cross-origin-opener-policy")),
    "header.csp_frame_src": lambda s: "frame-src" in header(s, "content-security-policy"),
    "header.csp_form_action": lambda s: "form-action" in header(s, "content-security-policy"),
    "header.csp_frame_ancestors": lambda s: "frame-ancestors" in header(s, "content-security-policy"),
    "api.v1": lambda s: s.get("/version/api").status_code == 200,
    "route.legacy": lambda s: s.get("/version/api").status_code == 200,
    "method.post_only": post_only,
    "action.stop": lambda s: which(s, "torrents/pause", "torrents/stop"),
    "action.start": lambda s: which(s, "torrents/resume", "torrents/start"),
    "add.answer": lambda s: "text" if magnet(s, OTHER).text == "Ok." else "json",
    "add.stopped_parameter": stopping_field,
    "add.duplicate_magnet": lambda s: magnet(s, OTHER).text == "Ok.",
    "hash.any_case": lambda s: len(torrents(s, f"hashes={OTHER.upper()}")) == 1,
    "save_path.ends_in_slash": folder_of,
}
"""Rule -> what a server does, in an order in which the later ones find what the earlier ones added."""

WRITTEN = (
    *("log.login_success", "log.login_failure", "log.origin_mismatch", "log.host", "log.listening", "log.builtin_ui"),
    *("log.started", "log.config_folder", "log.sec_fetch_site"),
)
"""Texts that these servers write, or do not."""


@pytest.fixture
def running(server: ServerFactory) -> Server:
    return server(settings={"ServerDomains": NAME, "MaxAuthenticationFailCount": "0"})


def version_of(release: Release) -> Version:
    return known(release.version)


def test_each_rule_on_a_real_server(running: Server, release: Release) -> None:
    version = version_of(release)
    wrong: dict[str, object] = {}
    for name, probe in PROBES.items():
        said, wanted = probe(running), releases.rule(name, version)
        if said != (tuple(wanted) if isinstance(wanted, (list, tuple)) else wanted):
            wrong[name] = (said, wanted)
    for name in WRITTEN:
        said = found_text(running, name)
        if said != (wanted := releases.text(name, version)):
            wrong[name] = (said, wanted)
    assert wrong == {}, "what it does, and what the table says"


def found_text(server: Server, name: str) -> str | None:
    """The text of the rule, as any release has it, that this server wrote."""
    written = server.log_text()
    texts = {releases.text(name, one) for one in releases.KNOWN} - {None}
    shapes = {text: re.sub(r"%\d", ".+?", re.escape(str(text)).replace(r"\%", "%")) for text in texts}
    found = [str(text) for text, shape in shapes.items() if re.search(rf"{shape}\s*$", written, re.MULTILINE)]
    return max(found, key=len, default=None)


def test_how_many_rules_are_run_and_how_many_are_only_read(capsys: pytest.CaptureFixture[str]) -> None:
    run, named = {*PROBES, *WRITTEN}, set(releases.names())
    with capsys.disabled():
        sys.stdout.write(
            f"\nrules of the releases table: {len(run)} run on real servers, {len(named - run)} only read\n"
        )
    assert run <= named
    assert (len(run), len(named - run)) == (51, 97), (
        "of the rules so many are run here; the others say where they were read"
    )


def test_actions_and_their_fields(running: Server, release: Release) -> None:
    version, session = version_of(release), running.login()
    wrong: dict[str, object] = {}
    text = str(releases.rule("body.missing_parameter", version))
    for action in sorted(set(ACTIONS) - KEPT_OFF):
        said = session.post(f"{running.url}{API}{action}", data={}, timeout=20)
        wanted = required(action, version) if has_action(action, version) else ()
        if (said.status_code == 404 and action != "sync/torrentPeers") == has_action(action, version):
            wrong[action] = said.status_code
        elif wanted and (said.status_code, said.text) != (400, text.replace("%1", ", ".join(wanted))):
            wrong[action] = (said.status_code, said.text, wanted)
    assert wrong == {}
    assert set(REQUIRED) <= set(ACTIONS)


def test_words_of_a_filter(running: Server, release: Release) -> None:
    for name, fields in ((STOPPED, {"paused": "true", "stopped": "true"}), (STARTED, {})):
        magnet(running, name, **fields)
    words = sorted(
        {word for _, row in FILTERS for word in row.split()} - {"all", "downloading", "inactive"} | {"nonsense"}
    )
    shown = {word: len(torrents(running, f"filter={word}")) == 2 for word in words}
    assert shown == {word: means_all(word, version_of(release)) for word in words}


def test_what_is_not_there(running: Server, release: Release) -> None:
    magnet(running, STOPPED, paused="true", stopped="true")
    session = running.login()
    calls = {
        "torrents/addTrackers": {"hash": OTHER, "urls": "http://t.example/a"},
        "torrents/removeTrackers": {"hash": STOPPED, "urls": "http://t.example/a"},
        "torrents/editCategory": {"category": "no such", "savePath": "/tmp/x"},
    }
    for action, form in calls.items():
        rows = [number for since, number in ABSENT[action] if known(since) <= version_of(release)]
        assert session.post(f"{running.url}{API}{action}", data=form).status_code == rows[-1], action
