"""Docker Desktop on macOS, played: an engine whose containers' processes cannot be seen, and whose gateway hides the clients.

Daemon and servers are real. The doctor runs as on macOS (tests/support/as_macos), among processes of its own alone; the engine's
socket is the one that the docker command's context names, and the gateway has the address that Docker Desktop's has.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit import engines, matrix, needs
from tests.live.containers.conftest import PASSWORD, Scene
from tests.support.macos import OWN_OF_A_CONTAINER, Mac
from tests.support.strangers import shared_folder

pytestmark = [pytest.mark.live, pytest.mark.extended]

GATEWAY = "192.168.65.1"


@pytest.fixture(scope="module")
def desktop() -> Iterator[engines.Docker]:
    needs.mounts()
    with engines.docker("--bip", f"{GATEWAY}/24") as made:
        yield made


@pytest.fixture
def base(desktop: engines.Docker) -> Iterator[Path]:
    with shared_folder() as folder:
        yield folder
    desktop.clear()


@pytest.fixture
def mac(base: Path, desktop: engines.Docker) -> Mac:
    unshare = needs.program("unshare")
    alone = [unshare, "--pid", "--fork", "--mount-proc", "--kill-child"]
    made = Mac(base, [needs.program("nsenter"), *desktop.inside[1:], *alone], OWN_OF_A_CONTAINER)
    (made.programs / "docker").symlink_to(needs.program("docker"))
    name = "desktop-linux"
    meta = made.home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": desktop.host}}}))
    (made.home / ".docker/config.json").write_text(json.dumps({"currentContext": name}))
    return made


@pytest.fixture
def scene(desktop: engines.Docker, base: Path, releases: Callable[[str], matrix.Release]) -> Callable[..., Scene]:
    def start(release: str = matrix.RELEASES[-1], **settings: Any) -> Scene:
        made = Scene(desktop, base, "qb", releases(release))
        made.write(**settings)
        made.start()
        return made

    return start


def report(mac: Mac, *words: str, code: int | None = None) -> dict[str, Any]:
    given = {"QBDOCTOR_PASSWORD": PASSWORD}
    for form in ("human", "html"):  # held against Linux' words
        mac("check", *words, "--format", form, code=code, env=given)
    found: dict[str, Any] = json.loads(mac("check", *words, "--json", code=code, env=given).stdout)
    return found


@pytest.mark.parametrize("by", ["url", "config", "both", "container", "nothing"])
def test_the_container_is_found(by: str, mac: Mac, scene: Callable[..., Scene]) -> None:
    """Also by a config in its mount: no process is there that could tell."""
    one = scene()
    words = {
        "url": ("--url", one.url),
        "config": ("--config", str(one.config)),
        "both": ("--url", one.url, "--config", str(one.config)),
        "container": ("--container", "qb"),
        "nothing": (),
    }
    found = report(mac, *words[by], code=0)
    target = found["target"]
    assert target["container"]["name"] == "qb"
    assert (target["url"], target["config_file"]) == (one.url, str(one.config))
    assert target["client_address"] == GATEWAY, "as its log says of the login"
    assert [hop["name"] for hop in found["route"]["hops"]][1] == "the engine's port forwarding"


def test_the_bypass_is_not_laid_to_our_own_address(mac: Mac, scene: Callable[..., Scene]) -> None:
    """The server sees the gateway, which the whitelist holds; LocalHostAuth lets nobody in here."""
    one = scene("5.1.0", LocalHostAuth="false", AuthSubnetWhitelistEnabled="true", AuthSubnetWhitelist=f"{GATEWAY}/32")
    found = report(mac, "--url", one.url)
    (bypass,) = [cause for cause in found["causes"] if cause["id"] == "bypass-active"]
    assert f"LocalHostAuth=false or {GATEWAY}/32 in AuthSubnetWhitelist" in bypass["summary"]
    assert found["target"]["client_address"] is None, "no login was made that the log could tell of"
    plan = mac("fix", "--dry-run", "--url", one.url, code=None, env={"QBDOCTOR_PASSWORD": PASSWORD})
    assert "disable-subnet-whitelist" in plan.stdout + plan.stderr


def test_a_whitelist_that_misses_the_gateway(mac: Mac, scene: Callable[..., Scene]) -> None:
    """A port map names no visitor: to trust it as a proxy would let each of them name an address."""
    one = scene(AuthSubnetWhitelistEnabled="true", AuthSubnetWhitelist="127.0.0.1/32")
    found = report(mac, "--url", one.url)
    (missed,) = [cause for cause in found["causes"] if cause["id"] == "whitelist-not-matching"]
    assert GATEWAY in missed["summary"]
    assert [remedy["fix"] for remedy in missed["remedies"] if remedy["fix"]] == []


def test_a_ban_names_the_gateway(mac: Mac, scene: Callable[..., Scene]) -> None:
    one = scene(MaxAuthenticationFailCount="3")
    wrong = ["curl", "-s", "-d", "username=admin&password=x", f"{one.url}/api/v2/auth/login"]
    for _ in range(3):
        subprocess.run([*one.docker.inside, *wrong], check=True, capture_output=True)
    found = report(mac, "--url", one.url, code=1)
    assert found["causes"][0]["id"] == "shared-address-ban"
    assert f"has banned {GATEWAY}" in found["verdict"]["headline"]


def test_a_file_fix_waits_for_its_end(mac: Mac, scene: Callable[..., Scene]) -> None:
    one = scene(LocalHostAuth="false")
    before = one.config.read_bytes()
    for target in (("--container", "qb"), ("--config", str(one.config))):
        said = mac("fix", "require-localhost-auth", "--yes", "--via", "file", *target, code=4).stderr
        assert "qBittorrent runs" in said
    assert one.config.read_bytes() == before
    one.docker("stop", "qb")
    stopped = report(mac, "--container", "qb", code=1)
    assert stopped["causes"][0]["id"] == "not-running"
    commands = [line for remedy in stopped["causes"][0]["remedies"] for line in remedy["commands"]]
    assert "docker start qb" in commands
    assert "open -a qbittorrent" not in commands, "it is no program of this Mac's"
    before = one.config.read_bytes()
    mac("fix", "require-localhost-auth", "--yes", "--via", "file", "--config", str(one.config))
    assert one.config.read_bytes() != before
    mac("rollback", "--yes")
    assert one.config.read_bytes() == before


def test_a_socket_that_the_docker_command_is_not_told_of(mac: Mac, scene: Callable[..., Scene]) -> None:
    """Colima's, for one, when another context is in use: what to export is said."""
    one = scene()
    socket = mac.home / ".colima/default/docker.sock"
    socket.parent.mkdir(parents=True)
    socket.symlink_to(one.docker.host.removeprefix("unix://"))
    shutil.rmtree(mac.home / ".docker")
    said = mac("check", "--container", "qb", code=3).stderr
    assert f"export DOCKER_HOST=unix://{socket}" in said
    mac("check", "--container", "qb", env={"DOCKER_HOST": f"unix://{socket}", "QBDOCTOR_PASSWORD": PASSWORD})
