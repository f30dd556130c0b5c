"""The layouts of the images that most people use, each made after its public Dockerfile and run scripts; none is pulled.

linuxserver/docker-qbittorrent, hotio/qbittorrent, qbittorrent/docker-qbittorrent-nox: what PID 1 is, how it starts qBittorrent,
the variables, and where config and log lie. s6 is a shell here that starts qBittorrent as its child and waits.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit import engines, needs
from tests.live.containers.conftest import Scene, causes

pytestmark = [pytest.mark.live, pytest.mark.extended]


@dataclass(frozen=True)
class Layout:
    """An image's way: variables and options of `docker run`, the line that starts qBittorrent, config and log below /config."""

    options: tuple[str, ...]
    start: str
    config: str
    log: str
    port: str


LAYOUTS = {
    "linuxserver": Layout(
        ("-e", "HOME=/config", "-e", "XDG_CONFIG_HOME=/config", "-e", "XDG_DATA_HOME=/config", "-e", "WEBUI_PORT=8090"),
        'qbittorrent-nox --webui-port="${WEBUI_PORT}" --torrenting-port=6881',
        "qBittorrent/qBittorrent.conf",
        "qBittorrent/logs/qbittorrent.log",
        "WEBUI_PORT={0}",
    ),
    "hotio": Layout(
        ("-e", "WEBUI_PORTS=8090/tcp,8090/udp"),
        'qbittorrent-nox --profile=/app --webui-port="${WEBUI_PORTS%%/*}" --confirm-legal-notice',
        "config/qBittorrent.conf",
        "data/logs/qbittorrent.log",
        "WEBUI_PORTS={0}/tcp,{0}/udp",
    ),
    "official": Layout(
        ("-e", "QBT_WEBUI_PORT=8090", "--read-only", "--tmpfs", "/tmp", "--tty", "--stop-timeout", "1800"),
        'qbittorrent-nox --profile=/config --webui-port="$QBT_WEBUI_PORT"',
        "qBittorrent/config/qBittorrent.conf",
        "qBittorrent/data/logs/qbittorrent.log",
        "QBT_WEBUI_PORT={0}",
    ),
}


def _with_link(docker: engines.Docker, image: str, packed: Path) -> str:
    """The image with /app/qBittorrent, a link to /config, as hotio's has it."""
    with tarfile.open(packed, "w") as archive:
        folder, link = tarfile.TarInfo("app"), tarfile.TarInfo("app/qBittorrent")
        folder.type, folder.mode, link.type, link.linkname = tarfile.DIRTYPE, 0o755, tarfile.SYMTYPE, "/config"
        archive.addfile(folder)
        archive.addfile(link)
    docker("create", "--name", "stage", image, "/bin/true")
    line = ["docker", "cp", "-", "stage:/"]
    subprocess.run(line, env=docker.environment, input=packed.read_bytes(), check=True, capture_output=True)
    docker("commit", "stage", "qbt:linked")
    docker("rm", "stage")
    return "qbt:linked"


@pytest.mark.parametrize("name", LAYOUTS)
def test_found_and_judged(scene: Callable[..., Scene], who: str, base: Path, name: str) -> None:
    """At its own number all is well; at another the step names the image's own variable."""
    layout, shell = LAYOUTS[name], needs.program("dash")
    one = scene(f"qb-{name}")
    written = one.write(inner=8090)
    config = one.folder / layout.config
    if config != written:
        config.parent.mkdir(parents=True, exist_ok=True)
        written.rename(config)
    image = _with_link(one.docker, one.docker.image(one.release), base / "link.tar")
    for each in [one.folder, *one.folder.rglob("*")]:
        os.chown(each, 1000, 1000)
    common = ("--user", "1000:1000", "-v", f"{shell}:/usr/bin/dash:ro", "-v", f"{one.folder}:/config", *layout.options)
    start = ["/usr/bin/dash", "-c", f"/usr/bin/{layout.start} & wait"]
    one.docker.images[one.release.name] = image
    other = one.port + 1 if one.port < 60_000 else one.port - 1
    one.start(*common, "-p", f"127.0.0.1:{other}:8090", published=8090, command=start, wait=False)
    engines.wait_for_output(one.docker, one.name, "access the WebUI|Web UI at")
    report = one.report(who)
    assert causes(report) == ["host-port-mismatch"], report["verdict"]
    assert report["target"]["config_file"] == str(config)
    assert report["target"]["log_file"] == str(one.folder / layout.log)
    assert report["target"]["container"]["name"] == one.name
    wanted = f"-e {layout.port.format(one.port)} -p 127.0.0.1:{one.port}:{one.port}"
    assert report["causes"][0]["remedies"][0]["commands"] == [wanted]
    one.docker("rm", "-f", one.name)
    options = tuple(option.replace("8090", str(one.port)) for option in common)
    one.start(*options, command=start, wait=False)
    engines.wait_for_output(one.docker, one.name, "access the WebUI|Web UI at")
    for target in (("--url", one.url), ("--container", one.name)):
        again = one.report(who, *target)
        assert again["verdict"]["state"] == "healthy", again["verdict"]
        assert again["target"]["config_file"] == str(config)
