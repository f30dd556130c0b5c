"""qBittorrent in containers of a real Docker daemon: what root, a member of the group docker, and a stranger are told."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qbdoctor.target.engines import engine
from tests.kit import engines
from tests.live.containers.conftest import CANARY, Scene, causes, said

pytestmark = pytest.mark.live


def test_healthy_and_named(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-healthy")
    one.write()
    one.start("-e", f"SECRET_TOKEN={CANARY}")
    for target in (("--url", one.url), ("--container", "qb-healthy")):
        report = one.report(who, *target)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        assert report["target"]["url"] == one.url
        assert report["target"]["config_file"] == str(one.config)
        found = report["target"]["container"]
        assert (found["engine"], found["name"], found["state"]) == ("docker", "qb-healthy", "running")
        assert found["ports"] == [f"127.0.0.1:{one.port}->{one.port}/tcp"]
        assert next(check for check in report["checks"] if check["id"] == "password")["status"] == "pass"
        assert next(check for check in report["checks"] if check["id"] == "config-running")["status"] == "pass"


def test_a_published_port_that_leads_elsewhere(scene: Callable[..., Scene], who: str, base: Path) -> None:
    one = scene("media-qbittorrent-1")
    one.write(inner=8080)
    compose = base / "compose.yaml"
    text = f'services:\n  qb:\n    image: x\n    ports:\n      - "127.0.0.1:{one.port}:9090"\n'
    compose.write_text(text)
    labels = {
        "project": "media",
        "service": "qb",
        "project.config_files": str(compose),
        "project.working_dir": str(base),
    }
    one.start(
        *(word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")),
        published=9090,
    )
    report = one.report(who)
    assert causes(report) == ["wrong-port"]
    first = report["causes"][0]
    assert first["confidence"] == "proven"
    assert f'-      - "127.0.0.1:{one.port}:9090"' in "\n".join(first["remedies"][0]["commands"]).splitlines()
    assert f"docker compose -f {compose} -p media up -d qb" in said(report)
    assert compose.read_text() == text
    assert report["target"]["container"]["compose"] == {"file": str(compose), "service": "qb"}


def test_a_number_that_the_host_header_gives_away(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-mapped")
    one.write(inner=8080)
    one.start(published=8080)
    report = one.report(who)
    assert causes(report) == ["host-port-mismatch"]
    assert report["target"]["container"]["name"] == "qb-mapped"


def test_a_variable_sets_the_port(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-env")
    one.write(inner=8080)
    one.start("-e", "QBT_WEBUI_PORT=9091", "-e", f"SECRET_TOKEN={CANARY}", published=8080)
    report = one.report(who)
    assert causes(report) == ["env-override"], report["verdict"]
    assert "QBT_WEBUI_PORT=9091" in report["verdict"]["headline"]


def test_the_temporary_password(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-temp")
    one.write(password=False)
    one.start()
    report = one.report(who)
    assert causes(report) == ["temporary-password"]
    assert "docker logs qb-temp" in said(report)
    assert "journalctl" not in said(report)
    assert "is a volume" not in said(report), "it is one"
    made = engines.temporary_password(one.docker("logs", "qb-temp"))
    assert made
    assert made not in said(report)


def test_behind_another_container(scene: Callable[..., Scene], who: str) -> None:
    """The gluetun pattern: the other container publishes, and qBittorrent uses its network."""
    vpn, one = scene("vpn"), scene("torrents")
    vpn.write()
    one.port = vpn.port
    one.write()
    vpn.start("-v", "/usr/bin/sleep:/usr/bin/sleep:ro", command=["/usr/bin/sleep", "600"], wait=False)
    one.docker.run("torrents", one.release, "--network", "container:vpn", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "torrents", "access the WebUI|Web UI at")
    for target in (("--url", one.url), ("--container", "torrents")):
        report = one.report(who, *target)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        assert report["target"]["url"] == one.url
        assert report["target"]["container"]["name"] == "torrents"
        assert report["target"]["container"]["ports"] == [f"127.0.0.1:{one.port}->{one.port}/tcp"]


def test_stopped_and_killed_for_want_of_memory(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-stopped")
    one.write()
    one.start()
    one.docker("stop", "qb-stopped")
    report = one.report(who)
    assert causes(report) == ["not-running"], said(report)
    assert "docker start qb-stopped" in said(report)
    assert report["target"]["container"]["state"] == "exited"
    other = scene("qb-hungry")
    other.write()
    other.start("--memory", "16m", "--memory-swap", "16m", "-v", "/usr/bin/tail:/usr/bin/tail:ro",
                command=["/usr/bin/tail", "/dev/zero"], wait=False)  # fmt: skip
    for _ in range(4):  # Docker 20.10 now and then misses the kernel's word for it
        end = time.monotonic() + 20
        while other.docker.inspect("qb-hungry")["State"]["Running"] and time.monotonic() < end:
            time.sleep(0.2)
        if other.docker.inspect("qb-hungry")["State"]["OOMKilled"]:
            break
        other.docker("start", "qb-hungry")
    if not other.docker.inspect("qb-hungry")["State"]["OOMKilled"]:
        pytest.skip("this kernel does not count a container's memory")
    report = other.report(who)
    assert causes(report) == ["not-running"], said(report)
    assert "for want of memory" in report["verdict"]["headline"]


@pytest.mark.extended
def test_a_config_mounted_by_itself(scene: Callable[..., Scene], who: str) -> None:
    """Made by docker run, so the step is its option and no line of a compose file."""
    one = scene("qb-alone")
    there = "/config/qBittorrent/config/qBittorrent.conf"
    one.write()
    one.start("-v", f"{one.config}:{there}")
    report = one.report(who)
    found = next(cause for cause in report["causes"] if cause["id"] == "settings-not-saved")
    assert found["remedies"][0]["commands"] == ["-v FOLDER:/config/qBittorrent/config"]
    assert "volumes:" not in said(report)


@pytest.mark.extended
def test_the_container_whose_network_it_uses_ends_and_comes_back(scene: Callable[..., Scene], who: str) -> None:
    """As a VPN's after an update: what used its network is left in one that is gone, and only a restart helps."""
    vpn, one = scene("vpn"), scene("torrents")
    one.port = vpn.port
    one.write()
    sleeps = ("-v", "/usr/bin/sleep:/usr/bin/sleep:ro")
    waits = ["/usr/bin/sleep", "600"]
    vpn.start(*sleeps, command=waits, wait=False)
    one.docker.run("torrents", one.release, "--network", "container:vpn", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "torrents", "access the WebUI|Web UI at")
    one.docker("stop", "-t", "1", "vpn")
    report = one.report(who)
    assert causes(report) == ["not-running"], report["verdict"]
    assert "container vpn, whose network torrents uses, is exited" in report["verdict"]["headline"]
    assert "docker start vpn" in said(report)
    assert "docker restart -t 120 torrents" in said(report)
    one.docker("start", "vpn")
    report = one.report(who)
    assert causes(report) == ["not-running"], report["verdict"]
    assert "was started again" in report["verdict"]["headline"]
    (step,) = report["causes"][0]["remedies"][0]["commands"]
    one.docker(*step.split()[1:])
    engines.wait_for_output(one.docker, "torrents", "access the WebUI|Web UI at")
    assert one.report(who)["verdict"]["state"] == "healthy"
    one.docker("rm", "-f", "vpn")
    vpn.start(*sleeps, command=waits, wait=False)
    report = one.report(who, "--container", "torrents")
    assert causes(report)[0] == "not-running", report["verdict"]
    assert "a container that is no more" in report["verdict"]["headline"]


@pytest.mark.extended
def test_paused(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-paused")
    one.write()
    one.start()
    one.docker("pause", "qb-paused")
    report = one.report(who, "--url", one.url, "--deadline", "15")
    one.docker("unpause", "qb-paused")
    assert causes(report) == ["web-server-hang"], report["verdict"]
    assert report["causes"][0]["remedies"][0]["commands"] == ["docker unpause qb-paused"]
    assert "kill -CONT" not in said(report)


@pytest.mark.extended
def test_a_port_that_another_container_has(scene: Callable[..., Scene], who: str) -> None:
    first, second = scene("qb-first"), scene("qb-second")
    second.port = first.port
    for one in (first, second):
        one.write()
    first.start()
    with pytest.raises(AssertionError, match="already allocated"):
        second.start(wait=False)
    report = second.report(who, "--container", "qb-second")
    assert causes(report) == ["not-running"], report["verdict"]
    assert f"docker ps --filter publish={first.port}" in said(report)
    login = next(check for check in report["checks"] if check["id"] == "login")
    assert "what answers at its address is another's" in login["reason"], "no password goes to the other one"
    assert report["target"]["container"]["name"] == "qb-second"


@pytest.mark.extended
def test_another_address_than_the_published_one(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-six")
    one.write()
    one.docker.run("qb-six", one.release, "-p", f"[::1]:{one.port}:{one.port}", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "qb-six", "access the WebUI|Web UI at")
    report = one.report(who)
    assert causes(report) == ["wrong-port"], said(report)
    assert f"http://[::1]:{one.port}" in said(report)
    found = one.report(who, "--container", "qb-six")
    assert (found["verdict"]["state"], found["target"]["url"]) == ("healthy", f"http://[::1]:{one.port}")


@pytest.mark.extended
def test_not_published_at_all_and_open_inside_alone(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-unpublished")
    one.write()
    one.docker.run("qb-unpublished", one.release, "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "qb-unpublished", "access the WebUI|Web UI at")
    report = one.report(who)
    assert causes(report) == ["wrong-port"], said(report)
    assert report["causes"][0]["confidence"] == "proven"
    assert f"-p 127.0.0.1:{one.port}:{one.port}" in said(report)
    found = one.report(who, "--container", "qb-unpublished")
    assert found["verdict"]["state"] == "healthy"
    assert found["target"]["url"].startswith("http://172.")
    alone = scene("qb-alone")
    alone.write()
    alone.docker.run("qb-alone", alone.release, "--network", "none", "-v", f"{alone.folder}:/config")
    engines.wait_for_output(alone.docker, "qb-alone", "access the WebUI|Web UI at")
    report = alone.report(who, "--container", "qb-alone")
    assert causes(report) == ["wrong-port"], said(report)
    assert f"--network bridge -p 127.0.0.1:{alone.port}:{alone.port}" in said(report)
    other = scene("qb-inside")
    other.write(Address="127.0.0.1")
    other.start()
    report = other.report(who)
    assert causes(report) == ["not-running"], said(report)
    assert "listens at 127.0.0.1 alone" in report["verdict"]["headline"]


@pytest.mark.extended
def test_the_hosts_network(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-host")
    one.write()
    one.docker.run("qb-host", one.release, "--network", "host", "-v", f"{one.folder}:/config")
    engines.wait_for_output(one.docker, "qb-host", "access the WebUI|Web UI at")
    for target in (("--url", one.url), ("--container", "qb-host")):
        report = one.report(who, *target)
        assert report["verdict"]["state"] == "healthy", report["verdict"]
        assert report["target"]["container"]["name"] == "qb-host"
        assert report["target"]["config_file"] == str(one.config)


@pytest.mark.extended
def test_one_that_ends_again_and_again(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-loop")
    one.write()
    one.start("--restart", "always", command=["/usr/bin/qbittorrent-nox", "--no-such-option"], wait=False)
    end = time.monotonic() + 20
    while one.docker.inspect("qb-loop")["RestartCount"] < 2 and time.monotonic() < end:
        time.sleep(0.1)
    report = one.report(who)
    assert causes(report) == ["not-running"], said(report)
    assert "docker logs --tail 50 qb-loop" in said(report)


@pytest.mark.extended
def test_a_folder_that_its_user_may_not_write(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-foreign")
    one.write()
    one.start("--user", "1234:1234", wait=False)
    end = time.monotonic() + 20
    while one.docker.inspect("qb-foreign")["State"]["Running"] and time.monotonic() < end:
        time.sleep(0.1)
    report = one.report(who, "--container", "qb-foreign")
    assert causes(report) == ["not-running"], said(report)
    assert "may not write into its config folder" in report["verdict"]["headline"]
    assert f"ls -ldn {one.folder}" in report["causes"][0]["remedies"][0]["commands"]


@pytest.mark.extended
def test_two_at_once(scene: Callable[..., Scene], who: str) -> None:
    first, second = scene("qb-one"), scene("qb-two")
    for one in (first, second):
        one.write()
        one.start()
    report = first.report(who, "--no-login")
    assert report["error"]["code"] == "several-instances"
    assert "--container qb-one" in report["error"]["message"]
    assert "--container qb-two" in report["error"]["message"]
    for one in (first, second):
        found = one.report(who)
        assert found["verdict"]["state"] == "healthy"
        assert found["target"]["container"]["name"] == one.name


@pytest.mark.extended
def test_a_volume_that_only_root_may_read(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-volume")
    one.docker("volume", "create", "qbvol")
    one.start("-v", "qbvol:/config", command=["/usr/bin/qbittorrent-nox", "--profile=/config", f"--webui-port={one.port}",
              "--confirm-legal-notice"])  # fmt: skip
    time.sleep(6)  # the config is saved by then
    report = one.report(who)
    assert causes(report) == ["temporary-password"], report["verdict"]
    shown = report["target"]["config_file"]
    assert shown.endswith("qBittorrent/config/qBittorrent.conf")
    assert who == "root" or shown.startswith("qb-volume:/config")
    if who == "member":
        done = one.doctor(
            who, "require-localhost-auth", "--container", "qb-volume", "--via", "file", "--restart", "--yes", verb="fix"
        )
        assert done.code == 4, done.out + done.err
        assert "volume qbvol" in done.out + done.err
    one.docker.clear()
    one.docker("volume", "rm", "qbvol")


@pytest.mark.extended
def test_fifty_containers_cost_little(scene: Callable[..., Scene]) -> None:
    """What is asked of the engine takes less than 0.3 s; the best of some tries, for other tests run beside this one.

    Also where forty of them look like qBittorrent's by their image, and are looked at one and all.
    """
    one = scene("qb-many")
    one.write()
    one.start()
    one.docker("tag", one.docker.image(one.release), "web:1")

    def asked() -> tuple[float, list[str]]:
        best = 9.0
        for _ in range(8):
            began = time.monotonic()
            found = engine.find(os.environ, one.base, port=one.port)
            best = min(best, time.monotonic() - began)
        return best, [each.name for each in found.containers]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", one.docker.host)
        alone, _ = asked()
        for number in range(49):
            one.docker("create", "--name", f"other-{number}", "web:1", "/bin/true")
        many, names = asked()
        for number in range(39):
            one.docker("rm", f"other-{number}")
            one.docker("create", "--name", f"other-{number}", one.docker.image(one.release), "/bin/true")
        alike, more = asked()
    print(f"one container {alone:.3f} s, fifty {many:.3f} s, forty of them alike {alike:.3f} s")  # noqa: T201
    assert names == ["qb-many"]
    assert len(more) == 40
    assert many - alone < 0.3
    assert alike - alone < 0.3
