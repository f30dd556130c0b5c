"""Every command of every page, taken out and run against real servers: with the fault it shows it, without it does not.

What a test cannot run (an engine's, systemd's, the network's) is parsed by bash and counted as only read.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.diagnosis.catalogue import pages
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD, Server
from tests.support.page_scenes import ONLY_READ, run, values

pytestmark = pytest.mark.in_turn

# One page of each kind of command: a call, a log, a file, a process, a made session, a proxy, qbdoctor's own. The others are
# run before a release.
EVERYDAY = {
    "bypass-active",
    "client-drops-cookie",
    "fix-undone-since",
    "http-proxy-env",
    "ip-banned",
    "misplaced-key",
    "not-running",
    "origin-mismatch",
}
EVERY_PAGE = [pytest.param(one, marks=() if one in EVERYDAY else pytest.mark.extended) for one in pages.ids()]
OF_LANGUAGES = [
    pytest.param(one, marks=() if one == "de" else pytest.mark.extended) for one in ("en", "de", "fr", "zh_CN")
]
OF_SETTINGS = [
    pytest.param(one, marks=() if one == "misplaced-key" else pytest.mark.extended)
    for one in ("unknown-key", "misplaced-key", "ambiguous-setting", "edited-while-running")
]


def shown(cause: str, server: Server, home: Path, typed: str = PASSWORD, **more: str) -> list[str]:
    """What the steps of a page print one after the other, those that cannot be run left out."""
    out: list[str] = []
    for step in pages.steps(pages.page(cause), values(server, **more)):
        for line in step.commands:
            if ONLY_READ.search(line):
                continue
            ended = run(line, home, typed)
            assert "syntax error" not in ended.stderr, (line, ended.stderr)
            assert ended.returncode not in {2, 126, 127} or line.startswith(("ls ", "getent ")), (line, ended.stderr)
            out.append(ended.stdout.strip())
    return out


def test_every_command_can_be_read_by_a_shell(record_property: Any) -> None:
    counts = {"run": 0, "read": 0}
    for page in pages.pages():
        for step in pages.steps(page, {}, stand_ins=True):
            for line in step.commands:
                counts["read" if ONLY_READ.search(line) else "run"] += 1
                ended = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True)
                assert ended.returncode == 0, (page.id, line, ended.stderr)
    record_property("commands", counts)
    assert counts["run"] > 3 * counts["read"], counts


@pytest.mark.parametrize("cause", EVERY_PAGE)
def test_a_look_changes_nothing(healthy: Server, release: Release, cause: str, tmp_path: Path) -> None:
    before, failed = healthy.preferences(), healthy.failed_logins()
    if cause == "default-credentials":
        pytest.skip("it says that it counts as a failed login; the test below runs it")
    if cause == "client-http-method" and release.version_tuple < (4, 4, 4):
        pytest.skip("it says not to do it on this release")
    shown(cause, healthy, tmp_path)
    assert healthy.preferences() == before
    assert healthy.failed_logins() == failed, "a step counts as a failed login"
    assert not list(tmp_path.glob("qb-*")), "a step leaves a file"


IN_WORDS: Mapping[str, tuple[Mapping[str, Any], list[str], list[str]]] = {
    # cause: settings of the fault; what it shows with the fault, what without
    "exposed-bypass": ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}, ["200"], ["403"]),
    "bypass-active": ({"LocalHostAuth": "false"}, ["200"], ["403"]),
    "host-not-allowed": ({"ServerDomains": "nas.example"}, ["401", "403"], ["403", "403"]),
}


@pytest.mark.parametrize("cause", IN_WORDS)
def test_a_fault_in_the_settings(server: ServerFactory, release: Release, cause: str, tmp_path: Path) -> None:
    settings, fault, sound = IN_WORDS[cause]
    with_it, without = server(settings=settings), server()
    more = {"public_url": with_it.url}
    assert shown(cause, with_it, tmp_path, **more)[: len(fault)] == fault
    more = {"public_url": without.url}
    assert shown(cause, without, tmp_path, **more)[: len(sound)] == sound


def test_a_mapping_of_ports(healthy: Server, release: Release, tmp_path: Path) -> None:
    with faults.PortMap(healthy.port) as mapped:
        assert shown("host-port-mismatch", healthy, tmp_path, url=mapped.url)[:3] == ["401", "403", "403"]
    assert shown("host-port-mismatch", healthy, tmp_path)[:3] == ["403", "403", "403"]


@pytest.mark.parametrize("locale", OF_LANGUAGES)
def test_the_log_is_found_in_any_language(server: ServerFactory, release: Release, locale: str, tmp_path: Path) -> None:
    running = server(locale=locale)
    running.try_login("wrong")
    running.login()
    running.get("/api/v2/app/version", headers={"Origin": "http://evil.example"})
    running.get("/api/v2/app/version", headers={"Host": "nas.example:99"})
    for cause, wanted in {
        "ip-banned": "admin",
        "shared-address-ban": "admin",
        "authorization-header-collision": "admin",
        "origin-mismatch": "http://evil.example",
        "host-port-mismatch": "nas.example:99",
        "proxy-hop-untrusted": "127.0.0.1",
        "signs-of-takeover": "127.0.0.1",
        "whitelist-not-matching": "127.0.0.1",
        "wrong-port": str(running.port),
        "wrong-config-file": str(running.config_file.parent),
        "not-running": str(running.port),
    }.items():
        lines = [
            line
            for step in pages.steps(pages.page(cause), values(running))
            for line in step.commands
            if str(running.log_file) in line
        ]
        said = [run(line, tmp_path).stdout for line in lines]
        assert lines
        assert all(wanted in text for text in said), (cause, lines, said)
    counted = [
        run(line, tmp_path).stdout.strip()
        for step in pages.steps(pages.page("sessions-evicted"), values(running))
        for line in step.commands
    ]
    assert counted == ["1"]
    quiet = server(locale=locale)
    assert "admin" not in "".join(shown("ip-banned", quiet, tmp_path)[:1])


def test_a_session_is_made_first_and_used(healthy: Server, release: Release, tmp_path: Path) -> None:
    said = shown("client-drops-cookie", healthy, tmp_path)
    assert "set-cookie" in said[1]
    assert said[2].lstrip("v") == healthy.version.lstrip("v")
    assert said[3] != said[2]
    for cause in ("edited-while-running", "ambiguous-setting"):
        answers = [text for text in shown(cause, healthy, tmp_path) if text.startswith("{")]
        assert json.loads(answers[0])["web_ui_port"] == healthy.port


def test_a_wrong_password_is_counted_and_the_page_says_so(
    server: ServerFactory, release: Release, tmp_path: Path
) -> None:
    running = server()
    said = shown("wrong-credentials", running, tmp_path, typed="not this one")
    assert said[0] == "403"
    assert "Fails." in said[2] or " 401 " in said[2], said
    assert running.failed_logins() == 1
    assert " 204 " in (good := shown("wrong-credentials", running, tmp_path))[2] or "Ok." in good[2], good


def test_the_factory_password_is_tried_once_and_announced(
    server: ServerFactory, release: Release, tmp_path: Path
) -> None:
    running = server()
    said = shown("default-credentials", running, tmp_path)
    assert "Fails." in said[0] or " 401 " in said[0], said
    assert running.failed_logins() == 1
    assert "counts as a failed attempt" in pages.page("default-credentials").confirm[0].text
    open_to_all = server(password="adminadmin")
    said = shown("default-credentials", open_to_all, tmp_path)
    assert "Ok." in said[0] or " 204 " in said[0], said


@pytest.mark.parametrize("cause", OF_SETTINGS)
def test_the_settings_show_in_both_layouts_and_no_hash(
    server: ServerFactory, release: Release, cause: str, tmp_path: Path
) -> None:
    running = server(settings={"LocalHostAuth": "true", "Wrong": "1"})
    said = "\n".join(shown(cause, running, tmp_path))
    assert "LocalHostAuth=true" in said
    assert "Wrong=1" in said
    assert "PBKDF2" not in said
