"""What somebody's requests, log lines or command line can make the doctor say and offer: nothing that he chose."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import ServerFactory
from tests.hardening.test_credentials import Impostor
from tests.kit import namespaces
from tests.kit.matrix import Release
from tests.kit.namespaces import Net, net
from tests.kit.realproxy import Nginx
from tests.kit.server import PASSWORD, Server
from tests.support.doctor import cause, causes, diagnose, qbdoctor
from tests.support.fixer import untouched
from tests.support.strangers import EVE, needs_root, run

pytestmark = [pytest.mark.live, pytest.mark.in_turn]

REASON = namespaces.unavailable()


def ask(running: Server, host: str) -> None:
    refused = requests.get(f"{running.url}/", headers={"Host": host}, timeout=10)
    assert refused.status_code == 401
    time.sleep(0.3)  # the log is written a moment later


def log_in_as(running: Server, user_name: str) -> None:
    """Fail to log in."""
    form = {"username": user_name, "password": "x"}
    requests.post(f"{running.url}/api/v2/auth/login", data=form, timeout=10)
    time.sleep(0.5)


# Fails to log in: address, how often
GUESS = """
import sys, urllib.request
for _ in range(int(sys.argv[2])):
    try:
        urllib.request.urlopen(sys.argv[1] + "/api/v2/auth/login", b"username=x&password=y").close()
    except OSError:
        pass
"""


# A Host header


@pytest.mark.parametrize("host", ["evil.example", pytest.param("*", marks=pytest.mark.extended)])
def test_no_fix_allows_a_strangers_name(server: ServerFactory, release: Release, host: str) -> None:
    """A page that leads its own name here sends it as Host: the list of domains is what keeps it out."""
    running = server(settings={"ServerDomains": "nas.lan"})
    ask(running, host)
    before = running.config_file.read_bytes()
    report = diagnose("--url", running.url, password=PASSWORD)
    assert "--set host=NAME" in str(cause(report, "host-not-allowed")["remedies"])
    assert f"host={host}" not in str(report)
    made = qbdoctor("fix", "--yes", "--url", running.url, password=PASSWORD)
    assert "Nothing to fix" in made.out, made
    assert untouched(running, before)


@pytest.mark.extended
def test_a_strangers_name_hides_nobodys_own(server: ServerFactory, release: Release) -> None:
    running = server(settings={"ServerDomains": "nas.lan"})
    for host in ("*", "a.example", "b.example", "c.example", f"qbittorrent:{running.port}"):
        ask(running, host)
    found = cause(diagnose("--url", running.url, password=PASSWORD), "host-not-allowed")
    assert f"the Host header qbittorrent:{running.port}" in found["summary"]
    assert "--set host=qbittorrent" in str(found["remedies"])


# Lines in a log that a user name makes


def test_a_user_name_that_tells_of_a_start(server: ServerFactory, release: Release) -> None:
    """An older release would have another hash, another section and another cookie."""
    running = server()
    now = time.strftime("%Y-%m-%dT%H:%M:%S")
    lines = ("qBittorrent v4.1.0 started", "Using config directory: /", "WebUI: Now listening on IP: *, port: 9")
    log_in_as(running, "\n".join(["x", *(f"(N) {now} - {line}" for line in lines)]))
    report = diagnose("--profile", str(running.profile), password=PASSWORD)
    assert not {"temporary-password", "unknown-key", "wrong-config-file", "misplaced-key"} & set(causes(report))
    assert (report["verdict"]["state"], report["target"]["version"]) == ("healthy", running.version)


# Logins of others


@pytest.fixture
def inside() -> Iterator[Net]:
    with net() as made:
        yield made


@pytest.mark.skipif(REASON is not None, reason=REASON or "")
@pytest.mark.parametrize("when", ["before", pytest.param("meanwhile", marks=pytest.mark.extended)])
def test_a_stranger_is_not_the_proxy(server: ServerFactory, release: Release, inside: Net, when: str) -> None:
    """He fails to log in, before this run or all through it; whoever trusts his address lets him say who he is."""
    settings = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "127.0.0.5/32"}
    running = server(settings={**settings, "MaxAuthenticationFailCount": "2"}, address="*")
    goal, times = f"http://{inside.outer}:{running.port}", "3" if when == "before" else "1000"
    process = subprocess.Popen([*inside.enter, sys.executable, "-c", GUESS, goal, times])
    try:
        if when == "before":
            process.wait(20)
        time.sleep(0.5)
        with Nginx(running.url, "proxy_set_header Host $host;") as proxy:
            words = ("--url", proxy.url, "--config", str(running.config_file))
            report = diagnose(*words, password=PASSWORD if when == "meanwhile" else None)
    finally:
        process.kill()
        process.wait()
    assert inside.inner in running.log_file.read_text()
    assert "shared-address-ban" not in causes(report), report["causes"]
    assert "ip-banned" not in causes(report), report["causes"]
    assert inside.inner not in str([one["remedies"] for one in report["causes"]])
    assert inside.inner not in str([one["summary"] for one in report["causes"]])


# A command line that names somebody's profile


@needs_root
@pytest.mark.parametrize("alone", [False, True], ids=["beside the real one", "alone"])
def test_whoever_names_a_profile_is_not_its_server(
    server: ServerFactory, release: Release, base: Path, alone: bool
) -> None:
    eve = Impostor(base, EVE)
    running = server()
    running.stop()
    running.folder.chmod(0o755)
    with eve.running(running.profile):
        if not alone:
            running.launch()  # so that hers is the older one
        found = run("check", "--json", "--profile", str(running.profile), home=base / "root")
        listed = run("check", home=base / "root")
        fixed = run(
            *("fix", "require-localhost-auth", "--yes", "--via", "file", "--profile", str(running.profile)),
            home=base / "root",
        )
    if alone:
        assert "where it is none of yours, end it" in found.out, found.out
    else:
        assert f'"pid": {running.pid}' in found.out, found.out
        assert f"(process {running.pid})" in fixed.err, fixed
        assert f"of user {EVE})" in listed.err, listed
        assert "config-permission" not in found.out.partition('"checks"')[0]
