"""A container that is made anew, told by `watch` as that, and by `check` first where it explains the fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import engines
from tests.live.containers.conftest import PASSWORD, Scene
from tests.support.doctor import causes
from tests.support.watching import Watching

pytestmark = [pytest.mark.live, pytest.mark.extended]


def checked(one: Scene) -> dict[str, object]:
    """The report of a check of the container."""
    made: dict[str, object] = json.loads(one.doctor("root", "--json", "--container", one.name).out)
    return made


def anew(one: Scene, *, folder: bool) -> None:
    """Remove the container and run it again, as an update of the image does; without its folder where that was forgotten."""
    one.docker("rm", "-f", one.name)
    if folder:
        one.start()
        return
    inner = ["/usr/bin/qbittorrent-nox", "--profile=/config", f"--webui-port={one.port}"]
    one.docker.run(one.name, one.release, "-p", f"127.0.0.1:{one.port}:{one.port}", command=inner)
    engines.wait_for_output(one.docker, one.name, "access the WebUI|Web UI at")


def test_a_container_without_its_folder_explains_the_lost_password_and_comes_first(scene: Callable[..., Scene]) -> None:
    one = scene("qb-forgot")
    one.write()
    one.start()
    good = checked(one)
    assert good["verdict"]["state"] == "healthy", good["verdict"]  # type: ignore[index]
    anew(one, folder=False)
    bad = checked(one)
    items = bad["changes"]["items"]  # type: ignore[index]
    assert items, (bad["verdict"], bad["changes"])
    assert items[0]["what"] in {"container_id", "stored_password"}, (causes(bad), items)
    assert causes(bad)[0] in items[0]["explains"], (causes(bad), items)
    assert "container_id" in [each["what"] for each in items if each["explains"]], (causes(bad), items)


def test_a_watch_tells_a_container_that_was_made_anew(scene: Callable[..., Scene], tmp_path: Path) -> None:
    one = scene("qb-anew")
    one.write()
    one.start()
    env = {"DOCKER_HOST": one.docker.host}
    with Watching(tmp_path, "--container", one.name, password=PASSWORD, env=env, prefix=one.docker.inside) as watch:
        anew(one, folder=True)
        assert watch.until("container-recreated")["state"] == "healthy", watch.events
        anew(one, folder=False)
        told = watch.until("container-recreated", count=2)
        assert told["state"] == "problem", watch.events
        assert watch.stop() == 0
        assert watch.told.count("container-recreated") == 2
        assert not set(watch.told) - {"container-recreated", "unreachable", "reachable", "password-changed"}, watch.told
