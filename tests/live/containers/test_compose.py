"""qBittorrent made by a real Compose, 1 and 2: its labels, its files, and its own command, typed as it is printed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit import debian, engines, needs
from tests.live.containers.conftest import Scene, causes

pytestmark = [pytest.mark.live, pytest.mark.extended]

READY = "access the WebUI|Web UI at"
NAMES = {"docker-compose": "media_qb_1", "docker compose": "media-qb-1"}


class Project:
    """A folder with a compose file for one service, and the compose that is told of it."""

    def __init__(self, scene: Scene, folder: Path, program: str) -> None:
        folder.mkdir()
        self.file, self.program = folder / "docker-compose.yml", program
        self.environment = scene.docker.environment
        if program == "docker compose":
            self.environment |= {"DOCKER_CONFIG": str(debian.compose())}
        else:
            needs.program("docker-compose", optional=True)
        self.text = (
            f"version: '2.4'\nservices:\n  qb:\n    image: {scene.docker.image(scene.release)}\n"
            "    command: [/usr/bin/qbittorrent-nox, --profile=/config]\n"
            f'    ports:\n      - "127.0.0.1:{scene.port}:8080"\n    volumes:\n      - {scene.folder}:/config\n'
        )
        self.file.write_text(self.text)

    def type(self, line: str, folder: Path | None = None) -> None:
        """Have a shell do a line, as a person does."""
        place = folder or self.file.parent
        done = subprocess.run(
            ["sh", "-c", line], cwd=place, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", NAMES)
def test_made_by_compose(scene: Callable[..., Scene], who: str, base: Path, program: str) -> None:
    """What the steps say is then done, and the server is healthy."""
    one = scene(NAMES[program])
    one.write(inner=8080)
    project = Project(one, base / "media", program)
    file, text = project.file, project.text
    project.type(f"{program} up -d")
    try:
        engines.wait_for_output(one.docker, one.name, READY)
        report = one.report(who)
        assert causes(report) == ["host-port-mismatch"], report["verdict"]
        assert report["target"]["container"]["compose"] == {"file": str(file), "service": "qb"}
        first, second = report["causes"][0]["remedies"][:2]
        command = f"{program} -f {file} up -d qb"
        assert first["commands"][-1] == command
        assert f"QBT_WEBUI_PORT={one.port}" in json.dumps(first)
        assert second["commands"][-1] == command
        assert file.read_text() == text
        file.write_text(
            text.replace(f":{one.port}:8080", f":{one.port}:{one.port}")
            + f"    environment:\n      - QBT_WEBUI_PORT={one.port}\n"
        )
        project.type(command, base)
        engines.wait_for_output(one.docker, one.name, READY)
        assert one.report(who)["verdict"]["state"] == "healthy"
    finally:
        project.type(f"{program} down")
    assert one.config.exists()


@pytest.mark.parametrize("program", NAMES)
def test_with_more_files_and_a_name_of_its_own(scene: Callable[..., Scene], base: Path, program: str) -> None:
    """The printed line makes the same service of the same project anew, with what its second file and its variables say."""
    one = scene("films_qb_1" if program == "docker-compose" else "films-qb-1")
    one.write(inner=8080)
    project = Project(one, base / "media", program)
    more, variables = base / "more.yaml", base / "set.env"
    more.write_text('version: "2.4"\nservices:\n  qb:\n    labels:\n      kept: "${KEPT:-lost}"\n')
    variables.write_text("KEPT=yes\n")
    options = f"-p films --env-file {variables} -f docker-compose.yml -f {more}"
    project.type(f"{program} {options} up -d")
    try:
        engines.wait_for_output(one.docker, one.name, READY)
        before = one.docker.inspect(one.name)
        assert before["Config"]["Labels"]["kept"] == "yes"
        report = one.report("member")
        command = report["causes"][0]["remedies"][0]["commands"][-1]
        assert f"-f {project.file} -f {more} -p films" in command
        project.file.write_text(project.text.replace(f":{one.port}:8080", f":{one.port + 1}:8080"))
        project.type(command, base)
        after = one.docker.inspect(one.name)
        assert after["Id"] != before["Id"]
        assert after["Config"]["Labels"]["kept"] == "yes"
        assert one.docker("ps", "-q").count("\n") == 0, "one container, not a second one"
    finally:
        project.type(f"{program} {options} down")
