"""The built-in stand-in against the real server of the same release: the same requests, the same answers."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from qbdoctor import releases
from qbdoctor.settings import Settings
from qbdoctor.standin import CONFIG, HEADER
from qbdoctor.versions import KNOWN, known
from tests.conftest import ServerFactory
from tests.doctor import causes, diagnose
from tests.kit.matrix import Release
from tests.kit.profile import config_text, free_port, password_hash
from tests.kit.server import PASSWORD, Server

LOGIN, LOGOUT = "/api/v2/auth/login", "/api/v2/auth/logout"
VERSION, PREFERENCES, SET = "/api/v2/app/version", "/api/v2/app/preferences", "/api/v2/app/setPreferences"
GOOD = {"username": "admin", "password": PASSWORD}
WRONG = {"username": "admin", "password": "canary-wrong"}
KEY = "qbt_" + "k" * 28
FORM = "application/x-www-form-urlencoded"
EVERYONE = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}


@contextlib.contextmanager
def standin(
    folder: Path, release: str, settings: Mapping[str, str] | None = None, **keywords: Any
) -> Iterator[StandIn]:
    """A stand-in with the config that `Server.start` would have made, in a process of its own."""
    port = free_port()
    layout = releases.layout(known(release), None if known(release) < KNOWN[-1] else 12)
    held = {"Password_PBKDF2": password_hash(PASSWORD), **(settings or {})}
    text = config_text(held, layout="new" if layout == "WebUI" else "old", port=port)
    file = folder / CONFIG
    file.parent.mkdir(parents=True)
    file.write_text(keywords.get("config", text).replace("%PORT%", str(port)))
    command = [sys.executable, "-m", "qbdoctor.standin", "--profile", str(folder), "--release", release]
    process = subprocess.Popen([*command, *keywords.get("arguments", ())], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        yield StandIn(process, port, folder, first)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass
class StandIn:
    process: subprocess.Popen[str]
    port: int
    profile: Path
    first_line: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def file(self) -> Path:
        return self.profile / CONFIG

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@dataclass(frozen=True)
class Ask:
    """One request. `who` names a cookie jar; its cookie is sent and what is set is kept."""

    method: str
    path: str
    form: Mapping[str, str] | str | None = None
    who: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)  # None: not even the usual one; {port}, {sid}
    wait: float = 0.0  # seconds, before

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.form or ''} {self.who} {dict(self.headers)}"


def get(path: str, who: str = "", **headers: str | None) -> Ask:
    return Ask("GET", path, who=who, headers={name.replace("_", "-"): value for name, value in headers.items()})


def post(path: str, form: Mapping[str, str] | str | None = None, who: str = "", **headers: str | None) -> Ask:
    return Ask("POST", path, form or "", who, {name.replace("_", "-"): value for name, value in headers.items()})


def prefs(who: str = "a", **changes: Any) -> Ask:
    return post(SET, {"json": json.dumps(changes)}, who)


def play(port: int, asks: list[Ask]) -> list[tuple[str, ...]]:
    """What a server answers, without what is random: session ids, dates and its port."""
    jars: dict[str, str] = {}
    answers = []
    for ask in asks:
        time.sleep(ask.wait)
        body = ask.form if isinstance(ask.form, str) else urlencode(ask.form or {})
        name, _, sid = jars.get(ask.who, "=").partition("=")
        usual: dict[str, str | None] = {"host": f"127.0.0.1:{port}"}
        if ask.method == "POST":
            usual |= {"content-type": FORM, "content-length": str(len(body))}
        if name:
            usual["cookie"] = f"{name}={sid}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.putrequest(ask.method, ask.path, skip_host=True, skip_accept_encoding=True)
        for key, value in {**usual, **ask.headers}.items():
            if value is not None:
                text = value.replace("{port}", str(port)).replace("{other}", str(port + 1))
                connection.putheader(key, text.replace("{sid}", sid).replace("{name}", name))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        text = answer.read().decode()
        cookies = answer.headers.get_all("set-cookie") or []
        connection.close()
        for cookie in cookies:
            jars[ask.who] = cookie.partition(";")[0]
        if answer.getheader("content-type") == "text/html":
            text = "a page"
        elif ask.path == PREFERENCES and answer.status == 200:
            text = json.dumps(known_preferences(json.loads(text)), sort_keys=True)
        shown = [
            str(answer.status),
            answer.reason,
            text.replace(str(port), "PORT"),
            str(answer.getheader("content-type")),
        ]
        answers.append((*shown, str(answer.getheader("connection")), *(masked(cookie, port) for cookie in cookies)))
    return answers


def masked(cookie: str, port: int) -> str:
    cookie = re.sub(r"=[A-Za-z0-9+/]{32};", "=SID;", cookie.replace(str(port), "PORT"))
    return re.sub(r"expires=\w{3}, (\d\d-\w{3}-\d{4}) [\d:]{8} GMT", r"expires=\1", cookie)


def known_preferences(found: Mapping[str, Any]) -> dict[str, Any]:
    names = {key.json for key in releases.KEYS if key.readable and not key.secret}
    return {name: value for name, value in found.items() if name in names}


SCENARIOS: dict[str, tuple[dict[str, str], list[Ask]]] = {
    "requests": (
        {},
        [
            get(VERSION),
            get("/"),
            get("/index.html"),
            get("/nope"),
            get("/api/v2/app/version/"),
            get("//api/v2/app/version"),
            get("/api/v2/app"),
            get("/API/v2/app/version"),
            get("/api/v2/nope/x"),
            get("/api/v2/app/nope"),
            get("/api/v2/auth/nope"),
            get("/api/v2/torrents/info"),
            get(f"{VERSION}?x=1"),
            get(SET),
            post(SET),
            get(LOGOUT),
            post(LOGOUT),
            get(f"{LOGIN}?{urlencode(WRONG)}"),
            get(f"{LOGIN}?{urlencode(GOOD)}"),
            post(LOGIN, ""),
            post(LOGIN, {**GOOD, "username": "Admin"}),
            post(LOGIN, {**GOOD, "password": f"{PASSWORD}\n"}),
            post(LOGIN, json.dumps(GOOD), content_type="application/json"),
            post(LOGIN, GOOD, content_type=None),
            post(LOGIN, GOOD, content_type="text/plain"),
            post(LOGIN, None, content_length=None),
            post(f"{LOGIN}?{urlencode(WRONG)}"),
            Ask("PUT", "/"),
            Ask("OPTIONS", VERSION),
            Ask("DELETE", "/api/v2/nope/x"),
            get(VERSION, host="127.0.0.1"),
            get(VERSION, host="127.0.0.1:{other}"),
            get("/", host="127.0.0.1:{other}"),
            get(VERSION, host="nas.example:{port}"),
            get(VERSION, host=None),
            post(LOGIN, GOOD, "a"),
            get(VERSION, "a"),
            get("/api/v2/app/webapiVersion", "a"),
            get("/api/v2/app/nope", "a"),
            get("/api/v2/nope/x", "a"),
            get("/", "a"),
            get(VERSION, "a", cookie='{name}="{sid}"'),
            get(VERSION, "a", cookie="SID={sid}"),
            get(VERSION, "a", cookie="{name}=stale; {name}={sid}"),
            get(VERSION, "a", cookie="{name}={sid}; {name}=stale"),
            get(VERSION, "a", cookie="other=1; {name}={sid}; HttpOnly; path=/"),
            get(VERSION, "a", cookie="a=b, {name}={sid}"),
            post(LOGIN, WRONG, "a"),
            post(LOGIN, "username=admin&password=x&password=a+good+one", "dup"),
            post(LOGIN, GOOD, "charset", content_type=f"{FORM}; charset=utf-8"),
            post(LOGIN, GOOD, "upper", content_type="Application/X-WWW-Form-Urlencoded"),
            get(SET, "a"),
            get(PREFERENCES, "a"),
            get(LOGOUT, "upper"),
            post(LOGOUT, None, "a"),
            get(VERSION, "dup"),
            post(LOGOUT, None, "dup"),
            get(VERSION, "stale", cookie="SID=stale; QBT_SID_{port}=stale"),
        ],
    ),
    "origins": (
        {},
        [
            get(VERSION, origin="http://evil.example"),
            get(VERSION, origin="http://127.0.0.1:{port}"),
            get(VERSION, origin="https://127.0.0.1:{port}"),
            get(VERSION, origin="http://127.0.0.1:{other}"),
            get(VERSION, origin="http://127.0.0.1"),
            get(VERSION, origin="http://localhost:{port}"),
            get(VERSION, origin="null"),
            get(VERSION, origin=""),
            get(VERSION, referer="http://127.0.0.1:{port}/x"),
            get(VERSION, referer="http://evil.example/"),
            get(VERSION, referer="127.0.0.1:{port}"),
            get(VERSION, origin="http://127.0.0.1:{port}", referer="http://evil.example/"),
            get(VERSION, origin="http://evil.example", referer="http://127.0.0.1:{port}/"),
            get(VERSION, sec_fetch_site="cross-site"),
            get(VERSION, sec_fetch_site="none"),
            get("/", origin="http://evil.example"),
            post(LOGIN, GOOD, origin="http://evil.example"),
        ],
    ),
    "names": (
        {"ServerDomains": '"nas.example;*.test"', "CSRFProtection": "false", "SecureCookie": "false"},
        [
            *(get(VERSION, host=f"{name}:{{port}}") for name in ("127.0.0.1", "localhost", "NAS.example", "a.test")),
            *(get(VERSION, host=f"{name}:{{port}}") for name in ("nas.example.org", "xnas.example", "test", "127.0.0.2")),
            get(VERSION, host=None),
            get(VERSION, host="nas.example"),
            get(VERSION, origin="http://evil.example"),
            post(LOGIN, GOOD, "a"),
        ],
    ),
    "localhost": (
        {"LocalHostAuth": "false"},
        [
            get(VERSION),
            get("/"),
            get("/nope"),
            get("/api/v2/nope/x"),
            get(VERSION, "a"),
            get(VERSION, "a"),
            get(VERSION, cookie="SID=stale; QBT_SID_{port}=stale"),
            post(LOGIN, WRONG),
            post(LOGOUT),
            get(VERSION, origin="http://evil.example"),
            get(VERSION, host="127.0.0.1:{other}"),
            post(SET),
            prefs(bypass_local_auth=False),
            get(VERSION),
            get(VERSION, "a"),
            get(VERSION, "a"),
        ],
    ),
    "keys": (
        {"APIKey": KEY, "LocalHostAuth": "false"},
        [
            get(VERSION, authorization=f"Bearer {KEY}"),
            get(VERSION, authorization=f"bearer {KEY}"),
            get(VERSION, authorization=f"Bearer {KEY[:-1]}"),
            get(VERSION, authorization=f"Bearer {KEY[:-1]}x"),
            get(VERSION, authorization="Bearer"),
            get(VERSION, authorization=KEY),
            get("/", authorization=f"Bearer {KEY}"),
            get("/", authorization="Bearer x"),
            get("/nope", authorization="Bearer x"),
            get("/api/v2/app/nope", authorization=f"Bearer {KEY}"),
            get("/api/v2/nope/x", authorization=f"Bearer {KEY}"),
            get("/api/v2/nope/x", authorization="Bearer x"),
            get(SET, authorization=f"Bearer {KEY}"),
            get(SET, authorization="Bearer x"),
            get(VERSION, authorization=f"Bearer {KEY}", origin="http://evil.example"),
            get(VERSION, authorization=f"Bearer {KEY}", host="127.0.0.1:{other}"),
            post(LOGIN, GOOD, authorization=f"Bearer {KEY}"),
            get(LOGIN, authorization=f"Bearer {KEY}"),
            post(LOGOUT, authorization=f"Bearer {KEY}"),
            post(LOGIN, GOOD, "a"),
            get(VERSION, "a", authorization=f"Bearer {KEY}"),
            get(VERSION, "a", authorization="Bearer x"),
        ],
    ),
    "everyone": (
        EVERYONE,
        [
            get(VERSION, "a"),
            get(PREFERENCES, "a"),
            prefs(bypass_auth_subnet_whitelist_enabled=False),
            get(VERSION),
            get(VERSION, "a"),
            post(LOGIN, GOOD, "b"),
            prefs("b", bypass_auth_subnet_whitelist_enabled=True, bypass_auth_subnet_whitelist="10.0.0.0/8\nx,127.0.0.1"),
            get(PREFERENCES, "b"),
            get(VERSION),
            prefs("b", bypass_auth_subnet_whitelist=""),
            get(PREFERENCES, "b"),
            get(VERSION),
        ],
    ),
    "preferences": (
        {"MaxAuthenticationFailCount": "50"},
        [
            post(LOGIN, GOOD, "a"),
            post(SET, {"json": "["}, "a"),
            post(SET, {"json": "[1]"}, "a"),
            prefs(),
            post(SET, json.dumps({"bypass_local_auth": True}), "a", content_type="application/json"),
            prefs(bypass_local_auth="true"),
            get(VERSION),
            prefs(bypass_local_auth=0.4, web_ui_ban_duration=7.6, web_ui_session_timeout="1800"),
            get(PREFERENCES, "a"),
            prefs(web_ui_clickjacking_protection_enabled=[], web_ui_custom_http_headers="X: 1\nY: ü,=;"),
            get(PREFERENCES, "a"),
            prefs(web_ui_csrf_protection_enabled=False, web_ui_secure_cookie_enabled=False, no_such_preference=1),
            get(VERSION, "a", origin="http://evil.example"),
            prefs(web_ui_domain_list="a;b", web_ui_host_header_validation_enabled=True),
            get(VERSION, "a", host="c:{port}"),
            prefs(web_ui_host_header_validation_enabled=False),
            get(VERSION, "a", host="c:{other}"),
            prefs(web_ui_password="abc"),
            prefs(web_ui_username="ab"),
            prefs(web_ui_username="someone", web_ui_password="päss; word, \"x\" = 1"),
            post(LOGIN, GOOD),
            post(LOGIN, {"username": "someone", "password": "päss; word, \"x\" = 1"}, "b"),
            get(VERSION, "b"),
            get(PREFERENCES, "a"),
        ],
    ),
    "bans": (
        {"MaxAuthenticationFailCount": "3", "BanDuration": "2"},
        [
            *[post(LOGIN, WRONG)] * 2,
            post(LOGIN, GOOD, "a"),
            *[post(LOGIN, WRONG)] * 3,
            post(LOGIN, GOOD),
            get(VERSION),
            get("/"),
            get(VERSION, "a"),
            post(LOGIN, WRONG, "a"),
            Ask("POST", LOGIN, WRONG, wait=3.2),
            post(LOGIN, GOOD, "b"),
        ],
    ),
    "sessions": (
        {"SessionTimeout": "2"},
        [
            post(LOGIN, GOOD, "a"),
            Ask("GET", VERSION, who="a", wait=1),
            Ask("GET", VERSION, who="a", wait=1.3),
            Ask("GET", VERSION, who="a", wait=3.3),
            post(LOGIN, GOOD, "b"),
            prefs("b", web_ui_session_timeout=0),
            post(LOGIN, GOOD, "c"),
            *(post(LOGIN, GOOD, f"more {number}") for number in range(14)),
            get(VERSION, "b"),
            get(VERSION, "c"),
        ],
    ),
}  # fmt: skip


def test_there_are_enough_requests() -> None:
    assert sum(len(asks) for _, asks in SCENARIOS.values()) > 60


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_same_answers(scenario: str, release: Release, server: ServerFactory, tmp_path: Path) -> None:
    settings, asks = SCENARIOS[scenario]
    real = server(settings=settings)
    with standin(tmp_path / "profile", release.version, settings) as imitation:
        with ThreadPoolExecutor() as pool:  # side by side: some of them wait
            theirs, ours = pool.map(lambda port: play(port, asks), (real.port, imitation.port))
        for ask, expected, got in zip(asks, theirs, ours, strict=True):
            assert got == expected, ask
        assert (real.stop(), imitation.stop()) == (0, 0)
        version = known(release.version)
        files = [Settings.load(path, version) for path in (real.config_file, imitation.file)]
        for key in releases.KEYS:
            if key.json and not key.secret and key.name != "Port" and releases.reads(key, version):
                assert files[1].value_text(key.name) == files[0].value_text(key.name)


def test_the_file_as_qbittorrent_leaves_it(release: Release, server: ServerFactory, tmp_path: Path) -> None:
    """An edit under a running one is lost; comments go, spellings become Qt's; shutdown ends it as SIGTERM does."""
    web = "[WebUI]\n" if release.version_tuple >= (5, 3) else "[Preferences]\nWebUI\\"
    prefix = web.partition("\n")[2]
    lines = {"Username": "'x y'", "ServerDomains": '"a;b"', "Address": "127.0.0.1", "LocalHostAuth": "maybe"}
    lines |= {"AuthSubnetWhitelist": '"10.0.0.0/8"  ,x', "Port": "%PORT%", "Password_PBKDF2": password_hash(PASSWORD)}
    text = f"; a comment\n{web.partition(prefix)[0] if prefix else web}"
    text += "".join(f"{prefix}{key}={value}\n" for key, value in lines.items())
    text += "[LegalNotice]\nAccepted=true\n" + (
        "[Meta]\nMigrationVersion=12\n" if release.version_tuple >= (5, 3) else ""
    )
    real = server(raw_config=text.encode())
    with standin(tmp_path / "profile", release.version, config=text) as imitation:
        for file in (real.config_file, imitation.file):
            file.write_text(file.read_text() + "[Edited]\nunder=it\n")
        assert real.stop() == 0
        session = {"cookie": play_login(imitation.port)}
        connection = http.client.HTTPConnection("127.0.0.1", imitation.port)
        connection.request("POST", "/api/v2/app/shutdown", headers=session)
        assert connection.getresponse().status == 200
        assert imitation.process.wait(5) == 0
        ours, theirs = (path.read_text().splitlines() for path in (imitation.file, real.config_file))
    names = {f"{prefix}{key}" for key in lines} - {f"{prefix}Port"}
    assert [line for line in ours if line.split("=")[0] in names] == [
        line for line in theirs if line.split("=")[0] in names
    ]
    assert "; a comment" not in ours
    assert "under=it" not in ours
    assert not (imitation.file.parent / "qBittorrent_new.conf").exists()


def play_login(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    form = urlencode({"username": "'x y'", "password": PASSWORD})
    connection.request("POST", LOGIN, form, {"content-type": FORM})
    return str(connection.getresponse().getheader("set-cookie")).partition(";")[0]


def test_what_is_no_http_is_refused_alike(healthy: Server, tmp_path: Path) -> None:
    with standin(tmp_path / "profile", healthy.version) as imitation:
        for sent in (
            b"GET /\r\n\r\n",
            b"HELLO\r\n\r\n",
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET / FTP/1.0\r\n\r\n",
        ):
            answers = []
            for port in (healthy.port, imitation.port):
                with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                    connection.sendall(sent)
                    answers.append(connection.recv(4096).partition(b"\r\n")[0])
            assert answers[0] == answers[1], sent


@pytest.mark.parametrize("version", ["4.1.0", "4.6.7", "5.3.0"])
def test_it_says_what_it_is(version: str, tmp_path: Path) -> None:
    with standin(tmp_path / "profile", version, {"Password_ha1": "0" * 32} if version == "4.1.0" else {}) as imitation:
        assert "stand-in" in imitation.first_line
        assert imitation.url in imitation.first_line
        connection = http.client.HTTPConnection("127.0.0.1", imitation.port)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.getheader(HEADER) == "1"
        assert b"stand-in" in answer.read()
        assert imitation.stop() == 0


def test_a_newest_release_moves_the_old_section(tmp_path: Path) -> None:
    text = config_text({"LocalHostAuth": "false"}, layout="old", port=1).replace("Port=1\n", "Port=%PORT%\n")
    with standin(tmp_path / "profile", str(KNOWN[-1]), config=text) as imitation:
        assert play(imitation.port, [get(VERSION)])[0][0] == "200"
        assert imitation.stop() == 0
        found = Settings.load(imitation.file, KNOWN[-1]).found("LocalHostAuth")
        assert found is not None
        assert (found.section, found.key) == ("WebUI", "LocalHostAuth")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["--release", "9.9"], "no release"), (["--release", "x"], "no release"), ([], "no config file")],
)
def test_bad_input(arguments: list[str], says: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "qbdoctor.standin", "--profile", str(tmp_path), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert run.returncode == 2
    assert says in run.stderr
    assert "Traceback" not in run.stderr


def test_the_doctor_sees_it_as_the_real_one(release: Release, server: ServerFactory, tmp_path: Path) -> None:
    for number, (settings, password) in enumerate(
        [({}, PASSWORD), ({"LocalHostAuth": "false"}, PASSWORD), (EVERYONE, PASSWORD), ({}, "canary-wrong")]
    ):
        real = server(settings=settings)
        with standin(tmp_path / f"profile {number}", release.version, settings) as imitation:
            reports = [
                diagnose("--url", one.url, "--profile", str(one.profile), password=password, env=state)
                for one in (real, imitation)
                for state in [{"QBDOCTOR_STATE_DIR": str(tmp_path / f"{number} {one.port}")}]
            ]
        theirs, ours = ((report["verdict"]["state"], report["exit_code"], causes(report)) for report in reports)
        assert ours == theirs
        assert ours[0] == ("problem" if number in {2, 3} else "healthy")
