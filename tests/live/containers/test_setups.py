"""Set-ups that people have: two ports for one, a health check that is wrong, a folder of another user, a new name."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import engines
from tests.kit.profile import free_port
from tests.live.containers.conftest import FIX, GROUP, Scene, causes, said

pytestmark = [pytest.mark.live, pytest.mark.extended]

READY = "access the WebUI|Web UI at"


def test_two_published_ports_for_one_inside(scene: Callable[..., Scene], who: str) -> None:
    """Through the other one it works: nothing is to be made anew, which would take the first from those who use it."""
    one = scene("qb.two_ports-1")
    one.write()
    other = free_port()
    one.docker.run(one.name, one.release, "-p", f"127.0.0.1:{other}:{one.port}", "-p", f"127.0.0.1:{one.port}:{one.port}",
                   "-v", f"{one.folder}:/config")  # fmt: skip
    engines.wait_for_output(one.docker, one.name, READY)
    report = one.report(who, "--container", one.name)
    assert (report["verdict"]["state"], report["target"]["url"]) == ("healthy", one.url)
    report = one.report(who, "--url", f"http://127.0.0.1:{other}")
    assert causes(report) == ["host-port-mismatch"]
    first = report["causes"][0]["remedies"][0]
    assert first["kind"] == "client"
    assert one.url in first["text"]


def test_a_health_check_that_is_wrong(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-sick")
    one.write()
    one.start("--health-cmd", "/nowhere", "--health-interval", "1s", "--health-retries", "1")
    end = time.monotonic() + 20
    while one.docker.inspect("qb-sick")["State"]["Health"]["Status"] != "unhealthy" and time.monotonic() < end:
        time.sleep(0.2)
    report = one.report(who)
    assert report["verdict"]["state"] == "healthy"
    (check,) = [each for each in report["checks"] if each["id"] == "container"]
    assert check["status"] == "warn"
    assert "says unhealthy, though the Web UI answers" in check["summary"]


def test_a_folder_of_another_user(scene: Callable[..., Scene], who: str) -> None:
    """The numbers of PUID and the folder differ: the printed lines name the present ones, and mend it."""
    one = scene("qb-numbers")
    one.write()
    places = [one.folder, *one.folder.rglob("*")]
    for place in places:
        os.chown(place, 1234, 1234)
    one.start("--user", "1234:1234")
    for place in [one.folder, *one.folder.rglob("*")]:
        os.chown(place, 1300, 1301)
    report = one.report(who)
    assert report["causes"][0]["id"] == "config-permission", report["verdict"]
    first, second = report["causes"][0]["remedies"]
    assert first["commands"] == ["--user 1300:1301"]
    assert "1000" not in said(report)
    for line in second["commands"]:
        subprocess.run(line.split(), env=one.docker.environment, check=True, capture_output=True)
    engines.wait_for_output(one.docker, one.name, READY)
    assert "config-permission" not in said(one.report(who))


def test_a_root_folder_that_is_read_only(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-read-only")
    one.write()
    one.start("--read-only", "--tmpfs", "/tmp")
    report = one.report(who)
    assert (report["verdict"]["state"], causes(report, "warning")) == ("healthy", [])


def test_renamed_between_a_fix_and_its_rollback(scene: Callable[..., Scene]) -> None:
    one = scene("qb-old")
    one.write(LocalHostAuth="false")
    one.start()
    done = one.doctor("root", *FIX, "--container", "qb-old", "--via", "file", "--restart", verb="fix")
    assert done.code == 0, done.out + done.err
    one.docker("rename", "qb-old", "qb-new")
    undone = one.doctor("root", "--last", "--yes", "--via", "file", "--restart", verb="rollback")
    assert undone.code == 0, undone.out + undone.err
    assert "docker stop qb-new" in undone.out
    assert "LocalHostAuth=false" in one.config.read_text()


def test_nothing_maps_the_port_of_one_that_ended(scene: Callable[..., Scene], who: str) -> None:
    one = scene("qb-ended")
    one.write()
    one.start()
    one.docker("stop", "qb-ended")
    done = one.doctor(who, "--url", one.url)
    assert "port map" not in done.out
    assert "docker start qb-ended" in done.out


def test_without_dockers_own_proxy(scene: Callable[..., Scene], base: Path) -> None:
    """The firewall alone hands the port on, which a user without rights cannot see: nothing untrue is said of it."""
    with engines.docker("--userland-proxy=false") as bare:
        os.chown(bare.folder / "docker.sock", 0, GROUP)
        one = Scene(bare, base, "qb-bare", scene("unused").release)
        one.write()
        one.start()
        for who in ("root", "member"):
            report = one.report(who)
            assert report["verdict"]["state"] == "healthy", report["verdict"]
            assert report["target"]["container"]["name"] == "qb-bare"
        report = one.report("stranger")
        assert (report["verdict"]["state"], report["target"]["container"]) == ("healthy", None), report["verdict"]
        one.docker("stop", "qb-bare")
        report = one.report("stranger")
        assert causes(report) == ["not-running"]
        assert "sudo docker ps -a" in json.dumps(report["causes"][0]["remedies"][0])
