"""Wrong passwords, slips in the right one, and bans, against real servers: what each is called and what it cost."""

from __future__ import annotations

import time

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import cause, causes, diagnose
from tests.support.servers import sessions_work

pytestmark = pytest.mark.in_turn

WRONG = "canary-wrong-password"


def test_wrong_password_with_the_config_at_hand_sends_nothing(healthy: Server) -> None:
    before = healthy.failed_logins()
    report = diagnose("--url", healthy.url, password=WRONG)
    assert causes(report, "error") == ["wrong-credentials"]
    assert (report["exit_code"], report["login_attempts"]) == (1, 0)
    time.sleep(0.1)
    assert healthy.failed_logins() == before


@pytest.mark.parametrize("slip", ["{} ", '"{}"', "{}\t"])
def test_a_slip_in_the_password_is_proven(healthy: Server, slip: str) -> None:
    before = healthy.failed_logins()
    assert healthy.password
    report = diagnose("--url", healthy.url, password=slip.format(healthy.password))
    found = cause(report, "wrong-credentials")
    assert found["confidence"] == "proven"
    assert healthy.password not in str(report)
    assert healthy.failed_logins() == before


def test_wrong_user_name_is_told_apart(healthy: Server) -> None:
    report = diagnose("--url", healthy.url, "--username", "Admin", password=healthy.password)
    assert causes(report, "error") == ["wrong-credentials"]
    assert "'Admin'" in cause(report, "wrong-credentials")["summary"]
    assert report["login_attempts"] == 0


def test_ten_wrong_passwords_in_a_row_ban_nobody(server: ServerFactory, release: Release) -> None:
    running = server()
    named: list[list[str]] = []
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        for _ in range(10):
            report = diagnose("--url", proxy.url, password=WRONG)
            assert report["target"]["config_file"] is None
            assert report["login_attempts"] in {0, 1}
            named.append(causes(report, "error"))
    assert named[0] == ["wrong-credentials"]
    time.sleep(0.1)
    assert 1 <= running.failed_logins() <= 3
    assert running.banned_logins() == 0
    sessions_work(running)


@pytest.mark.parametrize("locale", [None, "zh_CN"])
def test_ban_in_any_language(server: ServerFactory, release: Release, locale: str | None) -> None:
    running = server(locale=locale)
    running.fail_logins(5)
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        report = diagnose("--url", proxy.url, password=running.password)
    assert causes(report, "error") == ["ip-banned"]
    assert report["login_attempts"] == 1
    assert report["exit_code"] == 1


@pytest.mark.parametrize("locale", [None, "zh_CN"])
def test_ban_is_named_with_the_config_at_hand(server: ServerFactory, release: Release, locale: str | None) -> None:
    running = server(locale=locale)
    running.fail_logins(5)
    report = diagnose("--url", running.url, password=running.password)
    assert causes(report, "error") == ["ip-banned"]
