"""Which engine is asked: the one of the context in use; not another machine's, and not longer than it takes to say so."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.kit import engines, matrix
from tests.live.containers.conftest import GROUP, Scene, causes
from tests.support.strangers import EVE, give

pytestmark = [pytest.mark.live, pytest.mark.extended]


def context(one: Scene, name: str, host: str) -> None:
    """Have Docker's own command line make a context of this user's, and use it from then on."""
    home = one.base / "home-member"
    if not home.exists():
        home.mkdir(mode=0o700)
    env = {"PATH": os.environ["PATH"], "HOME": str(home)}
    for words in (("create", name, "--docker", f"host={host}"), ("use", name)):
        subprocess.run(["docker", "context", *words], env=env, check=True, capture_output=True)
    give(EVE, home, *home.rglob("*"))


def test_the_context_in_use(scene: Callable[..., Scene]) -> None:
    one = scene("qb-context")
    one.write()
    one.start()
    context(one, "mine", one.docker.host)
    report = one.report("member", "--container", "qb-context", env={"DOCKER_HOST": ""})
    assert report["verdict"]["state"] == "healthy", report["verdict"]
    for name, host in (("far", "ssh://me@192.0.2.7"), ("near", "ssh://me@127.0.0.1"), ("lan", "tcp://192.0.2.7:2375")):
        context(one, name, host)
        began = time.monotonic()
        refused = one.doctor("member", "--container", "qb-context", "--json", env={"DOCKER_HOST": ""})
        assert time.monotonic() - began < 10, "it is not asked"
        assert refused.report["error"]["code"] == "no-engine"
        assert host.rpartition("@")[2].removeprefix("tcp://") in refused.report["error"]["message"]
        report = one.report("member", env={"DOCKER_HOST": ""})
        assert (report["verdict"]["state"], report["target"]["container"]) == ("healthy", None)


def test_a_socket_that_is_the_end_of_a_tunnel(
    scene: Callable[..., Scene], releases: Callable[[str], matrix.Release]
) -> None:
    """The other machine has a container of the same name, port and folder: none of that is this machine's."""
    one = scene("qb-same")
    one.write()
    with engines.docker(elsewhere=True) as far:
        os.chown(far.folder / "docker.sock", 0, GROUP)
        other = Scene(far, one.base, "qb-same", releases("5.3.0"))
        other.port = one.port
        other.start()
        one.docker.made.append("qb-same")
        for who in ("root", "member"):
            refused = one.doctor(who, "--container", "qb-same", "--json", env={"DOCKER_HOST": far.host})
            assert refused.report["error"]["code"] == "no-engine"
            assert "answers from elsewhere" in refused.report["error"]["message"]
            report = one.report(who, env={"DOCKER_HOST": far.host})
            assert report["verdict"]["state"] == "problem", report["verdict"]
            assert report["target"]["container"] is None
            assert report["target"]["config_file"] != str(one.config), "its folder there, not the one of that name here"
            words = ("require-localhost-auth", "--container", "qb-same", "--via", "file", "--restart", "--yes")
            assert one.doctor(who, *words, verb="fix", env={"DOCKER_HOST": far.host}).code == 3
        assert "LocalHostAuth" not in one.config.read_text()


def test_an_engine_that_hangs(scene: Callable[..., Scene]) -> None:
    """It takes connections and answers none: the check goes on without it, and says so."""
    one = scene("qb-hung")
    one.write()
    one.start()
    place = one.base / "hung.sock"
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(place))
        hung.listen(50)
        place.chmod(0o666)
        env = {"DOCKER_HOST": f"unix://{place}"}
        began = time.monotonic()
        report = one.report("member", env=env)
        assert time.monotonic() - began < 12
        assert report["verdict"]["state"] == "healthy"
        assert "docker gave no answer within" in json.dumps(report["checks"])
        one.docker("stop", "-t", "1", "qb-hung")
        report = one.report("member", env=env)
        assert causes(report) == ["not-running"]
        assert report["causes"][0]["remedies"][0]["commands"] == ["systemctl status docker"]
    report = one.report("member", env=env)
    assert "systemctl start docker" in json.dumps(report["causes"][0]["remedies"][0])
