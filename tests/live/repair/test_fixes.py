"""Each fix on real servers: the fault is there, fixed and verified, rolled back; live and in the file, in both sections."""

from __future__ import annotations

import atexit
import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ServerFactory
from tests.kit.matrix import Release
from tests.kit.realproxy import Nginx
from tests.kit.server import Server
from tests.kit.tls import make_cert
from tests.support.doctor import causes, diagnose, qbdoctor
from tests.support.fixer import anonymous, change, records, value
from tests.support.servers import by_name

pytestmark = pytest.mark.extended

STRANGER = {"X-Forwarded-For": "8.8.8.8"}


def names(server: Server) -> tuple[int, ...]:
    return tuple(by_name(server, name) for name in ("nas.lan", "old.lan", "new.lan", "evil.example"))


def stranger(server: Server) -> tuple[int, int]:
    """A local call, and one that a trusted proxy makes for a stranger."""
    return anonymous(server), server.get("/api/v2/app/version", headers=STRANGER).status_code


def page(server: Server) -> bool:
    """Whether the start page is the alternative one."""
    return server.get("/").text == OWN_PAGE


def asks_for_https(server: Server) -> bool:
    """Whether answers over http ask for https, as they do while HTTPS is switched on."""
    return "upgrade-insecure-requests" in server.get("/").headers.get("Content-Security-Policy", "")


def preferences(server: Server) -> dict[str, Any]:
    """All preferences, without the test client's own session where none is needed: it keeps no Secure cookie over http."""
    server.forget_session()  # a short timeout may have ended it
    answer = server.get("/api/v2/app/preferences")
    return dict(answer.json()) if answer.status_code == 200 else server.preferences()


def marked(server: Server) -> bool:
    """Whether the cookie of a bypassed call is marked Secure."""
    return "secure" in server.get("/api/v2/app/version").headers["Set-Cookie"].lower()


def banned(server: Server) -> int:
    return len([1 for one in server.fail_logins(3) if "ban" in one.text.lower()])


@dataclasses.dataclass(frozen=True)
class Case:
    """A fix, the fault, what it is told, what the server does with the fault and without, what the file has then."""

    fix: str
    settings: dict[str, str]
    told: tuple[str, ...] = ()
    act: Callable[[Server], Any] | None = None
    faulty: Any = None
    fixed: Any = None
    file: dict[str, str] = dataclasses.field(default_factory=dict)
    since: tuple[int, ...] = ()
    shown_live: str = ""


OPEN = {"LocalHostAuth": "false"}
OWN_PAGE = "our own page"
FOLDER = tempfile.mkdtemp(prefix="qbdoctor-page-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
for part in ("public", "private"):
    (Path(FOLDER) / part).mkdir()
    (Path(FOLDER) / part / "index.html").write_text(OWN_PAGE)

CASES = [
    Case(
        "allow-host", {"ServerDomains": '"old.lan;*.new.lan;new.lan"'}, ("--set", "host=NAS.lan"),
        names, (401, 403, 403, 401), (403, 403, 403, 401),
        {"ServerDomains": '"old.lan;*.new.lan;new.lan;nas.lan"'},
    ),
    Case(
        "trust-reverse-proxy", {**OPEN, "TrustedReverseProxiesList": '"10.9.9.9;localhost"'}, ("--set", "proxy=127.0.0.1"),
        stranger, (200, 200), (200, 403),
        {"ReverseProxySupportEnabled": "true", "TrustedReverseProxiesList": '"10.9.9.9;localhost;127.0.0.1"'}, since=(4, 4),
    ),
    Case(
        "disable-alternative-webui", {"AlternativeUIEnabled": "true", "RootFolder": FOLDER}, (),
        page, True, False, {"AlternativeUIEnabled": "false", "RootFolder": FOLDER},
    ),
    Case("set-session-timeout", {"SessionTimeout": "20"}, (), None, None, None, {"SessionTimeout": "3600"}),
    Case("set-session-timeout", {"SessionTimeout": "20"}, ("--set", "seconds=900"), None, None, None, {"SessionTimeout": "900"}),
    Case(
        "bypass-localhost-auth", {}, (), anonymous, 403, 200, {"LocalHostAuth": "false"},
        shown_live="was refused with 403 and gets in now",
    ),
    Case(
        "allow-subnet", {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.7.0/24, 10.0.0.5/32"},
        ("--set", "subnet=127.0.0.1"), anonymous, 403, 200,
        {"AuthSubnetWhitelist": "192.168.7.0/24, 10.0.0.5/32, 127.0.0.1/32", "AuthSubnetWhitelistEnabled": "true"},
        shown_live="was refused with 403 and gets in now",
    ),
    Case(
        "allow-subnet", {}, ("--set", "subnet=127.0.0.0/30"), anonymous, 403, 200,
        {"AuthSubnetWhitelist": "127.0.0.0/30", "AuthSubnetWhitelistEnabled": "true"},
        shown_live="was refused with 403 and gets in now",
    ),
    Case(
        "unset-secure-cookie",
        {**OPEN, "HTTPS\\Enabled": "true", "HTTPS\\CertificatePath": "/nowhere.pem", "HTTPS\\KeyPath": "/nowhere.key"},
        (), marked, True, False, {"SecureCookie": "false"}, shown_live="was marked Secure before",
    ),
    Case(
        "use-http",
        {**OPEN, "HTTPS\\Enabled": "true", "HTTPS\\CertificatePath": "/nowhere.pem", "HTTPS\\KeyPath": "/nowhere.key"},
        (), asks_for_https, True, False, {"HTTPS\\Enabled": "false", "HTTPS\\CertificatePath": "/nowhere.pem"},
        shown_live="asked for https before and do not now",
    ),
    Case("raise-ban-limit", {"MaxAuthenticationFailCount": "3"}, (), None, None, None, {"MaxAuthenticationFailCount": "10"}),
]  # fmt: skip
EVERY = pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.fix}:{len(one.told)}{len(one.settings)}")
LAYOUTS = pytest.mark.parametrize("layout", ["auto", "old"])


def applies(case: Case, release: Release) -> bool:
    return release.version_tuple >= case.since


def act(case: Case, running: Server, expected: Any) -> None:
    if case.act is not None:
        assert case.act(running) == expected


@EVERY
@LAYOUTS
def test_live(server: ServerFactory, release: Release, case: Case, layout: Any) -> None:
    if layout == "old" and release.version_tuple < (5, 3):
        layout = "auto"  # the same; kept as one more way for 5.3
    running = server(settings=case.settings, layout=layout)
    if not applies(case, release):
        run = qbdoctor("fix", case.fix, *case.told, "--yes", "--url", running.url, password=running.password)
        assert (run.code, "this release's Web API has no" in run.err) == (4, True)
        return
    before = preferences(running)
    act(case, running, case.faulty)
    made = change("fix", case.fix, *case.told, "--url", running.url, password=running.password)
    (record,) = made["records"]
    assert (made["state"], record["via"], record["state"], record["reason"]) == (
        "verified",
        "api",
        "verified",
        "requested",
    )
    assert case.shown_live in record["verified_by"]
    act(case, running, case.fixed)
    for name, expected in case.file.items():
        assert value(running, name) == expected
    back = change("rollback", "--url", running.url, password=running.password)
    assert back["records"][0]["state"] == "rolled-back"
    assert preferences(running) == before
    act(case, running, case.faulty)
    assert running.failed_logins() == 0


@EVERY
@LAYOUTS
def test_in_the_file(server: ServerFactory, release: Release, case: Case, layout: Any) -> None:
    running = server(settings=case.settings, layout=layout)
    running.stop()
    before = running.config_file.read_bytes()
    change("fix", case.fix, *case.told, "--config", str(running.config_file))
    for name, expected in case.file.items():
        assert value(running, name) == expected
    running.launch()
    if applies(case, release):
        act(case, running, case.fixed)
    running.stop()  # it writes the file anew
    change("rollback")
    running.launch()
    if applies(case, release):
        act(case, running, case.faulty)
    running.stop()
    for name, expected in case.settings.items():
        assert value(running, name) == expected
    for name in set(case.file) - set(case.settings):
        assert value(running, name) is None or name.encode() in before


# --- found, and fixed by what was found -------------------------------------------------------------------------------


def test_a_broken_page_found_and_fixed(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    """From 5.2 on it switches itself off at the first visit, so there the folder breaks later."""
    folder = tmp_path / "page"
    shutil.copytree(FOLDER, folder)
    running = server(settings={**OPEN, "AlternativeUIEnabled": "true", "RootFolder": str(folder)})
    shutil.rmtree(folder)
    assert causes(diagnose("--url", running.url), "error") == ["alt-webui-broken"]
    (record,) = change("fix", "--url", running.url)["records"]
    assert (record["fix"], record["reason"]) == ("disable-alternative-webui", "alt-webui-broken")
    assert "the start page" in record["verified_by"]
    assert "qbittorrent" in running.get("/").text.lower()
    assert causes(diagnose("--url", running.url), "error") == []
    change("rollback")
    assert value(running, "AlternativeUIEnabled") == "true"


def test_a_refused_name_found_and_fixed_with_a_restart(own: Callable[..., Server], release: Release) -> None:
    """Nobody can log in under a refused name, so it goes through the file; the answer to that name shows it."""
    running = own(settings={"ServerDomains": "nas.lan"})
    url = ("--url", f"http://localhost:{running.port}")
    assert causes(diagnose(*url, password=running.password), "error") == ["host-not-allowed"]
    plain = qbdoctor("fix", "--yes", *url, password=running.password)
    assert (plain.code, by_name(running, "localhost")) == (3, 401)
    (record,) = change("fix", "--restart", *url, password=running.password)["records"]
    assert (record["fix"], record["reason"], record["via"]) == ("allow-host", "host-not-allowed", "file")
    assert "was refused with 401 before and answers 403 now" in record["verified_by"]
    assert (value(running, "ServerDomains"), by_name(running, "localhost")) == ('"nas.lan;localhost"', 403)
    change("rollback", password=running.password)  # by the address, which is never refused
    assert (value(running, "ServerDomains"), by_name(running, "localhost")) == ("nas.lan", 401)


def test_a_short_timeout_is_a_warning_and_fixed(server: ServerFactory, release: Release) -> None:
    running = server(settings={"SessionTimeout": "20"})
    assert "session-too-short" in causes(diagnose("--url", running.url, password=running.password))
    (record,) = change("fix", "--url", running.url, password=running.password)["records"]
    assert (record["fix"], record["reason"]) == ("set-session-timeout", "session-too-short")
    assert running.preferences()["web_ui_session_timeout"] == 3600


def test_https_that_fell_back_found_and_fixed(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    paths = {"HTTPS\\CertificatePath": str(tmp_path / "no.pem"), "HTTPS\\KeyPath": str(tmp_path / "no.key")}
    running = server(settings={"HTTPS\\Enabled": "true", **paths})
    assert causes(diagnose("--url", running.url, password=running.password), "error") == ["https-fallback"]
    (record,) = change("fix", "--url", running.url, password=running.password)["records"]
    assert (record["fix"], record["reason"]) == ("use-http", "https-fallback")
    assert causes(diagnose("--url", running.url, password=running.password), "error") == []
    assert running.preferences()["use_https"] is False


def test_what_loosens_is_found_and_only_done_by_its_name(server: ServerFactory, release: Release) -> None:
    running = server(settings={"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "10.0.0.0/8"})
    assert causes(diagnose("--url", running.url), "error") == ["whitelist-not-matching"]
    assert change("fix", "--url", running.url, code=1)["state"] == "unanswered"  # the error stands
    made = change("fix", "allow-subnet", "--url", running.url, code=3)  # nobody gave a password: there is no session
    assert "session" in made["text"]
    made = change("fix", "allow-subnet", "--url", running.url, password=running.password)
    assert "exposes: the Web UI" in made["text"]
    assert "10.0.0.0/8" in made["text"]
    assert anonymous(running) == 200
    change("rollback", "--url", running.url)
    assert anonymous(running) == 403


def test_a_proxy_is_believed_and_its_clients_are_told_apart(server: ServerFactory, release: Release) -> None:
    """The server's own acts: the bypass ends for strangers behind the proxy, and the ban is theirs alone."""
    if release.version_tuple < (4, 4):
        pytest.skip("no reverse proxy support before 4.4")
    running = server()
    change("fix", "trust-reverse-proxy", "--set", "proxy=127.0.0.1", "--url", running.url, password=running.password)
    for _ in range(6):
        running.try_login("certainly wrong", headers=STRANGER)
    assert running.try_login("certainly wrong", headers=STRANGER).status_code == 403  # banned
    assert running.login(running.password)


# --- https ------------------------------------------------------------------------------------------------------------


def test_the_connection_is_not_cut_by_its_own_change(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    running = server(https=True)
    assert running.certificate is not None
    before = running.preferences()
    base = ("--yes", "--ca-file", str(running.certificate.ca), "--url", running.url)
    told = ("--set", "certificate=/a.pem", "--set", "key=/a.key")
    for one in (("use-http",), ("set-tls-files", *told)):
        run = qbdoctor("fix", *one, *base, password=running.password)
        assert run.code == 4
        assert "--via file" in run.err
        assert "--restart" in run.err
    assert (running.preferences(), records()) == (before, [])
    running.stop()
    change("fix", "use-http", "--config", str(running.config_file))
    running.launch()
    plain = f"http://127.0.0.1:{running.port}"
    assert diagnose("--url", plain, password=running.password)["verdict"]["state"] == "healthy"
    live = qbdoctor("rollback", "--yes", "--url", plain, password=running.password)
    assert (live.code, "--via file" in live.err + live.out) == (4, True)
    running.stop()
    change("rollback")
    running.launch()
    running.forget_session()
    assert running.preferences() == before


def test_certificate_and_key(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    wrong = {"HTTPS\\CertificatePath": str(tmp_path / "no.pem"), "HTTPS\\KeyPath": str(tmp_path / "no.key")}
    running = server(settings={"HTTPS\\Enabled": "true", **wrong})
    good = make_cert(tmp_path / "tls")
    told = ("--set", f"certificate={good.cert}", "--set", f"key={good.key}")
    running.stop()
    before = running.config_file.read_bytes()
    change("fix", "set-tls-files", *told, "--config", str(running.config_file))
    kept = running.config_file.read_bytes()
    running.certificate = good
    running.launch()
    assert running.get("/api/v2/app/version").status_code == 403  # over https
    running.kill()
    running.config_file.write_bytes(kept)
    change("rollback")
    assert running.config_file.read_bytes() == before


def test_a_proxy_whose_forwarded_host_is_ignored(server: ServerFactory, releases: Any) -> None:
    """Its address is told: the log that shows it belongs to a process that a proxy hides. The Origin then passes."""
    running = server(releases("5.3.0"))
    public = ("--public-url", "https://qb.example.org")
    with Nginx(running.url, "proxy_set_header X-Forwarded-Host $http_host;") as proxy:
        at = ("--url", proxy.url, *public)
        ignored = ["origin-mismatch", "forwarded-host-ignored"]
        assert causes(diagnose(*at, password=running.password), "error") == ignored
        made = change("fix", "--set", "proxy=127.0.0.1", *at, password=running.password)
        assert [(one["fix"], one["reason"]) for one in made["records"]] == [("trust-reverse-proxy", ignored[1])]
        assert causes(diagnose(*at, password=running.password), "error") == []
        change("rollback", *at, password=running.password)
        assert causes(diagnose(*at, password=running.password), "error") == ignored
