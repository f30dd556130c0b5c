"""Containers without an engine: real servers in namespaces of their own, and clients that are not on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qbdoctor.target.engines import cgroups
from qbdoctor.target.processes import find_instances
from tests.conftest import ServerFactory
from tests.kit import namespaces, needs
from tests.kit.matrix import Release
from tests.kit.namespaces import Net, net, published
from tests.kit.server import Server, free_port
from tests.support.doctor import cause, causes, diagnose
from tests.support.servers import one_jar

pytestmark = pytest.mark.in_turn

REASON = namespaces.unavailable()
namespaced = pytest.mark.skipif(REASON is not None, reason=REASON or "")


@pytest.fixture
def inside() -> Iterator[Net]:
    with net() as made:
        yield made


def boxed(box: Net, release: Release, *, wait: bool = True, **keywords: Any) -> Server:
    """Start a server inside, listening on all of its addresses."""
    running = Server.start(release, address="*", wait=False, prefix=box.enter, **keywords)
    running.host = box.inner
    if wait:
        running.wait_until_ready()
    return running


# --- recognised, read, explained -------------------------------------------------------------------------------------


@namespaced
def test_server_in_namespaces_is_found_and_read(release: Release, inside: Net) -> None:
    with boxed(inside, release) as running:
        one = next(each for each in find_instances() if each.pid == running.pid)
        assert one.in_container
        assert one.shares_network is False
        assert one.addresses == (inside.inner, inside.inner6)
        assert running.port in one.ports
        report = diagnose("--url", running.url, password=running.password)
        assert (report["exit_code"], causes(report, "error")) == (0, [])
        assert report["target"]["process"]["pid"] == running.pid
        assert report["target"]["process"]["container"] == "its own namespaces"
        assert Path(report["target"]["config_file"]).samefile(running.config_file)
        assert report["target"]["client_address"] == inside.outer


@namespaced
def test_config_is_read_through_the_root(release: Release, inside: Net, tmp_path: Path) -> None:
    """The profile lies in a file system that only the server's namespace has."""
    with boxed(inside, release, wait=False) as probe:
        folder = probe.folder
        probe.kill()
        copy = tmp_path / "copy"
        subprocess.run(["cp", "-a", str(probe.profile), str(copy)], check=True)
        inside.hide(folder)
        inside.run("cp", "-a", str(copy), str(probe.profile))
        inside.run("mkdir", "-p", str(folder / "home/tmp"))
        probe.launch()
        report = diagnose("--url", probe.url, password=probe.password)
        assert (report["exit_code"], causes(report, "error")) == (0, [])
        assert report["target"]["config_file"].startswith(f"/proc/{probe.pid}/root/")
        assert report["target"]["log_file"].startswith(f"/proc/{probe.pid}/root/")
        assert report["target"]["version"] == probe.version


@namespaced
def test_published_port_tells_the_containers_own(release: Release, inside: Net, tmp_path: Path) -> None:
    outer = free_port()
    with boxed(inside, release) as running, published(tmp_path, outer, inside, running.port):
        report = diagnose("--url", f"http://127.0.0.1:{outer}", password=running.password)
    assert causes(report, "error") == ["host-port-mismatch"]
    found = cause(report, "host-port-mismatch")
    assert found["confidence"] == "proven"
    assert report["target"]["process"]["pid"] == running.pid
    text = json.dumps(found["remedies"])
    assert f"{outer}" in text
    assert f"{running.port}" in text
    assert "ports:" in text
    assert report["login_attempts"] == 0


def run_inside(box: Net, *arguments: str, password: str | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "qbdoctor", "check", "--json", *arguments]
    env = {**os.environ, "QBDOCTOR_PASSWORD": password or ""}
    done = subprocess.run(
        [*box.enter, *command], capture_output=True, text=True, env=env, cwd=Path(__file__).parents[3]
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@namespaced
@pytest.mark.extended
@pytest.mark.skipif(namespaces.firewall_tool() is None, reason=f"{needs.MISSING}nft (apt install nftables)")
def test_a_port_published_in_the_firewall_alone(release: Release, inside: Net, server: ServerFactory) -> None:
    """Docker without its userland proxy: to the doctor inside, the server out here is the one in another network."""
    running = server(address="*")
    outer = free_port()
    namespaces.hand_on(inside, outer, inside.outer, running.port)
    report = run_inside(inside, "--url", f"http://{inside.inner}:{outer}", password=running.password)
    assert causes(report, "error") == ["host-port-mismatch"]
    found = cause(report, "host-port-mismatch")
    assert found["confidence"] == "proven"
    assert f"{running.port}" in found["summary"]
    assert "ports:" in json.dumps(found["remedies"])
    assert report["target"]["process"]["pid"] == running.pid
    assert Path(report["target"]["config_file"]).samefile(running.config_file)
    # The same number on both sides is healthy; what the server sees of us is not claimed before it says so
    namespaces.hand_on(inside, running.port, inside.outer, running.port)
    well = run_inside(inside, "--url", f"http://{inside.inner}:{running.port}", password=running.password)
    assert (well["exit_code"], causes(well, "error")) == (0, [])
    assert well["target"]["process"]["pid"] == running.pid
    assert well["target"]["client_address"] == inside.inner, "as its log says of the login"


@namespaced
@pytest.mark.extended
def test_a_port_that_nobody_known_hands_on(release: Release, inside: Net, tmp_path: Path) -> None:
    """Without a rule or process to go by: the log that our own 401 left tells the port, and the address it saw."""
    outer = free_port()
    with boxed(inside, release) as running:
        with published(tmp_path, outer, inside, running.port, name="some-forwarder"):
            report = diagnose("--url", f"http://127.0.0.1:{outer}", password=running.password)
        found = cause(report, "host-port-mismatch")
        assert found["confidence"] == "proven"
        assert f"not the port qBittorrent listens on, {running.port}" in found["summary"]
        assert f'"{running.port}:{running.port}"' in str(found["remedies"])
        with published(tmp_path, running.port, inside, running.port, name="some-forwarder"):
            url = f"http://127.0.0.1:{running.port}"
            well = diagnose("--url", url, password=running.password)
            assert (well["exit_code"], causes(well, "error")) == (0, [])
            assert well["target"]["process"] is None
            assert well["target"]["client_address"] == inside.outer, (
                "the gateway's, as the server's log says of our login"
            )
            running.fail_logins(5)
            banned = diagnose("--url", url, password=running.password)
        assert causes(banned, "error") == ["ip-banned"]
        assert f"banned {inside.outer}" in cause(banned, "ip-banned")["summary"]


@namespaced
def test_same_port_inside_and_out_is_healthy(release: Release, inside: Net, tmp_path: Path) -> None:
    with boxed(inside, release) as running, published(tmp_path, running.port, inside, running.port):
        report = diagnose("--url", f"http://127.0.0.1:{running.port}", password=running.password)
        assert (report["exit_code"], causes(report, "error")) == (0, [])
        assert report["target"]["client_address"] == inside.outer
        # LocalHostAuth=false means the container's own loopback: nobody out here.
        with boxed(inside, release, settings={"LocalHostAuth": "false"}) as open_inside:
            blind = diagnose("--url", open_inside.url, password=open_inside.password)
            assert "bypass-active" not in causes(blind)
            assert blind["exit_code"] == 0


@namespaced
@pytest.mark.extended
@pytest.mark.parametrize("how", ["read-only", "full"])
def test_a_config_that_cannot_be_saved(release: Release, inside: Net, tmp_path: Path, how: str) -> None:
    """A mount that became read-only, a disk that is full: the change is answered with 200 and never reaches the file."""
    with boxed(inside, release) as running:
        folder = str(running.config_file.parent)
        assert "settings-not-saved" not in causes(diagnose("--url", running.url, password=running.password))
        if how == "read-only":
            inside.run("mount", "--bind", folder, folder)
            inside.run("mount", "-o", "remount,ro,bind", folder)
        else:
            kept = tmp_path / "kept"
            subprocess.run(["cp", "-a", folder, str(kept)], check=True)
            inside.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", folder)
            inside.run("sh", "-c", f"cp -a {kept}/. {folder}/; cat /dev/zero >{folder}/filler 2>/dev/null; true")
        changed = {"json": '{"web_ui_session_timeout":7200}'}
        login = running.login()
        assert login.post(f"{running.url}/api/v2/app/setPreferences", data=changed).status_code == 200
        time.sleep(0.3)
        assert "7200" not in inside.run("cat", str(running.config_file))
        report = diagnose("--url", running.url, password=running.password)
        found = cause(report, "settings-not-saved")
        assert (found["severity"], found["confidence"], report["exit_code"]) == ("warning", "likely", 0)
        assert {"read-only": "read-only mount", "full": "is full"}[how] in found["summary"]
        assert "edited-while-running" not in causes(report), "nobody has edited it"
        assert "volumes:" in json.dumps(found["remedies"])


@namespaced
@pytest.mark.extended
def test_the_variable_of_an_image(release: Release, inside: Net) -> None:
    """WEBUI_PORT as linuxserver's image hands it on, as one that is written into the file, and where it agrees."""
    port, other = free_port(), free_port()
    env = {"WEBUI_PORT": str(port)}
    for arguments, confidence in (((f"--webui-port={port}",), "likely"), ((), "possible")):
        with boxed(inside, release, port=port, env=env, extra_args=arguments) as running:
            assert "env-override" not in causes(diagnose("--url", running.url, "--no-login"))
            text = running.config_file.read_text().replace(f"Port={port}\n", f"Port={other}\n", 1)
            running.config_file.write_text(text)
            later = time.time() + 60  # as somebody does it some time after the start
            os.utime(running.config_file, (later, later))
            report = diagnose("--url", running.url, "--no-login")
            found = cause(report, "env-override")
            assert (found["severity"], found["confidence"]) == ("warning", confidence)
            assert f"WEBUI_PORT={port}" in found["summary"]
            assert str(other) in found["summary"]
            assert "environment:" in json.dumps(found["remedies"])
            assert report["exit_code"] == 0


# --- clients that are not on loopback: measured.md, section 6 --------------------------------------------------------

ROWS: list[tuple[dict[str, str], bool]] = [
    ({}, False),
    ({"LocalHostAuth": "false"}, False),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "{net}.0/24"}, True),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "{net}.2/24"}, True),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "{net}.1/32"}, True),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "{net}.2/32"}, False),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "10.0.0.0/8", "LocalHostAuth": "false"}, True),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.0.0/16"}, False),
    ({"AuthSubnetWhitelistEnabled": "false", "AuthSubnetWhitelist": "10.0.0.0/8"}, False),
]


@namespaced
@pytest.mark.parametrize(("settings", "let_in"), ROWS, ids=lambda value: str(value)[:60])
def test_client_that_is_not_on_loopback(release: Release, inside: Net, settings: dict[str, str], let_in: bool) -> None:
    prefix = inside.outer.rpartition(".")[0]
    filled = {name: text.format(net=prefix) for name, text in settings.items()}
    with boxed(inside, release, settings=filled) as running:
        assert running.get("/api/v2/app/version").status_code == (200 if let_in else 403)
        report = diagnose("--url", running.url, password=running.password)
        assert (report["exit_code"], causes(report, "error")) == (0, [])
        assert ("bypass-active" in causes(report)) == let_in
        assert report["login_attempts"] == (0 if let_in else 1)
        not_listed = filled.get("AuthSubnetWhitelistEnabled") == "true" and not let_in
        assert ("whitelist-not-matching" in causes(report)) == not_listed
        assert report["target"]["client_address"] == inside.outer


ROWS6: list[tuple[dict[str, str], bool]] = [
    ({"LocalHostAuth": "false"}, False),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "{net}::/64"}, True),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "{net}::2/128"}, False),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "0.0.0.0/0"}, False),
    ({"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "10.0.0.0/8, fd00::/8"}, True),
]


@namespaced
@pytest.mark.extended
def test_client_by_ipv6(release: Release, inside: Net) -> None:
    """An IPv4 list does not hold for IPv6, not even 0.0.0.0/0; the server in its namespace is found by that address too."""
    for settings, let_in in ROWS6:
        filled = {name: text.format(net=inside.outer6.removesuffix("::1")) for name, text in settings.items()}
        with boxed(inside, release, settings=filled) as running:
            url = f"http://[{inside.inner6}]:{running.port}"
            report = diagnose("--url", url, password=running.password)
            exposed = ["exposed-bypass"] if settings.get("AuthSubnetWhitelist") == "0.0.0.0/0" else []
            assert causes(report, "error") == exposed, settings
            assert report["target"]["process"]["pid"] == running.pid
            assert report["target"]["client_address"] == inside.outer6
            assert ("bypass-active" in causes(report)) == let_in, settings
            assert report["login_attempts"] == (0 if let_in else 1)
            not_listed = filled.get("AuthSubnetWhitelistEnabled") == "true" and not let_in
            assert ("whitelist-not-matching" in causes(report)) == not_listed, settings


@namespaced
def test_whitelist_without_credentials(release: Release, inside: Net) -> None:
    listed = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "192.168.0.0/16"}
    with boxed(inside, release, settings=listed) as running:
        report = diagnose("--url", running.url)
        assert causes(report, "error") == ["whitelist-not-matching"]
        found = cause(report, "whitelist-not-matching")
        assert found["confidence"] == "likely"
        assert inside.outer in found["summary"]
        assert causes(diagnose("--url", running.url, "--no-login"), "error") == []


@namespaced
def test_whitelist_that_meets_the_gateway(release: Release, inside: Net, tmp_path: Path) -> None:
    """The list holds our own address; through the port map the server sees the gateway's."""
    listed = {"AuthSubnetWhitelistEnabled": "true", "AuthSubnetWhitelist": "127.0.0.0/8"}
    with (
        boxed(inside, release, settings=listed) as running,
        published(tmp_path, running.port, inside, running.port),
    ):
        url = f"http://127.0.0.1:{running.port}"
        report = diagnose("--url", url)
        assert causes(report, "error") == ["whitelist-not-matching"]
        assert inside.outer in cause(report, "whitelist-not-matching")["summary"]
        # With a password calls work; that the list does not do what was meant stays a warning, and is sure now.
        works = diagnose("--url", url, password=running.password)
        assert (works["exit_code"], causes(works, "error")) == (0, [])
        found = cause(works, "whitelist-not-matching")
        assert (found["severity"], found["confidence"]) == ("warning", "likely")
        assert inside.outer in found["summary"]


@namespaced
def test_ban_of_a_gateway_is_everybodys(release: Release, inside: Net, tmp_path: Path) -> None:
    with boxed(inside, release) as running, published(tmp_path, running.port, inside, running.port):
        running.fail_logins(5)
        report = diagnose("--url", f"http://127.0.0.1:{running.port}", password=running.password)
        assert causes(report, "error") == ["shared-address-ban"]
        found = cause(report, "shared-address-ban")
        assert found["confidence"] == "likely"
        assert inside.outer in found["summary"]
        assert "ip-banned" in found["explains"]
        # Straight to it from the same address it is ours alone, as far as can be told.
        assert causes(diagnose("--url", running.url, password=running.password), "error") == ["ip-banned"]


@namespaced
def test_doctor_inside_and_server_outside(release: Release, inside: Net, server: ServerFactory) -> None:
    """From another network namespace this machine's process does not serve the address by loopback."""
    running = server(address="*")
    report = run_inside(inside, "--url", f"http://{inside.outer}:{running.port}", password=running.password)
    assert (report["exit_code"], causes(report, "error")) == (0, [])
    assert report["target"]["version"] == running.version


# --- who keeps the process -------------------------------------------------------------------------------------------

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/system.slice/qbittorrent-nox.service", ("qbittorrent-nox.service", "system", None)),
        (
            "0::/system.slice/system-qbittorrent.slice/qbittorrent@me.service",
            ("qbittorrent@me.service", "system", None),
        ),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/qbittorrent.service",
            ("qbittorrent.service", "user", None),
        ),
        ("0::/user.slice/user-1000.slice/session-3.scope", (None, None, None)),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope", (None, None, None)),
        (f"0::/system.slice/docker-{ID}.scope", (None, None, f"docker {ID[:12]}")),
        (f"12:pids:/docker/{ID}\n0::/", (None, None, f"docker {ID[:12]}")),
        (f"0::/machine.slice/libpod-{ID}.scope/container", (None, None, f"podman {ID[:12]}")),
        (
            f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope",
            (None, None, f"podman {ID[:12]}"),
        ),
        (
            f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-{ID}.scope",
            (None, None, f"kubernetes {ID[:12]}"),
        ),
        ("0::/lxc.payload.media/system.slice/qbittorrent-nox.service", (None, None, "lxc media")),
        ("0::/", (None, None, None)),
        ("", (None, None, None)),
        ("nonsense", (None, None, None)),
    ],
)
def test_control_group_names_unit_or_container(text: str, expected: tuple[str | None, str | None, str | None]) -> None:
    found = cgroups.parse(text)
    assert (found.unit, found.scope, found.container) == expected


def test_a_process_that_is_gone_has_no_keeper() -> None:
    assert cgroups.keeper(2**22 + 1) == cgroups.Supervisor()


@namespaced
def test_two_containers_with_one_inner_port_share_the_cookie(release: Release, inside: Net, tmp_path: Path) -> None:
    """The name of 5.2 and later holds the inner port, which a port mapping hides."""
    port, outer = free_port(), (free_port(), free_port())
    with (
        net() as beside,
        boxed(inside, release, port=port) as first,
        boxed(beside, release, port=port) as second,
        published(tmp_path, outer[0], inside, port),
        published(tmp_path, outer[1], beside, port),
    ):
        report = diagnose("--url", first.url, password=first.password)
        found = cause(report, "cookie-clobber")
        assert (found["severity"], found["confidence"]) == ("warning", "likely")
        assert (str(outer[1]) in found["summary"], str(second.pid) in str(found["evidence"])) == (True, True)
        # Whoever logs in last pushes the other one's cookie out.
        assert one_jar([f"http://127.0.0.1:{one}" for one in outer], str(first.password)) == (1, [403, 200])
