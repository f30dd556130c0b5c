"""Why nothing, or the wrong thing, answers: real servers that run without serving the address that was asked."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import psutil
import pytest

from qbdoctor.target.engines.process_scan import processes_with
from qbdoctor.target.processes import find_instances
from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import PORT_MARK, Server, config_text, free_port
from tests.kit.tls import Certificate, make_cert
from tests.support.doctor import cause, causes, diagnose, qbdoctor

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


def test_the_port_of_another_users_process_is_guessed(server: ServerFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sockets may not be seen by this user; its option, or the usual port, is asked instead."""
    monkeypatch.setattr("qbdoctor.observe.machine.web_ports", lambda _instance: None)
    port = free_port()
    running = server("5.3.0", extra_args=[f"--webui-port={port}"], port=port)
    report = diagnose("--url", f"http://127.0.0.1:{free_port()}", "--profile", str(running.profile), "--no-login")
    assert causes(report, "error") == ["wrong-port"]
    found = cause(report, "wrong-port")
    assert found["confidence"] == "likely"
    assert running.url in found["summary"]
    assert any(piece["kind"] == "experiment" for piece in found["evidence"])


def test_the_next_step_names_the_address_that_answers(healthy: Server) -> None:
    """Asked by the other loopback, whose port nobody has."""
    run = qbdoctor("--url", f"http://[::1]:{healthy.port}", "--profile", str(healthy.profile), "--no-login")
    assert run.code == 1
    assert "not-running" in run.out
    step = run.out.partition("\nNext: ")[2]
    assert f"--url {healthy.url}" in step, run.out
    assert "the address that answers" in step


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
        lambda word, _lines: (one for one in everything(word) if one.pid in {running.pid, os.getpid()}),
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
