"""Why nothing, or the wrong thing, answers: real servers that run without serving the address that was asked."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import psutil
import pytest

from qbdoctor.target import log as server_log
from qbdoctor.target.engines.process_scan import processes_with
from qbdoctor.target.processes import find_instances
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import PORT_MARK, Server, config_text, free_port
from tests.kit.tls import Certificate, make_cert
from tests.support.doctor import cause, causes, diagnose, status

pytestmark = pytest.mark.in_turn


def wait_for(what: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def started(server: Server) -> None:
    """Wait until it has written its first lines."""
    wait_for(lambda: "started" in server.log_text() or not server.running)


# --- the Web UI is switched off --------------------------------------------------------------------------------------


def test_switched_off(server: ServerFactory, release: Release) -> None:
    running = server(settings={"Enabled": "false"}, wait=False)
    if release.version_tuple < (4, 6):  # this build ignores the switch: a near miss
        running.wait_until_ready()
        report = diagnose("--profile", str(running.profile), password=running.password)
        assert (report["exit_code"], causes(report, "error")) == (0, [])
        return
    wait_for(lambda: "disabled" in running.stdout)
    report = diagnose("--profile", str(running.profile), password=running.password)
    assert causes(report, "error") == ["webui-disabled"]
    found = cause(report, "webui-disabled")
    assert found["confidence"] == "likely"
    assert "not-running" in found["explains"]
    assert report["target"]["process"]["pid"] == running.pid
    assert causes(diagnose("--url", running.url, password=running.password), "error") == ["webui-disabled"]


def test_words_that_are_true_switch_nothing_off(server: ServerFactory, release: Release) -> None:
    running = server(settings={"Enabled": "off"})
    assert diagnose("--profile", str(running.profile), password=running.password)["exit_code"] == 0


# --- the legal notice ------------------------------------------------------------------------------------------------


def without_consent(release: Release) -> bytes:
    layout: Literal["old", "new"] = "new" if release.version_tuple >= (5, 3) else "old"
    text = config_text({}, layout=layout, port=0).replace("Port=0\n", f"Port={PORT_MARK.decode()}\n")
    return text.replace("[LegalNotice]\nAccepted=true\n", "").encode()


def test_waiting_at_the_legal_notice(server: ServerFactory, release: Release) -> None:
    running = server(terminal=True, wait=False, raw_config=without_consent(release))
    wait_for(lambda: "key to" in running.stdout)
    for target in (("--profile", str(running.profile)), ("--url", running.url)):
        report = diagnose(*target, password=running.password)
        assert causes(report, "error")[0] == "waiting-at-legal-notice"
        assert "not-running" not in causes(report)
        assert cause(report, "waiting-at-legal-notice")["confidence"] == "likely"
        assert report["login_attempts"] == 0


def test_on_a_terminal_and_accepted_is_no_waiting(server: ServerFactory, release: Release) -> None:
    running = server(terminal=True)
    assert diagnose("--profile", str(running.profile), password=running.password)["exit_code"] == 0


# --- another port ----------------------------------------------------------------------------------------------------


def test_another_port_than_the_one_asked_is_proven(healthy: Server) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    report = diagnose("--url", url, "--profile", str(healthy.profile), password=healthy.password)
    assert causes(report, "error") == ["wrong-port"]
    found = cause(report, "wrong-port")
    assert found["confidence"] == "proven"
    experiment = next(piece for piece in found["evidence"] if piece["kind"] == "experiment")
    assert experiment["a"]["response"]["error"] == "refused"
    assert experiment["b"]["response"]["status"] == 403
    assert healthy.url in str(found["remedies"])
    assert report["login_attempts"] == 0


def test_another_program_at_the_port_asked(healthy: Server) -> None:
    with faults.OtherApp("site") as other:
        report = diagnose("--url", other.url, "--profile", str(healthy.profile), password=healthy.password)
    assert causes(report, "error") == ["wrong-port"]
    assert "not-qbittorrent" in cause(report, "wrong-port")["explains"]


@pytest.mark.parametrize("way", ["--webui-port", "QBT_WEBUI_PORT"])
def test_port_that_is_set_at_each_start(server: ServerFactory, release: Release, way: str) -> None:
    """The config's port is the one that the clients know; the start sets another."""
    port = free_port()
    env = {"QBT_WEBUI_PORT": str(port)} if way == "QBT_WEBUI_PORT" else {}
    arguments = [f"--webui-port={port}"] if way == "--webui-port" else []
    asked = free_port()
    running = server(wait=False, env=env, extra_args=arguments, port=asked)
    wait_for(lambda: port in {one.laddr.port for one in psutil.Process(running.pid).net_connections("tcp")})
    report = diagnose(
        "--url", f"http://127.0.0.1:{asked}", "--profile", str(running.profile), password=running.password
    )
    assert causes(report, "error")[0] == "wrong-port"
    found = cause(report, "wrong-port")
    assert found["confidence"] == "proven"
    assert way in found["summary"]


def test_name_of_the_port_in_the_config_is_enough(server: ServerFactory, release: Release) -> None:
    """With --url alone the process counts whose config still names that port."""
    running = server()
    asked = free_port()
    text = running.config_file.read_text()
    running.config_file.write_text(text.replace(f"Port={running.port}", f"Port={asked}"))
    report = diagnose("--url", f"http://127.0.0.1:{asked}", password=running.password)
    assert causes(report, "error")[0] == "wrong-port"


def test_the_only_server_of_this_machine_may_be_meant(
    server: ServerFactory, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = server()
    everything = processes_with  # other tests' servers run here too
    monkeypatch.setattr(
        "qbdoctor.target.processes.processes_with",
        lambda word: (one for one in everything(word) if one.pid in {running.pid, os.getpid()}),
    )
    assert [one.pid for one in find_instances()] == [running.pid]
    report = diagnose("--url", f"http://127.0.0.1:{free_port()}", password=running.password)
    assert causes(report, "error") == ["wrong-port"]
    assert cause(report, "wrong-port")["confidence"] == "likely"


def test_one_of_several_servers_is_not_guessed(server: ServerFactory, release: Release) -> None:
    server(), server()
    report = diagnose("--url", f"http://127.0.0.1:{free_port()}", password="any")
    assert causes(report, "error") == ["not-running"]


def test_address_that_is_not_listened_at(server: ServerFactory, release: Release) -> None:
    running = server(address="127.0.0.2")
    url = f"http://127.0.0.1:{running.port}"
    report = diagnose("--url", url, "--profile", str(running.profile), password=running.password)
    assert causes(report, "error") == ["not-running"]
    assert "127.0.0.2 alone" in cause(report, "not-running")["summary"]
    assert diagnose("--profile", str(running.profile), password=running.password)["exit_code"] == 0


# --- the port could not be opened ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "locale", [None, "it", *(pytest.param(one, marks=pytest.mark.extended) for one in ("zh_CN", "de"))]
)
def test_port_that_is_taken(server: ServerFactory, release: Release, locale: str | None) -> None:
    with faults.OtherApp("site") as other:
        running = server(port=other.port, wait=False, locale=locale)
        wait_for(lambda: running.log_lines("C"))
        if release.version_tuple < (5, 0):
            wait_for(lambda: not running.running)
        for target in (("--profile", str(running.profile)), ("--url", other.url, "--profile", str(running.profile))):
            report = diagnose(*target, password=running.password)
            assert causes(report, "error") == ["bind-failed"], target
            found = cause(report, "bind-failed")
            assert found["confidence"] == "likely"
            assert any(piece["kind"] == "log" for piece in found["evidence"])
            assert report["login_attempts"] == 0
        assert all("password" not in str(one.body) for one in other.requests)
    # The other program is gone: it still runs without a Web UI, or has ended.
    assert causes(diagnose("--profile", str(running.profile), password=running.password), "error") == ["bind-failed"]


def test_port_that_a_second_qbittorrent_has(server: ServerFactory, release: Release, healthy: Server) -> None:
    running = server(port=healthy.port, wait=False)
    wait_for(lambda: running.log_lines("C"))
    before = healthy.failed_logins()
    report = diagnose("--profile", str(running.profile), "--no-login")
    assert causes(report, "error") == ["bind-failed"] or release.version_tuple < (5, 0)
    assert healthy.failed_logins() == before


def test_port_that_was_taken_once_and_is_not_now(server: ServerFactory, release: Release) -> None:
    with faults.Silent() as other:
        running = server(port=other.port, wait=False)
        wait_for(lambda: running.log_lines("C"))
        with contextlib.suppress(Exception):
            running.stop()
    running.launch()
    assert diagnose("--profile", str(running.profile), password=running.password)["exit_code"] == 0
    running.stop()
    assert causes(diagnose("--profile", str(running.profile), password=running.password), "error") == ["not-running"]


# --- it starts -------------------------------------------------------------------------------------------------------


def test_starting_server_is_told_truly(server: ServerFactory, release: Release) -> None:
    """Held still before it opens its port, as one is that restores many torrents."""
    running = server(wait=False)
    process = psutil.Process(running.pid)
    while not (line := process.cmdline()) or "setpriv" in line[0]:  # not yet the program itself
        pass
    process.suspend()
    try:
        if any(one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp")):
            pytest.skip("it was too quick to be caught before it listened")
        report = diagnose("--profile", str(running.profile), password=running.password)
    finally:
        process.resume()
    assert causes(report, "error") == ["not-running"]
    summary = cause(report, "not-running")["summary"]
    assert f"process {running.pid}" in summary
    assert "runs" in summary
    running.wait_until_ready()
    assert diagnose("--profile", str(running.profile), password=running.password)["exit_code"] == 0


# --- HTTPS -----------------------------------------------------------------------------------------------------------


def test_https_without_certificate_falls_back(server: ServerFactory, release: Release) -> None:
    running = server(settings={"HTTPS\\Enabled": "true"})
    by_profile = diagnose("--profile", str(running.profile), password=running.password)
    assert causes(by_profile, "error") == ["https-fallback"]
    assert by_profile["target"]["scheme"] == "https"
    assert "tls-mismatch" in cause(by_profile, "https-fallback")["explains"]
    by_http = diagnose("--url", f"http://127.0.0.1:{running.port}", password=running.password)
    assert causes(by_http, "error") == ["https-fallback"]
    found = cause(by_http, "https-fallback")
    assert "secure-cookie-over-http" in found["explains"]
    assert found["confidence"] == "proven"
    assert any(piece["kind"] == "log" for piece in found["evidence"])
    assert "CertificatePath is empty" in found["summary"]


def test_fallback_that_hinders_nobody_is_a_warning(server: ServerFactory, release: Release) -> None:
    running = server(settings={"HTTPS\\Enabled": "true", "SecureCookie": "false"})
    report = diagnose("--url", f"http://127.0.0.1:{running.port}", password=running.password)
    assert (report["exit_code"], cause(report, "https-fallback")["severity"]) == (0, "warning")


def test_fallback_seen_without_the_config(server: ServerFactory, release: Release) -> None:
    """The policy in every answer shows that HTTPS is meant to be on."""
    running = server(settings={"HTTPS\\Enabled": "true"})
    with faults.ReverseProxy(f"http://127.0.0.1:{running.port}", rewrite_host=True, server_header=None) as way:
        report = diagnose("--url", way.url, password=running.password)
    assert causes(report, "error") == ["https-fallback"]


def test_key_of_another_certificate(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    one, other = make_cert(tmp_path / "one"), make_cert(tmp_path / "other")
    pair = Certificate(one.cert, other.key, one.ca)
    running = server(https=pair, wait=False)
    wait_for(running._listens)
    report = diagnose("--url", running.url, "--ca-file", str(one.ca), "--deadline", "8", password=running.password)
    assert causes(report, "error") == ["web-server-hang"]
    assert "do not belong together" in cause(report, "web-server-hang")["summary"]


@pytest.mark.parametrize("kind", ["missing", "encrypted", "swapped"])
def test_what_is_wrong_with_the_certificate(server: ServerFactory, release: Release, tmp_path: Path, kind: str) -> None:
    made = make_cert(tmp_path / "pair")
    files = {
        "missing": Certificate(made.cert, tmp_path / "nowhere.pem", made.ca),
        "encrypted": Certificate(made.cert, encrypted(made.key, tmp_path / "key.pem"), made.ca),
        "swapped": Certificate(made.key, made.cert, made.ca),
    }[kind]
    running = server(https=files)
    report = diagnose("--url", f"http://127.0.0.1:{running.port}", password=running.password)
    assert causes(report, "error") == ["https-fallback"]
    said = cause(report, "https-fallback")["summary"]
    assert ("nowhere.pem" if kind == "missing" else "cannot be loaded") in said


def encrypted(key: Path, to: Path) -> Path:
    from cryptography.hazmat.primitives import serialization

    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    form = serialization.PrivateFormat.PKCS8
    to.write_bytes(
        loaded.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"canary"))
    )
    return to


# --- the API's generation, the pages ---------------------------------------------------------------------------------


def test_release_before_the_present_api() -> None:
    """No such release can be had here: what its web server answers is taken from webapplication.cpp 4.0.4."""

    class Old(faults.OtherApp):
        def answer(self, method, path, headers, body):  # type: ignore[no-untyped-def]
            from tests.kit.proxies import Answer

            if path == "/version/api":
                return Answer(200, "OK", [("Content-Type", "text/plain")], b"17")
            return Answer(404, "Not Found", [], b"")

    with Old(server_header=None) as old:
        report = diagnose("--url", old.url, password="any")
    assert causes(report, "error") == ["api-too-old"]
    assert report["login_attempts"] == 0


def test_other_programs_are_no_old_release() -> None:
    for kind in ("site", "everything", "forbidden"):
        with faults.OtherApp(kind) as other:
            assert "api-too-old" not in causes(diagnose("--url", other.url, password="any"))


def alternative(folder: Path, release: Release) -> Path:
    (folder / "public").mkdir(parents=True)
    (folder / "public/index.html").write_text("<html>mine</html>")
    (folder / "private").mkdir()
    (folder / "private/index.html").write_text("<html>mine</html>")
    return folder


def listening(running: Server) -> Server:
    """Not asked for its page: the first one that fails makes 5.2 and later switch the option off."""
    wait_for(running._listens)
    return running


@pytest.mark.parametrize("kind", ["missing", "off by one", "empty"])
def test_alternative_pages_that_are_not_there(
    server: ServerFactory, release: Release, tmp_path: Path, kind: str
) -> None:
    folder = alternative(tmp_path / "ui", release)
    root = {"missing": str(tmp_path / "nowhere"), "off by one": str(folder / "public"), "empty": ""}[kind]
    running = listening(server(settings={"AlternativeUIEnabled": "true", "RootFolder": root}, wait=False))
    before = running.config_file.read_bytes()
    report = diagnose("--url", running.url, password=running.password)
    assert causes(report, "error") == ["alt-webui-broken"]
    assert cause(report, "alt-webui-broken")["confidence"] == "likely"
    time.sleep(0.3)
    if release.version_tuple >= (5, 2):  # a look at the page would have switched it off, and saved that
        assert b"AlternativeUIEnabled=false" not in running.config_file.read_bytes()
        assert b"AlternativeUIEnabled=true" in before


def test_alternative_pages_that_are_there(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    folder = alternative(tmp_path / "ui", release)
    running = server(settings={"AlternativeUIEnabled": "true", "RootFolder": str(folder)})
    report = diagnose("--url", running.url, password=running.password)
    assert (report["exit_code"], causes(report, "error")) == (0, [])
    assert status(report, "front-page") == "pass"
    shutil.rmtree(folder)


def test_stopped_and_suspended(server: ServerFactory, release: Release) -> None:
    running = server()
    os.kill(running.pid, signal.SIGSTOP)
    try:
        report = diagnose("--url", running.url, "--deadline", "6", password=running.password)
        assert causes(report, "error") == ["web-server-hang"]
    finally:
        os.kill(running.pid, signal.SIGCONT)


# --- what cannot be had here: a desktop build, other lines of a log --------------------------------------------------


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("WebUI: Unable to bind to IP: *, port: 8080. Reason: The bound address is already in use", 8080),
        ("Web UI: Unable to bind to IP: fd77::1, port: 8080. Reason: The address is not available", 8080),
        ("Web UI：无法绑定到 IP：127.0.0.1，端口：8080。原因：The bound address is already in use", 8080),
        ('Failed to listen on IP. IP: "10.0.0.1". Port: "TCP/6881". Reason: "Address already in use"', None),
        ("Failed to listen on IP: 10.0.0.1, port: TCP/6881. Reason: Address already in use", None),
        ("WebUI: HTTPS setup failed, fallback to HTTP", None),
        ("WebUI: Credentials are not set", None),
        ('File error alert. Torrent: "v1.2.3". File: "/a". Reason: "No space left on device 12"', None),
    ],
)
def test_which_critical_line_is_about_the_port(text: str, port: int | None) -> None:
    found = server_log.bind_failure([server_log.LogLine("C", None, text)])
    assert (found[1] if found else None) == port
    opened = server_log.LogLine("N", None, "WebUI: Now listening on IP: *, port: 8080")
    assert server_log.bind_failure([server_log.LogLine("C", None, text), opened]) is None


@pytest.mark.parametrize(
    ("program", "enabled", "expected"),
    [
        ("qbittorrent", None, "webui-disabled"),
        ("qbittorrent", "true", "not-running"),
        ("qbittorrent", "false", "webui-disabled"),
        ("qbittorrent-nox", None, "not-running"),
    ],
)
def test_desktop_build_is_off_by_default(program: str, enabled: str | None, expected: str, tmp_path: Path) -> None:
    """No desktop build runs here: judged from what would be seen of one."""
    from datetime import UTC, datetime

    from qbdoctor import registry
    from qbdoctor.config.settings import Settings
    from qbdoctor.model.exchanges import Exchange, Failure
    from qbdoctor.observe.base.observations import Observations
    from qbdoctor.observe.base.observed_values import ProbableProcess
    from qbdoctor.releases import ANY
    from qbdoctor.target.address import Address
    from qbdoctor.target.description import Target
    from qbdoctor.target.processes import Instance

    line = f"WebUI\\Enabled={enabled}\n" if enabled else ""
    settings = Settings.parse(f"[Preferences]\n{line}".encode())
    one = Instance(7, (program,), datetime.now(UTC), executable=tmp_path / program, listening=())
    target = Target(Address("http", "127.0.0.1", 8080), "process", instance=one, direct=False, here=True)
    first = Exchange("GET", "http://127.0.0.1:8080/x", failure=Failure("refused", "connection refused"))
    seen = Observations(
        {
            "target": target,
            "anonymous": first,
            "suspect": ProbableProcess(one, settings, (), (), named=True),
            "settings": settings,
            "releases": ANY,
            "port_owner": None,
        }
    )
    check = next(each for each in registry.checks() if each.id == "web-ui")
    assert [found.cause for found in check.judge(seen).findings] == [expected]
