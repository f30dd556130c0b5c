"""`qbdoctor simulate`: what it says, what it refuses, its clock, and the releases that no real server stands beside."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from qbdoctor import releases
from qbdoctor.cli.commands import simulate
from qbdoctor.model.errors import UserError
from qbdoctor.releases.action_fields import REQUIRED
from qbdoctor.releases.actions import ACTIONS, LEGACY_CALLS, NO_RESULT
from qbdoctor.releases.preferences_table import PREFERENCES
from qbdoctor.releases.response_fields import COMPUTED, MAINDATA, SERVER_STATE, TORRENT, Rows
from qbdoctor.releases.versions import KNOWN, Version, known
from qbdoctor.releases.web_api import COMPARED, has_action, has_scope, webapi
from qbdoctor.reports.schema import load
from qbdoctor.simulator.actions import PLAYED
from qbdoctor.simulator.http_parser import HEADER
from tests.kit.server import PASSWORD
from tests.support.replay import GOOD, LOGIN, LOGOUT, VERSION, WRONG, Player, get, post
from tests.support.replay import PREFERENCES as READ
from tests.support.simulate_more import basic
from tests.support.simulate_wire import ADD, MAGNET, STOPPED, api
from tests.support.simulated import simulated

RIGHT = "username=admin&password=a%20good%20one"  # the oldest do not take a plus for a blank
GIVEN: dict[str, Any] = {
    **dict.fromkeys(
        ("url", "profile", "config", "username", "password_file", "api_key_file", "output", "port_file"), None
    ),
    "release": "5.2.3",
    "port": 0,
    "settings": [],
    "speed": 1.0,
    "format": "human",
    "quiet": False,
}


def arguments(**changes: Any) -> argparse.Namespace:
    return argparse.Namespace(**{**GIVEN, **changes})


@contextlib.contextmanager
def running(*options: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`qbdoctor simulate` in a process of its own, and all that it says before it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "qbdoctor", "simulate", *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        while "--json" not in options and "Ctrl-C" not in said:
            more = process.stdout.readline()
            assert more, said
            said += more
        yield process, said
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_says_where_as_what_and_that_it_is_a_stand_in() -> None:
    with running("--version", "5.2.3", "--set", "LocalHostAuth=false") as (process, said):
        assert "stand-in for qBittorrent 5.2.3: http://127.0.0.1:" in said
        assert "not qBittorrent" in said
        assert "User admin" in said
        assert "LocalHostAuth=false" in said
        assert "table of releases alone" in said
        url = said.split()[5]
        answer = requests.get(f"{url}/api/v2/app/version", timeout=5)
        assert (answer.status_code, answer.text, answer.headers[HEADER]) == (200, "v5.2.3", "1")
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0


def test_json_for_scripts_and_the_port_file(tmp_path: Path) -> None:
    file = tmp_path / "port"
    with running("--json", "--version", "4.5.2", "--port-file", str(file)) as (process, said):
        told = json.loads(said)
        jsonschema.validate(told, load("simulate/1"))
        assert (told["version"], told["cookie_name"], told["compared"]) == ("4.5.2", "SID", True)
        assert file.read_text() == f"{told['port']}\n"
        form = {"username": told["username"], "password": told["password"]}
        assert requests.post(told["url"] + LOGIN, form, timeout=5).text == "Ok."
        process.terminate()
        assert process.wait(5) == 0
    assert not file.exists()
    assert list(tmp_path.glob("*.new")) == []


def test_the_password_that_was_given_is_not_shown(tmp_path: Path) -> None:
    key = "qbt_" + "k" * 28
    given = {"QBDOCTOR_PASSWORD": "canary-given", "QBDOCTOR_API_KEY": key}
    with running("--json", "--username", "someone", **given) as (_, said):
        told = json.loads(said)
        assert told["password"] is None
        assert "canary" not in said
        form = {"username": "someone", "password": "canary-given"}
        assert requests.post(told["url"] + LOGIN, form, timeout=5).status_code == 204
        answer = requests.get(told["url"] + VERSION, headers={"authorization": f"Bearer {key}"}, timeout=5)
        assert answer.status_code == 200
    file = tmp_path / "password"
    file.write_text("canary-file\n")
    with running("--password-file", str(file)) as (_, said):
        assert "the password that was given" in said
        assert "canary" not in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"release": "9.9"}, "no release between 4.1.0 and 5.3.0"),
        ({"release": "5.2.9"}, "did you mean 5.2."),
        ({"release": "junk"}, "no release"),
        ({"release": "5.2.0beta1"}, "no release"),
        ({"settings": ["LocalHostAuht=false"]}, "did you mean LocalHostAuth?"),
        ({"settings": ["zzzz=1"]}, "no setting"),
        ({"settings": ["LocalHostAuth"]}, "not KEY=VALUE"),
        ({"settings": ["LocalHostAuth=maybe"]}, "true or false"),
        ({"settings": ["SessionTimeout=soon"]}, "whole number"),
        ({"settings": ["Port=8080"]}, "--port"),
        ({"settings": ["Address=0.0.0.0"]}, "127.0.0.1 alone"),
        ({"settings": ["APIKey=x"]}, "--api-key-file"),
        ({"settings": ["Password_PBKDF2=x"]}, "--password-file"),
        ({"settings": ["MigrationVersion=1"]}, "no setting"),
        ({"release": "4.2.5", "settings": ["ReverseProxySupportEnabled=true"]}, "from 4.4.0 on"),
        ({"settings": ["SessionCookieName=x"]}, "from 4.6.0 to 5.1.4"),
        ({"port": 70_000}, "no port"),
        ({"port": "x"}, "no port"),
        ({"speed": "fast"}, "--speed"),
        ({"speed": 0.0}, "--speed"),
        ({"speed": float("nan")}, "--speed"),
        ({"url": "http://x"}, "no target"),
        ({"format": "html"}, "--json"),
        ({"output": "x"}, "--json"),
        ({"port_file": "/nonexistent/x"}, "--port-file"),
        ({"password_file": "/nonexistent/x"}, "--password-file"),
    ],
    ids=str,
)
def test_bad_input_is_a_sentence(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as caught:
        simulate.run(arguments(**changes))
    assert says in caught.value.message
    assert caught.value.exit_code == 2


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match="cannot be listened at"):
            simulate.run(arguments(port=taken.getsockname()[1]))


def test_bad_api_keys(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("qbt_short")
    for release, says in (("5.2.3", "must begin with qbt_"), ("5.1.0", "no API keys")):
        with pytest.raises(UserError, match=says):
            simulate.run(arguments(api_key_file=str(file), release=release))


def test_names_of_settings_as_people_write_them() -> None:
    version = known("5.2.3")
    for name in ("LocalHostAuth", "localhostauth", r"WebUI\LocalHostAuth", "bypass_local_auth"):
        assert simulate._settings([f"{name}=no"], version) == {"LocalHostAuth": "false"}
    assert simulate._settings([r"HTTPS\Enabled=on"], version) == {"HTTPS/Enabled": "true"}
    assert simulate._settings(["ServerDomains=a;b"], version) == {"ServerDomains": '"a;b"'}


def test_the_clock_goes_faster() -> None:
    settings = ["--set", "SessionTimeout=3600", "--set", "MaxAuthenticationFailCount=1", "--set", "BanDuration=3600"]
    with running("--json", "--speed", "3600", *settings, QBDOCTOR_PASSWORD=PASSWORD) as (_, said):
        port = json.loads(said)["port"]
        player = Player(port)
        steps = [post(LOGIN, GOOD, "a"), get(VERSION, "a"), post(LOGIN, WRONG), post(LOGIN, GOOD)]
        assert [answer[0] for answer in player.play(steps)] == ["204", "200", "401", "403"]
        time.sleep(1.3)  # more than an hour
        assert [answer[0] for answer in player.play([get(VERSION, "a"), post(LOGIN, GOOD)])] == ["403", "204"]
        cookie = requests.post(f"http://127.0.0.1:{port}{LOGIN}", GOOD, timeout=5).cookies
        assert (next(iter(cookie)).expires or 0) - time.time() < 5  # by the client's clock


# --- the releases of the table ---------------------------------------------------------------------------------------


EVERY_DAY = {KNOWN[0], KNOWN[-1], *KNOWN[:: len(KNOWN) // 6]}


@pytest.mark.parametrize(
    "version",
    [pytest.param(one, marks=() if one in EVERY_DAY else pytest.mark.extended) for one in KNOWN],
    ids=str,
)
def test_each_release_does_what_its_rows_say(version: Version) -> None:
    with simulated(version, {}) as server:
        player = Player(server.port)
        refused, accepted = releases.login_refused(version), releases.login_accepted(version)
        steps = [
            get(VERSION),
            post(LOGIN, WRONG),
            post(LOGIN, RIGHT, "a"),
            get(VERSION, "a"),
            get(api("app/webapiVersion"), "a"),
        ]
        forbidden, bad, good, told, number = player.play(steps)
        assert forbidden[0::2][:2] == ("403", releases.forbidden_body(version))
        assert (int(bad[0]), bad[2]) == refused
        assert (int(good[0]), good[2]) == accepted
        assert good[-1].startswith(releases.cookie_name(version, server.port).replace(str(server.port), "PORT"))
        assert (releases.same_site(version) is None) == ("SameSite" not in good[-1])
        assert releases.cookie_expires(version) == ("expires" in good[-1])
        assert (told[2], number[2]) == (f"v{version}", webapi(version))
        played = sorted(name for name in PLAYED if has_action(name, version) and name not in REQUIRED)
        asks = [get(api(name), "a") for name in played if name not in ("auth/logout", "app/shutdown", "auth/login")]
        changes = [
            post(ADD, {"urls": MAGNET, **STOPPED}, "a"),
            get(api("torrents/info"), "a"),
            get(api("sync/maindata"), "a"),
        ]
        for ask, answer in zip(asks, player.play(asks), strict=True):
            assert answer[0] in ("200", "204", "405", "409"), (ask, answer)
        added, listed, synced = player.play(changes)
        assert added[0] in ("200", "409")
        assert releases.rule("state.stopped", version)[0] in listed[2]
        assert "some name" in synced[2]
        head, basic_root = player.play([get(READ, "a"), get("/", authorization=basic("admin", "x"))])
        assert json.loads(head[2])["web_ui_username"] == "admin"
        assert basic_root[0] == ("401" if releases.basic_auth_supported(version) else "200")
        nope = player.play([get("/api/v2/nope/x"), post(LOGOUT, None, "a"), get(VERSION, "a")])
        assert [answer[0] for answer in nope] == [str(releases.unknown_api_status(version)), "200", "403"]


def test_the_v1_calls_of_the_oldest_releases() -> None:
    with simulated(known("4.1.4"), {}) as server:
        player = Player(server.port)
        told = player.play(
            [get("/version/api"), get("/version/api_min"), get("/version/qbittorrent"), get("/query/torrents")]
        )
        assert [(answer[0], answer[2]) for answer in told] == [
            ("200", "22"),
            ("200", "21"),
            ("200", "v4.1.4"),
            ("403", ""),
        ]
        steps = [
            post("/login", RIGHT, "a"),
            post("/command/download", {"urls": MAGNET}, "a"),
            get("/query/torrents", "a"),
        ]
        steps += [
            post("/command/deletePerm", {"hashes": "all"}, "a"),
            get("/query/torrents", "a"),
            get("/query/nope", "a"),
        ]
        assert [answer[0] for answer in player.play(steps)] == ["200", "200", "200", "200", "200", "404"]
    with simulated(known("4.2.0"), {}) as server:
        assert {answer[0] for answer in Player(server.port).play([get("/version/api"), post("/login", RIGHT)])} == {
            "404"
        }


def test_what_only_the_oldest_do() -> None:
    with simulated(known("4.1.1"), {}) as server:  # a success takes no failure back
        steps = [*[post(LOGIN, WRONG)] * 4, post(LOGIN, RIGHT, "a"), post(LOGIN, WRONG), post(LOGIN, RIGHT)]
        assert Player(server.port).play(steps)[-1][0] == "403"
    with simulated(known("4.1.5"), {}) as server:  # a plus is itself
        answers = Player(server.port).play(
            [post(LOGIN, "username=admin&password=a+good+one"), post(LOGIN, f"username=admin&password={PASSWORD}")]
        )
        assert [answer[2] for answer in answers] == ["Fails.", "Ok."]
    with simulated(known("4.1.0"), {}) as server:
        answer = Player(server.port).play([post(LOGIN, RIGHT, "a"), get(READ, "a")])[1]
        assert len(json.loads(answer[2])["web_ui_password"]) == 32  # the hash, as those releases show it


def test_the_cookie_s_name_is_a_setting_for_a_while() -> None:
    for version, setting, name in (("4.6.0", "MYCK", "MYCK"), ("5.1.4", "x y", "SID")):
        with simulated(known(version), {"SessionCookieName": setting}) as server:
            answer = Player(server.port).play([post(LOGIN, RIGHT)])[0]
            assert answer[-1].startswith(f"{name}=SID;")


def test_a_key_that_was_used_is_a_cookie_in_5_2() -> None:
    key = "qbt_" + "k" * 28
    for version, status in (("5.2.3", "200"), ("5.3.0", "403")):
        with simulated(known(version), {"APIKey": key}) as server:
            steps = [get(VERSION, authorization=f"Bearer {key}"), get(VERSION, cookie="QBT_SID_{port}=" + key)]
            assert [answer[0] for answer in Player(server.port).play(steps)] == ["200", status]


def test_every_row_can_be_reached() -> None:
    for name in releases.names():
        for row in releases.rules(name):
            assert row.since in KNOWN
            assert releases.row(name, row.since) == row


def test_the_tables_of_actions_and_fields_hold_together() -> None:
    for name, action in ACTIONS.items():
        until = KNOWN[-1] if action.until is None else known(action.until)
        assert known(action.since) <= until, name
        assert action.post_only is None or known(action.since) <= known(action.post_only) <= until, name
        assert has_scope(name.partition("/")[0], known(action.since))
    assert set(ACTIONS) >= PLAYED | set(REQUIRED) | NO_RESULT | {name for name, _ in LEGACY_CALLS.values()}
    tables: list[dict[str, Rows]] = [TORRENT, SERVER_STATE, MAINDATA, PREFERENCES]
    for table in tables:
        for field, rows in table.items():
            assert [known(since) for since, _ in rows] == sorted({known(since) for since, _ in rows}), field
    assert not {name for name, rows in SERVER_STATE.items() if rows[0][1] is COMPUTED}
    assert set(COMPARED) <= set(KNOWN)


def test_nothing_that_is_sent_ends_it() -> None:
    hostile = [
        b"\0" * 64 + b"\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: " + b"9" * 6000 + b"\r\n\r\n",
        b"GET /%ff%fe HTTP/1.1\r\nCookie: \xff=\xff; =; SID\r\nAuthorization: Basic \xff\r\nHost: [::1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nOrigin: http://[\r\nHost: http://]:x\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    ]
    with simulated(KNOWN[-1], {}) as server:
        for data in hostile:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(data)
                assert connection.recv(12).startswith(b"HTTP/1.1 4"), data[:40]
        steps = [
            post(LOGIN, RIGHT, "a"),
            post(api("app/setPreferences"), {"json": "[" * 100_000}, "a"),
            get(VERSION, "a"),
        ]
        assert [answer[0] for answer in Player(server.port).play(steps)] == ["204", "200", "200"]
