"""Faults put into real servers' config files: what the server then does, and what the doctor calls it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.config.key_lint import lint_keys
from qbdoctor.config.settings import Settings
from qbdoctor.config.value_lint import lint_values
from qbdoctor.releases import Version
from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.profile import config_text, free_port, password_hash
from tests.kit.server import PASSWORD, Server
from tests.support.config_reports import anonymous, checked, config_causes
from tests.support.doctor import cause, causes, diagnose, status
from tests.support.servers import new_layout, own_place, raw

pytestmark = pytest.mark.in_turn

LATER = 3.0  # seconds after the start: then the file's time alone shows that it is not the start that wrote it
PASSWORD_KEY = b"Password_PBKDF2"


def edit(running: Server, text: str) -> None:
    """Change the file under the server, as somebody does some time after its start."""
    running.config_file.write_text(text)
    later = time.time() + LATER
    os.utime(running.config_file, (later, later))


# --- what is in order -------------------------------------------------------------------------------------------------


def test_what_a_server_writes_is_in_order(server: ServerFactory, release: Release) -> None:
    """Every preference changed through the API, as far as the server goes on serving: not one key is accused."""
    running = server()
    client = running.login()
    shown = client.get(f"{running.url}/api/v2/app/preferences").json()
    kept = {"web_ui_port", "web_ui_address", "use_https", "locale", "web_ui_username", "listen_port"}
    changed: dict[str, Any] = {}
    for name, value in shown.items():
        if name not in kept and not name.startswith(("proxy_", "web_ui_reverse", "alternative_webui_enabled")):
            changed[name] = (
                (not value)
                if isinstance(value, bool)
                else (value + 60)
                if isinstance(value, int)
                else (value or "/tmp/x y")
            )
    changed["bypass_auth_subnet_whitelist"] = "10.0.0.0/8\n192.168.0.0/16"
    changed["web_ui_domain_list"] = "nas.example;*"
    changed["web_ui_custom_http_headers"] = "X-A: b, c; d\nX-B: e"
    changed["web_ui_reverse_proxies_list"] = "10.0.0.1;10.0.0.2"
    changed["save_path"] = "/tmp/søt, 音楽; #1"
    client.post(f"{running.url}/api/v2/app/setPreferences", data={"json": json.dumps(changed)})
    time.sleep(0.2)
    report = checked(running)
    assert config_causes(report) == set()
    assert status(report, "config-running") == "pass"
    running.stop()
    settings = Settings.load(running.config_file, Version.parse(release.version))
    assert len(settings.ini.entries) > 100
    assert lint_keys(settings) == lint_values(settings) == ()
    unknown = Settings.load(running.config_file)
    assert lint_keys(unknown) == lint_values(unknown) == ()


def test_what_a_first_start_writes_is_in_order(server: ServerFactory, release: Release) -> None:
    running = server(
        raw_config=config_text({}, layout="old", port=1).replace("WebUI\\Port=1", "").encode(), password=None
    )
    assert config_causes(checked(running)) == set(), "the port of --webui-port is not in the file yet"
    running.restart()
    assert config_causes(checked(running)) == set()
    running.stop()
    settings = Settings.load(running.config_file, Version.parse(release.version))
    assert lint_keys(settings) == lint_values(settings) == ()


@pytest.mark.parametrize("form", ["crlf", "bom", "no last line end", "unicode", "comments"])
def test_forms_of_a_healthy_file(server: ServerFactory, release: Release, form: str) -> None:
    text = raw(release)
    data = {
        "crlf": text.replace(b"\n", b"\r\n"),
        "bom": b"\xef\xbb\xbf" + text,
        "no last line end": text.rstrip(b"\n"),
        "unicode": text + "[Preferences]\nDownloads\\SavePath=/tmp/søt/音楽\n".encode(),
        "comments": b"; mine\n" + text + b"; WebUI\\BypassLocalAuth=true\n",
    }[form]
    report = checked(server(raw_config=data))
    assert report["verdict"]["state"] == "healthy"
    assert config_causes(report) == set()


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["BypassLocalAuth=true", "BanList=1.2.3.4", "localhostauth=false", "bypass_local_auth=true"]
)
def test_a_key_that_nothing_reads(server: ServerFactory, release: Release, line: str) -> None:
    running = server(raw_config=raw(release, own_place(release, line)))
    assert anonymous(running) == 403, "it has no effect"
    report = checked(running)
    assert config_causes(report) == {"unknown-key"}
    assert cause(report, "unknown-key")["severity"] == "warning"
    assert ("LocalHostAuth in [" in cause(report, "unknown-key")["summary"]) is ("BanList" not in line)
    assert report["exit_code"] == 0
    running.restart()
    assert config_causes(checked(running)) == {"unknown-key"}, "qBittorrent keeps what it does not know"


@pytest.mark.parametrize("text", ["[BitTorrent]\nWebUI\\LocalHostAuth=false\n", "[Preferences]\nLocalHostAuth=false\n"])
def test_a_key_below_the_wrong_header(server: ServerFactory, release: Release, text: str) -> None:
    running = server(raw_config=raw(release, f"\n{text}"))
    assert anonymous(running) == 403
    report = checked(running)
    assert config_causes(report) == {"misplaced-key"}
    assert cause(report, "misplaced-key")["severity"] == "warning"


def test_a_key_of_the_other_layout(server: ServerFactory, release: Release) -> None:
    other = (
        "\n[Preferences]\nWebUI\\LocalHostAuth=false\n" if new_layout(release) else "\n[WebUI]\nLocalHostAuth=false\n"
    )
    running = server(raw_config=raw(release, other))
    assert anonymous(running) == 403
    assert config_causes(checked(running)) == {"misplaced-key"}


def test_a_key_of_the_old_layout_that_is_taken_over(server: ServerFactory, releases: Any) -> None:
    """Near miss: without a MigrationVersion 5.3 moves the old keys at its start."""
    running = server("5.3.0", layout="old", settings={"LocalHostAuth": "false"})
    assert anonymous(running) == 200
    assert config_causes(checked(running)) == set()
    running.restart()
    assert config_causes(checked(running)) == set()


def test_a_config_of_a_newer_release(server: ServerFactory, release: Release) -> None:
    text = config_text({"Password_PBKDF2": password_hash(PASSWORD), "Username": "me"}, layout="new", port=1)
    running = server(raw_config=text.replace("Port=1\n", "SessionTimeout=7200\n").encode())
    report = diagnose("--url", running.url, "--username", "me", password=PASSWORD)
    if new_layout(release):
        assert config_causes(report) == set()
        assert report["exit_code"] == 0
        return
    assert causes(report, "error") == ["config-from-newer-release"]
    found = cause(report, "config-from-newer-release")
    assert found["confidence"] == "likely"
    assert {"temporary-password", "wrong-credentials"} & set(found["explains"])
    running.restart()  # it has put its own MigrationVersion into the file now, from 4.4 on
    again = diagnose("--url", running.url, "--username", "me", password=PASSWORD)
    assert causes(again, "error") == ["config-from-newer-release"]
    # With what holds now calls work, and the same is a warning.
    works = "adminadmin" if release.version_tuple < (4, 6, 1) else Server.temporary_password.fget(running)  # type: ignore[attr-defined]
    if works:
        now = diagnose("--url", running.url, password=works)
        assert causes(now, "error") == []
        assert cause(now, "config-from-newer-release")["severity"] == "warning"


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "answer"),
    [("no", 403), ("off", 403), ("", 200), ("'false'", 403), ("false # for now", 403), ("maybe", 403)],
)
def test_a_value_that_qt_reads_otherwise(server: ServerFactory, release: Release, value: str, answer: int) -> None:
    running = server(settings={"LocalHostAuth": value})
    assert anonymous(running) == answer
    report = checked(running)
    assert config_causes(report) == {"ambiguous-setting"}
    assert report["exit_code"] == 0
    assert "LocalHostAuth" in cause(report, "ambiguous-setting")["summary"]


def test_a_setting_that_stands_twice(server: ServerFactory, release: Release) -> None:
    twice = own_place(release, "LocalHostAuth=true") + own_place(release, "LocalHostAuth=false")
    running = server(raw_config=raw(release, twice))
    assert anonymous(running) == 200
    assert config_causes(checked(running)) == {"ambiguous-setting"}
    same = own_place(release, "LocalHostAuth=false") * 2
    assert config_causes(checked(server(raw_config=raw(release, same)))) == set()


def test_a_setting_in_both_layouts(server: ServerFactory, release: Release) -> None:
    both = "\n[Preferences]\nWebUI\\LocalHostAuth=true\n[WebUI]\nLocalHostAuth=false\n"
    running = server(raw_config=raw(release, both))
    assert anonymous(running) == (200 if new_layout(release) else 403)
    assert config_causes(checked(running)) == {"ambiguous-setting"}


def test_a_list_that_a_semicolon_cut(server: ServerFactory, release: Release) -> None:
    running = server(settings={"ServerDomains": "nas.example;127.0.0.1"})
    report = checked(running)
    assert config_causes(report) == {"ambiguous-setting"}
    assert "'nas.example'" in cause(report, "ambiguous-setting")["summary"]
    fine = server(settings={"ServerDomains": '"nas.example;127.0.0.1"'})
    assert config_causes(checked(fine)) == set()


def test_a_whitelist_that_a_semicolon_cut(server: ServerFactory, release: Release) -> None:
    running = server(settings={"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "10.0.0.0/8;127.0.0.0/8"})
    assert anonymous(running) == 403
    assert config_causes(checked(running)) == {"whitelist-syntax"}


def test_a_session_that_ends_too_soon(server: ServerFactory, release: Release) -> None:
    for seconds, named in (("1", {"session-too-short"}), ("59", {"session-too-short"}), ("60", set()), ("0", set())):
        running = server(settings={"SessionTimeout": seconds})
        assert config_causes(checked(running)) == named, seconds
        if seconds == "1":
            client = running.login()
            assert client.get(f"{running.url}/api/v2/app/version").status_code == 200
            time.sleep(2.2)
            assert client.get(f"{running.url}/api/v2/app/version").status_code == 403


@pytest.mark.parametrize("value", ["", "me, myself"])
def test_a_user_name_that_is_none(server: ServerFactory, release: Release, value: str) -> None:
    starts = release.version_tuple < (4, 6, 1)
    running = server(settings={"Username": value}, wait=starts)
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    if value and release.version_tuple[:2] == (4, 5):  # a list is admin there, since Qt 5 cannot make a text of it
        assert (config_causes(report), report["exit_code"]) == ({"ambiguous-setting"}, 0)
        return
    assert causes(report, "error") == ["empty-username"]
    assert report["login_attempts"] == 0
    if starts:
        assert running.try_login(PASSWORD).text == "Fails."
    else:
        assert running.running


# --- file and server --------------------------------------------------------------------------------------------------


def test_an_edit_under_the_running_server(server: ServerFactory, release: Release) -> None:
    running = server()
    before = checked(running)
    assert config_causes(before) == set()
    edit(running, running.config_file.read_text() + own_place(release, "SessionTimeout=7200"))
    report = checked(running)
    assert config_causes(report) == {"edited-while-running"}
    found = cause(report, "edited-while-running")
    assert (found["severity"], found["confidence"]) == ("warning", "proven")
    assert "SessionTimeout is '7200' in the file and '3600' in the server" in found["summary"]
    proof = next(piece for piece in found["evidence"] if piece["kind"] == "experiment")
    assert [proof[side]["response"]["text"] for side in "ab"] == [
        "SessionTimeout is '7200'",
        "SessionTimeout is '3600'",
    ]
    assert "app/preferences" in proof["b"]["request"]["read"]
    assert report["exit_code"] == 0
    running.set_preferences({"dht": False})  # something to save: its start's own changes may be in the file already
    running.stop()
    assert "7200" not in running.config_file.read_text(), "the edit is lost"


def test_a_file_that_was_touched_is_not_edited(server: ServerFactory, release: Release) -> None:
    running = server()
    edit(running, running.config_file.read_text() + "\n; a comment\n")
    assert config_causes(checked(running)) == set()


def test_a_change_through_the_api_is_no_difference(server: ServerFactory, release: Release) -> None:
    running = server()
    changed = {"web_ui_session_timeout": 7200, "bypass_local_auth": True, "web_ui_domain_list": "nas.example;127.0.0.1"}
    running.login().post(f"{running.url}/api/v2/app/setPreferences", data={"json": json.dumps(changed)})
    report = checked(running)
    assert config_causes(report) == set()
    assert status(report, "config-running") == "pass", "a bypass opens a session as well"


def test_a_port_in_the_file_that_the_command_line_overrules(server: ServerFactory, release: Release) -> None:
    running = server(extra_args=())
    port = free_port()
    running.stop()
    running._arguments.append(f"--webui-port={running.port}")
    running.launch()
    assert config_causes(checked(running)) == set()
    edit(running, running.config_file.read_text().replace(f"Port={running.port}\n", f"Port={port}\n", 1))
    report = checked(running)
    assert config_causes(report) == {"env-override"}
    assert cause(report, "env-override")["severity"] == "warning"
    running.restart()
    assert anonymous(running) == 403, "the option won"


def test_the_variable_is_named(server: ServerFactory, release: Release) -> None:
    port = free_port()
    running = server(port=port, env={"QBT_WEBUI_PORT": str(port)})
    text = running.config_file.read_text()
    edit(running, text.replace(f"Port={port}", f"Port={free_port()}", 1))
    assert f"QBT_WEBUI_PORT={port}" in cause(checked(running), "env-override")["summary"]


def test_another_config_than_the_one_in_use(server: ServerFactory, release: Release) -> None:
    one, other = server(password="first password"), server(password="second password")
    report = diagnose("--url", one.url, "--config", str(other.config_file), password="first password")
    assert causes(report, "error") == []
    assert config_causes(report) == {"wrong-config-file"}
    assert str(one.config_file) in cause(report, "wrong-config-file")["summary"]
    assert report["login_attempts"] == 1
    assert (
        config_causes(diagnose("--url", one.url, "--config", str(one.config_file), password="first password")) == set()
    )


def test_a_password_that_was_set_in_another_file(server: ServerFactory, release: Release, own_home: Path) -> None:
    running = server(password="the one in use")
    other = own_home / ".config/qBittorrent/qBittorrent.conf"
    other.parent.mkdir(parents=True)
    other.write_text(config_text({"Password_PBKDF2": password_hash("the other one")}, layout="old", port=1))
    report = diagnose("--url", running.url, password="the other one")
    assert causes(report, "error") == ["wrong-credentials"]
    assert str(other) in cause(report, "wrong-config-file")["summary"]
    for password in ("the one in use", "neither of them"):
        assert config_causes(diagnose("--url", running.url, password=password)) == set()
