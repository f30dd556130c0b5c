"""`qbdoctor check` against real servers: what each fault is called, how sure, and what it cost the server."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.reports import FORMATS
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import Server
from tests.support.doctor import assert_silent, cause, causes, diagnose, qbdoctor, status
from tests.support.servers import sessions_work

pytestmark = pytest.mark.in_turn

WRONG = "canary-wrong-password"


def offered(found: dict[str, Any]) -> set[str]:
    """Return the fixes that a cause offers."""
    return {remedy["fix"] for remedy in found["remedies"]} - {None}


def test_healthy_server_is_healthy(healthy: Server) -> None:
    before = healthy.failed_logins(), healthy.successful_logins()
    report = diagnose("--url", healthy.url, password=healthy.password)
    assert (report["verdict"]["state"], report["exit_code"]) == ("healthy", 0)
    assert causes(report, "error") == []
    # Other tests' servers run beside this one and share its cookie's name up to 5.1, which is worth a warning.
    assert set(causes(report, "warning")) <= {"cookie-clobber"}
    assert report["login_attempts"] == 1
    assert report["complete"]
    assert report["target"]["version"] == str(healthy.version)
    assert report["target"]["process"]["pid"] == healthy.pid
    assert Path(report["target"]["config_file"]) == healthy.config_file
    assert Path(report["target"]["log_file"]) == healthy.log_file
    not_passed = {check["id"] for check in report["checks"] if check["status"] != "pass"}
    needs_more = {"cookie-neighbours", "write-probe", "client-address", "origin", "forwarded-host", "container"}
    assert not_passed <= needs_more
    time.sleep(0.1)
    assert (healthy.failed_logins(), healthy.successful_logins()) == (before[0], before[1] + 1)


def test_by_profile_config_and_name(healthy: Server) -> None:
    by_profile = diagnose("--profile", str(healthy.profile), password=healthy.password)
    by_config = diagnose("--config", str(healthy.config_file), "--no-login")
    by_name = diagnose("--url", f"http://localhost:{healthy.port}", password=healthy.password)
    assert [report["verdict"]["state"] for report in (by_profile, by_config, by_name)] == ["healthy"] * 3
    assert status(by_config, "login") == "skip"
    assert by_name["target"]["process"]["pid"] == healthy.pid


def test_cookie_by_its_real_name(healthy: Server) -> None:
    report = diagnose("--url", healthy.url, password=healthy.password)
    renamed = healthy.release.version_tuple >= (5, 2)
    assert report["target"]["cookie_name"] == (f"QBT_SID_{healthy.port}" if renamed else "SID")
    assert ("cookie-renamed" in causes(report)) is renamed
    if renamed:
        found = cause(report, "cookie-renamed")
        assert (found["severity"], found["confidence"]) == ("info", "proven")
        a, b = found["evidence"][0]["a"], found["evidence"][0]["b"]
        assert (a["response"]["status"], b["response"]["status"]) == (200, 403)
        assert b["request"]["headers"]["Cookie"] == "SID=***"


def test_no_session_is_left_behind(healthy: Server) -> None:
    """Every session that the run opened is logged out: its cookie gets 403 afterwards."""
    with faults.ReverseProxy(healthy.url, rewrite_host=True) as proxy:
        diagnose("--url", proxy.url, password=healthy.password)
        paths = [recorded.path for recorded in proxy.requests]
        cookies = {recorded.headers.get("cookie") for recorded in proxy.requests} - {None}
    assert paths.count("/api/v2/auth/login") == 1
    assert paths[-1] == "/api/v2/auth/logout"
    assert cookies
    opened = [healthy.get("/api/v2/app/version", headers={"Cookie": str(header)}) for header in cookies]
    assert [answer.status_code for answer in opened] == [403] * len(opened)


@pytest.mark.parametrize("raw", ["false", "", "0"])
def test_localhost_bypass(server: ServerFactory, release: Release, raw: str) -> None:
    running = server(settings={"LocalHostAuth": raw})
    report = diagnose("--url", running.url, password=WRONG)
    assert report["verdict"]["state"] == "healthy"
    found = cause(report, "bypass-active")
    assert found["severity"] == "info"
    # Only 127.0.0.1 counts as loopback up to 5.0.5, and an API key shuts a bypass out from 5.2 on; 5.1 offers neither.
    assert found["confidence"] == ("likely" if release.version_tuple[:2] == (5, 1) else "proven")
    assert report["login_attempts"] == 0
    assert status(report, "login") == "skip"
    assert offered(found) == {"require-localhost-auth"}
    time.sleep(0.1)
    assert running.failed_logins() == running.successful_logins() == 0


def test_words_that_are_true_for_qt_are_no_bypass(server: ServerFactory, release: Release) -> None:
    running = server(settings={"LocalHostAuth": "no"})
    report = diagnose("--url", running.url, password=running.password)
    assert "bypass-active" not in causes(report)
    assert report["exit_code"] == 0


@pytest.mark.parametrize("subnets", ["0.0.0.0/0", "::/0", "127.0.0.0/8, 8.0.0.0/7"])
def test_public_whitelist_is_exposed(server: ServerFactory, release: Release, subnets: str) -> None:
    running = server(settings={"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": subnets})
    report = diagnose("--url", running.url)
    assert causes(report, "error") == ["exposed-bypass"]
    assert offered(cause(report, "exposed-bypass")) == {"disable-subnet-whitelist"}
    assert report["exit_code"] == 1
    assert report["login_attempts"] == 0


def test_private_whitelist_is_a_bypass_only(server: ServerFactory, release: Release) -> None:
    running = server(settings={"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "127.0.0.0/8"})
    report = diagnose("--url", running.url)
    assert causes(report, "error") == []
    found = cause(report, "bypass-active")
    assert (found["severity"], offered(found)) == ("info", {"disable-subnet-whitelist"})


def test_bypass_through_a_proxy_is_exposed(server: ServerFactory, release: Release) -> None:
    running = server(settings={"LocalHostAuth": "false"})
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        report = diagnose("--url", proxy.url)
    assert causes(report, "error") == ["exposed-bypass"]


def test_bypass_that_holds_for_the_public_url_is_exposed(server: ServerFactory, release: Release) -> None:
    running = server(settings={"LocalHostAuth": "false"})
    report = diagnose("--url", running.url, "--public-url", "https://qb.example.org")
    assert causes(report, "error") == ["exposed-bypass"]
    assert status(diagnose("--url", running.url), "anonymous-call") == "warn"


def test_a_wrong_port_and_a_wrong_name_are_both_named(server: ServerFactory, release: Release) -> None:
    """Whoever mends one of the two still gets 401."""
    running = server(settings={"ServerDomains": "qb.example.org"})
    with faults.PortMap(running.port) as mapped:
        url = f"http://localhost:{mapped.port}"
        for report in (diagnose("--url", url), diagnose("--url", url, "--config", str(running.config_file))):
            both = {one["id"]: one["confidence"] for one in report["causes"] if one["severity"] == "error"}
            assert both == {"host-port-mismatch": "proven", "host-not-allowed": "proven"}
            assert report["login_attempts"] == 0


def test_port_map_is_proven(healthy: Server) -> None:
    with faults.PortMap(healthy.port) as mapped:
        blind = diagnose("--url", mapped.url, password=healthy.password)
        knowing = diagnose("--url", mapped.url, "--config", str(healthy.config_file), password=healthy.password)
    for report in (blind, knowing):
        assert causes(report, "error") == ["host-port-mismatch"]
        found = cause(report, "host-port-mismatch")
        assert found["confidence"] == "proven"
        experiment = next(piece for piece in found["evidence"] if piece["kind"] == "experiment")
        assert (experiment["a"]["response"]["status"], experiment["b"]["response"]["status"]) == (401, 403)
        sent = [experiment[side]["request"]["headers"] for side in "ab"]
        assert {name for name in sent[0] if sent[0][name] != sent[1].get(name)} == {"Host"}
        assert report["login_attempts"] == 0
    assert f"listens on, {healthy.port};" in cause(knowing, "host-port-mismatch")["summary"]
    text = str(cause(knowing, "host-port-mismatch")["remedies"])
    assert str(mapped.port) in text


def test_name_not_in_server_domains_is_proven(server: ServerFactory, release: Release) -> None:
    running = server(settings={"ServerDomains": "nas.example"})
    report = diagnose("--url", f"http://localhost:{running.port}", password=running.password)
    assert causes(report, "error") == ["host-not-allowed"]
    assert cause(report, "host-not-allowed")["confidence"] == "proven"
    assert diagnose("--url", running.url, password=running.password)["exit_code"] == 0


def test_secure_cookie_over_http_is_proven(healthy: Server) -> None:
    with faults.ReverseProxy(healthy.url, rewrite_host=True, add_cookie_flag="Secure") as proxy:
        report = diagnose("--url", proxy.url, password=healthy.password)
    assert causes(report, "error") == ["secure-cookie-over-http"]
    found = cause(report, "secure-cookie-over-http")
    assert found["confidence"] == "proven"
    experiment = found["evidence"][0]
    assert (experiment["a"]["response"]["status"], experiment["b"]["response"]["status"]) == (200, 403)


def test_https_that_fell_back_keeps_the_secure_flag(server: ServerFactory, release: Release) -> None:
    running = server(settings={"HTTPS\\Enabled": "true"})
    report = diagnose("--url", f"http://127.0.0.1:{running.port}", password=running.password)
    assert causes(report, "error") == ["https-fallback"]
    assert "secure-cookie-over-http" in cause(report, "https-fallback")["explains"]


def test_stripped_cookie(healthy: Server) -> None:
    with faults.ReverseProxy(healthy.url, rewrite_host=True, strip_set_cookie=True) as proxy:
        report = diagnose("--url", proxy.url, password=healthy.password)
    assert causes(report, "error") == ["cookie-stripped"]


def test_https_asked_by_http_and_the_other_way_round(server: ServerFactory, release: Release) -> None:
    running = server(https=True)
    report = diagnose("--url", f"http://127.0.0.1:{running.port}", password=running.password)
    assert causes(report, "error") == ["tls-mismatch"]
    assert cause(report, "tls-mismatch")["confidence"] == "proven"
    distrusted = diagnose("--url", running.url, password=running.password)
    assert causes(distrusted, "error") == ["tls-untrusted"]
    assert distrusted["login_attempts"] == 0
    assert running.certificate is not None
    trusted = diagnose("--url", running.url, "--ca-file", str(running.certificate.ca), password=running.password)
    assert (trusted["exit_code"], causes(trusted, "error")) == (0, [])
    assert diagnose("--url", running.url, "--insecure", password=running.password)["exit_code"] == 0


def test_http_asked_by_https(healthy: Server) -> None:
    report = diagnose("--url", f"https://127.0.0.1:{healthy.port}", password=healthy.password)
    assert causes(report, "error") == ["tls-mismatch"]
    assert cause(report, "tls-mismatch")["confidence"] == "proven"


@pytest.mark.parametrize(
    "stored",
    ['"@ByteArray(c29tZXNhbHQ=:deadbeef)"', "not-a-hash", '"@ByteArray(ARQ77eY1NUZaQsuDHbIMCA==)"', '""'],
)
def test_malformed_hash(server: ServerFactory, release: Release, stored: str) -> None:
    running = server(settings={"Password_PBKDF2": stored}, password=None)
    report = diagnose("--url", running.url, password="whatever it was")
    if stored == '""' and release.version_tuple >= (5, 0):
        assert causes(report, "error")[0] in {"temporary-password", "malformed-password-hash"}
        return
    assert causes(report, "error") == ["malformed-password-hash"]
    assert report["login_attempts"] == 0


def test_no_password_set(server: ServerFactory, release: Release) -> None:
    running = server(password=None)
    report = diagnose("--url", running.url, password="adminadmin")
    if release.version_tuple < (4, 6, 1):
        assert causes(report, "error") == []
        assert "default-credentials" in causes(report, "warning")
        assert report["exit_code"] == 0
        return
    assert causes(report, "error") == ["temporary-password"]
    assert running.failed_logins() == 1
    temporary = running.temporary_password
    assert temporary
    right = diagnose("--url", running.url, password=temporary)
    assert right["exit_code"] == 0
    assert "temporary-password" in causes(right, "warning")


def test_file_changed_under_the_running_server(server: ServerFactory, release: Release) -> None:
    running = server(password="the old password")
    text = running.config_file.read_text()
    from tests.kit.server import password_hash

    old = next(line for line in text.splitlines() if "Password_PBKDF2" in line)
    key = old.partition("=")[0]
    running.config_file.write_text(text.replace(old, f"{key}={password_hash('the new password')}"))
    report = diagnose("--url", running.url, password="the new password")
    assert causes(report, "error") == ["edited-while-running"]
    sessions_work(running)


def test_stopped_server_is_not_running(server: ServerFactory, release: Release) -> None:
    running = server()
    running.stop()
    by_url = ("--url", running.url, "--config", str(running.config_file))  # alone, another server's port might be meant
    for target in (("--profile", str(running.profile)), by_url):
        report = diagnose(*target, password=running.password)
        assert causes(report, "error") == ["not-running"]
        assert report["exit_code"] == 1


def test_another_program_on_the_port(release: Release, server: ServerFactory) -> None:
    for kind in ("site", "everything", "forbidden"):
        with faults.OtherApp(kind) as other:
            report = diagnose("--url", other.url, password=WRONG)
            assert causes(report, "error") == ["not-qbittorrent"], kind
            assert report["login_attempts"] == 0
            assert WRONG not in str(other.requests)


def test_api_key(server: ServerFactory, release: Release) -> None:
    key = "qbt_" + "CanaryKey23456789abcdefghjkm"
    running = server(settings={"APIKey": key})
    right = qbdoctor("check", "--json", "--url", running.url, env={"QBDOCTOR_API_KEY": key})
    wrong = qbdoctor("check", "--json", "--url", running.url, env={"QBDOCTOR_API_KEY": key[:-1] + "n"})
    if release.version_tuple >= (5, 2):
        assert right.report["exit_code"] == 0
    else:
        assert causes(right.report, "error") == ["api-key-rejected"]
    assert causes(wrong.report, "error") == ["api-key-rejected"]
    advice = " ".join(remedy["text"] for remedy in cause(wrong.report, "api-key-rejected")["remedies"])
    assert ("Copy the key" in advice, "older than 5.2" in advice) == (
        release.version_tuple >= (5, 2),
        release.version_tuple < (5, 2),
    )
    for run in (right, wrong):
        assert run.report["login_attempts"] == 0
        assert_silent(run.out + run.err, [key, key[:-1] + "n"])


def test_proxy_variables_are_got_around(healthy: Server) -> None:
    with faults.OtherApp("site") as other:
        report = diagnose("--url", healthy.url, password=healthy.password, env={"http_proxy": other.url})
        assert causes(report, "error") == []
        found = cause(report, "http-proxy-env")
        assert (found["severity"], found["confidence"]) == ("warning", "proven")
        env = {"http_proxy": other.url, "no_proxy": "localhost,127.0.0.1"}
        quiet = diagnose("--url", healthy.url, password=healthy.password, env=env)
        assert "http-proxy-env" not in causes(quiet)


def test_no_canary_in_any_output(server: ServerFactory, release: Release) -> None:
    password = "canary-right-passw0rd"
    key = "qbt_" + "CanaryKey23456789abcdefghjkm"
    running = server(password=password, settings={"APIKey": key})
    stored = next(line for line in running.config_file.read_text().splitlines() if "Password_PBKDF2" in line)
    secrets = {password, WRONG, key, *stored.partition("(")[2].rstrip('")').split(":")}
    with faults.ReverseProxy(running.url, rewrite_host=True) as proxy:
        for given in (password, WRONG):
            for form in FORMATS:
                run = qbdoctor("check", "-v", "--format", form, "--url", running.url, password=given)
                assert_silent(run.out + run.err, secrets)
        run = qbdoctor("check", "-v", "--json", "--url", proxy.url, password=password)
        cookies = {
            recorded.headers["cookie"].partition("=")[2] for recorded in proxy.requests if "cookie" in recorded.headers
        }
        assert cookies
        assert_silent(run.out + run.err, secrets | cookies)
    kept = [path for path in Path(os.environ["QBDOCTOR_STATE_DIR"]).rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert_silent(path.read_bytes().decode("utf-8", "replace"), secrets | cookies)  # one is a key, bytes at random
