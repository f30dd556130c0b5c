"""Reports of people on the web, rebuilt: what stands in front is fine for a website and breaks the Web UI."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.kit import needs
from tests.kit.matrix import Release
from tests.kit.realproxy import Haproxy, Nginx
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose

pytestmark = [pytest.mark.in_turn, pytest.mark.usefixtures("own_servers_alone")]

HOST = 'proxy_set_header Host $proxy_host; proxy_set_header Origin ""; proxy_set_header Referer "";'


def passed(running: Server, more: str = "", beside: str = "") -> str:
    return f"location / {{ proxy_pass {running.url}; {HOST} {more} }} {beside}"


@pytest.mark.parametrize("instead", ["/error.html", "/"])
def test_a_page_in_place_of_refusals(server: ServerFactory, release: Release, instead: str) -> None:
    """proxy_intercept_errors with 200: whoever has no session gets a page, which is nobody's bypass."""
    running = server()
    page = "location = /error.html { internal; default_type text/html; return 200 '<html>Oops</html>'; }"
    rule = f"proxy_intercept_errors on; error_page 401 403 404 =200 {instead};"
    with Nginx(running.url, whole=passed(running, rule, page)) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    assert causes(report) == ["call-changed-on-the-way"], report["verdict"]
    assert report["login_attempts"] == 0


def test_scripts_of_another_type(server: ServerFactory, release: Release) -> None:
    """With nosniff no browser runs them: qB#10756, #21673 (a content network sets the type)."""
    running = server()
    plain = "proxy_hide_header Content-Type; add_header Content-Type text/plain;"
    beside = f"location ~ [.]js$ {{ proxy_pass {running.url}; {HOST} {plain} }}"
    with Nginx(running.url, whole=passed(running, "", beside)) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    assert causes(report, "error") == ["page-assets-missing"], report["verdict"]
    found = cause(report, "page-assets-missing")
    assert found["confidence"] == "proven"
    assert "update-mime-database" not in str(found["remedies"])


def test_a_machine_that_takes_scripts_for_something_else(
    server: ServerFactory, release: Release, tmp_path: Path
) -> None:
    """qB#11069, #12902, #13967, #15218: qBittorrent asks the machine's table of types, whose entry another program made."""
    (tmp_path / "mime" / "packages").mkdir(parents=True)
    (tmp_path / "mime" / "packages" / "other.xml").write_text(
        '<?xml version="1.0"?><mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">'
        '<mime-type type="text/x-csrc"><glob pattern="*.js" weight="90"/></mime-type></mime-info>'
    )
    made = [needs.program("update-mime-database"), str(tmp_path / "mime")]
    subprocess.run(made, check=True, capture_output=True)
    running = server(env={"XDG_DATA_HOME": str(tmp_path)})
    report = diagnose("--url", running.url, password=PASSWORD)
    assert causes(report, "error") == ["page-assets-missing"], report["verdict"]
    found = cause(report, "page-assets-missing")
    assert "text/x-csrc" in found["summary"]
    assert "update-mime-database" in found["remedies"][0]["text"]


@pytest.mark.parametrize("status", [pytest.param(503, marks=pytest.mark.extended), 429])
def test_a_limit_on_requests(server: ServerFactory, release: Release, status: int) -> None:
    """What is refused for our own speed tells nothing else: it is asked again, and named for what it is."""
    running = server()
    zone = "limit_req_zone $binary_remote_addr zone=one:1m rate=2r/s;"
    for burst, expected in ((12, ["too-many-requests"]), (60, [])):
        rule = f"limit_req zone=one burst={burst} nodelay; limit_req_status {status};"
        with Nginx(running.url, whole=passed(running, rule), http=zone) as proxy:
            report = diagnose("--url", proxy.url, password=PASSWORD)
        assert causes(report, "error") == expected, report["verdict"]
        if expected:
            assert report["causes"][0]["confidence"] == ("proven" if status == 429 else "likely")
        assert report["login_attempts"] == 1
    assert running.failed_logins() == 0


class Balancer(Haproxy):
    """HAProxy with words at its server line and lines in its backend."""

    def __init__(self, upstream: str, words: str, backend: str = "", *, mode: str = "http") -> None:
        super().__init__(upstream, mode=mode)
        self._words, self._backend = words, backend

    def configuration(self) -> str:
        """The usual one with both."""
        text = super().configuration().replace("backend back\n", f"backend back\n{self._backend}\n")
        return text.replace(f"server one {self._to}", f"server one {self._to} {self._words}")


def test_a_health_check_that_wants_a_session(server: ServerFactory, release: Release) -> None:
    """The version is 403 without a session: the balancer takes a healthy server for dead."""
    running = server()
    asked = "    option httpchk GET /api/v2/app/version"
    with Balancer(running.url, "check inter 100ms fall 1", asked) as proxy:
        time.sleep(0.5)
        report = diagnose("--url", proxy.url, "--config", str(running.config_file), password=PASSWORD)
    assert causes(report) == ["proxy-goal-wrong"], report["verdict"]
    found = cause(report, "proxy-goal-wrong")
    assert "health check" in found["summary"]
    assert found["confidence"] == "proven"
    remedy = found["remedies"][0]["commands"]
    assert remedy[0] == "option httpchk"
    named = "http-request set-header Host 127.0.0.1:" + str(running.port)
    with Balancer(running.url, "check inter 500ms fall 3", "\n".join([*remedy, named])) as proxy:
        time.sleep(0.5)
        report = diagnose("--url", proxy.url, "--config", str(running.config_file), password=PASSWORD)
    assert causes(report, "error") == [], report["verdict"]


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_the_proxy_protocol(server: ServerFactory, release: Release, mode: str) -> None:
    running = server()
    with Balancer(running.url, "send-proxy", mode=mode) as proxy:
        report = diagnose("--url", proxy.url, password=PASSWORD)
    assert causes(report) == ["proxy-protocol-mismatch"], report["verdict"]
    assert report["login_attempts"] == 0
    with Balancer(running.url, "send-proxy", mode=mode) as proxy:
        report = diagnose("--url", proxy.url, "--config", str(running.config_file), password=PASSWORD)
    assert cause(report, "proxy-protocol-mismatch")["confidence"] == "proven"


@pytest.mark.parametrize(
    ("trusted", "support"),
    [
        ("10.9.9.9", "true"),
        pytest.param("", "true", marks=pytest.mark.extended),
        pytest.param("127.0.0.1", "false", marks=pytest.mark.extended),
    ],
)
def test_a_whitelist_behind_a_proxy_that_is_not_trusted(
    server: ServerFactory, releases: object, trusted: str, support: str
) -> None:
    """qB#16537: one figure of the proxy's address is wrong, and nothing says so."""
    running = server(
        "5.1.0",
        settings={
            "ReverseProxySupportEnabled": support,
            "TrustedReverseProxiesList": trusted,
            "AuthSubnetWhitelistEnabled": "true",
            "AuthSubnetWhitelist": "192.168.7.0/24",
        },
    )
    named = "proxy_set_header X-Forwarded-For 192.168.7.20;"
    with Nginx(running.url, whole=passed(running, named)) as proxy:
        report = diagnose("--url", proxy.url, "--config", str(running.config_file))
    assert causes(report, "error") == ["whitelist-not-matching"], report["verdict"]
    found = cause(report, "whitelist-not-matching")
    assert "X-Forwarded-For is not looked at" in found["summary"]
    fixes = [one for one in found["remedies"] if one["fix"]]
    assert [one["fix"] for one in fixes] == ["trust-reverse-proxy"]
    assert "proxy=127.0.0.1" in fixes[0]["commands"][0]
