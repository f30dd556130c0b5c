"""A certificate that is not trusted does not stop the diagnosis: all is looked at, and no secret is sent."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from tests.conftest import ServerFactory
from tests.kit import faults
from tests.kit.matrix import Release
from tests.kit.server import PASSWORD
from tests.kit.tls import make_self_signed
from tests.support.doctor import cause, causes, diagnose, qbdoctor, status

pytestmark = pytest.mark.in_turn


def test_self_signed_is_looked_at_and_its_file_named(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    certificate = make_self_signed(tmp_path / "tls")
    running = server(https=certificate)
    report = diagnose("--url", running.url, password=PASSWORD)
    assert causes(report, "error") == ["tls-untrusted"]
    found = cause(report, "tls-untrusted")
    assert found["confidence"] == "proven"
    assert report["login_attempts"] == 0
    assert report["route"]["breaks"] == {"at": "leg", "index": 0, "cause": "tls-untrusted"}
    named = next(one for one in found["evidence"] if one["kind"] == "setting")
    assert named["value"] == str(certificate.cert)
    for check in ("host-header", "origin", "subnet-whitelist", "password", "config-keys"):
        assert status(report, check) == "pass", check
    assert status(report, "login") == "skip"
    told = next(one for one in report["checks"] if one["id"] == "login")
    assert "--ca-file" in told["reason"]
    # The printed command is the way out.
    command = next(one for remedy in found["remedies"] for one in remedy["commands"] if "--ca-file" in one)
    again = qbdoctor(*shlex.split(command)[1:], "--json", password=PASSWORD)
    assert again.report["verdict"]["state"] == "healthy"
    assert again.report["login_attempts"] == 1


def test_what_else_is_wrong_is_named_too(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    running = server(https=make_self_signed(tmp_path / "tls"), settings={"ServerDomains": "nas.example"})
    report = diagnose("--url", f"https://localhost:{running.port}", password=PASSWORD)
    assert causes(report, "error") == ["tls-untrusted", "host-not-allowed"]


@pytest.mark.parametrize("insecure", [False, True])
def test_no_secret_goes_there(server: ServerFactory, release: Release, tmp_path: Path, insecure: bool) -> None:
    """A fix that comes to it sends none either; the same run with --insecure does, so the proxy would see it."""
    key = "qbt_" + "k" * 28
    running = server()
    with faults.ReverseProxy(running.url, rewrite_host=True, tls=True) as proxy:
        target = ("--url", proxy.url, *(["--insecure"] if insecure else []))
        qbdoctor("check", *target, password=PASSWORD)
        qbdoctor("check", *target, env={"QBDOCTOR_API_KEY": key})
        qbdoctor("fix", "set-session-timeout", "--yes", *target, password=PASSWORD)
        sent = [f"{one.headers} {one.body!r}" for one in proxy.requests]
    assert len(sent) > 4
    assert any(quote_plus(PASSWORD) in one for one in sent) is insecure
    assert any(key in one for one in sent) is insecure


def test_the_first_step_fits_what_is_wrong(server: ServerFactory, release: Release, tmp_path: Path) -> None:
    certificate = make_self_signed(tmp_path / "tls", ("nas.example",))
    running = server(https=certificate)
    report = diagnose("--url", running.url, "--ca-file", str(certificate.ca), password=PASSWORD)
    found = cause(report, "tls-untrusted")
    assert "Use the name" in found["remedies"][0]["text"]
    assert not any("--ca-file" in one["text"] for one in found["remedies"])
