"""Authorization headers that a proxy adds, replaces or asks for, in front of real servers."""

from __future__ import annotations

import base64
import time

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import Server
from tests.support.doctor import cause, causes, diagnose
from tests.support.two_ways import experiment, sent, unharmed

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WRONG_BASIC = f'proxy_set_header Authorization "Basic {basic("canary-proxy-user:canary-proxy-pw")}";'
BEARER = 'proxy_set_header Authorization "Bearer canary-of-an-oauth2-proxy";'


# Authorization


def reads_authorization(release: Release) -> bool:
    return release.version_tuple >= (5, 2)


@pytest.mark.parametrize("with_config", [True, False])
def test_a_proxy_that_adds_basic(server: ServerFactory, release: Release, with_config: bool) -> None:
    """However often it is run: named while a failure is left, never a ban, no credentials of ours sent."""
    running = server()
    config = ("--config", str(running.config_file)) if with_config else ()
    with Nginx(running.url, WRONG_BASIC) as proxy:
        reports = [diagnose("--url", proxy.url, *config, password=running.password) for _ in range(7)]
    time.sleep(0.1)
    assert running.banned_logins() == 0
    if not reads_authorization(release):
        assert running.failed_logins() == 0
        assert [causes(one, "error") for one in reports] == [[]] * 7
        return
    assert running.failed_logins() <= 4  # the fifth would ban
    assert [one["login_attempts"] for one in reports] == [0] * 7
    found = cause(reports[0], "authorization-header-collision")
    assert causes(reports[0], "error") == ["authorization-header-collision"]
    assert found["confidence"] == "proven"
    a, b = experiment(found)
    assert set(sent(b)) - set(sent(a)) == {"Authorization"}
    assert (a["response"]["status"], b["response"]["status"]) == (403, 401)
    assert "canary-proxy" not in str(reports)
    assert reports[-1]["verdict"]["state"] != "healthy"
    assert running.login().get(f"{running.url}/api/v2/app/version").status_code == 200


def test_basic_on_a_remote_way_costs_three_at_most(
    server: ServerFactory, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a log to read the 401 stays unexplained, and the runs together stop before the ban."""
    running = server()
    monkeypatch.setattr("qbdoctor.observe.observer.read_first_request_log", lambda _marks: None)
    with Nginx(running.url, WRONG_BASIC) as proxy:
        first = diagnose("--url", proxy.url, password=running.password)
        time.sleep(0.1)
        assert running.failed_logins() in ({1, 2, 3} if reads_authorization(release) else {0})
        for _ in range(4):
            last = diagnose("--url", proxy.url, password=running.password)
    time.sleep(0.1)
    assert running.banned_logins() == 0
    assert running.failed_logins() <= 4
    if reads_authorization(release):
        assert [one["verdict"]["state"] for one in (first, last)] == ["unknown", "unknown"]
        assert "failed login(s) to" in str(last["checks"]) or "not sent" in str(last["checks"])


def test_a_proxy_that_adds_bearer(server: ServerFactory, release: Release) -> None:
    running = server()
    with Nginx(running.url, BEARER) as proxy, unharmed(running):
        report = diagnose("--url", proxy.url, password=running.password)
        knowing = diagnose("--url", proxy.url, "--config", str(running.config_file), password=running.password)
        cleared = Nginx(running.url, 'proxy_set_header Authorization "";')
        with cleared as second:
            well = diagnose("--url", second.url, password=running.password)
    assert causes(well, "error") == []
    if not reads_authorization(release):
        assert causes(report, "error") == causes(knowing, "error") == []
        return
    assert causes(report, "error") == causes(knowing, "error") == ["authorization-header-collision"]
    assert cause(report, "authorization-header-collision")["confidence"] == "likely"
    assert cause(knowing, "authorization-header-collision")["confidence"] == "proven"


def test_an_api_key_that_a_proxy_replaces(server: ServerFactory, release: Release) -> None:
    key = "qbt_" + "CanaryKey23456789abcdefghjkm"
    running = server(settings={"APIKey": key})
    with Nginx(running.url, BEARER) as proxy, Nginx(running.url) as plain, unharmed(running):
        replaced = diagnose("--url", proxy.url, env={"QBDOCTOR_API_KEY": key})
        handed_on = diagnose("--url", plain.url, env={"QBDOCTOR_API_KEY": key})
    reads = reads_authorization(release)
    assert causes(replaced, "error") == (["authorization-header-collision"] if reads else ["api-key-rejected"])
    assert causes(handed_on, "error") == ([] if reads else ["api-key-rejected"])
    wrong = key[:-1] + "n"
    with Nginx(running.url) as plain:
        assert causes(diagnose("--url", plain.url, env={"QBDOCTOR_API_KEY": wrong}), "error") == ["api-key-rejected"]


def test_a_filter_that_forbids_logins_is_no_collision(healthy: Server) -> None:
    forbid = f'location = /api/v2/auth/login {{ return 403 "Forbidden"; }} location / {{ proxy_pass {healthy.url}; }}'
    with Nginx(healthy.url, whole=forbid) as proxy, unharmed(healthy):
        report = diagnose("--url", proxy.url, password=healthy.password)
    assert "authorization-header-collision" not in causes(report)
    assert report["exit_code"] != 0


def test_a_proxy_that_asks_for_its_own_login(server: ServerFactory, release: Release) -> None:
    running = server()
    with Nginx(running.url) as proxy:
        lines = f'auth_basic "members"; auth_basic_user_file {proxy.folder}/users;'
        (proxy.folder / "users").write_text("me:{PLAIN}secret\n")
        with Nginx(running.url, lines) as asking, unharmed(running):
            report = diagnose("--url", asking.url, password=running.password)
            knowing = diagnose("--url", asking.url, "--config", str(running.config_file), password=running.password)
    assert causes(report, "error") == causes(knowing, "error") == ["foreign-auth-in-front"]
    assert cause(report, "foreign-auth-in-front")["confidence"] == "likely"
    assert cause(knowing, "foreign-auth-in-front")["confidence"] == "proven"
    assert report["login_attempts"] == 0
