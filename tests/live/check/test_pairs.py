"""Two faults at once on real servers: what stops everything is named first, independent faults stand side by side."""

from __future__ import annotations

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.support.doctor import causes, diagnose

pytestmark = pytest.mark.in_turn

PUBLIC = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}


def test_port_map_before_a_wrong_password(server: ServerFactory, release: Release) -> None:
    running = server()
    with faults.PortMap(running.port) as mapped:
        report = diagnose("--url", mapped.url, "--config", str(running.config_file), password="canary-wrong")
    assert causes(report, "error") == ["host-port-mismatch", "wrong-credentials"]
    assert report["login_attempts"] == 0


def test_port_map_before_an_exposed_whitelist(server: ServerFactory, release: Release) -> None:
    running = server(settings=PUBLIC)
    with faults.PortMap(running.port) as mapped:
        report = diagnose("--url", mapped.url, "--config", str(running.config_file))
    assert causes(report, "error") == ["host-port-mismatch", "exposed-bypass"]


def test_exposed_whitelist_beside_a_local_bypass(server: ServerFactory, release: Release) -> None:
    running = server(settings={**PUBLIC, "LocalHostAuth": "false"})
    report = diagnose("--url", running.url)
    assert causes(report, "error") == ["exposed-bypass"]
    assert "bypass-active" not in causes(report), "it stands under its cause"


def test_malformed_hash_behind_a_name_that_is_not_allowed(server: ServerFactory, release: Release) -> None:
    running = server(settings={"Password_PBKDF2": "not-a-hash", "ServerDomains": "nas.example"}, password=None)
    report = diagnose("--url", f"http://localhost:{running.port}", password="whatever it is")
    assert set(causes(report, "error")) == {"host-not-allowed", "malformed-password-hash"}
    assert causes(report, "error")[0] == "host-not-allowed"


def test_banned_with_a_wrong_password(server: ServerFactory, release: Release) -> None:
    running = server()
    running.fail_logins(5)
    report = diagnose("--url", running.url, password="canary-wrong")
    assert "wrong-credentials" in causes(report, "error")
    assert report["login_attempts"] == 0


@pytest.mark.parametrize("strip", [True, False])
def test_factory_password_behind_a_proxy_that_meddles_with_cookies(
    server: ServerFactory, release: Release, strip: bool
) -> None:
    running = server(password="adminadmin")
    extra = {"strip_set_cookie": True} if strip else {"add_cookie_flag": "Secure"}
    with faults.ReverseProxy(running.url, rewrite_host=True, **extra) as proxy:
        report = diagnose("--url", proxy.url, password="adminadmin")
    assert causes(report, "error") == ["cookie-stripped" if strip else "secure-cookie-over-http"]
    assert "default-credentials" in causes(report, "warning")


def test_https_by_http_with_an_exposed_whitelist(server: ServerFactory, release: Release) -> None:
    running = server(https=True, settings=PUBLIC)
    report = diagnose("--url", f"http://127.0.0.1:{running.port}", password=running.password)
    assert causes(report, "error") == ["tls-mismatch", "exposed-bypass"]


def test_stopped_with_a_malformed_hash(server: ServerFactory, release: Release) -> None:
    running = server(settings={"Password_PBKDF2": "not-a-hash"}, password=None)
    running.stop()
    report = diagnose("--profile", str(running.profile), password="whatever it is")
    assert causes(report, "error")[0] == "not-running"
    assert "malformed-password-hash" in causes(report, "error")
